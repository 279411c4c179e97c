// SPDX-License-Identifier: Apache-2.0

package import Access
import Posix
import Protocol
import Transport

/// Waits for the decision on a request: asks the broker on a thread of its own, so that the person can stop waiting and
/// see the time pass meanwhile. Owned by one thread.
package final class DecisionPoll {
    /// A broker that restarts is waited for about this long, in steps of ``pause``.
    private static let patience = 30
    private static let pause: Duration = .seconds(2)

    /// The request, as the broker last told it.
    package private(set) var current: Answer
    private let path: String
    private let connect: @Sendable () throws -> BrokerClient
    private var call: BackgroundCall<Answer>?
    private var callAt: BootInstant = .now
    private var failures = 0

    package init(_ id: RequestID, from first: Answer, of user: Operator) {
        current = first
        path = "\(Route.requests)/\(id)"
        let (broker, pin, device) = (user.identity.broker, user.identity.pin, user.key)
        connect = { try BrokerClient(broker, pin: pin, as: device) }
    }

    package var isPending: Bool { current.optionalText("state") == AccessRequest.State.pending.rawValue }

    /// Readable when there is an answer; -1 while nothing is asked.
    package var number: Int32 { call?.number ?? -1 }

    /// When ``advance()`` has something to do even if no answer comes.
    package var due: Duration? { call == nil ? max(.zero, callAt - .now) : nil }

    /// Takes the answer that is there, and asks on.
    package func advance() throws {
        if let result = call?.result {
            call = nil
            do {
                current = try result.get()
                failures = 0
            } catch let error as TransportError where Self.mayPass(error) && failures < Self.patience {
                failures += 1
                callAt = .now + Self.pause
            }
        }
        guard isPending, call == nil, .now >= callAt else { return }
        let query: [(name: String, value: String)] = [
            ("wait", String(Limits.longPoll.wholeSeconds)), ("version", String(try current.integer("version"))),
            ("looked", String(current.objects("looked").count)),
        ]
        call = try BackgroundCall("decision") { [path, connect] in
            Answer(try connect().get(path, query, wait: Limits.longPoll))
        }
    }

    /// Whether the same question may be answered later; asking changes nothing.
    private static func mayPass(_ error: TransportError) -> Bool {
        switch error {
        case .unreachable, .timedOut, .closed, .truncated: true
        default: false
        }
    }
}
