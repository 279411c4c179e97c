// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Posix
import Protocol
import StrictJSON

/// The way to a grant: a live one that covers what is needed, else a pending request of ours that would, else a new one.
struct GrantQuest {
    enum Outcome {
        case grant(GrantView)
        /// The person does not want to wait. With the exit status.
        case stopped(Int32)
    }

    let user: Operator
    let console: Console
    let need: AccessNeed
    let selector: Selector
    /// nil: nothing is asked, only what is there is used.
    let reason: String?
    /// The command line that comes here again, without a reason: `stint shell db-1`.
    let again: String
    /// What to write where nothing is there and no reason was given.
    let ask: ClientError

    func run() throws -> Outcome {
        let grants = try user.grants()
        if let grant = need.choose(among: grants, at: .now()) { return .grant(grant) }
        let pending = try Answer(try user.broker.get(Route.requests, [("scope", "mine"), ("state", "pending")])).items()
        // A script that does not ask for access must not hang until somebody decides.
        let mayWait = reason != nil || StandardStream.error.isTerminal
        if mayWait, let request = need.choose(amongPending: pending, at: .now()) {
            let id = try RequestID(try request.text("id"))
            console.errors("Request \(id) of yours already asks for this.\n")
            return try wait(for: id, from: request, asked: deciders(of: request))
        }
        guard let reason else {
            if let planned = need.choose(amongPlanned: grants, at: .now()) { throw Refusal.tooEarly(planned.grant.id, planned.start) }
            throw ask
        }
        return try file(reason)
    }

    private func file(_ reason: String) throws -> Outcome {
        var draft = RequestDraft(selector: selector, reason: reason, duration: need.duration, runAs: need.runAs)
        if !need.capabilities.allSatisfy(RequestDraft.isUsual) { draft.capabilities = need.capabilities }
        let complete = try draft.complete(for: try user.me(), in: user.directory, at: .now())
        if !complete.capabilities.isSuperset(of: need.capabilities) { draft.capabilities = need.capabilities }
        let (made, answer) = try user.request(draft)
        let report = RequestReport(made, answer, by: user.identity.person, in: user.directory)
        console.errors(report.text(now: .now()))
        return try wait(for: try report.id(), from: answer, asked: report.told)
    }

    private func wait(for id: RequestID, from request: Answer, asked: [PersonName]) throws -> Outcome {
        let waiting = DecisionWait(console, quiet: false, asked: asked, again: again)
        switch try waiting.wait(for: id, of: user, from: request) {
        case .stopped(let status): return .stopped(status)
        case .decided(let decided):
            guard decided.optionalText("state") == AccessRequest.State.approved.rawValue else {
                throw ClientError.requestEnded(id.description, state: WaitingText.refusal(decided))
            }
            try user.synchronise()  // who approved may have joined while we waited
            return .grant(try user.grant(id.sibling()))
        }
    }

    /// Who may decide a request that was made before, by the policy of now.
    private func deciders(of request: Answer) -> [PersonName] {
        guard let name = request.optionalText("entitlement"), let entitlement = try? EntitlementName(name),
            let rule = user.directory.charter?.policy.entitlement(entitlement)
        else { return [] }  // the broker says what is wrong with the request
        return Set(Seats.holders(of: rule.seats, besides: user.identity.person, in: user.directory).flatMap(\.people)).sorted()
    }
}
