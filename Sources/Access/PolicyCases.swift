// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// Cases kept beside a policy: given people and nodes, what a request must lead to. They are decided by the same
/// functions that broker and nodes ask.
package struct PolicyCases: Sendable {
    package struct Case: Sendable {
        package let name: String
        let person: PersonName
        let selector: Selector
        let capabilities: Set<Capability>
        let runAs: RunAsName?
        let duration: Duration
        let reason: String
        let fields: [String: String]
        let at: Timestamp
        let entitlement: EntitlementName?
        let isBreakGlass: Bool
        let approve: [PersonName]
        let deny: [PersonName]
        let activate: Timestamp?
        /// `pending`, `approved`, `denied`, `active`, or the code of a refusal.
        package let expect: String
        /// The entitlement that must be chosen.
        let under: EntitlementName?
        /// When the grant must end.
        let ends: Timestamp?
    }

    package struct Verdict: Sendable {
        package let name: String
        package let expected: String
        package let found: String
        /// The sentence of the refusal.
        package let detail: String

        package var isRight: Bool { found == expected }
    }

    /// Statements about rosters, in their order.
    private let statements: [(roster: RosterName, statement: PublishedRoster)]
    private let people: [Person]
    private let nodes: [Node]
    package let cases: [Case]

    /// - Throws: ``PolicyError`` with the place.
    package init(parsing text: String, file: String) throws(PolicyError) {
        do throws(ConfigurationError) {
            let document = try JSON5Document(parsing: Array(text.utf8), file: file)
            self = try document.read { reader throws(JSONError) in try PolicyCases(&reader) }
        } catch {
            throw PolicyError(message: error.message, hint: error.hint)
        }
    }

    package func run(on policy: Policy) -> [Verdict] {
        var directory = Directory(charters: [Charter(version: 1, administrators: [], policy: policy)])
        for person in people { directory.people[person.name] = person }
        for node in nodes { directory.nodes[node.name] = node }
        for (roster, statement) in statements {
            // What the policy does not fill by statements, no statement fills.
            guard case .statements(let known)? = policy.roster(roster)?.source else { continue }
            directory.take(statement, of: roster, signedBy: known.key)
        }
        return cases.map { example in
            do throws(Refusal) {
                return Verdict(name: example.name, expected: example.expectation, found: try example.outcome(in: directory), detail: "")
            } catch {
                return Verdict(name: example.name, expected: example.expectation, found: error.code, detail: error.message)
            }
        }
    }
}

extension PolicyCases.Case {
    fileprivate var expectation: String {
        expect + (under.map { " under \($0)" } ?? "") + (ends.map { " until \($0)" } ?? "")
    }

    fileprivate func outcome(in directory: Directory) throws(Refusal) -> String {
        guard let charter = directory.charter else { throw .noCharter }
        guard let requester = directory.people[person] else { throw .personUnknown(person) }
        let ask = Entitlement.Ask(
            person: requester, selector: selector, capabilities: capabilities, runAs: runAs, duration: duration,
            reason: reason, fields: fields, at: at)
        let chosen = try isBreakGlass
            ? charter.policy.chooseForBreakGlass(ask, wanted: entitlement, in: directory)
            : charter.policy.choose(for: ask, wanted: entitlement, in: directory)
        guard let user = runAs ?? chosen.users(for: requester).first else { throw .entitlementGone(chosen.name) }
        let terms = RequestTerms(
            id: try RequestID("000000"), person: person, entitlement: chosen.name, charterVersion: 1, selector: selector,
            capabilities: capabilities, runAs: user, duration: duration, reason: reason, fields: fields,
            isBreakGlass: isBreakGlass, at: at)
        return try decide(terms, in: directory) + (under == nil ? "" : " under \(chosen.name)")
            + (ends == nil ? "" : try end(of: terms, in: directory))
    }

    private func decide(_ terms: RequestTerms, in directory: Directory) throws(Refusal) -> String {
        let rules = try EntitlementInForce(for: terms, in: directory)
        for voter in approve + deny {
            if let refusal = rules.voteRefusal(of: voter, on: terms, in: directory) { throw refusal }
        }
        let nodes = Set(directory.nodes(matching: selector).filter(rules.covers).map(\.name))
        let votes = approve.map { Vote(person: $0, verdict: .approve(nodes: nodes, duration: duration), note: "", at: at) }
            + deny.map { Vote(person: $0, verdict: .deny, note: "", at: at) }
        switch try Approval.judge(terms, votes: votes, in: directory) {
        case .pending: return "pending"
        case .denied: return "denied"
        case .approved:
            guard let activate else { return "approved" }
            _ = try rules.maximum(from: activate)
            return "active"
        }
    }

    private func end(of terms: RequestTerms, in directory: Directory) throws(Refusal) -> String {
        guard let activate else { return "" }
        let longest = try EntitlementInForce(for: terms, in: directory).maximum(from: activate)
        return " until \(activate + min(duration, longest))"
    }
}

