// SPDX-License-Identifier: Apache-2.0
// SECURITY: the request's state machine. Terminal states absorb every event; a deadline is tested here, at the moment of
// effect, and never left to the sweeper (P1, P4).

/// A request, from the moment it is asked until nothing can change it any more.
///
///            ┌ vote fills the quorum ─▶ approved     the grant is ready in the same transaction
///            ├ vote denies ───────────▶ denied       looked at before any approval
///  pending ──┼ withdraw ──────────────▶ withdrawn    by the requester only
///            ├ lapse ─────────────────▶ lapsed       nobody acted in time
///            └ invalidate ────────────▶ invalidated  a person disabled, or the policy forbids it now
///
/// A resolved request never changes again. The machine decides; it stores and sends nothing.
package struct AccessRequest: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case pending, approved, denied, withdrawn, lapsed, invalidated

        package var isTerminal: Bool { self != .pending }
    }

    package enum Event: Sendable, Equatable {
        case vote(Vote)
        /// Approve without a vote, as the policy allows.
        /// `spent`: how many requests of this person were approved so this month; a fact that only the broker knows.
        case approveAutomatically(spent: Int)
        /// Approve what breaks glass. Both are facts that only the broker knows: how many requests of this person did so this
        /// month, and one of them whose review is overdue.
        case breakGlass(spent: Int, overdue: RequestID?)
        case withdraw(by: PersonName)
        case lapse
        /// What the directory says now is to be looked at again: a person was disabled, the policy changed.
        case directoryChanged
        /// The grant that this would extend is over.
        case grantEnded
    }

    package enum Effect: Sendable, Equatable {
        case none
        case ready(GrantTerms)
    }

    package let terms: RequestTerms
    package let decideBefore: Timestamp
    package private(set) var votes: [Vote]
    package private(set) var state: State
    /// Counts the changes; a store writes a change only over the version it was made from.
    package private(set) var version: Int64

    package init(terms: RequestTerms, decideBefore: Timestamp, votes: [Vote] = [], state: State = .pending, version: Int64 = 1) {
        self.terms = terms
        self.decideBefore = decideBefore
        self.votes = votes
        self.state = state
        self.version = version
    }

    /// - Throws: a ``Refusal``, which leaves the value unchanged.
    package mutating func apply(_ event: Event, in directory: Directory, at now: Timestamp) throws(Refusal) -> Effect {
        guard state == .pending else { throw .requestResolved(terms.id, state) }
        switch event {
        case .vote(let vote): return try cast(vote, in: directory, at: now)
        case .approveAutomatically(let spent): return try approveAutomatically(spent, in: directory, at: now)
        case .breakGlass(let spent, let overdue): return try breakGlass(spent, overdue, in: directory, at: now)
        case .withdraw(let person):
            guard person == terms.person else { throw .onlyRequesterMayWithdraw(terms.id) }
            become(.withdrawn)
        case .lapse:
            guard now >= decideBefore else { throw .notYetDue(terms.id.description) }
            become(.lapsed)
        case .directoryChanged:
            guard EntitlementInForce.end(of: terms, in: directory) != nil else { throw .notYetDue(terms.id.description) }
            become(.invalidated)
        case .grantEnded:
            guard terms.extends != nil else { throw .notYetDue(terms.id.description) }
            become(.invalidated)
        }
        return .none
    }

    private mutating func cast(_ vote: Vote, in directory: Directory, at now: Timestamp) throws(Refusal) -> Effect {
        let rules = try EntitlementInForce(for: terms, in: directory)
        guard now < decideBefore else { throw .decisionDeadlinePassed(terms.id, decideBefore) }
        if let refusal = rules.voteRefusal(of: vote.person, on: terms, in: directory) { throw refusal }
        guard !votes.contains(where: { $0.person == vote.person }) else { throw .alreadyVoted(terms.id) }
        try check(vote, against: rules, in: directory)
        let approval = try Approval.judge(terms, votes: votes + [vote], in: directory)
        votes.append(vote)
        switch approval {
        case .pending:
            version += 1
            return .none
        case .denied:
            become(.denied)
            return .none
        case .approved(let grant):
            become(.approved)
            return .ready(grant)
        }
    }

    private mutating func approveAutomatically(_ spent: Int, in directory: Directory, at now: Timestamp) throws(Refusal) -> Effect {
        let rules = try EntitlementInForce(for: terms, in: directory)
        guard now < decideBefore else { throw .decisionDeadlinePassed(terms.id, decideBefore) }
        guard let allowed = rules.automaticPerMonth, votes.isEmpty else { throw .seatsNotFilled(terms.id, missing: rules.current.seats) }
        guard spent < allowed else { throw .budgetSpent(terms.entitlement, allowed) }
        guard case .approved(let grant) = try Approval.judge(terms, votes: [], in: directory) else {
            throw .seatsNotFilled(terms.id, missing: rules.current.seats)
        }
        become(.approved)
        return .ready(grant)
    }

    private mutating func breakGlass(
        _ spent: Int, _ overdue: RequestID?, in directory: Directory, at now: Timestamp
    ) throws(Refusal) -> Effect {
        let rules = try EntitlementInForce(for: terms, in: directory)
        guard terms.isBreakGlass else { throw .seatsNotFilled(terms.id, missing: rules.current.seats) }
        guard now < decideBefore else { throw .decisionDeadlinePassed(terms.id, decideBefore) }
        if let overdue { throw .reviewOverdue(overdue) }
        guard spent < rules.breakGlassPerMonth else { throw .breakGlassSpent(terms.entitlement, rules.breakGlassPerMonth) }
        guard case .approved(let grant) = try Approval.judge(terms, votes: [], in: directory) else {
            throw .seatsNotFilled(terms.id, missing: rules.current.seats)
        }
        become(.approved)
        return .ready(grant)
    }

    /// A vote may narrow and never widen.
    private func check(_ vote: Vote, against rules: EntitlementInForce, in directory: Directory) throws(Refusal) {
        guard case .approve(let nodes, let duration) = vote.verdict else { return }
        guard duration <= terms.duration else { throw .voteWidensDuration(terms.id, duration, asked: terms.duration) }
        guard duration >= .seconds(1) else { throw .durationTooShort(duration) }
        guard nodes.count <= Vote.maximumNodes else { throw .tooManyNodes(nodes.count) }
        let asked = Set(directory.nodes(matching: terms.selector).filter(rules.covers).map(\.name))
        if let extra = nodes.sorted().first(where: { !asked.contains($0) }) { throw .voteWidensNodes(terms.id, extra) }
        guard !nodes.isEmpty else { throw .noCommonNode(terms.id) }
    }

    private mutating func become(_ next: State) {
        state = next
        version += 1
    }
}
