// SPDX-License-Identifier: Apache-2.0

/// A moment of wall-clock time: milliseconds since 1970-01-01 00:00 UTC.
///
/// Only for what people read and what is signed. Deadlines that must hold are kept on the boot-time clock (P2).
package struct Timestamp: Sendable, Hashable, Comparable {
    package let milliseconds: Int64

    /// What a statement may carry: from 1970 to the end of the year 9999.
    package static let validRange: ClosedRange<Int64> = 0...253_402_300_799_999

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    /// Clamped to ``validRange``, so that no sum of a stored time and a long duration can overflow.
    package static func + (left: Timestamp, right: Duration) -> Timestamp {
        let (sum, overflow) = left.milliseconds.addingReportingOverflow(right.wholeMilliseconds)
        guard !overflow else {
            return Timestamp(milliseconds: right < .zero ? validRange.lowerBound : validRange.upperBound)
        }
        return Timestamp(milliseconds: min(max(sum, validRange.lowerBound), validRange.upperBound))
    }

    package static func - (left: Timestamp, right: Duration) -> Timestamp { left + (.zero - right) }

    package static func - (left: Timestamp, right: Timestamp) -> Duration {
        .milliseconds(left.milliseconds - right.milliseconds)
    }
}

extension Duration {
    /// Whole milliseconds, towards zero; the largest `Int64` where there are more.
    package var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        let (sum, overflowToo) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        guard !overflow, !overflowToo else { return seconds < 0 ? .min : .max }
        return sum
    }

    /// Whole seconds, towards zero.
    package var wholeSeconds: Int64 { components.seconds }
}

// MARK: - RFC 3339

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC with milliseconds, as `2026-11-21T01:32:46.123Z`.
    package var description: String {
        let days = milliseconds.flooredQuotient(by: 86_400_000)
        let rest = milliseconds - days * 86_400_000
        let date = CivilDate(daysSince1970: days)
        let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60)
        let (second, milli) = (rest / 1000 % 60, rest % 1000)
        return date.description + "T" + padded(hour, 2) + ":" + padded(minute, 2) + ":" + padded(second, 2) + "."
            + padded(milli, 3) + "Z"
    }

    private func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

/// A day of the proleptic Gregorian calendar.
///
/// The conversion is Howard Hinnant's `civil_from_days` ("chrono-Compatible Low-Level Date Algorithms").
package struct CivilDate: Sendable, Equatable, CustomStringConvertible {
    package let year: Int64
    package let month: Int64
    package let day: Int64

    package init(daysSince1970: Int64) {
        let shifted = daysSince1970 + 719_468
        let era = shifted.flooredQuotient(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    package var description: String {
        let (yearText, monthText, dayText) = (String(year), String(month), String(day))
        return String(repeating: "0", count: max(0, 4 - yearText.utf8.count)) + yearText + "-"
            + (month < 10 ? "0" : "") + monthText + "-" + (day < 10 ? "0" : "") + dayText
    }
}

extension CivilDate {
    /// The beginning, in UTC, of the month that `time` is in.
    package static func beginningOfMonth(_ time: Timestamp) -> Timestamp {
        let date = CivilDate(daysSince1970: time.milliseconds.flooredQuotient(by: 86_400_000))
        return Timestamp(milliseconds: daysSince1970(year: date.year, month: date.month, day: 1) * 86_400_000)
    }

    /// The way back: `days_from_civil` of the same source.
    package static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.flooredQuotient(by: 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension Int64 {
    func flooredQuotient(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
