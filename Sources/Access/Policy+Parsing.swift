// SPDX-License-Identifier: Apache-2.0
// SECURITY: a policy is read strictly. A key that is not known, a value of another kind, or a rule that could never work
// makes the whole text invalid; nothing is skipped (P6).

import StrictJSON

extension Policy {
    package static let maximumLength = 128 * 1024
    package static let maximumEntitlements = 1000

    /// Reads the text of a policy.
    ///
    /// - Parameter file: named in errors.
    /// - Throws: ``PolicyError`` with line and column and, for an unknown key, the nearest known one.
    package init(parsing text: String, file: String) throws(PolicyError) {
        let policy: Policy
        do throws(ConfigurationError) {
            let document = try JSON5Document(
                parsing: Array(text.utf8), file: file, limits: JSONLimits(bytes: Self.maximumLength))
            policy = try document.read { reader throws(JSONError) in try Self.read(&reader) }
        } catch {
            throw PolicyError(message: error.message, hint: error.hint)
        }
        self = policy
    }

    private static func read(_ reader: inout ObjectReader) throws(JSONError) -> Policy {
        var policy = Policy(entitlements: [])
        if let items = try reader.optionalArray("rosters", maximum: 100) {
            for (index, item) in items.enumerated() {
                policy.rosters.append(try DutyRoster(try ObjectReader(item, path: "rosters[\(index)]")))
            }
        }
        for item in try reader.objects("entitlements", maximum: maximumEntitlements) {
            policy.entitlements.append(try Entitlement(item))
        }
        if let items = try reader.optionalArray("forbid", maximum: maximumEntitlements) {
            for (index, item) in items.enumerated() {
                policy.forbid.append(try ForbidRule(try ObjectReader(item, path: "forbid[\(index)]")))
            }
        }
        if let items = try reader.optionalArray("retention", maximum: 100) {
            for (index, item) in items.enumerated() {
                policy.retention.append(try RetentionRule(try ObjectReader(item, path: "retention[\(index)]")))
            }
        }
        for (index, item) in (try reader.optionalArray("documents", maximum: CommandDocument.maximumCount) ?? []).enumerated() {
            policy.documents.append(try CommandDocument(try ObjectReader(item, path: "documents[\(index)]")))
        }
        for (index, item) in (try reader.optionalArray("preferences", maximum: 200) ?? []).enumerated() {
            policy.preferences.append(try Preferences(try ObjectReader(item, path: "preferences[\(index)]")))
        }
        if var charter = try reader.optionalObject("charter") {
            policy.administratorsToAgree = Int(try charter.integer("administrators", in: 1...2))
            try charter.finish()
        }
        guard !policy.entitlements.isEmpty else { throw reader.unacceptable("entitlements", "the policy has no entitlement") }
        try checkDistinct(policy.entitlements.map(\.name.text), "entitlements", reader)
        try checkDistinct(policy.forbid.map(\.name.text), "forbid", reader)
        try checkDistinct(policy.rosters.map(\.name.text), "rosters", reader)
        try checkDistinct(policy.retention.map(\.nodes.description), "retention", reader)
        try checkDistinct(policy.documents.map(\.name.text), "documents", reader)
        try checkDistinct(policy.preferences.map(\.name.text), "preferences", reader)
        try policy.checkRosters(reader)
        try policy.checkDocuments(reader)
        return policy
    }

    private static func checkDistinct(_ names: [String], _ key: String, _ reader: ObjectReader) throws(JSONError) {
        var seen: Set<String> = []
        for (index, name) in names.enumerated() where !seen.insert(name).inserted {
            throw reader.unacceptable("\(key)[\(index)].name", "two \(key) are named `\(name)`", hint: "Rename one of them.")
        }
    }

    /// A roster that is named exists.
    private func checkRosters(_ reader: ObjectReader) throws(JSONError) {
        let known = Set(rosters.map(\.name))
        for (index, rule) in entitlements.enumerated() {
            let path = "entitlements[\(index)]"
            try Self.check(rule.requesters, "\(path).requesters", known, reader)
            for (number, seat) in rule.seats.enumerated() {
                try Self.check(seat.of, "\(path).seats[\(number)].of", known, reader)
            }
            try Self.check(rule.watching.by ?? [], "\(path).watching.by", known, reader)
            try Self.check(rule.breakGlass?.requesters ?? [], "\(path).breakGlass.requesters", known, reader)
            try Self.check(rule.breakGlass?.reviewers ?? [], "\(path).breakGlass.reviewers", known, reader)
            guard case .seats(let seats) = rule.extending.approval else { continue }
            for (number, seat) in seats.enumerated() {
                try Self.check(seat.of, "\(path).extension.seats[\(number)].of", known, reader)
            }
        }
    }

    /// A command document that a rule names exists.
    private func checkDocuments(_ reader: ObjectReader) throws(JSONError) {
        let rules = entitlements.enumerated().map { ("entitlements[\($0)]", $1.capabilities) }
            + forbid.enumerated().map { ("forbid[\($0)]", $1.capabilities ?? []) }
        for (path, capabilities) in rules {
            for case .document(let name) in capabilities.sorted() where document(name) == nil {
                throw reader.unacceptable(
                    "\(path).capabilities", "there is no command document `\(name)`", hint: "Add it to `documents`.")
            }
        }
    }

