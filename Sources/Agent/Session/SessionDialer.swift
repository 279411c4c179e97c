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

    /// Connects for a session that may come. Nothing is asked of the broker. Waits for the network.
    ///
    /// - Returns: what to dial over; `nil` where the broker cannot be reached, which the session's own dial will say.
    func connect() -> HTTPClient? {
        let client = HTTPClient(broker, context: context, timeout: Self.timeout)
        do throws(TransportError) {
            try client.connect()
            return client
        } catch {
            return nil
        }
    }

    /// Opens a connection for the session. Waits for the network.
    ///
    /// - Parameter connected: of ``connect()``; used up by this.
    func dial(_ id: SessionID, over connected: HTTPClient? = nil) throws -> WebSocketStream {
        do throws(TransportError) {
            let client = connected ?? HTTPClient(broker, context: context, timeout: Self.timeout)
            return try client.upgrade(path: Route.attach, query: [("session", id.description)])
        } catch {
            throw BrokerAnswer.error(error)
        }
    }
}
