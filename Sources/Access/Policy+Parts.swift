// SPDX-License-Identifier: Apache-2.0
// SECURITY: see Policy+Parsing.swift.

import StrictJSON

extension Windows {
    init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        let zone = try reader.string("zone", maximum: 64)
        let hours = try reader.list("open", maximum: 32) { text throws(Refusal) in try Hours(text) }
        do throws(Refusal) {
            try self.init(zone: zone, hours: hours)
        } catch {
            throw reader.unacceptable("zone", because: error)
        }
        try reader.finish()
    }
}

extension BreakGlass {
    init(_ given: ObjectReader, of rule: Entitlement) throws(JSONError) {
        var reader = given
        self.init(
            requesters: try reader.optionalList("requesters", maximum: 64) { text throws(Refusal) in try Principal(text) },
            nodes: try reader.optionalUnderstood("nodes") { text throws(Refusal) in try Selector(template: text) },
            capabilities: try reader.optionalList("capabilities", maximum: 8) { text throws(Refusal) in try Capability(text) }.map { Set($0) },
            maximumDuration: try reader.length("maximumDuration", in: 60...Self.longest.wholeSeconds) ?? Self.longest,
            perMonth: Int(try reader.integer("perMonth", in: 1...100)),
            reviewWithin: try reader.length("reviewWithin", in: 60...604_800) ?? Self.reviewWithin,
            reviewers: try reader.optionalList("reviewers", maximum: 64) { text throws(Refusal) in try Principal(text) })
        if maximumDuration > rule.maximumDuration, given.keys.contains("maximumDuration") {
            throw reader.unacceptable(
                "maximumDuration", "it is more than the \(DurationText.format(rule.maximumDuration)) of the entitlement itself")
        }
        try reader.finish()
    }
}

extension Watching {
    init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        self.init(
            mode: try reader.choice("mode") ?? .open,
            by: try reader.optionalList("by", maximum: 64) { text throws(Refusal) in try Principal(text) })
        guard mode != .off || by == nil else {
            throw reader.unacceptable("by", "nobody may look on where the mode is `off`", hint: "Leave one of them out.")
        }
        try reader.finish()
    }
}

extension DutyRoster {
    init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        let name = try reader.understood("name") { text throws(Refusal) in try RosterName(text) }
        if let text = try reader.optionalString("key", maximum: 64) {
            guard let key = PublicKey(hex: text) else {
                throw reader.unacceptable(
                    "key", "`\(text)` is not 64 hexadecimal digits", hint: "`stint roster key FILE` prints the public half of a key.")
            }
            guard let age = try reader.length("maximumAge", in: 60...31 * 86_400) else {
                throw reader.unacceptable("maximumAge", "it is missing", hint: "Say how long a statement counts, as 24h.")
            }
            self.init(name: name, source: .statements(SignedRoster(key: key, maximumAge: age)))
            try reader.finish()
            return
        }
        let zone = try reader.string("zone", maximum: 64)
        let start = try reader.string("start", maximum: 32)
        let people = try reader.list("people", maximum: 64) { text throws(Refusal) in try PersonName(text) }
        do throws(Refusal) {
            try self.init(name: name, zone: zone, start: start, people: people)
        } catch .zoneUnknown {
            throw reader.unacceptable("zone", because: Refusal.zoneUnknown(zone))
        } catch {
            throw reader.unacceptable("start", because: error)
        }
        try reader.finish()
    }
}

extension ForbidRule {
    init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        self.init(
            name: try reader.understood("name") { text throws(Refusal) in try RuleName(text) },
            requesters: try reader.optionalList("requesters", maximum: 64) { text throws(Refusal) in try Principal(text) },
            nodes: try reader.understood("nodes") { text throws(Refusal) in try Selector(template: text) },
            capabilities: try reader.optionalList("capabilities", maximum: Capability.maximumCount) { text throws(Refusal) in try Capability(forbidden: text) }
                .map { Set($0) },
            runAs: try reader.optionalList("runAs", maximum: 64) { text throws(Refusal) in try RunAsName(user: text) })
        if let requesters, let index = requesters.firstIndex(where: { if case .roster = $0 { true } else { false } }) {
            throw reader.unacceptable("requesters[\(index)]", "what is forbidden does not go by a roster")
        }
        try reader.finish()
    }
}

extension ReasonField {
    private enum Form: String, CaseIterable { case text, number, choice, yesNo }

