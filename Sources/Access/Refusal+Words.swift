// SPDX-License-Identifier: Apache-2.0

extension Refusal {
    package var message: String {
        switch self {
        case .durationMalformed(let text): "`\(text)` is not a length of time."
        case .durationTooShort(let duration): "\(DurationText.format(duration)) is too short; the shortest time is 1s."
        case .durationTooLong(let duration, let maximum, let name):
            "\(DurationText.format(duration)) is more than the \(DurationText.format(maximum)) that entitlement `\(name)` allows."
        case .nameMalformed(let kind, let text): "`\(text)` is no name for a \(kind)."
        case .idMalformed(let kind, let letter, let text): "`\(text)` is not the id of a \(kind), as `\(letter)-7k2p9x`."
        case .tagMalformed(let text): "`\(text)` is not a tag."
        case .tooManyTags(let count): "\(count) tags are more than a node may have (\(Tags.maximumCount))."
        case .selectorMalformed(let text, let reason): "`\(text)` is not a selector: \(reason)."
        case .capabilityUnknown(let text): "`\(text)` is not a capability."
        case .destinationMalformed(let text): "`\(text)` is no host and port."
        case .destinationForbidden(let text, let reason): "Nobody is forwarded to `\(text)`: \(reason)."
        case .copyMalformed: "The opening does not say what to copy: it takes `from` with paths, or `to` with one."
        case .forwardMalformed: "The opening forwards connections, and has a command or a terminal besides."
        case .principalMalformed(let text): "`\(text)` names neither a group nor a person."
        case .zoneUnknown(let text): "`\(text)` is not a time zone with a rule."
        case .windowMalformed(let text): "`\(text)` are not hours of the week."
        case .localTimeMalformed(let text): "`\(text)` is not a day and time."
        case .ticketPatternMalformed(let text): "`\(text)` is not the form of a ticket."
        case .fieldMalformed(let name, let expected): "The field `\(name)` takes \(expected)."
        case .reasonTooShort(let length, let minimum):
            length == 0
                ? "The reason is empty." : "The reason has \(length) characters; at least \(minimum) are needed."
        case .reasonTooLong(let length): "The text has \(length) characters; at most \(HumanText.maximumLength) are allowed."
        case .reasonHasControl(let scalar):
            "The text has the character \(Self.codePoint(scalar)), which does not print."
        case .noCharter: "There is no charter yet: no administrator has joined."
        case .charterUnknown(let version): "Version \(version) of the charter is not known here."
        case .personUnknown(let name): "There is no person `\(name)`."
        case .personDisabled(let name): "`\(name)` is disabled."
        case .deviceUnknown(let name): "The device is not one that `\(name)` enrolled, or it was taken away."
        case .notAnAdministrator(let name): "`\(name)` is not an administrator."
        case .noEntitlement(let name): "The policy has no entitlement for `\(name)`."
        case .entitlementUnknown(let name): "You have no entitlement `\(name)`."
        case .entitlementGone(let name): "The entitlement `\(name)` is no longer in the policy."
        case .notARequester(let name, let requesters):
            "Entitlement `\(name)` is for \(requesters.map(\.description).joined(separator: ", "))."
        case .noNodeMatches(let selector): "No node that you may ask for matches `\(selector)`."
        case .capabilityNotAllowed(let capability, let name): "Entitlement `\(name)` does not allow `\(capability.rawValue)`."
        case .runAsNotAllowed(let user, let name, _): "Entitlement `\(name)` does not allow to run as `\(user)`."
        case .quorumImpossible(let name, let seat):
            "This could never be approved: entitlement `\(name)` needs \(seat), and not enough other people hold that."
        case .attributeMissing(let key, let name): "Entitlement `\(name)` goes by your attribute `\(key)`, and you have none."
        case .forbidden(let rule, let node): "The rule `\(rule)` forbids this on node `\(node)`."
        case .ticketMissing(let name, let tickets):
            "Entitlement `\(name)` needs a ticket in the reason, as \(tickets.map(\.description).joined(separator: " or "))."
        case .fieldMissing(let name, let expected): "The field `\(name)` is missing: \(expected)."
        case .fieldUnknown(let field, let name): "Entitlement `\(name)` has no field `\(field)`."
        case .outsideWindow(let name, let opens):
            "Entitlement `\(name)` is not open at this hour\(opens.map { "; it opens at \($0)" } ?? "")."
        case .budgetSpent(let name, let count):
            "You have used the \(count) automatic approval\(count == 1 ? "" : "s") of `\(name)` for this month."
        case .grantUsed(let id): "Grant \(id) is good for one session, and that was opened before."
        case .tooManyNodes(let count): "\(count) nodes are more than one vote may name (\(Vote.maximumNodes))."
        case .noBreakGlass(let name): "The policy has no break-glass rule for `\(name)`."
        case .breakGlassGone(let name): "The policy no longer lets anybody break glass under entitlement `\(name)`."
        case .reviewImpossible(let name, let principals):
            "Nobody could judge this afterwards: entitlement `\(name)` needs another person of \(principals.map(\.description).joined(separator: ", "))."
        case .breakGlassSpent(let name, let count): "You have broken glass under `\(name)` \(count == 1 ? "once" : "\(count) times") this month, and may not again."
        case .reviewOverdue(let id): "The review of \(id), when you broke glass before, is overdue."
        case .breakGlassHasNoVotes(let id): "Request \(id) broke glass: it is not voted on, it is reviewed."
        case .nothingToReview(let id): "Request \(id) was agreed to in the ordinary way: it needs no review."
        case .reviewerIsRequester(let id): "You made request \(id), so you cannot review it."
        case .reviewerNotMeant(let id, let principals):
            "The review of \(id) is for \(principals.isEmpty ? "nobody any more" : principals.map(\.description).joined(separator: ", "))."
        case .alreadyReviewed(let id, let person): "Request \(id) has been reviewed\(person.map { " by `\($0)`" } ?? "")."
        case .watchingOff(let name): "Entitlement `\(name)` lets nobody look on at its sessions."
        case .mayNotWatch(let name, let principals):
            "Only \(principals.map(\.description).joined(separator: ", ")) may look on at sessions under entitlement `\(name)`."
        case .scheduleNotAllowed(let name): "Entitlement `\(name)` does not allow to plan the start of a grant."
        case .scheduleTooFar(let start, let maximum, let name):
            "\(start) is further ahead than the \(DurationText.format(maximum)) that entitlement `\(name)` allows."
        case .startPast(let start): "The start \(start) is not in the future."
        case .tooEarly(let id, let start): "Grant \(id) is not to be used before \(start)."
        case .grantNotActive(let id): "Grant \(id) has not begun, so there is nothing to extend."
        case .leaseChanged(let id, let lease): "The lease of grant \(id) is at version \(lease) by now."
        case .extensionsSpent(let name, let count):
            count == 0
                ? "Entitlement `\(name)` does not allow to extend a grant."
                : "Entitlement `\(name)` allows \(count) extension\(count == 1 ? "" : "s") of a grant, and they are used."
        case .extensionTooLong(let id, let duration, let left):
            "\(DurationText.format(duration)) is more than the \(DurationText.format(left)) by which grant \(id) may be extended now."
        case .extensionTotalReached(let id, let end): "Grant \(id) cannot last longer than until \(end)."
        case .extensionPending(let id): "Request \(id) for more time on this grant is not decided yet."
        case .requestResolved(let id, let state): "Request \(id) is already \(state.rawValue)."
        case .requestDenied(let id, let person): "Request \(id) was denied by `\(person)`."
        case .seatsNotFilled(let id, let missing):
            "Request \(id) is not approved: still missing is the vote of \(missing.map(\.description).joined(separator: " and of "))."
        case .decisionDeadlinePassed(let id, let time): "Request \(id) was to be decided before \(time)."
        case .voterIsRequester(let id): "You made request \(id), so you cannot vote on it."
        case .voterHoldsNoSeat(let id, let seats):
            "You hold no seat of request \(id); it needs \(seats.map(\.description).joined(separator: " and "))."
        case .alreadyVoted(let id): "You have already voted on request \(id)."
        case .voteWidensDuration(let id, let duration, let asked):
            "\(DurationText.format(duration)) is more than the \(DurationText.format(asked)) that request \(id) asks for."
        case .voteWidensNodes(let id, let node): "Node `\(node)` is not among the nodes of request \(id)."
        case .noCommonNode(let id): "The votes on request \(id) leave no node."
        case .onlyRequesterMayWithdraw(let id): "Only who made request \(id) may withdraw it."
        case .notTheHolder(let id): "Grant \(id) is not yours."
        case .nodeNotInGrant(let node, let id): "Node `\(node)` is not covered by what was approved for request \(id)."
        case .activationDeadlinePassed(let id, let time): "Grant \(id) was to be used before \(time)."
        case .grantAlreadyActive(let id): "Grant \(id) is already active."
        case .grantOver(let id, let state, let reason):
            "Grant \(id) is \(state == .ending ? "over" : state.rawValue)\(reason.map { " (\($0.rawValue))" } ?? "")."
        case .sessionOver(let id): "Session \(id) is over."
        case .sessionNotOpen(let id): "Session \(id) is not in a state for that."
        case .mayNotEnd(let subject): "You may not end \(subject)."
        case .clockDisagrees(let signed, let here):
            "The clocks disagree: this was signed at \(signed), and here it is \(here)."
        case .document(let refusal): refusal.message
        case .charter(let refusal): refusal.message
        case .roster(let refusal): refusal.message
        case .notYetDue(let subject): "It is too early for that on \(subject)."
        }
    }

