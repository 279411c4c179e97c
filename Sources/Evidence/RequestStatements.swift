// SPDX-License-Identifier: Apache-2.0
// SECURITY: the statements that together make a right: request, vote, activation. Each names the root of its
// installation and the digest of what it answers, so that none can be moved elsewhere.

package import Access
package import StrictJSON

/// The question, signed by the requester's device.
package struct RequestStatement: Statement {
    package static let type = "request"

    package let root: Digest
    package let person: PersonName
    package let entitlement: EntitlementName
    package let charterVersion: Int64
    package let selector: Selector
    package let capabilities: Set<Capability>
    package let runAs: RunAsName
    package let duration: Duration
    package let reason: String
    /// What the entitlement wants stated beside the reason.
    package let fieldValues: [String: String]
    /// Asked for without anybody's consent. Nobody but the requester can say so.
    package let isBreakGlass: Bool
    /// When the grant is to begin; `nil`: when it is first used.
    package let start: Timestamp?
    /// The end of the roll that the requester's client knew.
    package let rollNumber: Int64
    package let nonce: String
    package let at: Timestamp

    package init(
        root: Digest, person: PersonName, entitlement: EntitlementName, charterVersion: Int64, selector: Selector,
        capabilities: Set<Capability>, runAs: RunAsName, duration: Duration, reason: String, fieldValues: [String: String] = [:],
        isBreakGlass: Bool = false, start: Timestamp? = nil, rollNumber: Int64, nonce: String, at: Timestamp
    ) {
        self.root = root
        self.person = person
        self.entitlement = entitlement
        self.charterVersion = charterVersion
        self.selector = selector
        self.capabilities = capabilities
        self.runAs = runAs
        self.duration = duration
        self.reason = reason
        self.fieldValues = fieldValues
        self.isBreakGlass = isBreakGlass
        self.start = start
        self.rollNumber = rollNumber
        self.nonce = nonce
        self.at = at
    }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "person": .string(person.text), "entitlement": .string(entitlement.text),
            "charter": .integer(charterVersion), "selector": .string(selector.description),
            "capabilities": .array(capabilities.sorted().map { .string($0.rawValue) }), "runAs": .string(runAs.text),
            "duration": .seconds(duration), "reason": .string(reason),
            "fields": .keyedStrings(fieldValues.map { ($0.key, $0.value) }), "roll": .integer(rollNumber),
            "breakGlass": .bool(isBreakGlass), "start": start.map { .time($0) } ?? .null, "nonce": .string(nonce), "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        person = try reader.name("person")
        entitlement = try reader.name("entitlement")
        charterVersion = try reader.integer("charter", in: 1...1_000_000)
        let selectorText = try reader.string("selector", maximum: Selector.maximumLength)
        selector = try Selector(selectorText)
        guard selector.description == selectorText else {
            throw Refusal.selectorMalformed(selectorText, reason: "a statement holds it in its full form")
        }
        let texts = try reader.strings("capabilities", maximum: Capability.maximumCount)
        capabilities = Set(try texts.map { try Capability($0) })
        guard !texts.isEmpty, capabilities.count == texts.count else { throw Refusal.capabilityUnknown("") }
        runAs = try RunAsName(user: try reader.string("runAs", maximum: 63))
        duration = try reader.seconds("duration")
        reason = try reader.string("reason")
        try HumanText.check(reason)
        fieldValues = Dictionary(
            try reader.keyedStrings("fields", maximum: ReasonField.maximumCount).map { ($0.key, $0.value) },
            uniquingKeysWith: { first, _ in first })
        try ReasonField.check(fieldValues)
        isBreakGlass = try reader.bool("breakGlass")
        switch try reader.value("start") {
        case .null: start = nil
        case .integer(let time) where Timestamp.validRange.contains(time): start = Timestamp(milliseconds: time)
        default: throw EvidenceError.fieldMalformed("`start` is not a time")
        }
        rollNumber = try reader.integer("roll", in: 1...1_000_000_000)
        nonce = try reader.nonce()
        at = try reader.timestamp("at")
    }
}

extension Signed<RequestStatement> {
    package var id: RequestID { RequestID(digest: digest.bytes) }

    package var terms: RequestTerms {
        RequestTerms(
            id: id, person: value.person, entitlement: value.entitlement, charterVersion: value.charterVersion,
            selector: value.selector, capabilities: value.capabilities, runAs: value.runAs, duration: value.duration,
            reason: value.reason, fields: value.fieldValues, isBreakGlass: value.isBreakGlass, at: value.at, start: value.start)
    }
}

