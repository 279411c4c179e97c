// SPDX-License-Identifier: Apache-2.0

package import Access
import CommandLineKit
import Glibc

/// Times as people read them: deadlines local and UTC, in tables relative to now (DESIGN 4).
package enum TimeText {
    /// `2026-11-21 02:32:46 CET (2026-11-21T01:32:46Z), in 29 min`
    package static func deadline(_ time: Timestamp, now: Timestamp) -> String {
        "\(local(time)) (\(utc(time))), \(relative(time, now: now))"
    }

    /// `until 02:32:46 CET, for 29 min`, for a line that has more to say.
    package static func brief(_ time: Timestamp, now: Timestamp) -> String {
        let clock = String(decoding: local(time).utf8.dropFirst(11), as: UTF8.self)
        return "until \(clock), for \(RelativeTime.length(time - now))"
    }

    /// Seconds are enough for people.
    package static func utc(_ time: Timestamp) -> String {
        String(decoding: time.description.utf8.prefix(19), as: UTF8.self) + "Z"
    }

    package static func relative(_ time: Timestamp, now: Timestamp) -> String { RelativeTime.text(time - now) }

    /// Reads a moment: `09:30` (the next), `2026-01-05 09:30` (on this machine's clocks), `2026-01-05T08:30:00Z`, `+2h`.
    package static func parse(_ text: String, now: Timestamp) throws(Refusal) -> Timestamp {
        if text.utf8.first == UInt8(ascii: "+") { return now + (try DurationText.parse(String(text.dropFirst()))) }
        if let time = Timestamp(rfc3339: text) { return time }
        let isClockOnly = text.utf8.count == 5
        let full = isClockOnly ? String(local(now).prefix(10)) + " " + text : text
        // Read as UTC, then taken as what the clocks here show.
        guard let shown = Timestamp(rfc3339: full.replacing(" ", with: "T") + ":00Z"), full.utf8.count == 16,
            let time = onLocalClocks(shown)
        else { throw .localTimeMalformed(text) }
        return isClockOnly && time <= now ? time + .seconds(86_400) : time
    }

    private static func onLocalClocks(_ shown: Timestamp) -> Timestamp? {
        var seconds = time_t(shown.milliseconds / 1000)
        var parts = tm()
        guard gmtime_r(&seconds, &parts) != nil else { return nil }
        parts.tm_isdst = -1
        let local = mktime(&parts)
        return local < 0 ? nil : Timestamp(milliseconds: Int64(local) * 1000)
    }

    package static func local(_ time: Timestamp) -> String {
        var seconds = time_t(time.milliseconds / 1000)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return utc(time) }
        var buffer = [CChar](repeating: 0, count: 64)
        let length = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S %Z", &parts)
        guard length > 0 else { return utc(time) }
        return String(decoding: buffer.prefix(length).map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }
}

extension Timestamp {
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// Reads `2026-11-21T01:32:46.123Z`, the form that the broker writes; the fraction may be missing. Anything else is nil.
    package init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 20 || bytes.count == 24, bytes.last == UInt8(ascii: "Z") else { return nil }
        let separators: [(Int, Character)] = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")]
        guard separators.allSatisfy({ bytes[$0.0] == $0.1.asciiValue }) else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13),
            let minute = number(14..<16), let second = number(17..<19), (1...12).contains(month), (1...31).contains(day),
            hour < 24, minute < 60, second < 60
        else { return nil }
        var milli: Int64 = 0
        if bytes.count == 24 {
            guard bytes[19] == UInt8(ascii: "."), let fraction = number(20..<23) else { return nil }
            milli = fraction
        }
        let days = Self.days(year, month, day)
        self.init(milliseconds: ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + milli)
    }

    /// Days since 1970-01-01: Howard Hinnant's `days_from_civil`, the inverse of ``CivilDate``.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400  // years are 0...9999 here; year 0 before March is no moment we handle
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