    package var hint: String? {
        switch self {
        case .durationMalformed: "Write it with units, as 45s, 30m, 1h30m or 2d."
        case .durationTooLong(_, let maximum, _): "Ask for \(DurationText.format(maximum)) or less."
        case .nameMalformed: "Use 1 to 63 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit."
        case .tagMalformed: "Write key=value: a key of a-z, 0-9, `.`, `_`, `-`; a value without spaces or commas. `name` is built in."
        case .selectorMalformed: "Write conditions as env=prod,role=db|cache, a node's name, or * for all."
        case .capabilityUnknown: "Capabilities are \(Capability.plain.map(\.rawValue).joined(separator: ", ")), forward:HOST:PORT, and exec:NAME for a command document."
        case .destinationMalformed:
            "Write HOST:PORT with a name in lower case, an address as 192.0.2.7 or an IPv6 address as [2001:db8::7]; one spelling only."
        case .destinationForbidden: "No policy can allow it."
        case .copyMalformed: "Name files by their paths; `/`, `.` and `..` have no name to be copied under."
        case .principalMalformed: "Write group:NAME, person:NAME, attribute:KEY=VALUE or roster:NAME."
        case .zoneUnknown: "Write a name of the IANA database with a fixed rule, as Europe/Berlin or UTC."
        case .windowMalformed: "Write days and hours, as `mon-fri 08:00-18:00` or `sat,sun 22:00-06:00`."
        case .localTimeMalformed: "Write it as 2026-01-05 09:00."
        case .ticketPatternMalformed: "Write it with # for digits, as INC-#."
        case .attributeMissing, .forbidden: "Ask an administrator."
        case .ticketMissing: "Name the ticket in --reason."
        case .fieldMissing(let name, _): "Add --field \(name)=VALUE."
        case .outsideWindow: "Ask again when it is open, or under another entitlement."
        case .budgetSpent: "Ask under an entitlement that people approve, or wait for the next month."
        case .scheduleNotAllowed: "Ask without --at when the time has come, or under another entitlement."
        case .scheduleTooFar(_, let maximum, _): "Ask for a start within \(DurationText.format(maximum))."
        case .startPast: "Leave --at out to start when you first use the grant."
        case .grantNotActive: "Its time begins with its first session."
        case .leaseChanged: "Ask again: it was extended meanwhile."
        case .extensionsSpent, .extensionTotalReached: "Ask for a new grant."
        case .extensionTooLong(_, _, let left): "Ask for \(DurationText.format(left)) or less."
        case .extensionPending: "Wait for it, or take it back with `stint withdraw`."
        case .grantUsed: "Ask anew if you still need access."
        case .reasonTooShort: "Say what you need the access for; approvers read it."
        case .reasonTooLong: "Shorten it and point to the ticket."
        case .reasonHasControl: "Write plain text in one line."
        case .noCharter: "The first administrator joins with the token that `stintd init` printed."
        case .personDisabled: "Ask an administrator."
        case .deviceUnknown: "Enrol it with `stint invite device` from a device that is known."
        case .noEntitlement:
            "Ask an administrator to put you into a group that has one. Where it goes by who is on call, `stint roster` says who is."
        case .notARequester: "Ask an administrator to put you into a group that has one."
        case .entitlementUnknown, .capabilityNotAllowed: "`stint why NODE` tells what you may ask for, and under which entitlement."
        case .notAnAdministrator: "`stint people` shows who is; ask one of them."
        case .personUnknown: "`stint people` lists those there are."
        case .notTheHolder: "`stint grants` lists yours."
        case .noNodeMatches: "`stint nodes` lists the nodes that you may ask for."
        case .runAsNotAllowed(_, _, let allowed): "Allowed: \(allowed.map(\.text).joined(separator: ", "))."
        case .quorumImpossible: "An administrator must invite people into those groups, or change the policy."
        case .tooManyNodes: "Narrow it with --on."
        case .noBreakGlass: "Ask with `stint request`; `stint why` tells who may agree."
        case .breakGlassGone, .breakGlassHasNoVotes: "`stint show` tells what happened."
        case .reviewImpossible: "An administrator must invite people into those groups, or change the policy."
        case .breakGlassSpent: "Ask with `stint request`, or wait for the next month."
        case .reviewOverdue(let id): "Ask another person to run `stint review \(id)`; then you may again."
        case .reviewerIsRequester: "Ask another person to review it."
        case .watchingOff: "Its recording can be read when the session is over."
        case .mayNotWatch: "Ask an administrator to put you into such a group."
        case .requestResolved: "`stint show` tells what happened; ask anew if you still need it."
        case .seatsNotFilled: "`stint show` lists who may vote."
        case .decisionDeadlinePassed, .activationDeadlinePassed: "Ask anew."
        case .voterIsRequester: "Ask another approver to vote."
        case .voteWidensDuration, .voteWidensNodes: "A vote may narrow a request and never widen it."
        case .document(let refusal): refusal.hint
        case .charter(let refusal): refusal.hint
        case .roster(let refusal): refusal.hint
        case .grantOver: "Ask anew if you still need access."
        case .clockDisagrees: "Set the clock of the node or of your machine right (NTP)."
        case .fieldMalformed, .fieldUnknown, .durationTooShort, .idMalformed, .tooManyTags, .charterUnknown, .entitlementGone,
            .requestDenied, .voterHoldsNoSeat, .alreadyVoted, .noCommonNode, .onlyRequesterMayWithdraw, .nodeNotInGrant, .grantAlreadyActive, .sessionOver,
            .sessionNotOpen, .mayNotEnd, .notYetDue, .nothingToReview, .reviewerNotMeant, .alreadyReviewed, .tooEarly, .forwardMalformed:
            nil
        }
    }

    /// `U+0009`
    private static func codePoint(_ scalar: UInt32) -> String {
        let digits = String(scalar, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
}
