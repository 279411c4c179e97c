// SPDX-License-Identifier: Apache-2.0
// SECURITY: a zone's rule is part of the program, so broker, nodes and clients of one version never disagree about an
// hour, whatever their system's time zone database says (decision 0020).

/// What the clocks of a zone show, from now on: an offset, or two that change twice a year.
///
/// Read from the form of POSIX's `TZ` with the extension of RFC 8536: `CET-1CEST,M3.5.0,M10.5.0/3`.
package struct TimeZoneRule: Sendable, Equatable {
    /// A day and time at which the clocks change: `M3.5.0/2` is the last Sunday of March, 02:00.
    struct Change: Sendable, Equatable {
        let month: Int64
        /// 5: the last.
        let week: Int64
        /// 0: Sunday.
        let weekday: Int64
        /// Seconds after midnight; may be negative or over a day.
        let time: Int64
    }

    struct Daylight: Sendable, Equatable {
        let offset: Int64
        let start: Change
        let end: Change
    }

    /// Seconds east of UTC.
    let standard: Int64
    let daylight: Daylight?

    /// The rule of the zone that the IANA database calls `name`; `nil` where it is not known, or follows no rule.
    package init?(zone name: String) {
        guard let rule = Self.rules[name] else { return nil }
        self = rule
    }

    init?(posix text: String) {
        var reader = Reader(text)
        guard let standard = reader.name() else { return nil }
        self.standard = standard
        if reader.isAtEnd {
            daylight = nil
            return
        }
        guard reader.skipName() else { return nil }
        let offset = reader.isAt(",") ? standard + 3600 : reader.offset()
        guard let offset, reader.skip(","), let start = reader.change(), reader.skip(","), let end = reader.change(),
            reader.isAtEnd
        else { return nil }
        daylight = Daylight(offset: offset, start: start, end: end)
    }

    /// Seconds east of UTC at `seconds` since 1970 UTC.
    func offset(at seconds: Int64) -> Int64 {
        guard let daylight else { return standard }
        let year = CivilDate(daysSince1970: (seconds + standard).flooredQuotient(by: 86_400)).year
        let start = daylight.start.seconds(in: year) - standard
        let end = daylight.end.seconds(in: year) - daylight.offset
        let isDaylight = start < end ? (start..<end).contains(seconds) : !(end..<start).contains(seconds)
        return isDaylight ? daylight.offset : standard
    }

    /// How far the clocks are ahead of UTC.
    package func offset(at time: Timestamp) -> Duration {
        .seconds(offset(at: time.milliseconds.flooredQuotient(by: 1000)))
    }

    /// What clocks show at `time`, as seconds since 1970-01-01 00:00 of local time.
    func local(_ time: Timestamp) -> Int64 {
        let seconds = time.milliseconds.flooredQuotient(by: 1000)
        return seconds + offset(at: seconds)
    }

    enum Doubt { case earlier, later }

    /// When the clocks show `local`.
    ///
    /// - Parameter doubt: which moment is meant when they show it twice, or jump over it.
    func moment(showing local: Int64, inDoubt doubt: Doubt) -> Timestamp {
        let offsets = [standard, daylight?.offset ?? standard]
        let candidates = offsets.map { local - $0 }
        let real = zip(candidates, offsets).filter { offset(at: $0.0) == $0.1 }.map(\.0)
        let possible = real.isEmpty ? candidates : real
        let seconds = (doubt == .earlier ? possible.min() : possible.max()) ?? local - standard
        return Timestamp(milliseconds: seconds * 1000)
    }

    private static let rules: [String: TimeZoneRule] = {
        var rules: [String: TimeZoneRule] = [:]
        for line in TimeZoneTable.text.description.utf8.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " ")).map { String(Substring($0)) }
            guard let text = words.first, let rule = TimeZoneRule(posix: text) else { continue }
            for name in words.dropFirst() { rules[name] = rule }
        }
        return rules
    }()
}

extension TimeZoneRule.Change {
    /// As local seconds since 1970.
    func seconds(in year: Int64) -> Int64 {
        let first = CivilDate.daysSince1970(year: year, month: month, day: 1)
        let next = month == 12
            ? CivilDate.daysSince1970(year: year + 1, month: 1, day: 1)
            : CivilDate.daysSince1970(year: year, month: month + 1, day: 1)
        var day = first + (weekday - (first + 4) % 7 + 7) % 7 + (week - 1) * 7  // 1970-01-01 was a Thursday
        while day >= next { day -= 7 }
        return day * 86_400 + time
    }
}

/// Reads the parts of a rule; the table is ours, so nothing here is hostile.
private struct Reader {
    private var rest: ArraySlice<UInt8>

    init(_ text: String) { rest = Array(text.utf8)[...] }

    var isAtEnd: Bool { rest.isEmpty }

    func isAt(_ character: Unicode.Scalar) -> Bool { rest.first == UInt8(ascii: character) }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard isAt(character) else { return false }
        rest.removeFirst()
        return true
    }

    /// A name and its offset.
    mutating func name() -> Int64? { skipName() ? offset() : nil }

    mutating func skipName() -> Bool {
        if skip("<") {
            rest = rest.drop { $0 != UInt8(ascii: ">") }
            return skip(">")
        }
        let letters = rest.prefix { (UInt8(ascii: "A")...UInt8(ascii: "z")).contains($0) }
        rest = rest.dropFirst(letters.count)
        return !letters.isEmpty
    }

    /// POSIX counts westward; we count eastward.
    mutating func offset() -> Int64? { clock().map { -$0 } }

    /// `[-]hh[:mm[:ss]]` in seconds.
    private mutating func clock() -> Int64? {
        let sign: Int64 = skip("-") ? -1 : 1
        _ = skip("+")
        guard var total = number().map({ $0 * 3600 }) else { return nil }
        for unit in [Int64(60), 1] where skip(":") {
            guard let part = number() else { return nil }
            total += part * unit
        }
        return sign * total
    }

    mutating func change() -> TimeZoneRule.Change? {
        guard skip("M"), let month = number(), skip("."), let week = number(), skip("."), let weekday = number() else {
            return nil
        }
        let time = skip("/") ? clock() : 2 * 3600
        return time.map { TimeZoneRule.Change(month: month, week: week, weekday: weekday, time: $0) }
    }

    private mutating func number() -> Int64? {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard (1...3).contains(digits.count) else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
}
