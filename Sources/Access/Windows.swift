// SPDX-License-Identifier: Apache-2.0
// SECURITY: outside its windows an entitlement gives nothing, and what runs ends with the window (P2). Where a clock shows
// an hour twice or not at all, the shorter reading holds (P6).

/// The hours of the week in which an entitlement may be used, on the clocks of one zone.
package struct Windows: Sendable, Equatable {
    /// Hours of some days, `mon-fri 08:00-18:00`; one that ends at or before its beginning ends on the next day.
    package struct Hours: Sendable, Equatable {
        /// 0: Monday.
        package let days: Set<Int64>
        /// As the policy writes it.
        package let text: String
        /// Seconds after midnight.
        package let from: Int64
        package let to: Int64

        package init(_ text: String) throws(Refusal) {
            let words = text.utf8.split(separator: UInt8(ascii: " ")).map { String(Substring($0)) }
            guard words.count == 2, let days = Self.days(words[0]) else { throw .windowMalformed(text) }
            let times = words[1].utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
                .map { ClockTime.seconds(String(Substring($0))) }
            guard times.count == 2, let from = times[0], let to = times[1], from < 86_400 else { throw .windowMalformed(text) }
            self.text = text
            self.days = days
            self.from = from
            self.to = to <= from ? to + 86_400 : to
        }

        private static func days(_ text: String) -> Set<Int64>? {
            var days: Set<Int64> = []
            for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                let ends = part.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
                    .map { Weekday.number(String(Substring($0))) }
                guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else { return nil }
                for step in 0...((last - first + 7) % 7) { days.insert((first + step) % 7) }
            }
            return days
        }
    }

    package let zone: String
    package let hours: [Hours]
    private let rule: TimeZoneRule

    /// - Throws: ``Refusal/zoneUnknown(_:)``
    package init(zone: String, hours: [Hours]) throws(Refusal) {
        guard let rule = TimeZoneRule(zone: zone) else { throw .zoneUnknown(zone) }
        self.zone = zone
        self.hours = hours
        self.rule = rule
    }

    /// When the window that is open at `time` closes; `nil` while none is. Windows that touch are one.
    package func end(at time: Timestamp) -> Timestamp? {
        var end: Timestamp?
        for _ in 0..<16 {
            guard let next = spanEnd(at: end ?? time), next > end ?? time else { break }
            end = next
        }
        return end
    }

    /// When the next window opens after `time`.
    package func opening(after time: Timestamp) -> Timestamp? {
        spans(around: time, days: -1...8).map(\.lowerBound).filter { $0 > time }.min()
    }

    private func spanEnd(at time: Timestamp) -> Timestamp? {
        spans(around: time, days: -2...1).filter { $0.contains(time) }.map(\.upperBound).max()
    }

    private func spans(around time: Timestamp, days: ClosedRange<Int64>) -> [Range<Timestamp>] {
        let today = rule.local(time).flooredQuotient(by: 86_400)
        return days.flatMap { offset in
            let day = today + offset
            let weekday = ((day + 3) % 7 + 7) % 7
            return hours.filter { $0.days.contains(weekday) }.compactMap { hours in
                let start = rule.moment(showing: day * 86_400 + hours.from, inDoubt: .later)
                let end = rule.moment(showing: day * 86_400 + hours.to, inDoubt: .earlier)
                return start < end ? start..<end : nil
            }
        }
    }
}

extension Windows: CustomStringConvertible {
    package var description: String { hours.map(\.text).joined(separator: ", ") + " of " + zone }
}

enum Weekday {
    static func number(_ text: String) -> Int64? {
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].firstIndex(of: text).map(Int64.init)
    }
}

enum ClockTime {
    /// `00:00` to `24:00`, in seconds.
    static func seconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":"), let hours = Digits.number(bytes[0...1]),
            let minutes = Digits.number(bytes[3...4]), minutes < 60, hours * 60 + minutes <= 24 * 60
        else { return nil }
        return (hours * 60 + minutes) * 60
    }
}

enum Digits {
    /// One to nine digits and nothing else.
    static func number(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard (1...9).contains(bytes.count), bytes.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
}
