// SPDX-License-Identifier: Apache-2.0
// SECURITY: the one place where votes become a right. Broker and node call the same function on the same signed
// evidence; the stricter of the policy at the time of the request and the policy in force wins (P1).

/// How far the votes on a request have come.
package enum Approval: Sendable, Equatable {
    case pending(missing: [Seat])
    case denied(by: PersonName)
    case approved(GrantTerms)

    /// Judges `votes` on `request`. A denial is looked at before any approval.
    ///
    /// - Throws: a ``Refusal`` when no set of votes could ever make this request a grant: the requester or the
    ///   entitlement is gone, or the request asks for more than the entitlement allows.
    package static func judge(_ request: RequestTerms, votes: [Vote], in directory: Directory) throws(Refusal) -> Approval {
        let rules = try EntitlementInForce(for: request, in: directory)
        // Only the requester's own signature makes a request one that needs no votes, and only where the policy has that.
        if request.isBreakGlass || votes.isEmpty && rules.isAutomatic {
            return .approved(try terms(of: [], on: request, under: rules, in: directory))
        }
        let voters = votes.filter { rules.mayVote($0.person, on: request, in: directory) }
        let denials = voters.filter { !$0.approves }
        if let last = denials.last, Set(denials.map(\.person)).count >= rules.denyThreshold {
            return .denied(by: last.person)
        }
        let approvals = voters.filter(\.approves)
        let people = approvals.compactMap { directory.people[$0.person] }
        for rule in rules.both {
            let quorum = Quorum(seats: rule.seats, voters: people, requester: request.person)
            guard quorum.isComplete else { return .pending(missing: quorum.missing) }
        }
        return .approved(try terms(of: approvals, on: request, under: rules, in: directory))
    }

    /// The intersection of what the votes allow: the common nodes, the shortest duration.
    private static func terms(
        of approvals: [Vote], on request: RequestTerms, under rules: EntitlementInForce, in directory: Directory
    ) throws(Refusal) -> GrantTerms {
        var nodes = Set(directory.nodes(matching: request.selector).filter(rules.covers).map(\.name))
        var duration = min(request.duration, rules.maximumDuration)
        var approvedAt = request.at
        for vote in approvals {
            guard case .approve(let allowed, let longest) = vote.verdict else { continue }
            nodes.formIntersection(allowed)
            duration = min(duration, longest)
            approvedAt = max(approvedAt, vote.at)
        }
        guard !nodes.isEmpty else { throw .noCommonNode(request.id) }
        return GrantTerms(nodes: nodes, duration: duration, approvedAt: approvedAt)
    }
}

