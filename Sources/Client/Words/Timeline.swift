// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Protocol
import StrictJSON

/// One request from question to receipt, line by line.
struct Timeline {
    private var moments: [(at: Timestamp, words: String)] = []

    init(request: Answer, grant: Answer?, sessions: [Answer]) {
        let who = request.optionalText("requester") ?? "?"
        let more = request.optionalText("extends").map { " more of \($0)" } ?? ""
        add(request, "createdAt", "\(who) asked for \(ObjectText.seconds(request, "duration") ?? "?")\(more)")
        for look in request.objects("looked") { add(look, "at", "\(look.optionalText("person") ?? "?") looked at it") }
        for vote in request.objects("votes") {
            let verdict = vote.optionalText("verdict") == "approve" ? "approved" : "denied it"
            let note = vote.optionalText("note").flatMap { $0.isEmpty ? nil : ": “\($0)”" } ?? ""
            add(vote, "at", "\(vote.optionalText("person") ?? "?") \(verdict)\(note)")
        }
        let state = request.optionalText("state") ?? "?"
        if state != "pending" { add(request, "resolvedAt", "the request is \(state)") }
        if let grant {
            let extensions = grant.objects("extensions")
            let end = extensions.isEmpty ? grant.time("notAfter") : Self.firstEnd(of: grant)
            add(grant, "notBefore", "\(who) started the grant" + (end.map { ", until \(TimeText.local($0))" } ?? ""))
            for more in extensions { add(more, by: who) }
            add(grant, "endedAt", "the grant ended: \(grant.optionalText("endReason") ?? "?")")
        }
        for session in sessions { add(session) }
        moments.sort { $0.at < $1.at }
    }

    /// Asks the broker. What cannot be read is left out.
    init?(around id: RequestID?, seenBy user: Operator) {
        func read(_ path: String, _ query: [(name: String, value: String)] = []) -> Answer? {
            // There may be no grant yet, or the broker has gone meanwhile.
            (try? user.broker.get(path, query)).map { Answer($0) }
        }
        guard let id, let request = read("\(Route.requests)/\(id)") else { return nil }
        let grantID: GrantID = id.sibling()
        let grant = read("\(Route.grants)/\(grantID)")
        let sessions = grant == nil ? [] : read(Route.sessions, [("scope", "all")])?.objects("items") ?? []
        self.init(
            request: request, grant: grant,
            sessions: sessions.filter { $0.optionalText("grant") == grantID.description })
    }

    /// When the grant would have ended had nobody asked for more.
    private static func firstEnd(of grant: Answer) -> Timestamp? {
        guard let start = grant.time("notBefore"), let granted = grant.optionalInteger("granted") else { return nil }
        return start + .seconds(granted)
    }

    private mutating func add(_ more: Answer, by who: String) {
        let id = more.optionalText("id") ?? "?"
        let reason = more.optionalText("reason").map { ": “\($0)”" } ?? ""
        add(more, "createdAt", "\(who) asked for \(ObjectText.seconds(more, "duration") ?? "?") more (\(id))\(reason)")
        let state = more.optionalText("state") ?? "?"
        let approvers = more.texts("approvers").joined(separator: ", ")
        let words = state == "approved" ? "\(approvers) agreed to \(id)" : "\(id) is \(state)"
        add(more, "resolvedAt", words)
    }

    private mutating func add(_ session: Answer) {
        let id = session.optionalText("id") ?? "?"
        let capability = session.optionalText("capability") ?? "?"
        // The words of a copy say where from or where to, and not that it is one.
        let verb = capability == Capability.copy.rawValue ? "copy " : ""
        let what = CommandText.shown(session.texts("command")).map { verb + $0 } ?? capability
        add(session, "openedAt", "\(id) opened on \(session.optionalText("node") ?? "?"): \(what)")
        let receipt = session.json["receipt"].map(Answer.init)
        let left = receipt?.optionalInteger("killed").map {
            "; receipt: \($0) killed, \(receipt?.optionalInteger("left") ?? 0) left"
        }
        add(session, "endedAt", "\(id) ended: \(session.optionalText("endReason") ?? "?")\(left ?? ", without a receipt")")
    }

    private mutating func add(_ object: Answer, _ key: String, _ words: String) {
        guard let at = object.time(key) else { return }
        moments.append((at, words))
    }

    /// Empty where nothing is known.
    func text(now: Timestamp) -> String {
        guard !moments.isEmpty else { return "" }
        return "\nWhat happened\n" + moments.map { moment in
            "  \(TimeText.local(moment.at))  \(shown(moment.words))\n"
        }.joined()
    }
}
