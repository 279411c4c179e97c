// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// Why something may not happen: the first missing fact. Its code is stable, its words name what would change it (P7).
package enum Refusal: Error, Sendable, Equatable {
    // Form
    case durationMalformed(String)
    case durationTooShort(Duration)
    case durationTooLong(Duration, maximum: Duration, EntitlementName)
    case nameMalformed(kind: String, String)
    case idMalformed(kind: String, letter: Character, String)
    case tagMalformed(String)
    case tooManyTags(Int)
    case selectorMalformed(String, reason: String)
    case capabilityUnknown(String)
    case destinationMalformed(String)
    /// Whatever the policy says.
    case destinationForbidden(String, reason: String)
    /// An opening that copies, with other words than `from` and `to` and paths.
    case copyMalformed
    /// An opening that forwards, with a command or a terminal.
    case forwardMalformed
    case principalMalformed(String)
    case zoneUnknown(String)
    case windowMalformed(String)
    case localTimeMalformed(String)
    case ticketPatternMalformed(String)
    case fieldMalformed(String, expected: String)
    case reasonTooShort(Int, minimum: Int)
    case reasonTooLong(Int)
    case reasonHasControl(UInt32)

    // Who and what exists
    case noCharter
    case charterUnknown(Int64)
    case personUnknown(PersonName)
    case personDisabled(PersonName)
    case deviceUnknown(PersonName)
    case notAnAdministrator(PersonName)

    // What the policy covers
    case noEntitlement(PersonName)
    case entitlementUnknown(EntitlementName)
    case entitlementGone(EntitlementName)
    case notARequester(EntitlementName, [Principal])
    case noNodeMatches(Selector)
    case capabilityNotAllowed(Capability, EntitlementName)
    case runAsNotAllowed(RunAsName, EntitlementName, allowed: [RunAsName])
    case quorumImpossible(EntitlementName, Seat)
    case attributeMissing(String, EntitlementName)
    case forbidden(RuleName, NodeName)
    case ticketMissing(EntitlementName, [TicketPattern])
    case fieldMissing(String, expected: String)
    case fieldUnknown(String, EntitlementName)
    case outsideWindow(EntitlementName, opens: Timestamp?)
    /// Known to the broker only.
    case budgetSpent(EntitlementName, Int)
    /// Known to the broker only: a session of this one-shot grant was there before.
    case grantUsed(GrantID)
    case tooManyNodes(Int)
    case noBreakGlass(PersonName)
    case breakGlassGone(EntitlementName)
    case reviewImpossible(EntitlementName, [Principal])
    /// Known to the broker only.
    case breakGlassSpent(EntitlementName, Int)
    /// Known to the broker only.
    case reviewOverdue(RequestID)
    case watchingOff(EntitlementName)
    case mayNotWatch(EntitlementName, [Principal])

    // A start that is planned
    case scheduleNotAllowed(EntitlementName)
    case scheduleTooFar(Timestamp, maximum: Duration, EntitlementName)
    case startPast(Timestamp)
    case tooEarly(GrantID, Timestamp)

    // An extension
    case grantNotActive(GrantID)
    case leaseChanged(GrantID, Int64)
    case extensionsSpent(EntitlementName, Int)
    case extensionTooLong(GrantID, Duration, left: Duration)
    case extensionTotalReached(GrantID, Timestamp)
    case extensionPending(RequestID)

    // A request and its votes
    case requestResolved(RequestID, AccessRequest.State)
    case requestDenied(RequestID, by: PersonName)
    case seatsNotFilled(RequestID, missing: [Seat])
    case decisionDeadlinePassed(RequestID, Timestamp)
    case voterIsRequester(RequestID)
    case voterHoldsNoSeat(RequestID, [Seat])
    case alreadyVoted(RequestID)
    case voteWidensDuration(RequestID, Duration, asked: Duration)
    case voteWidensNodes(RequestID, NodeName)
    case noCommonNode(RequestID)
    case onlyRequesterMayWithdraw(RequestID)
    case breakGlassHasNoVotes(RequestID)

    // A review
    case nothingToReview(RequestID)
    case reviewerIsRequester(RequestID)
    case reviewerNotMeant(RequestID, [Principal])
    case alreadyReviewed(RequestID, by: PersonName?)

    // A grant and its sessions
    case notTheHolder(GrantID)
    case nodeNotInGrant(NodeName, RequestID)
    case activationDeadlinePassed(GrantID, Timestamp)
    case grantAlreadyActive(GrantID)
    case grantOver(GrantID, Grant.State, Grant.EndReason?)
    case sessionOver(SessionID)
    case sessionNotOpen(SessionID)
    case mayNotEnd(String)
    case clockDisagrees(signed: Timestamp, here: Timestamp)
    case document(DocumentRefusal)
    case charter(CharterRefusal)
    case roster(RosterRefusal)
    /// A clock or the sweeper came too early: the caller looks again later.
    case notYetDue(String)
}