// MARK: - Reading

extension PolicyCases {
    fileprivate init(_ reader: inout ObjectReader) throws(JSONError) {
        var people: [Person] = []
        for item in try reader.objects("people", maximum: 1000) { people.append(try Person(item)) }
        var nodes: [Node] = []
        for item in try reader.objects("nodes", maximum: 1000) { nodes.append(try Node(item)) }
        var cases: [Case] = []
        for item in try reader.objects("cases", maximum: 1000) { cases.append(try Case(item)) }
        var statements: [(roster: RosterName, statement: PublishedRoster)] = []
        for (index, item) in (try reader.optionalArray("rosters", maximum: 100) ?? []).enumerated() {
            var statement = try ObjectReader(item, path: "rosters[\(index)]")
            let roster = try statement.understood("roster") { text throws(Refusal) in try RosterName(text) }
            let at = try statement.understood("at") { text throws(Refusal) in try DayAndTime.utc(text) }
            let shifts = try statement.objects("shifts", maximum: SignedRoster.maximumShifts)
                .map { item throws(JSONError) in try PublishedRoster.Shift(item) }
            try statement.finish()
            statements.append((roster, PublishedRoster(version: Int64(index) + 1, at: at, shifts: shifts)))
        }
        (self.people, self.nodes, self.cases, self.statements) = (people, nodes, cases, statements)
    }
}

extension PublishedRoster.Shift {
    fileprivate init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        self.init(
            person: try reader.understood("person") { text throws(Refusal) in try PersonName(text) },
            from: try reader.understood("from") { text throws(Refusal) in try DayAndTime.utc(text) },
            until: try reader.understood("until") { text throws(Refusal) in try DayAndTime.utc(text) })
        try reader.finish()
    }
}

extension Person {
    fileprivate init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        self.init(
            name: try reader.understood("name") { text throws(Refusal) in try PersonName(text) },
            groups: Set(try reader.optionalList("groups", maximum: 64) { text throws(Refusal) in try GroupName(text) } ?? []),
            attributes: try reader.table("attributes"))
        try reader.finish()
    }
}

extension Node {
    fileprivate init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        let name = try reader.understood("name") { text throws(Refusal) in try NodeName(text) }
        let tags = try reader.understood("tags") { text throws(Refusal) in try Tags(parsing: text) }
        guard let key = PublicKey(bytes: Array(repeating: 0, count: PublicKey.length)) else {
            throw reader.unacceptable("name", "it has no key")
        }
        self.init(name: name, key: key, tags: tags)
        try reader.finish()
    }
}

extension PolicyCases.Case {
    fileprivate init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        name = try reader.string("name", maximum: 200)
        person = try reader.understood("person") { text throws(Refusal) in try PersonName(text) }
        selector = try reader.understood("on") { text throws(Refusal) in try Selector(text) }
        capabilities = Set(
            try reader.optionalList("capabilities", maximum: 8) { text throws(Refusal) in try Capability(text) } ?? [.shell])
        runAs = try reader.optionalUnderstood("as") { text throws(Refusal) in try RunAsName(user: text) }
        duration = try reader.optionalUnderstood("for") { text throws(Refusal) in try DurationText.parse(text) } ?? .seconds(1800)
        reason = try reader.optionalString("reason") ?? "a reason that is long enough"
        fields = try reader.table("fields")
        at = try reader.optionalUnderstood("at") { text throws(Refusal) in try DayAndTime.utc(text) } ?? Timestamp(milliseconds: 1_800_000_000_000)
        entitlement = try reader.optionalUnderstood("entitlement") { text throws(Refusal) in try EntitlementName(text) }
        isBreakGlass = try reader.optionalBool("breakGlass") ?? false
        approve = try reader.optionalList("approve", maximum: 64) { text throws(Refusal) in try PersonName(text) } ?? []
        deny = try reader.optionalList("deny", maximum: 64) { text throws(Refusal) in try PersonName(text) } ?? []
        activate = try reader.optionalUnderstood("activate") { text throws(Refusal) in try DayAndTime.utc(text) }
        expect = try reader.string("expect", maximum: 64)
        under = try reader.optionalUnderstood("under") { text throws(Refusal) in try EntitlementName(text) }
        ends = try reader.optionalUnderstood("ends") { text throws(Refusal) in try DayAndTime.utc(text) }
        try reader.finish()
    }
}

extension ObjectReader {
    /// Names and texts; empty where it is left out.
    fileprivate mutating func table(_ key: String) throws(JSONError) -> [String: String] {
        guard var reader = try optionalObject(key) else { return [:] }
        var table: [String: String] = [:]
        for name in reader.keys { table[name] = try reader.string(name, maximum: 200) }
        try reader.finish()
        return table
    }
}
