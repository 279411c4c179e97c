// SPDX-License-Identifier: Apache-2.0
// SECURITY: what was done without a second person is judged by one afterwards, and never by who did it. A judgement stands.

/// The judgement that a break-glass grant owes.
///
///   due ───────┬─ judge ─▶ accepted | flagged
///    └ fallDue ▶ overdue ─ judge ─▶ accepted | flagged
///
/// `overdue`: nobody judged it in time; until somebody does, its requester breaks no glass again.
package struct Review: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case due, overdue, accepted, flagged

        package var isTerminal: Bool {
            switch self {
            case .due, .overdue: false
            case .accepted, .flagged: true
            }
        }
    }

    package enum Verdict: String, Sendable, CaseIterable {
        case accepted
        /// Somebody has to look into it.
        case concern
    }

    package enum Event: Sendable, Equatable {
        case judge(Verdict, by: PersonName)
        case fallDue
    }

    package let request: RequestID
    package let requester: PersonName
    package let dueBefore: Timestamp
    package private(set) var reviewer: PersonName?
    package private(set) var state: State
    package private(set) var version: Int64

    package init(
        request: RequestID, requester: PersonName, dueBefore: Timestamp, reviewer: PersonName? = nil, state: State = .due,
        version: Int64 = 1
    ) {
        self.request = request
        self.requester = requester
        self.dueBefore = dueBefore
        self.reviewer = reviewer
        self.state = state
        self.version = version
    }

    /// Whether it keeps its requester from breaking glass again, swept or not.
    package func isOverdue(at now: Timestamp) -> Bool { !state.isTerminal && now >= dueBefore }

    /// - Parameter terms: of the request that it is about.
    /// - Throws: a ``Refusal``, which leaves the value unchanged.
    package mutating func apply(_ event: Event, of terms: RequestTerms, in directory: Directory, at now: Timestamp) throws(Refusal) {
        switch (state, event) {
        case (.due, .judge(let verdict, let person)), (.overdue, .judge(let verdict, let person)):
            if let refusal = Self.refusal(of: person, on: terms, in: directory) { throw refusal }
            reviewer = person
            become(verdict == .accepted ? .accepted : .flagged)
        case (.due, .fallDue):
            guard isOverdue(at: now) else { throw .notYetDue(request.description) }
            become(.overdue)
        case (.overdue, .fallDue): throw .notYetDue(request.description)
        case (.accepted, _), (.flagged, _): throw .alreadyReviewed(request, by: reviewer)
        }
    }

    /// Why `person` may not judge what was done under `terms`, or `nil`.
    ///
    /// The policy in force says who may; where it no longer has the rule, the one at the time. A judgement gives nothing
    /// to anybody, so no stricter reading is needed, and one that is never possible would bind the requester for ever.
    package static func refusal(of person: PersonName, on terms: RequestTerms, in directory: Directory) -> Refusal? {
        guard terms.isBreakGlass else { return .nothingToReview(terms.id) }
        guard person != terms.person else { return .reviewerIsRequester(terms.id) }
        guard let reviewer = directory.people[person] else { return .personUnknown(person) }
        guard reviewer.isEnabled else { return .personDisabled(person) }
        let principals = reviewers(of: terms, in: directory)
        guard principals.contains(where: { $0.includes(reviewer) }) else { return .reviewerNotMeant(terms.id, principals) }
        return nil
    }

    /// Whom the policy means; never the requester, whatever it says.
    package static func reviewers(of terms: RequestTerms, in directory: Directory) -> [Principal] {
        for charter in [directory.charter, directory.charter(version: terms.charterVersion)] {
            guard let rule = charter?.policy.entitlement(terms.entitlement, at: terms.at), rule.breakGlass != nil else { continue }
            return rule.reviewers
        }
        return []
    }
}

extension Review {
    /// The event that is due at `now`, or `nil`.
    package func due(at now: Timestamp) -> Event? { state == .due && isOverdue(at: now) ? .fallDue : nil }

    private mutating func become(_ next: State) {
        state = next
        version += 1
    }
}