/// The entitlement of a request under the frozen and the current charter. Each question is answered by the stricter.
package struct EntitlementInForce: Sendable {
    package let frozen: Entitlement
    package let current: Entitlement
    private let nodes: [Selector]
    /// The frozen one and the one in force; one where they are the same.
    let policies: [Policy]
    private let request: RequestTerms
    private let person: Person
    var requester: PersonName { person.name }

    package var both: [Entitlement] { frozen == current ? [current] : [frozen, current] }

    /// - Throws: where either charter lacks the entitlement or no longer covers what was asked.
    package init(for request: RequestTerms, in directory: Directory) throws(Refusal) {
        guard let charter = directory.charter else { throw .noCharter }
        guard let frozenCharter = directory.charter(version: request.charterVersion) else {
            throw .charterUnknown(request.charterVersion)
        }
        guard let person = directory.people[request.person] else { throw .personUnknown(request.person) }
        guard person.isEnabled else { throw .personDisabled(request.person) }
        let frozen = try Self.entitlement(of: request, in: frozenCharter.policy)
        let current = try Self.entitlement(of: request, in: charter.policy)
        self.frozen = frozen
        self.current = current
        self.request = request
        self.person = person
        nodes = [frozen.nodes.resolved(for: person), current.nodes.resolved(for: person)]
        policies = frozenCharter.version == charter.version ? [charter.policy] : [frozenCharter.policy, charter.policy]
        let ask = Entitlement.Ask(
            person: person, selector: request.selector, capabilities: request.capabilities, runAs: request.runAs,
            duration: request.duration, reason: request.reason, fields: request.fields, at: request.at, start: request.start)
        for (rule, isStanding) in [(frozen, false), (current, true)] {
            guard rule.isFor(person) else { throw .notARequester(rule.name, rule.requesters) }
            if let refusal = rule.termsRefusal(of: ask, isStanding: isStanding) { throw refusal }
        }
        if let extended = request.extends, extended.lease - 1 > Int64(extensionCount) {
            throw .extensionsSpent(request.entitlement, extensionCount)
        }
    }

    /// Why a grant from `request` may not go on: its rule is gone, or leaves no node; `nil` where it may.
    package static func end(of request: RequestTerms, in directory: Directory) -> Refusal? {
        do throws(Refusal) {
            let rules = try Self(for: request, in: directory)
            return directory.nodes(matching: request.selector).contains(where: rules.covers) ? nil : .noNodeMatches(request.selector)
        } catch {
            return error
        }
    }

    private static func entitlement(of request: RequestTerms, in policy: Policy) throws(Refusal) -> Entitlement {
        guard let rule = policy.entitlement(request.entitlement, at: request.at) else { throw .entitlementGone(request.entitlement) }
        guard request.isBreakGlass else { return request.extends == nil ? rule : rule.forExtensions }
        // Without anybody's consent there is no more time: whoever needs it breaks the glass again, or asks.
        guard request.extends == nil, let broken = rule.withGlassBroken else { throw .breakGlassGone(request.entitlement) }
        return broken
    }

    /// Whether both policies' entitlements mean `node`, and neither policy forbids it.
    package func covers(_ node: Node) -> Bool {
        nodes.allSatisfy { $0.matches(node) } && prohibition(on: node) == nil
    }

    /// The rule of either policy that forbids on `node` what was asked.
    package func prohibition(on node: Node) -> ForbidRule? {
        for policy in policies {
            if let rule = policy.prohibition(of: request.capabilities, as: request.runAs, by: person, on: node) { return rule }
        }
        return nil
    }

    /// The longest grant that may begin at `start`: the policy's maximum, or until the window closes.
    ///
    /// - Throws: ``Refusal/outsideWindow(_:opens:)``
    package func maximum(from start: Timestamp) throws(Refusal) -> Duration {
        try untilWindowCloses(from: start, atMost: maximumDuration)
    }

    func untilWindowCloses(from start: Timestamp, atMost maximum: Duration) throws(Refusal) -> Duration {
        var longest = maximum
        for rule in both {
            guard let windows = rule.windows else { continue }
            guard let end = windows.end(at: start) else {
                throw .outsideWindow(rule.name, opens: windows.opening(after: start))
            }
            longest = min(longest, end - start)
        }
        return longest
    }

    package var isOneShot: Bool { frozen.isOneShot || current.isOneShot }
    /// Approved without votes, as far as evidence can say; whether the month's count is used up, the broker knows.
    package var isAutomatic: Bool { automaticPerMonth != nil }
    package var automaticPerMonth: Int? {
        guard let first = frozen.autoApproval, let second = current.autoApproval else { return nil }
        return min(first.perMonth, second.perMonth)
    }

    package var maximumDuration: Duration { min(frozen.maximumDuration, current.maximumDuration, Policy.Defaults.absoluteCap) }
    package var denyThreshold: Int { min(frozen.denyThreshold, current.denyThreshold) }
    package var pendingFor: Duration { min(frozen.pendingFor, current.pendingFor) }
    package var activateWithin: Duration { min(frozen.activateWithin, current.activateWithin) }
    package var sessionMaximum: Duration { min(frozen.sessionMaximum, current.sessionMaximum) }
    package var idleLimit: Duration { min(frozen.idleLimit, current.idleLimit) }
    package var lease: Duration { min(frozen.lease, current.lease) }
    package var detachedFor: Duration { min(frozen.detachedFor, current.detachedFor) }
    package var idleCounts: Entitlement.Activity {
        frozen.idleCounts == .input || current.idleCounts == .input ? .input : .inputAndOutput
    }
    package var withoutBroker: Entitlement.Partition {
        frozen.withoutBroker == .lease || current.withoutBroker == .lease ? .lease : .untilDeadline
    }
    package var recording: Entitlement.Recording {
        frozen.recording == .required || current.recording == .required ? .required : .bestEffort
    }

    /// Why `voter` may not vote on `request`, or `nil`.
    package func voteRefusal(of voter: PersonName, on request: RequestTerms, in directory: Directory) -> Refusal? {
        guard voter != request.person else { return .voterIsRequester(request.id) }
        guard !request.isBreakGlass else { return .breakGlassHasNoVotes(request.id) }
        guard let person = directory.people[voter] else { return .personUnknown(voter) }
        guard person.isEnabled else { return .personDisabled(voter) }
        for rule in both where !rule.seats.contains(where: { $0.includes(person) }) {
            return .voterHoldsNoSeat(request.id, rule.seats)
        }
        return nil
    }

    fileprivate func mayVote(_ voter: PersonName, on request: RequestTerms, in directory: Directory) -> Bool {
        voteRefusal(of: voter, on: request, in: directory) == nil
    }
}