extension Refusal: Explainable {
    package var code: String {
        switch self {
        case .durationMalformed: "duration.malformed"
        case .durationTooShort: "duration.too-short"
        case .durationTooLong: "duration.too-long"
        case .nameMalformed: "name.malformed"
        case .idMalformed: "id.malformed"
        case .tagMalformed: "tag.malformed"
        case .tooManyTags: "tag.too-many"
        case .selectorMalformed: "selector.malformed"
        case .capabilityUnknown: "capability.unknown"
        case .destinationMalformed: "destination.malformed"
        case .destinationForbidden: "destination.forbidden"
        case .copyMalformed: "copy.malformed"
        case .forwardMalformed: "forward.malformed"
        case .principalMalformed: "principal.malformed"
        case .zoneUnknown: "zone.unknown"
        case .windowMalformed: "window.malformed"
        case .localTimeMalformed: "time.malformed"
        case .ticketPatternMalformed: "ticket.malformed"
        case .fieldMalformed: "field.malformed"
        case .reasonTooShort: "reason.too-short"
        case .reasonTooLong: "reason.too-long"
        case .reasonHasControl: "reason.control-character"
        case .noCharter: "charter.missing"
        case .charterUnknown: "charter.unknown-version"
        case .personUnknown: "person.unknown"
        case .personDisabled: "person.disabled"
        case .deviceUnknown: "device.unknown"
        case .notAnAdministrator: "person.not-an-administrator"
        case .noEntitlement: "policy.no-entitlement"
        case .entitlementUnknown: "policy.unknown-entitlement"
        case .entitlementGone: "policy.entitlement-gone"
        case .notARequester: "policy.not-a-requester"
        case .noNodeMatches: "selector.no-node"
        case .capabilityNotAllowed: "policy.capability"
        case .runAsNotAllowed: "policy.run-as"
        case .quorumImpossible: "policy.quorum-impossible"
        case .attributeMissing: "policy.attribute-missing"
        case .forbidden: "policy.forbidden"
        case .ticketMissing: "reason.no-ticket"
        case .fieldMissing: "field.missing"
        case .fieldUnknown: "field.unknown"
        case .outsideWindow: "policy.outside-window"
        case .budgetSpent: "policy.budget-spent"
        case .grantUsed: "grant.used"
        case .tooManyNodes: "vote.too-many-nodes"
        case .noBreakGlass: "policy.no-break-glass"
        case .breakGlassGone: "policy.break-glass-gone"
        case .reviewImpossible: "policy.review-impossible"
        case .breakGlassSpent: "policy.break-glass-spent"
        case .reviewOverdue: "review.overdue"
        case .breakGlassHasNoVotes: "vote.break-glass"
        case .nothingToReview: "review.not-needed"
        case .reviewerIsRequester: "review.reviewer-is-requester"
        case .reviewerNotMeant: "review.not-yours"
        case .alreadyReviewed: "review.already-judged"
        case .watchingOff: "watch.off"
        case .mayNotWatch: "watch.not-allowed"
        case .scheduleNotAllowed: "schedule.not-allowed"
        case .scheduleTooFar: "schedule.too-far"
        case .startPast: "schedule.past"
        case .tooEarly: "grant.too-early"
        case .grantNotActive: "extension.grant-not-active"
        case .leaseChanged: "extension.lease-changed"
        case .extensionsSpent: "extension.no-more"
        case .extensionTooLong: "extension.too-long"
        case .extensionTotalReached: "extension.total-reached"
        case .extensionPending: "extension.pending"
        case .requestResolved: "request.already-resolved"
        case .requestDenied: "request.denied"
        case .seatsNotFilled: "request.seats-not-filled"
        case .decisionDeadlinePassed: "request.deadline-passed"
        case .voterIsRequester: "vote.voter-is-requester"
        case .voterHoldsNoSeat: "vote.no-seat"
        case .alreadyVoted: "vote.already-voted"
        case .voteWidensDuration: "vote.widens-duration"
        case .voteWidensNodes: "vote.widens-nodes"
        case .noCommonNode: "vote.no-common-node"
        case .onlyRequesterMayWithdraw: "request.not-yours"
        case .notTheHolder: "grant.not-yours"
        case .nodeNotInGrant: "grant.node-not-covered"
        case .activationDeadlinePassed: "grant.activation-deadline-passed"
        case .grantAlreadyActive: "grant.already-active"
        case .grantOver: "grant.over"
        case .sessionOver: "session.over"
        case .sessionNotOpen: "session.not-open"
        case .mayNotEnd: "end.not-allowed"
        case .clockDisagrees: "clock.disagrees"
        case .document(let refusal): refusal.code
        case .charter(let refusal): refusal.code
        case .roster(let refusal): refusal.code
        case .notYetDue: "state.not-yet-due"
        }
    }
}

extension Refusal {
    /// Whether the missing fact is one that a node cannot know from evidence: the broker alone decides it.
    package var isKnownToBrokerOnly: Bool {
        switch self {
        case .budgetSpent, .grantUsed, .breakGlassSpent, .reviewOverdue: true
        default: false
        }
    }
}
