// SPDX-License-Identifier: Apache-2.0
// SECURITY: opening, accepting, ending and settling sessions (P2, P3, P4).

import Access
import Evidence
import Protocol
import Storage
import StrictJSON

extension Workflow {
    /// Stores an opening that `Access` allows, and returns all the evidence for the node.
    mutating func open(_ opening: Signed<OpeningStatement>, from device: PublicKey) throws -> OpeningEvidence {
        try verify(opening, by: opening.value.person, root: opening.value.root, sentFrom: device)
        let open = try database.openGrants(of: opening.value.person)
        guard let row = try open.first(where: { try $0.activation?.digest == opening.value.activation }),
            let evidence = try database.evidence(for: opening, under: row)
        else { throw BrokerError.notFound(kind: "grant", "that is active under this activation") }
        let request = try find(row.request)
        guard row.machine.state == .active else {
            throw Refusal.grantOver(row.id, row.machine.state, row.machine.endReason)
        }
        try checkNotEnded(row.id)
        if let notAfter = row.machine.notAfter, now >= notAfter { throw Refusal.grantOver(row.id, .ending, .expired) }
        _ = try evidence.decide(with: roll, at: now)
        if try EntitlementInForce(for: request.machine.terms, in: directory).isOneShot {
            let earlier = try database.sessions(of: row.id).filter { $0.machine.endReason != .refused }
            guard earlier.isEmpty else { throw Refusal.grantUsed(row.id) }
        }
        let count = try database.unfinishedSessions(of: opening.value.person)
        guard count < Limits.liveSessions else { throw BrokerError.tooManySessions(count) }
        guard try database.session(opening.id) == nil else { throw BrokerError.sessionIDTaken }
        try database.insert(Session(id: opening.id, grant: row.id), opening, at: now)
        try record(
            "session.opening", opening.id, by: opening.value.person,
            [
                "digest": .string(opening.digest.hex), "grant": .string(row.id.description),
                "node": .string(opening.value.node.text), "capability": .string(opening.value.capability.rawValue),
                "runAs": .string(opening.value.runAs.text),
            ])
        return evidence
    }

    /// The node agreed.
    mutating func accept(_ acceptance: Signed<AcceptanceStatement>, for id: SessionID, from node: Node) throws {
        var session = try find(id)
        guard acceptance.value.root == roll.root, acceptance.value.opening == session.opening.digest,
            acceptance.value.node == node.name, session.opening.value.node == node.name
        else { throw EvidenceError.doesNotBelong(type: AcceptanceStatement.type, to: "session") }
        try acceptance.check(signedBy: node.key, who: "node `\(node.name)`")
        let version = session.machine.version
        try session.machine.apply(.accept)
        try database.update(session.machine, from: version, acceptance: acceptance, at: now)
        try database.beginRecording(id, at: now)
        try record("session.live", id, ["digest": .string(acceptance.digest.hex), "notAfter": .time(acceptance.value.notAfter)])
    }

    /// A connection of a live session was lost: the client's or the node's.
    mutating func detach(_ id: SessionID, lost end: String) throws {
        var session = try find(id)
        guard session.machine.state == .live else { return }
        let version = session.machine.version
        try session.machine.apply(.detach)
        try database.update(session.machine, from: version, at: now)
        try record("session.detached", id, ["lost": .string(end)])
    }

    /// The node has agreed to go on with its client.
    mutating func attach(_ id: SessionID, by attach: Signed<AttachStatement>) throws {
        var session = try find(id)
        let state = session.machine.state
        // A client that took the place of another finds the session live. Both are told.
        guard state == .detached || state == .live else { return }
        if state == .detached {
            let version = session.machine.version
            try session.machine.apply(.attach)
            try database.update(session.machine, from: version, at: now)
        }
        try record("session.attached", id, by: session.opening.value.person, ["digest": .string(attach.digest.hex)])
    }

    /// The node refused, or never answered: nothing ran.
    mutating func refuse(_ id: SessionID, because problem: Problem) throws {
        var session = try find(id)
        guard session.machine.state == .opening else { return }
        let version = session.machine.version
        try session.machine.apply(.receipt(.refused))
        try database.update(session.machine, from: version, detail: problem.message, at: now)
        try record("session.refused", id, ["code": .string(problem.code), "message": .string(problem.message)])
        try settleGrant(of: session)
    }