    private static func check(
        _ principals: [Principal], _ path: String, _ known: Set<RosterName>, _ reader: ObjectReader
    ) throws(JSONError) {
        for (index, principal) in principals.enumerated() {
            guard case .roster(let name) = principal, !known.contains(name) else { continue }
            throw reader.unacceptable(
                "\(path)[\(index)]", "there is no roster `\(name)`",
                hint: known.isEmpty ? "Add it to `rosters`." : "Rosters are \(known.sorted().map(\.text).joined(separator: ", ")).")
        }
    }
}

extension Entitlement {
    /// Reads one; whatever is left unread is an error.
    init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        self.init(
            name: try reader.understood("name") { text throws(Refusal) in try EntitlementName(text) },
            requesters: try reader.list("requesters", maximum: 64) { text throws(Refusal) in try Principal(text) },
            nodes: try reader.understood("nodes") { text throws(Refusal) in try Selector(template: text) },
            capabilities: Set(try reader.list("capabilities", maximum: Capability.maximumCount) { text throws(Refusal) in try Capability(text) }),
            runAs: try reader.list("runAs", maximum: 64) { text throws(Refusal) in try RunAsRule(text) }, seats: [])
        try readSeats(&reader)
        try readLengths(&reader)
        try readReasonRules(&reader)
        if let number = try reader.optionalInteger("denyThreshold", in: 1...16) { denyThreshold = Int(number) }
        idleCounts = try reader.choice("idleCounts") ?? idleCounts
        withoutBroker = try reader.choice("withoutBroker") ?? withoutBroker
        recording = try reader.choice("recording") ?? recording
        scheduledWithin = try reader.length("scheduledStart", in: 60...2_592_000)
        if let given = try reader.optionalObject("extension") { extending = try ExtensionRule(given) }
        isOneShot = try reader.optionalBool("oneShot") ?? false
        if let windows = try reader.optionalObject("windows") { self.windows = try Windows(windows) }
        if let watching = try reader.optionalObject("watching") { self.watching = try Watching(watching) }
        try readBreakGlass(&reader)
        try reader.finish()
    }

    private mutating func readSeats(_ reader: inout ObjectReader) throws(JSONError) {
        if var automatic = try reader.optionalObject("autoApproval") {
            autoApproval = AutoApproval(perMonth: Int(try automatic.integer("perMonth", in: 1...10_000)))
            try automatic.finish()
        }
        let path = reader.path
        let items = try autoApproval == nil
            ? reader.array("seats", maximum: 16) : reader.optionalArray("seats", maximum: 16) ?? []
        for (index, item) in items.enumerated() {
            seats.append(try Seat(try ObjectReader(item, path: "\(path).seats[\(index)]")))
        }
        guard seatCount >= 1 || autoApproval != nil else {
            throw reader.unacceptable(
                "seats", "it demands no approval",
                hint: "Every grant needs a second person: name at least one seat, or say `autoApproval`.")
        }
    }

    private mutating func readBreakGlass(_ reader: inout ObjectReader) throws(JSONError) {
        guard let given = try reader.optionalObject("breakGlass") else { return }
        breakGlass = try BreakGlass(given, of: self)
        guard !seats.isEmpty || breakGlass?.reviewers != nil else {
            throw reader.unacceptable("breakGlass", "nobody could review it", hint: "Name `reviewers`, since there are no `seats`.")
        }
    }

    private mutating func readLengths(_ reader: inout ObjectReader) throws(JSONError) {
        maximumDuration = try reader.length("maximumDuration", in: 60...86_400) ?? maximumDuration
        sessionMaximum = try reader.length("sessionMaximum", in: 60...86_400) ?? sessionMaximum
        idleLimit = try reader.length("idleLimit", in: 60...3600) ?? idleLimit
        pendingFor = try reader.length("pendingFor", in: 60...604_800) ?? pendingFor
        activateWithin = try reader.length("activateWithin", in: 60...604_800) ?? activateWithin
        lease = try reader.length("lease", in: 30...3600) ?? lease
        detachedFor = try reader.length("detachedFor", in: 1...3600) ?? detachedFor
    }

    private mutating func readReasonRules(_ reader: inout ObjectReader) throws(JSONError) {
        if let number = try reader.optionalInteger("minimumReasonLength", in: 1...Int64(HumanText.maximumLength)) {
            minimumReasonLength = Int(number)
        }
        tickets = try reader.optionalList("tickets", maximum: 16) { text throws(Refusal) in try TicketPattern(text) } ?? []
        let path = reader.path
        for (index, item) in (try reader.optionalArray("fields", maximum: ReasonField.maximumCount) ?? []).enumerated() {
            let field = try ReasonField(try ObjectReader(item, path: "\(path).fields[\(index)]"))
            guard !fields.contains(where: { $0.name == field.name }) else {
                throw reader.unacceptable("fields[\(index)].name", "two fields are named `\(field.name)`")
            }
            fields.append(field)
        }
    }
}

extension Seat {
    init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        self.init(
            count: Int(try reader.integer("count", in: 1...16)),
            of: try reader.list("of", maximum: 64) { text throws(Refusal) in try Principal(text) })
        try reader.finish()
    }
}
