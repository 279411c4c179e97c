// SPDX-License-Identifier: Apache-2.0

package import Access
import Protocol

extension Operator {
    /// Waits until a request is decided.
    ///
    /// - Parameter seen: called with each new version of it.
    /// - Returns: the decided request.
    package func waitForDecision(on id: RequestID, from first: Answer, seen: (Answer) -> Void) throws -> Answer {
        var current = first
        while try current.text("state") == AccessRequest.State.pending.rawValue {
            seen(current)
            let query: [(name: String, value: String)] = [
                ("wait", String(Limits.longPoll.wholeSeconds)), ("version", String(try current.integer("version"))),
            ]
            current = Answer(try broker.get("\(Route.requests)/\(id)", query, wait: Limits.longPoll))
        }
        return current
    }
}
