// SPDX-License-Identifier: Apache-2.0

package import Access
import Glibc
import Protocol
import Transport

extension Operator {
    /// A broker that restarts is waited for about this long, in steps of ``pause``.
    private static let patience = 30
    private static let pause = timespec(tv_sec: 2, tv_nsec: 0)

    /// Waits until a request is decided.
    ///
    /// - Parameter seen: called with each new version of it.
    /// - Returns: the decided request.
    package func waitForDecision(on id: RequestID, from first: Answer, seen: (Answer) -> Void) throws -> Answer {
        var current = first
        var failures = 0
        while try current.text("state") == AccessRequest.State.pending.rawValue {
            seen(current)
            let query: [(name: String, value: String)] = [
                ("wait", String(Limits.longPoll.wholeSeconds)), ("version", String(try current.integer("version"))),
            ]
            do {
                current = Answer(try broker.get("\(Route.requests)/\(id)", query, wait: Limits.longPoll))
                failures = 0
            } catch let error as TransportError where Self.mayPass(error) && failures < Self.patience {
                failures += 1
                var rest = Self.pause
                nanosleep(&rest, nil)
            }
        }
        return current
    }

    /// Whether the same question may be answered later; asking changes nothing.
    private static func mayPass(_ error: TransportError) -> Bool {
        switch error {
        case .unreachable, .timedOut, .closed, .truncated: true
        default: false
        }
    }
}
