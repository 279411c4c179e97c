// SPDX-License-Identifier: Apache-2.0
// SECURITY: asking and deciding (P1).

import Access
import Evidence
import Protocol
import Storage
import StrictJSON

extension Workflow {
    /// Stores a request. The same statement again, or an equal pending request, is the request that exists.
    mutating func ask(_ statement: Signed<RequestStatement>, from device: PublicKey) throws -> RequestID {
        try verify(statement, by: statement.value.person, root: statement.value.root, sentFrom: device)
        if let known = try database.request(madeBy: statement.digest) { return known.id }
        try checkFresh(statement.value.at)
        let terms = statement.terms
        guard let charter = directory.charter, let person = directory.people[terms.person] else { throw Refusal.noCharter }
        guard terms.charterVersion == charter.version else {
            throw BrokerError.charterOutdated(used: terms.charterVersion, current: charter.version)
        }
        let ask = Entitlement.Ask(
            person: person, selector: terms.selector, capabilities: terms.capabilities, runAs: terms.runAs,
            duration: terms.duration, reason: terms.reason, fields: terms.fields, at: terms.at, start: terms.start)
        let entitlement = try terms.isBreakGlass
            ? charter.policy.chooseForBreakGlass(ask, wanted: terms.entitlement, in: directory)
            : charter.policy.choose(for: ask, wanted: terms.entitlement, in: directory)
        let pending = try database.pendingRequests(of: terms.person)
        if let equal = pending.first(where: { $0.machine.terms.asksTheSame(as: terms) }) { return equal.id }
        guard pending.count < Limits.pendingRequests else { throw BrokerError.tooManyPending(pending.count) }
        guard try database.request(terms.id) == nil else { throw BrokerError.requestIDTaken }
        let request = AccessRequest(terms: terms, decideBefore: max(now + entitlement.pendingFor, terms.start ?? now))
        try database.insert(request, statement, at: now)
        try record(
            "request.created", terms.id, by: terms.person,
            [
                "digest": .string(statement.digest.hex), "entitlement": .string(terms.entitlement.text),
                "selector": .string(terms.selector.description), "duration": .seconds(terms.duration),
                "breakGlass": .bool(terms.isBreakGlass),
            ])
        consequences.append(.deadlineSet)
        if terms.isBreakGlass {
            try breakGlass(terms.id)
        } else if entitlement.autoApproval != nil {
            try approveAutomatically(terms.id, entitlement)
        }
        return terms.id
    }

    /// Approves at once while the month's count lasts; beyond it the seats decide, where there are any.
    private mutating func approveAutomatically(_ id: RequestID, _ entitlement: Entitlement) throws {
        var request = try find(id)
        let version = request.machine.version
        let spent = try database.automaticApprovals(
            of: request.machine.terms.person, under: entitlement.name, since: CivilDate.beginningOfMonth(now))
        let effect: AccessRequest.Effect
        do throws(Refusal) {
            effect = try request.machine.apply(.approveAutomatically(spent: spent), in: directory, at: now)
        } catch {
            if case .budgetSpent = error, !entitlement.seats.isEmpty { return }
            throw error
        }
        try database.update(request.machine, from: version, at: now)
        try record("request.approved", request.id, ["automatic": true])
        if case .ready(let terms) = effect { try makeGrant(terms, of: request) }
    }

    /// Counts a vote; the one that fills the last seat makes the grant in the same transaction.
    mutating func vote(_ statement: Signed<VoteStatement>, from device: PublicKey) throws -> RequestID {
        let vote = statement.value.vote
        try verify(statement, by: vote.person, root: statement.value.root, sentFrom: device)
        if let known = try database.request(votedOnBy: statement.digest) { return known }
        try checkFresh(vote.at)
        var request = try find(requestWith: statement.value.request)
        try checkGrantLives(request)
        let version = request.machine.version
        let effect = try request.machine.apply(.vote(vote), in: directory, at: now)
        try database.insert(statement, on: request.id, at: now)
        try database.update(request.machine, from: version, at: now)
        try record(
            vote.approves ? "vote.approve" : "vote.deny", request.id, by: vote.person,
            ["digest": .string(statement.digest.hex)])
        if request.machine.state.isTerminal { try record("request." + request.machine.state.rawValue, request.id) }
        if case .ready(let terms) = effect {
            if request.extending == nil { try makeGrant(terms, of: request) } else { try prolong(terms, by: request) }
        }
        consequences.append(.requestChanged(request.id))
        return request.id
    }

    mutating func makeGrant(_ terms: GrantTerms, of request: StoredRequest) throws {
        let rules = try EntitlementInForce(for: request.machine.terms, in: directory)
        let grant = Grant(
            id: request.id.sibling(), holder: request.machine.terms.person, granted: terms.duration,
            activateBefore: max(terms.approvedAt, request.machine.terms.start ?? terms.approvedAt) + rules.activateWithin,
            startsAt: request.machine.terms.start)
        try database.insert(grant, for: request.id, at: now)
        try record(
            "grant.ready", grant.id,
            ["duration": .seconds(terms.duration), "nodes": .names(terms.nodes), "activateBefore": .time(grant.activateBefore)])
        consequences.append(.deadlineSet)
    }