    init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        let name = try reader.string("name", maximum: 63)
        guard Tags.isKey(name) else {
            throw reader.unacceptable("name", "`\(name)` is no name for a field", hint: "Use a-z, 0-9, `.`, `_` and `-`.")
        }
        guard let form: Form = try reader.choice("type") else {
            throw reader.unacceptable("type", "it is missing", hint: "Write one of text, number, choice, yesNo.")
        }
        let kind: Kind
        switch form {
        case .text: kind = .text(minimumLength: Int(try reader.optionalInteger("minimumLength", in: 1...200) ?? 1))
        case .number:
            let lowest = try reader.optionalInteger("minimum") ?? .min
            let highest = try reader.optionalInteger("maximum") ?? .max
            guard lowest <= highest else { throw reader.unacceptable("maximum", "no number is at least \(lowest) and at most \(highest)") }
            kind = .number(lowest...highest)
        case .choice:
            let choices = try reader.strings("choices", maximum: 64, maximumBytes: Self.maximumLength)
            guard !choices.isEmpty else { throw reader.unacceptable("choices", "there is nothing to choose") }
            kind = .choice(choices)
        case .yesNo: kind = .yesNo
        }
        self.init(name: name, kind: kind, isRequired: try reader.optionalBool("required") ?? true)
        try reader.finish()
    }
}

extension RetentionRule {
    init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        let nodes = try reader.understood("nodes") { text throws(Refusal) in try Selector(text) }
        let days = try reader.integer("keepDays", in: 1...Self.longestDays)
        self.init(nodes: nodes, keep: .seconds(days * 86_400))
        try reader.finish()
    }
}

extension ExtensionRule {
    private enum Agreement: String, CaseIterable { case sameSeats, automatic }

    init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        self.init()
        if let number = try reader.optionalInteger("count", in: 0...16) { count = Int(number) }
        longest = try reader.length("maximum", in: 60...86_400)
        total = try reader.length("total", in: 60...86_400)
        let agreement: Agreement? = try reader.choice("approval")
        if agreement == .automatic { approval = .automatic }
        let path = reader.path
        if let items = try reader.optionalArray("seats", maximum: 16) {
            guard agreement == nil else {
                throw reader.unacceptable("seats", "they contradict `approval`", hint: "Write one of the two.")
            }
            var seats: [Seat] = []
            for (index, item) in items.enumerated() { seats.append(try Seat(try ObjectReader(item, path: "\(path).seats[\(index)]"))) }
            guard !seats.isEmpty else {
                throw reader.unacceptable("seats", "it demands no approval", hint: "Name a seat, or write `approval: \"automatic\"`.")
            }
            approval = .seats(seats)
        }
        if count == 0, self != Self.none { throw reader.unacceptable("count", "no extension is allowed, so the other rules mean nothing") }
        if let longest, let total, longest > total {
            throw reader.unacceptable("maximum", "no extension can be longer than `total`, \(DurationText.format(total))")
        }
        try reader.finish()
    }

    private static var none: ExtensionRule {
        var rule = ExtensionRule()
        rule.count = 0
        return rule
    }
}

// MARK: - Reading the types of the domain

extension ObjectReader {
    mutating func understood<Value>(_ key: String, _ read: (String) throws(Refusal) -> Value) throws(JSONError) -> Value {
        let text = try string(key)
        do throws(Refusal) {
            return try read(text)
        } catch {
            throw unacceptable(key, because: error)
        }
    }

    mutating func optionalUnderstood<Value>(
        _ key: String, _ read: (String) throws(Refusal) -> Value
    ) throws(JSONError) -> Value? {
        guard optionalValue(key) != nil else { return nil }
        return try understood(key, read)
    }

    /// At least one element.
    mutating func list<Value>(_ key: String, maximum: Int, _ read: (String) throws(Refusal) -> Value) throws(JSONError) -> [Value] {
        guard let list = try optionalList(key, maximum: maximum, read) else {
            _ = try value(key)  // says that it is missing
            return []
        }
        return list
    }

    mutating func optionalList<Value>(
        _ key: String, maximum: Int, _ read: (String) throws(Refusal) -> Value
    ) throws(JSONError) -> [Value]? {
        guard let texts = try optionalStrings(key, maximum: maximum) else { return nil }
        guard !texts.isEmpty else { throw unacceptable(key, "it is empty, so the rule means nobody or nothing") }
        var values: [Value] = []
        for (index, text) in texts.enumerated() {
            do throws(Refusal) {
                values.append(try read(text))
            } catch {
                throw unacceptable("\(key)[\(index)]", because: error)
            }
        }
        return values
    }

    mutating func length(_ key: String, in range: ClosedRange<Int64>) throws(JSONError) -> Duration? {
        guard let text = try optionalString(key, maximum: 32) else { return nil }
        let duration: Duration
        do throws(Refusal) {
            duration = try DurationText.parse(text)
        } catch {
            throw unacceptable(key, because: error)
        }
        guard range.contains(duration.wholeSeconds) else {
            let limits = [range.lowerBound, range.upperBound].map { DurationText.format(.seconds($0)) }
            throw unacceptable(key, "`\(text)` is not between \(limits[0]) and \(limits[1])")
        }
        return duration
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(_ key: String) throws(JSONError) -> Choice?
    where Choice.RawValue == String {
        guard let text = try optionalString(key, maximum: 64) else { return nil }
        guard let value = Choice(rawValue: text) else {
            throw unacceptable(
                key, "`\(text)` is not possible",
                hint: "Write one of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return value
    }
}
