// SPDX-License-Identifier: Apache-2.0
// SECURITY: bytes from the network become messages here. A violation ends the stream: nothing is repaired.

import COpenSSL

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
        fileprivate let payload: UnsafeRawBufferPointer

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
    private let limits: TransportLimits
    private var incoming = ByteQueue()
    private var outgoing = ByteQueue()
    /// The frames so far of a message in several frames.
    private var assembly = ByteQueue()
    private var assemblyKind: WebSocketFrame.Opcode?
    private var isAssemblyDelivered = false
    private var masks = MaskSource()
    private var hasSentClose = false
    private var hasReceivedClose = false
    /// Bytes came that ``next()`` has not looked at.
    private var hasUnexamined: Bool

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
        self.limits = limits
        hasUnexamined = false
        outgoing.append(unsent)
        take(received)
    }

    /// The socket, for `poll`; -1 after ``close()``.
    package var descriptor: Int32 { connection.descriptor }

    /// Whether bytes may be had although the socket is silent: go on with ``fill()`` and ``next()``, do not poll.
    package var hasBuffered: Bool { hasUnexamined || connection.hasPending }

    /// Bytes that wait to be written.
    package var outgoingBytes: Int { outgoing.count }

    /// Bytes received and not consumed yet.
    var incomingBytes: Int { incoming.count }

    /// Reads what the socket has, up to 64 KiB.
    ///
    /// - Returns: `ended` when the peer said goodbye.
    /// - Throws: ``TransportError/truncated`` when the bytes end without that.
    package func fill() throws(TransportError) -> Filled {
        var total = 0
        while total < Self.chunk {
            switch try connection.read(into: incoming.reserve(Self.record)) {
            case .bytes(let count):
                incoming.commit(count)
                hasUnexamined = true
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
    package func next() throws(WebSocketError) -> Message? {
        if isAssemblyDelivered {
            assembly.consume(assembly.count)
            assembly.releaseIfEmpty()
            isAssemblyDelivered = false
        }
        while let (frame, payload) = try nextFrame() {
            guard !hasReceivedClose else { throw .afterClose }
            switch frame.opcode {
            case .ping:
                answerPing(UnsafeRawBufferPointer(payload))
                return Message(kind: .ping, closeCode: nil, payload: UnsafeRawBufferPointer(payload))
            case .pong: return Message(kind: .pong, closeCode: nil, payload: UnsafeRawBufferPointer(payload))
            case .close: return try close(with: UnsafeRawBufferPointer(payload))
            case .text, .binary, .continuation:
                if let message = try add(frame, UnsafeRawBufferPointer(payload)) { return message }
            }
        }
        hasUnexamined = false
        return nil
    }

    /// Queues one message gathered from up to three parts. A long one leaves in several frames.
    package func enqueue(
        _ kind: Kind, parts first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer = .init(start: nil, count: 0),
        _ third: UnsafeRawBufferPointer = .init(start: nil, count: 0)
    ) {
        guard !hasSentClose else { return }
        let total = first.count + second.count + third.count
        precondition(!Self.opcode(kind).isControl || total <= TransportLimits.controlPayload)
        if kind == .close { hasSentClose = true }
        if total <= limits.frame {
            let mask = role == .client ? masks.next() : nil
            WebSocketFrame.appendHeader(Self.opcode(kind), isFinal: true, length: total, mask: mask, to: &outgoing)
            var position = 0
            append(first, mask, &position)
            append(second, mask, &position)
            append(third, mask, &position)
        } else {
            enqueueFragments(kind, Array(first) + Array(second) + Array(third))
        }
    }

    package func enqueue(_ kind: Kind, _ bytes: [UInt8]) {
        bytes.withUnsafeBytes { enqueue(kind, parts: $0) }
    }

    package func enqueue(text: String) {
        var text = text
        text.withUTF8 { enqueue(.text, parts: UnsafeRawBufferPointer($0)) }
    }

    /// Queues a close frame; what is enqueued after it is dropped.
    ///
    /// - Parameter reason: cut to 123 bytes.
    package func enqueueClose(_ code: UInt16, reason: String = "") {
        var text = reason
        while text.utf8.count > TransportLimits.controlPayload - 2 { text.removeLast() }
        enqueue(.close, [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(text.utf8))
    }

    /// Writes what the socket takes.
    ///
    /// - Returns: true when everything is written; false: wait until the socket is writable.
    package func flush() throws(TransportError) -> Bool {
        // Each record is a write of its own. What is more than one wakes the peer once for all of them.
        let isLong = outgoing.count > Self.record
        if isLong { connection.hold(true) }
        defer { if isLong { connection.hold(false) } }
        while !outgoing.isEmpty {
            switch try connection.write(UnsafeRawBufferPointer(outgoing.readable)) {
            case .bytes(let count): outgoing.consume(count)
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
    func take(_ received: UnsafeRawBufferPointer) {
        hasUnexamined = hasUnexamined || !received.isEmpty
        incoming.append(received)
    }

    /// Forgets what was received: for a stream that is ending, whose peer must not be held up.
    func discardIncoming() {
        incoming.consume(incoming.count)
        hasUnexamined = false
    }

    /// Gives back the memory of empty buffers, for a connection that may be idle for long.
    package func releaseIdleBuffers() {
        incoming.releaseIfEmpty()
        outgoing.releaseIfEmpty()
    }

    private static let record = 16 * 1024  // the most that one TLS record carries
    private static let chunk = 64 * 1024

    private func nextFrame() throws(WebSocketError) -> (WebSocketFrame, UnsafeMutableRawBufferPointer)? {
        let bytes = incoming.readable
        let isMasked = role == .server
        guard let frame = try WebSocketFrame(parsing: UnsafeRawBufferPointer(bytes), isMasked: isMasked, limits: limits),
            bytes.count - frame.headerLength >= frame.payloadLength
        else { return nil }
        let end = frame.headerLength + frame.payloadLength
        let payload = UnsafeMutableRawBufferPointer(rebasing: bytes[frame.headerLength..<end])
        if let mask = frame.mask { WebSocketFrame.apply(mask, to: payload) }
        incoming.consume(end)
        return (frame, payload)
    }

    private func add(_ frame: WebSocketFrame, _ payload: UnsafeRawBufferPointer) throws(WebSocketError) -> Message? {
        guard (frame.opcode == .continuation) == (assemblyKind != nil) else { throw .badFragment }
        if frame.isFinal, assemblyKind == nil { return try message(frame.opcode, payload) }
        guard assembly.count + payload.count <= limits.message else { throw .messageTooLarge(limit: limits.message) }
        assembly.append(payload)
        let kind = assemblyKind ?? frame.opcode
        assemblyKind = frame.isFinal ? nil : kind
        guard frame.isFinal else { return nil }
        isAssemblyDelivered = true
        return try message(kind, UnsafeRawBufferPointer(assembly.readable))
    }

    private func message(
        _ opcode: WebSocketFrame.Opcode, _ payload: UnsafeRawBufferPointer
    ) throws(WebSocketError) -> Message {
        guard opcode == .text else { return Message(kind: .binary, closeCode: nil, payload: payload) }
        guard isUTF8(payload) else { throw .badText }
        return Message(kind: .text, closeCode: nil, payload: payload)
    }

    private func close(with payload: UnsafeRawBufferPointer) throws(WebSocketError) -> Message {
        hasReceivedClose = true
        guard !payload.isEmpty else {
            enqueueClose(1000)
            return Message(kind: .close, closeCode: 1005, payload: payload)
        }
        guard payload.count >= 2 else { throw .badClose }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        let reason = UnsafeRawBufferPointer(rebasing: payload.dropFirst(2))
        // RFC 6455 §7.4: what may appear on the wire.
        let isValid = (1000...1003).contains(code) || (1007...1014).contains(code) || (3000...4999).contains(code)
        guard isValid, isUTF8(reason) else { throw .badClose }
        enqueueClose(code)
        return Message(kind: .close, closeCode: code, payload: reason)
    }

    /// A peer that asks faster than it reads gets no answer: the queue must not grow by its pings.
    private func answerPing(_ payload: UnsafeRawBufferPointer) {
        guard outgoing.count < Self.chunk else { return }
        enqueue(.pong, parts: payload)
    }

    private func append(_ part: UnsafeRawBufferPointer, _ mask: UInt32?, _ position: inout Int) {
        guard !part.isEmpty else { return }
        let space = outgoing.reserve(part.count)
        if let mask {
            WebSocketFrame.copy(part, to: space, masking: mask, position: position)
        } else {
            space.copyMemory(from: part)
        }
        outgoing.commit(part.count)
        position += part.count
    }

    private func enqueueFragments(_ kind: Kind, _ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let end = min(start + limits.frame, bytes.count)
                let mask = role == .client ? masks.next() : nil
                WebSocketFrame.appendHeader(
                    start == 0 ? Self.opcode(kind) : .continuation, isFinal: end == bytes.count, length: end - start,
                    mask: mask, to: &outgoing)
                var position = 0
                append(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), mask, &position)
                start = end
            }
        }
    }

    private static func opcode(_ kind: Kind) -> WebSocketFrame.Opcode {
        switch kind {
        case .text: .text
        case .binary: .binary
        case .ping: .ping
        case .pong: .pong
        case .close: .close
        }
    }

    private func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        do {
            _ = try UTF8Span(validating: bytes.bindMemory(to: UInt8.self).span)
            return true
        } catch {
            return false
        }
    }
}

/// Random masks, taken from the generator in batches: one call for each frame would be felt.
private struct MaskSource {
    private var pool: [UInt32] = []

    mutating func next() -> UInt32 {
        if pool.isEmpty {
            pool = [UInt32](repeating: 0, count: 256)
            let filled = pool.withUnsafeMutableBytes {
                RAND_bytes($0.bindMemory(to: UInt8.self).baseAddress, Int32($0.count))
            }
            precondition(filled == 1, "the system has no random numbers")
        }
        return pool.removeLast()
    }
}
