// SPDX-License-Identifier: Apache-2.0
// SECURITY: bytes from the network become messages here. A violation ends the stream: nothing is repaired.

import COpenSSL

/// What has come over a WebSocket and what is to go, as bytes on one side and as messages on the other.
///
/// A value, which its stream has for itself: what a class keeps is checked for overlapping access at each touch, and here a
/// key's frame touches something forty times.
struct WebSocketCodec: ~Copyable {
    typealias Kind = WebSocketStream.Kind
    typealias Message = WebSocketStream.Message

    let role: WebSocketStream.Role
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
    private(set) var hasUnexamined = false

    init(role: WebSocketStream.Role, limits: TransportLimits) {
        self.role = role
        self.limits = limits
    }

    /// Bytes that wait to be written.
    var outgoingBytes: Int { outgoing.count }
    /// Bytes received and not consumed yet.
    var incomingBytes: Int { incoming.count }

    /// Memory for at least `minimum` bytes that are about to come; ``received(_:)`` says how many did.
    mutating func room(_ minimum: Int) -> UnsafeMutableRawBufferPointer { incoming.reserve(minimum) }

    mutating func received(_ count: Int) {
        incoming.commit(count)
        hasUnexamined = true
    }

    /// Takes bytes that somebody else has read from the connection.
    mutating func take(_ received: UnsafeRawBufferPointer) {
        hasUnexamined = hasUnexamined || !received.isEmpty
        incoming.append(received)
    }

    /// Forgets what was received: for a stream that is ending, whose peer must not be held up.
    mutating func discardIncoming() {
        incoming.consume(incoming.count)
        hasUnexamined = false
    }

    /// What is to be written next. Valid until the next call that changes something.
    var unwritten: UnsafeRawBufferPointer { UnsafeRawBufferPointer(outgoing.readable) }

    mutating func written(_ count: Int) { outgoing.consume(count) }

    /// Bytes that go before the first frame.
    mutating func enqueue(raw bytes: UnsafeRawBufferPointer) { outgoing.append(bytes) }

    mutating func releaseIfEmpty() {
        incoming.releaseIfEmpty()
        outgoing.releaseIfEmpty()
    }

    /// The next complete message, or nil when more bytes are needed. Pings are answered, and so is a close.
    mutating func next() throws(WebSocketError) -> Message? {
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
    mutating func enqueue(
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

    mutating func enqueue(_ kind: Kind, _ bytes: [UInt8]) {
        bytes.withUnsafeBytes { enqueue(kind, parts: $0) }
    }

    /// Queues a close frame; what is enqueued after it is dropped.
    ///
    /// - Parameter reason: cut to 123 bytes.
    mutating func enqueueClose(_ code: UInt16, reason: String = "") {
        var text = reason
        while text.utf8.count > TransportLimits.controlPayload - 2 { text.removeLast() }
        enqueue(.close, [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(text.utf8))
    }

    private mutating func nextFrame() throws(WebSocketError) -> (WebSocketFrame, UnsafeMutableRawBufferPointer)? {
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

    private mutating func add(_ frame: WebSocketFrame, _ payload: UnsafeRawBufferPointer) throws(WebSocketError) -> Message? {
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

    private mutating func close(with payload: UnsafeRawBufferPointer) throws(WebSocketError) -> Message {
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
    private mutating func answerPing(_ payload: UnsafeRawBufferPointer) {
        guard outgoing.count < WebSocketStream.chunk else { return }
        enqueue(.pong, parts: payload)
    }

    private mutating func append(_ part: UnsafeRawBufferPointer, _ mask: UInt32?, _ position: inout Int) {
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

    private mutating func enqueueFragments(_ kind: Kind, _ bytes: [UInt8]) {
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
