// SPDX-License-Identifier: Apache-2.0

/// Every limit of this layer, in one place. Sizes are in bytes.
///
/// The defaults are the product's; tests shorten them.
package struct TransportLimits: Sendable {
    // HTTP/1.1

    /// Request line or status line and all headers, with the blank line.
    package var head = 8 * 1024
    package var headers = 64
    package var requestBody = 256 * 1024
    /// What a client takes from a server it knows: recordings come as one body.
    package var responseBody = 64 * 1024 * 1024

    // WebSocket

    /// The payload of one frame: 64 KiB and room for a session frame's own header.
    package var frame = 64 * 1024 + 256
    /// A message put together from its frames.
    package var message = 1024 * 1024
    /// What may wait to be sent on a connection that stays in the loop.
    package var sendQueue = 1024 * 1024

    // Time

    package var handshake: Duration = .seconds(5)
    package var headTime: Duration = .seconds(10)
    package var bodyTime: Duration = .seconds(30)
    package var idle: Duration = .seconds(60)
    /// A response, or messages of a WebSocket in the loop, that the peer takes no byte of.
    package var writeStall: Duration = .seconds(30)
    /// After an error response: how long the peer may still talk before the connection is closed.
    package var linger: Duration = .seconds(2)

    // Connections

    /// Connections from one address that are in their handshake or have made no request yet.
    package var unusedPerSource = 20

    package init() {}

    /// RFC 6455 §5.5.
    static let controlPayload = 125
}
