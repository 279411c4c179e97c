// SPDX-License-Identifier: Apache-2.0
// SECURITY: more time on a grant that lives, agreed to like the grant itself (P1). What has ended is never revived: each
// verb looks at the grant in the transaction in which it takes effect.

import Access
import Evidence
import Protocol
import Storage
import StrictJSON

extension Workflow {
    /// Stores a request for more time. The same statement again, or an equal pending request, is the request that exists.
    mutating func extend(_ statement: Signed<ExtensionStatement>, from device: PublicKey) throws -> RequestID {
        try verify(statement, by: statement.value.person, root: statement.value.root, sentFrom: device)
        if let known = try database.request(madeBy: statement.digest) { return known.id }
        try checkFresh(statement.value.at)
        let first = try find(requestWith: statement.value.request)
        guard first.machine.terms.extends == nil, first.machine.terms.person == statement.value.person else {
            throw BrokerError.notFound(kind: "request", first.id.description)
        }
        let grant = try find(first.id.sibling() as GrantID)
        let terms = try statement.terms(extending: first.statement)
        if let pending = try database.extensions(of: first.id).first(where: { $0.machine.state == .pending }) {
            let other = pending.machine.terms
            guard other.duration == terms.duration, other.reason == terms.reason, other.extends == terms.extends else {
                throw Refusal.extensionPending(pending.id)
            }
            return pending.id
        }
        let rules = try EntitlementInForce(for: terms, in: directory)
        if let refusal = rules.extensionRefusal(of: terms, extending: grant.machine, in: directory, at: now) { throw refusal }
        guard try database.request(terms.id) == nil else { throw BrokerError.requestIDTaken }
        let request = AccessRequest(terms: terms, decideBefore: min(now + rules.pendingFor, grant.machine.notAfter ?? now))
        try database.insert(request, statement, at: now)
        try record(
            "request.created", terms.id, by: terms.person,
            [
                "digest": .string(statement.digest.hex), "extends": .string(grant.id.description),
                "lease": .integer(statement.value.lease), "duration": .seconds(terms.duration),
            ])
        consequences += [.deadlineSet, .requestChanged(first.id)]
        if rules.isAutomatic { try approveAutomatically(terms.id) }
        return terms.id
    }

    private mutating func approveAutomatically(_ id: RequestID) throws {
        var request = try find(id)
        let version = request.machine.version
        let effect = try request.machine.apply(.approveAutomatically(spent: 0), in: directory, at: now)
        try database.update(request.machine, from: version, at: now)
        try record("request.approved", request.id, ["automatic": true])
        if case .ready(let terms) = effect { try prolong(terms, by: request) }
    }

    /// A vote on an extension of what is over comes too late, whatever the sweeper has seen of it.
    func checkGrantLives(_ request: StoredRequest) throws {
        guard request.machine.terms.extends != nil else { return }
        let grant = try find(request.grant).machine
        guard grant.state == .active else { throw Refusal.grantOver(grant.id, grant.state, grant.endReason) }
        if let notAfter = grant.notAfter, now >= notAfter { throw Refusal.grantOver(grant.id, .ending, .expired) }
    }

    /// Moves the end of a grant, in the transaction of the vote that completed the extension.
    mutating func prolong(_ agreed: GrantTerms, by request: StoredRequest) throws {
        var grant = try find(request.grant)
        guard let extended = request.machine.terms.extends, let start = grant.machine.notBefore, let notAfter = grant.machine.notAfter,
            agreed.approvedAt < notAfter
        else { throw Refusal.grantOver(grant.id, grant.machine.state, grant.machine.endReason) }
        let rules = try EntitlementInForce(for: request.machine.terms, in: directory)
        let end = try rules.end(extending: notAfter, by: agreed.duration, from: start, granted: grant.machine.granted)
        let version = grant.machine.version
        try grant.machine.apply(.extend(lease: extended.lease, to: end), at: now)
        try database.update(grant.machine, from: version, at: now)
        try record(
            "grant.extended", grant.id, by: grant.machine.holder,
            [
                "digest": .string(request.digest.hex), "request": .string(request.id.description),
                "lease": .integer(grant.machine.lease), "notAfter": .time(end),
            ])
        consequences += [.leaseChanged(grant.id), .deadlineSet, .requestChanged(grant.request)]
    }

    /// Nobody decides about more time on a grant that is over.
    mutating func invalidateExtensions(of grant: StoredGrant) throws {
        for var request in try database.extensions(of: grant.request) where request.machine.state == .pending {
            let version = request.machine.version
            _ = try request.machine.apply(.grantEnded, in: directory, at: now)
            try database.update(request.machine, from: version, at: now)
            try record("request.invalidated", request.id)
            consequences.append(.requestChanged(request.id))
        }
    }

    /// The node did not prolong a session, and says why.
    func recordRefusedLease(_ id: SessionID, because problem: Problem) throws {
        try record("lease.refused", id, ["code": .string(problem.code), "message": .string(problem.message)])
    }
}

extension Connection {
    /// All that a node needs to decide about an opening under a grant, or about its lease.
    func evidence(for opening: Signed<OpeningStatement>, under grant: StoredGrant) throws -> OpeningEvidence? {
        guard let activation = try grant.activation, let request = try request(grant.request) else { return nil }
        let extended = try extensions(of: grant.request).compactMap { row in
            row.machine.state == .approved ? row.extensionEvidence(onlyApprovals: true) : nil
        }
        return OpeningEvidence(
            request: request.statement, votes: request.votes.filter(\.value.vote.approves), activation: activation,
            opening: opening, extensions: extended)
    }
}

extension StoredRequest {
    /// `nil` where this asks for no more time.
    func extensionEvidence(onlyApprovals: Bool) -> ExtensionEvidence? {
        extending.map { statement in
            ExtensionEvidence(statement: statement, votes: onlyApprovals ? votes.filter(\.value.vote.approves) : votes)
        }
    }
}
