// SPDX-License-Identifier: Apache-2.0

/// A day and a time as people write them in files: `2026-01-05 09:00`.
enum DayAndTime {
    /// - Returns: seconds since 1970-01-01 00:00 on the same clock.
    /// - Throws: ``Refusal/localTimeMalformed(_:)``, also for a day that no calendar has.
    static func seconds(_ text: String) throws(Refusal) -> Int64 {
        let bytes = Array(text.utf8)
        guard bytes.count == 16, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[10] == UInt8(ascii: " "),
            let year = Digits.number(bytes[0...3]), let month = Digits.number(bytes[5...6]),
            let day = Digits.number(bytes[8...9]), let time = ClockTime.seconds(String(decoding: bytes[11...], as: UTF8.self)),
            (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day)
        else { throw .localTimeMalformed(text) }
        let days = CivilDate.daysSince1970(year: year, month: month, day: day)
        guard CivilDate(daysSince1970: days).day == day else { throw .localTimeMalformed(text) }
        return days * 86_400 + time
    }

    static func utc(_ text: String) throws(Refusal) -> Timestamp { Timestamp(milliseconds: try seconds(text) * 1000) }
}