    /// Starts a grant's clock.
    mutating func activate(_ statement: Signed<ActivationStatement>, from device: PublicKey) throws -> GrantID {
        try verify(statement, by: statement.value.person, root: statement.value.root, sentFrom: device)
        let request = try find(requestWith: statement.value.request)
        var grant = try find(request.id.sibling() as GrantID)
        if let known = try grant.activation, known.digest == statement.digest { return grant.id }
        try checkFresh(statement.value.at)
        try checkNotEnded(grant.id)
        let rules = try EntitlementInForce(for: request.machine.terms, in: directory)
        let version = grant.machine.version
        try grant.machine.apply(
            .activate(by: statement.value.person, at: statement.value.at,
                maximum: try rules.maximum(from: statement.value.at)), at: now)
        try database.update(grant.machine, from: version, activation: statement, at: now)
        try record(
            "grant.active", grant.id, by: statement.value.person,
            [
                "digest": .string(statement.digest.hex),
                "notAfter": .time(grant.machine.notAfter ?? now),
            ])
        consequences += [.deadlineSet, .requestChanged(request.id)]
        return grant.id
    }

    /// Ends a request, a grant or a session.
    ///
    /// - Returns: id and state of the subject.
    mutating func end(_ statement: Signed<EndingStatement>, from device: PublicKey) throws -> (id: String, state: String) {
        let ending = statement.value
        try verify(statement, by: ending.person, root: ending.root, sentFrom: device)
        guard let person = directory.people[ending.person] else { throw Refusal.personUnknown(ending.person) }
        let isRetry = try database.hasEnding(statement.digest)
        if !isRetry {
            try checkFresh(ending.at)
            try database.insert(statement, at: now)
        }
        switch ending.kind {
        case .withdraw where ending.subject.utf8.first == ProposalKind.letter.asciiValue:
            return try withdraw(try ProposalID(ending.subject), by: person, isRetry)
        case .withdraw: return try withdraw(try RequestID(ending.subject), by: person, isRetry)
        case .release, .revoke: return try endGrant(try GrantID(ending.subject), ending, by: person, isRetry)
        case .end: return try endSession(try SessionID(ending.subject), ending, by: person, isRetry)
        }
    }

    private mutating func withdraw(_ id: RequestID, by person: Person, _ isRetry: Bool) throws -> (id: String, state: String) {
        var request = try find(id)
        guard Visibility(person: person, directory: directory).sees(request) else {
            throw BrokerError.notFound(kind: "request", id.description)
        }
        if !isRetry {
            let version = request.machine.version
            _ = try request.machine.apply(.withdraw(by: person.name), in: directory, at: now)
            try database.update(request.machine, from: version, at: now)
            try record("request.withdrawn", id, by: person.name)
            consequences.append(.requestChanged(id))
        }
        return (id.description, request.machine.state.rawValue)
    }

    private mutating func endGrant(_ id: GrantID, _ ending: EndingStatement, by person: Person, _ isRetry: Bool) throws
        -> (id: String, state: String)
    {
        var grant = try find(id)
        let request = try find(grant.request)
        guard Visibility(person: person, directory: directory).mayEnd(request) else {
            throw BrokerError.notFound(kind: "grant", id.description)
        }
        if ending.kind == .release, grant.machine.holder != person.name { throw Refusal.notTheHolder(id) }
        if !isRetry {
            let reason: Grant.EndReason = ending.kind == .release ? .released : .revoked
            try endGrant(&grant, reason, by: person.name, detail: ending.reason)
        }
        return (id.description, grant.machine.state.rawValue)
    }

    /// Ends a grant, for whatever reason, and everything that runs under it.
    mutating func endGrant(_ grant: inout StoredGrant, _ reason: Grant.EndReason, by actor: PersonName?, detail: String) throws {
        let version = grant.machine.version
        try grant.machine.apply(.end(reason), at: now)
        try database.update(grant.machine, from: version, at: now)
        try record("grant." + reason.rawValue, grant.id, by: actor, ["reason": .string(detail)])
        try invalidateExtensions(of: grant)
        try endSessions(of: grant.id, Session.EndReason(reason), detail: endDetail(by: actor, detail))
        try settle(&grant)
        let request = try find(grant.request)
        if let over = GrantOver(grant, from: request) { consequences.append(.grantOver(over, request.machine.terms.selector)) }
        consequences += [.requestChanged(grant.request), .deadlineSet]
    }

    private mutating func endSession(_ id: SessionID, _ ending: EndingStatement, by person: Person, _ isRetry: Bool) throws
        -> (id: String, state: String)
    {
        var session = try find(id)
        let request = try find(session.machine.grant.sibling() as RequestID)
        guard Visibility(person: person, directory: directory).mayEnd(request) else {
            throw BrokerError.notFound(kind: "session", id.description)
        }
        if !isRetry {
            try end(&session, .ended, by: person.name, detail: endDetail(by: person.name, ending.reason))
        }
        return (id.description, session.machine.state.rawValue)
    }

    private func endDetail(by actor: PersonName?, _ reason: String) -> String {
        let who = actor.map { "by \($0)" } ?? ""
        return reason.isEmpty ? who : (who.isEmpty ? reason : who + ": " + reason)
    }
}

extension RequestTerms {
    /// Whether `other` asks for exactly this, whenever it was asked.
    fileprivate func asksTheSame(as other: RequestTerms) -> Bool {
        person == other.person && entitlement == other.entitlement && selector == other.selector
            && capabilities == other.capabilities && runAs == other.runAs && duration == other.duration
            && reason == other.reason && fields == other.fields && isBreakGlass == other.isBreakGlass && start == other.start
            && charterVersion == other.charterVersion
    }
}

extension Session.EndReason {
    init(_ reason: Grant.EndReason) {
        self =
            switch reason {
            case .expired: .expired
            case .revoked, .policyChanged: .revoked
            case .released, .once: .released
            case .personDisabled: .personDisabled
            }
    }
}