/// An approver's verdict on a request, signed by the approver's device. An approval names the nodes that the approver's
/// own client showed.
package struct VoteStatement: Statement {
    package static let type = "vote"

    package let root: Digest
    package let request: Digest
    package let vote: Vote
    package let rollNumber: Int64
    package let nonce: String

    package init(root: Digest, request: Digest, vote: Vote, rollNumber: Int64, nonce: String) {
        self.root = root
        self.request = request
        self.vote = vote
        self.rollNumber = rollNumber
        self.nonce = nonce
    }

    package var fields: JSONObject {
        var object: JSONObject = [
            "root": .string(root.hex), "request": .string(request.hex), "person": .string(vote.person.text),
            "note": .string(vote.note), "roll": .integer(rollNumber), "nonce": .string(nonce), "at": .time(vote.at),
            "nodes": .array([]), "duration": .integer(0),
        ]
        switch vote.verdict {
        case .approve(let nodes, let duration):
            object["verdict"] = "approve"
            object["nodes"] = .names(nodes)
            object["duration"] = .seconds(duration)
        case .deny: object["verdict"] = "deny"
        }
        return object
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        request = try reader.digest("request")
        let person: PersonName = try reader.name("person")
        let note = try reader.string("note")
        try HumanText.check(note)
        rollNumber = try reader.integer("roll", in: 1...1_000_000_000)
        nonce = try reader.nonce()
        let at = try reader.timestamp("at")
        let names: [NodeName] = try reader.names("nodes", maximum: Vote.maximumNodes)
        let nodes = Set(names)
        let duration = try reader.seconds("duration")
        switch try reader.string("verdict", maximum: 16) {
        case "approve":
            guard nodes.count == names.count else { throw EvidenceError.fieldMalformed("a node is named twice") }
            vote = Vote(person: person, verdict: .approve(nodes: nodes, duration: duration), note: note, at: at)
        case "deny":
            guard nodes.isEmpty, duration == .zero else { throw EvidenceError.fieldMalformed("a denial grants nothing") }
            vote = Vote(person: person, verdict: .deny, note: note, at: at)
        case let other: throw EvidenceError.typeUnknown("verdict " + other)
        }
    }
}

/// The requester's word that the clock of the grant starts now.
package struct ActivationStatement: Statement {
    package static let type = "activation"

    package let root: Digest
    package let request: Digest
    package let person: PersonName
    package let nonce: String
    package let at: Timestamp

    package init(root: Digest, request: Digest, person: PersonName, nonce: String, at: Timestamp) {
        self.root = root
        self.request = request
        self.person = person
        self.nonce = nonce
        self.at = at
    }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "request": .string(request.hex), "person": .string(person.text),
            "nonce": .string(nonce), "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        request = try reader.digest("request")
        person = try reader.name("person")
        nonce = try reader.nonce()
        at = try reader.timestamp("at")
    }
}

/// Somebody ends something: withdraws a request, gives back or revokes a grant, ends a session. Ending needs no quorum.
package struct EndingStatement: Statement {
    package static let type = "ending"

    package enum Kind: String, Sendable { case withdraw, release, revoke, end }

    package let root: Digest
    package let kind: Kind
    /// The id of the request, grant or session.
    package let subject: String
    package let person: PersonName
    package let reason: String
    package let nonce: String
    package let at: Timestamp

    package init(root: Digest, kind: Kind, subject: String, person: PersonName, reason: String, nonce: String, at: Timestamp) {
        self.root = root
        self.kind = kind
        self.subject = subject
        self.person = person
        self.reason = reason
        self.nonce = nonce
        self.at = at
    }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "kind": .string(kind.rawValue), "subject": .string(subject),
            "person": .string(person.text), "reason": .string(reason), "nonce": .string(nonce), "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        let text = try reader.string("kind", maximum: 16)
        guard let kind = Kind(rawValue: text) else { throw EvidenceError.typeUnknown("ending " + text) }
        self.kind = kind
        subject = try reader.string("subject", maximum: 16)
        switch kind {
        case .withdraw where subject.utf8.first == ProposalKind.letter.asciiValue: _ = try ProposalID(subject)
        case .withdraw: _ = try RequestID(subject)
        case .release, .revoke: _ = try GrantID(subject)
        case .end: _ = try SessionID(subject)
        }
        person = try reader.name("person")
        reason = try reader.string("reason")
        try HumanText.check(reason)
        nonce = try reader.nonce()
        at = try reader.timestamp("at")
    }
}