    /// Stores a receipt. The same one again changes nothing.
    mutating func store(_ receipt: Signed<ReceiptStatement>, from node: Node) throws -> SessionID {
        let id = SessionID(digest: receipt.value.opening.bytes)
        var session = try find(id)
        guard receipt.value.root == roll.root, receipt.value.opening == session.opening.digest,
            receipt.value.node == node.name, session.opening.value.node == node.name
        else { throw EvidenceError.doesNotBelong(type: ReceiptStatement.type, to: "session") }
        try receipt.check(signedBy: node.key, who: "node `\(node.name)`")
        if session.receipt != nil { return id }
        let version = session.machine.version
        var machine = session.machine
        if machine.state == .ended {
            // It was given up as unconfirmed; the receipt confirms it late. The state does not change, the row does once.
            machine = Session(id: id, grant: machine.grant, endReason: receipt.value.reason, state: .ended, version: version + 1)
        } else {
            try machine.apply(.receipt(receipt.value.reason))
        }
        try database.store(receipt, for: machine, from: version, at: now)
        session.machine = machine
        try record(
            "session.ended", id,
            [
                "digest": .string(receipt.digest.hex), "reason": .string(receipt.value.reason.rawValue),
                "detail": .string(receipt.value.detail), "killed": .integer(Int64(receipt.value.killed)),
                "left": .integer(Int64(receipt.value.left)),
            ])
        try settleGrant(of: session)
        return id
    }

    /// Asks for the end of every session of a grant.
    mutating func endSessions(of grant: GrantID, _ reason: Session.EndReason, detail: String) throws {
        for var session in try database.sessions(of: grant) where session.machine.state != .ended {
            guard session.machine.state != .ending else { continue }
            try end(&session, reason, by: nil, detail: detail)
        }
    }

    mutating func end(_ session: inout StoredSession, _ reason: Session.EndReason, by actor: PersonName?, detail: String) throws {
        let version = session.machine.version
        try session.machine.apply(.end(reason))
        try database.update(session.machine, from: version, detail: detail, at: now)
        try record("session.ending", session.id, by: actor, ["reason": .string(reason.rawValue), "detail": .string(detail)])
        consequences.append(.endSession(session.id, reason, detail: detail))
    }

    /// The node was not heard and its own deadline is past.
    mutating func giveUp(_ session: inout StoredSession) throws {
        let version = session.machine.version
        try session.machine.apply(.giveUp)
        try database.update(session.machine, from: version, at: now)
        try record("session.unconfirmed", session.id)
        try settleGrant(of: session)
    }

    private mutating func settleGrant(of session: StoredSession) throws {
        var grant = try find(session.machine.grant)
        if grant.machine.state == .active, try isUsedUp(grant) {
            try endGrant(&grant, .once, by: nil, detail: "")
        } else {
            try settle(&grant)
        }
    }

    /// Whether it was good for one session, and that is over.
    private func isUsedUp(_ grant: StoredGrant) throws -> Bool {
        let request = try find(grant.request)
        // Where the policy has changed so that the grant gives nothing any more, its own end is near anyway.
        guard let rules = try? EntitlementInForce(for: request.machine.terms, in: directory), rules.isOneShot else {
            return false
        }
        let real = try database.sessions(of: grant.id).filter { $0.machine.endReason != .refused }
        return !real.isEmpty && real.allSatisfy { $0.machine.state == .ended }
    }

    /// A grant that is ending is over when the last of its sessions is.
    mutating func settle(_ grant: inout StoredGrant) throws {
        guard grant.machine.state == .ending else { return }
        guard try database.sessions(of: grant.id).allSatisfy({ $0.machine.state == .ended }) else { return }
        let version = grant.machine.version
        try grant.machine.apply(.settle, at: now)
        try database.update(grant.machine, from: version, at: now)
        try record("grant.ended", grant.id, ["reason": .string(grant.machine.endReason?.rawValue ?? "")])
        consequences.append(.requestChanged(grant.request))
    }
}
