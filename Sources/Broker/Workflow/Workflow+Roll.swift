// SPDX-License-Identifier: Apache-2.0
// SECURITY: the roll grows by signed entries only, and what an entry takes away ends in the same transaction.

import Access
import Evidence
import Storage
import StrictJSON

extension Workflow {
    /// Appends an entry of the roll.
    ///
    /// - Returns: the roll with it.
    mutating func append(_ source: SignedText, sentBy principal: Principal, founding: Founding) throws -> Roll {
        let entry = try RollEntry(source)
        try check(entry, sentBy: principal, founding)
        if case .charter(let statement) = entry { try checkNotWithdrawn(statement.value) }
        var grown = roll
        try grown.append(source, at: now)
        try database.append(entry)
        try recordEntry(entry, grown)
        self = Workflow(database, grown, at: now, consequences: consequences + [.rollGrew])
        switch entry {
        case .disabling(let statement): try carryOut(statement.value)
        case .charter(let statement):
            try resolveProposals(by: statement)
            try invalidateRequests()
            try endUnsupportedGrants()
        case .publication: try invalidateRequests()
        case .invitation, .enrolment: break
        }
        return grown
    }

    private init(_ database: Connection, _ roll: Roll, at now: Timestamp, consequences: [Consequence]) {
        self.init(database, roll, at: now)
        self.consequences = consequences
    }

    /// Who signs decides in ``Roll``; here only that nobody carries another's statement, and that the founder holds the
    /// token that was made at `stintd init`.
    private func check(_ entry: RollEntry, sentBy principal: Principal, _ founding: Founding) throws {
        switch (entry, principal) {
        case (.enrolment(let statement), .unknown(let key)):
            guard statement.value.key == key else { throw BrokerError.otherDevice }
        case (.enrolment, _): throw EvidenceError.keyTaken
        case (.charter(let statement), .unknown(let key)):
            guard let founder = statement.value.founder else { throw BrokerError.notEnrolled }
            guard roll.number == 0 else { throw BrokerError.foundingOver }
            guard founder.key == key else { throw BrokerError.otherDevice }
            guard founder.founding == founding.key, now < founding.notAfter, statement.value.broker == founding.broker else {
                throw BrokerError.foundingTokenUnknown
            }
        case (.charter, _), (.invitation, _), (.disabling, _), (.publication, _): _ = try principal.person()
        }
    }

    private func recordEntry(_ entry: RollEntry, _ grown: Roll) throws {
        var body: JSONObject = ["number": .integer(entry.place.number), "digest": .string(entry.digest.hex)]
        var actor: PersonName?
        switch entry {
        case .charter(let statement):
            body["version"] = .integer(statement.value.version)
            actor = statement.value.founder?.name
            let agreed = statement.value.consents.map(\.value.person)
            if !agreed.isEmpty { body["agreed"] = .names(agreed) }
        case .invitation(let statement):
            actor = statement.value.by
            switch statement.value.subject {
            case .person(let name, _, _): (body["kind"], body["name"]) = ("person", .string(name.text))
            case .node(let name, _): (body["kind"], body["name"]) = ("node", .string(name.text))
            case .device(let name): (body["kind"], body["name"]) = ("device", .string(name.text))
            }
        case .enrolment(let statement):
            body["key"] = .string(statement.value.key.hex)
            let person = grown.person(withDevice: statement.value.key)?.name.text
            body["name"] = .string(person ?? grown.node(withKey: statement.value.key)?.name.text ?? "")
        case .publication(let statement):
            actor = statement.value.by
            body["name"] = .string(statement.value.roster.value.roster.text)
            body["version"] = .integer(statement.value.roster.value.content.version)
        case .disabling(let statement):
            actor = statement.value.by
            body["reason"] = .string(statement.value.reason)
            switch statement.value.subject {
            case .person(let name): (body["kind"], body["name"]) = ("person", .string(name.text))
            case .device(let key): (body["kind"], body["name"]) = ("device", .string(key.hex))
            case .node(let name): (body["kind"], body["name"]) = ("node", .string(name.text))
            }
        }
        try record("roll." + entry.type, "roll-\(entry.place.number)", by: actor, body)
    }

    private mutating func carryOut(_ disabling: DisablingStatement) throws {
        let detail = "by \(disabling.by)" + (disabling.reason.isEmpty ? "" : ": " + disabling.reason)
        switch disabling.subject {
        case .person(let name):
            for var grant in try database.openGrants(of: name) where grant.machine.state != .ending {
                try endGrant(&grant, .personDisabled, by: disabling.by, detail: disabling.reason)
            }
        case .device(let key):
            for var session in try database.unfinishedSessions() where session.opening.isSigned(by: key) {
                guard session.machine.state != .ending else { continue }
                try end(&session, .personDisabled, by: disabling.by, detail: detail)
            }
        case .node(let name):
            for var session in try database.unfinishedSessions(on: name) where session.machine.state != .ending {
                try end(&session, .revoked, by: disabling.by, detail: detail)
            }
        }
        try invalidateRequests()
        try endUnsupportedGrants()
    }

    /// Grants whose rule is gone, or covers nothing of what was asked any more, end now: the stricter of the frozen and the
    /// current policy holds for what lives, too. What is only shortened keeps its end (see Access/ChangingFacts.md).
    private mutating func endUnsupportedGrants() throws {
        for var grant in try database.openGrants() where grant.machine.state != .ending {
            let terms = try find(grant.request).machine.terms
            guard let why = EntitlementInForce.end(of: terms, in: directory) else { continue }
            try endGrant(&grant, .policyChanged, by: nil, detail: why.message)
        }
    }

    /// Requests that the directory no longer supports end now.
    private mutating func invalidateRequests() throws {
        for var request in try database.pendingRequests() {
            let version = request.machine.version
            do {
                _ = try request.machine.apply(.directoryChanged, in: directory, at: now)
            } catch Refusal.notYetDue {
                continue
            }
            try database.update(request.machine, from: version, at: now)
            try record("request.invalidated", request.id)
            consequences.append(.requestChanged(request.id))
        }
    }
}
