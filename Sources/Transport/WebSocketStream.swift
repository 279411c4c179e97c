// SPDX-License-Identifier: Apache-2.0
// SECURITY: bytes from the network become messages here. A violation ends the stream: nothing is repaired.

/// A WebSocket owned by one thread: the data plane of a live session.
///
/// Poll ``descriptor``, ``fill()``, take messages by ``next()`` until it returns nil, ``enqueue(_:parts:_:_:)``
/// answers, ``flush()``. Nothing waits, and nothing is allocated for a message that came in one frame.
/// The stream may be handed from thread to thread between two calls.
package final class WebSocketStream: @unchecked Sendable {
    package enum Role: Sendable { case server, client }
    package enum Kind: Sendable, Equatable { case text, binary, ping, pong, close }
    package enum Filled: Sendable { case some, wouldBlock, ended }

    /// A message, borrowed from the stream: valid until the stream's next ``next()`` or ``fill()``.
    package struct Message {
        package let kind: Kind
        /// Of a close message: the peer's status, 1005 when it gave none.
        package let closeCode: UInt16?
        let payload: UnsafeRawBufferPointer

        package var count: Int { payload.count }

        /// Lends the payload without copying. Of a close message: its reason, in UTF-8.
        package func withPayload<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R { try body(payload) }

        /// A copy of the payload.
        package var bytes: [UInt8] { Array(payload) }
    }

    package let role: Role
    /// Of the accepting side: who dialled. Of the dialling side: the server.
    package let peer: Peer
    private let connection: TLSConnection
    private var codec: WebSocketCodec

    /// - Parameters:
    ///   - received: what the peer sent behind its part of the handshake.
    ///   - unsent: what is to be written before the first frame.
    init(
        _ connection: TLSConnection, role: Role, peer: Peer, limits: TransportLimits,
        received: UnsafeRawBufferPointer, unsent: UnsafeRawBufferPointer = .init(start: nil, count: 0)
    ) {
        self.connection = connection
        self.role = role
        self.peer = peer
        codec = WebSocketCodec(role: role, limits: limits)
        codec.enqueue(raw: unsent)
        codec.take(received)
    }

    /// The socket, for `poll`; -1 after ``close()``.
    package var descriptor: Int32 { connection.descriptor }

    /// Whether bytes may be had although the socket is silent: go on with ``fill()`` and ``next()``, do not poll.
    package var hasBuffered: Bool { codec.hasUnexamined || connection.hasPending }

    /// Bytes that wait to be written.
    package var outgoingBytes: Int { codec.outgoingBytes }

    /// Bytes received and not consumed yet.
    var incomingBytes: Int { codec.incomingBytes }

    /// Reads what the socket has, up to 64 KiB.
    ///
    /// - Returns: `ended` when the peer said goodbye.
    /// - Throws: ``TransportError/truncated`` when the bytes end without that.
    package func fill() throws(TransportError) -> Filled {
        var total = 0
        while total < Self.chunk {
            switch try connection.read(into: codec.room(Self.record)) {
            case .bytes(let count):
                codec.received(count)
                total += count
                // What is here is used at once, instead of asking the kernel for more.
                if !connection.hasPending { return .some }
            case .wouldBlock: return total > 0 ? .some : .wouldBlock
            case .end: return total > 0 ? .some : .ended
            }
        }
        return .some
    }

    /// The next complete message, or nil when more bytes are needed. Pings are answered, and so is a close.
    package func next() throws(WebSocketError) -> Message? { try codec.next() }

    /// Queues one message gathered from up to three parts. A long one leaves in several frames.
    package func enqueue(
        _ kind: Kind, parts first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer = .init(start: nil, count: 0),
        _ third: UnsafeRawBufferPointer = .init(start: nil, count: 0)
    ) {
        codec.enqueue(kind, parts: first, second, third)
    }

    package func enqueue(_ kind: Kind, _ bytes: [UInt8]) { codec.enqueue(kind, bytes) }

    package func enqueue(text: String) {
        var text = text
        text.withUTF8 { enqueue(.text, parts: UnsafeRawBufferPointer($0)) }
    }

    /// Queues a close frame; what is enqueued after it is dropped.
    ///
    /// - Parameter reason: cut to 123 bytes.
    package func enqueueClose(_ code: UInt16, reason: String = "") { codec.enqueueClose(code, reason: reason) }

    /// Writes what the socket takes.
    ///
    /// - Returns: true when everything is written; false: wait until the socket is writable.
    package func flush() throws(TransportError) -> Bool {
        var rest = codec.unwritten
        guard !rest.isEmpty else { return true }
        // Each record is a write of its own. What is more than one wakes the peer once for all of them.
        let isLong = rest.count > Self.record
        if isLong { connection.hold(true) }
        defer { if isLong { connection.hold(false) } }
        while !rest.isEmpty {
            switch try connection.write(rest) {
            case .bytes(let count):
                codec.written(count)
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            case .wouldBlock: return false
            }
        }
        return true
    }

    /// Says the TLS goodbye if that needs no waiting, and closes the socket.
    package func close() {
        connection.closeNotify()
        connection.close()
    }

    /// Takes bytes that somebody else has read from the connection.
    func take(_ received: UnsafeRawBufferPointer) { codec.take(received) }

    /// Forgets what was received: for a stream that is ending, whose peer must not be held up.
    func discardIncoming() { codec.discardIncoming() }

    /// Gives back the memory of empty buffers, for a connection that may be idle for long.
    package func releaseIdleBuffers() { codec.releaseIfEmpty() }

    private static let record = 16 * 1024  // the most that one TLS record carries
    static let chunk = 64 * 1024
}
