// SPDX-License-Identifier: Apache-2.0

package import Access
import CommandLineKit

/// What somebody who waits for a decision is told.
package enum WaitingText {
    /// `Waiting for the decision on r-7k2p9x · 59 min left · lead has looked · asked anna, lead`
    ///
    /// - Parameters:
    ///   - asked: who may decide.
    ///   - showsTime: false for lines that stay, where the time left would be wrong a minute later.
    package static func line(_ request: Answer, asked: [String], showsTime: Bool, now: Timestamp) -> String {
        var parts = ["Waiting for the decision on \(request.optionalText("id") ?? "?")"]
        if showsTime, let deadline = request.time("decideBefore") {
            parts.append("\(RelativeTime.length(deadline - now)) left")
        }
        let votes = request.objects("votes").compactMap { $0.optionalText("person") }
        let looked = request.objects("looked").compactMap { $0.optionalText("person") }.filter { !votes.contains($0) }
        switch looked.count {
        case 0: break
        case 1: parts.append("\(looked[0]) has looked")
        default: parts.append("\(ObjectText.names(looked)) have looked")
        }
        if !votes.isEmpty { parts.append("approved so far by \(ObjectText.names(votes))") }
        // Last: it has been said before, and a narrow window cuts it.
        if !asked.isEmpty { parts.append("asked \(ObjectText.names(asked))") }
        return shown(parts.joined(separator: " · "))
    }

    /// What is true after somebody has stopped to wait.
    ///
    /// - Parameter again: the command that waits on.
    package static func stopped(_ request: Answer, again: String, now: Timestamp) -> String {
        let id = shown(request.optionalText("id") ?? "?")
        let until = request.time("decideBefore").map { ", until \(TimeText.local($0)) (\(TimeText.relative($0, now: now)))" } ?? ""
        return "Request \(id) stays\(until).\nGo on waiting: \(again)   Take it back: stint withdraw \(id)\n"
    }

    /// How a request that was not approved ended: `denied by lead: “not during the freeze”`.
    package static func refusal(_ request: Answer) -> String {
        let state = request.optionalText("state") ?? "?"
        guard let vote = request.objects("votes").last(where: { $0.optionalText("verdict") == "deny" }) else { return state }
        let note = vote.optionalText("note").flatMap { $0.isEmpty ? nil : ": “\($0)”" } ?? ""
        return "\(state) by \(vote.optionalText("person") ?? "?")\(note)"
    }
}
