// SPDX-License-Identifier: Apache-2.0
// SECURITY: connects with a key that stands in for the node's, and only to the broker whose key is pinned.

import Access
import Evidence
import Posix
import Protocol
import Transport

/// Dials the broker for a session, from any thread.
struct SessionDialer: Sendable {
    private let broker: Endpoint
    private let context: TLSContext

    private static let timeout: Duration = .seconds(10)

    init(_ identity: NodeIdentity, with key: TLSDelegation) throws {
        broker = identity.broker
        context = try TLSContext(clientWith: try TLSIdentity(key), expecting: identity.pin.bytes)
    }

    /// Opens a connection for the session. Waits for the network.
    func dial(_ id: SessionID) throws -> WebSocketStream {
        do throws(TransportError) {
            let client = HTTPClient(broker, context: context, timeout: Self.timeout)
            return try client.upgrade(path: Route.attach, query: [("session", id.description)])
        } catch {
            throw BrokerAnswer.error(error)
        }
    }
}
