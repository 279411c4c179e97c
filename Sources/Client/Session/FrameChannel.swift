// SPDX-License-Identifier: Apache-2.0
// SECURITY: nothing in a frame is looked at before its tag was found right; after a wrong one nothing is sent or believed
// any more.

package import Access
package import Evidence
package import Posix
package import Protocol
package import Transport

/// What breaks a session from this side.
package enum SessionFault: Error, Equatable {
    /// A tag was wrong: somebody in between changed, dropped, inserted or reordered a frame.
    case tampered
    /// The node does not keep to the protocol.
    case protocolBroken(String)
    /// The bytes ended without the session's end.
    case connectionLost(String)
    /// Nobody reads our output any more.
    case outputClosed
}

/// Frames of one session over one WebSocket, authenticated from end to end. Owned by one thread.
package final class FrameChannel {
    private let stream: WebSocketStream
    private let sealer: FrameAuthenticator
    private let opener: FrameAuthenticator
    /// What the broker said about the end, for the case that the node's own word does not come.
    package private(set) var brokerEnd: (reason: Session.EndReason, detail: String)?
    /// What the broker says that is worth a line; taken by whoever shows it.
    package var news: [String] = []
    private static let maximumNews = 20
    /// When something came last; the broker gives a sign of life every ``Limits/sessionHeartbeat``.
    package private(set) var heardAt: BootInstant = .now { didSet { promptAt = heardAt + Limits.promptSilence } }
    /// From when on something typed asks for a sign of life.
    private var promptAt: BootInstant = .now + Limits.promptSilence
    /// When the broker was asked for a sign of life that has not come.
    private var askedAt: BootInstant?

    package init(_ stream: WebSocketStream, sealing sealer: FrameAuthenticator, opening opener: FrameAuthenticator) {
        self.stream = stream
        self.sealer = sealer
        self.opener = opener
    }

    /// Whether a sign of life was asked for: ``silence`` is nearer then.
    package var isAsking: Bool { askedAt != nil }
    package var descriptor: Int32 { stream.descriptor }
    package var outgoingBytes: Int { stream.outgoingBytes }
    package var hasBuffered: Bool { stream.hasBuffered }

    package func send(_ frame: Frame) throws {
        let bytes = Frame.encode(frame)
        try bytes.withUnsafeBytes { try enqueue($0, UnsafeRawBufferPointer(start: nil, count: 0)) }
    }

    /// When the connection counts as lost if nothing comes.
    package var silence: BootInstant {
        let last = heardAt + Limits.sessionSilence
        return askedAt.map { min(last, $0 + Limits.promptAnswer) } ?? last
    }

    package func sendInput(_ bytes: [UInt8], offset: UInt64) throws {
        try withUnsafeTemporaryAllocation(byteCount: Frame.dataHeaderLength, alignment: 1) { header in
            Frame.writeDataHeader(.input, offset: offset, to: header)
            try bytes.withUnsafeBytes { try enqueue(UnsafeRawBufferPointer(header), $0) }
        }
        if askedAt == nil, .now >= promptAt {
            askedAt = .now
            stream.enqueue(.ping, [])
        }
    }

    private func enqueue(_ header: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws {
        try withUnsafeTemporaryAllocation(byteCount: Frame.tagLength, alignment: 1) { tag in
            try sealer.seal(header, payload, tag: tag)
            stream.enqueue(.binary, parts: header, payload, UnsafeRawBufferPointer(tag))
        }
    }

    /// Writes what the socket takes.
    package func flush() throws {
        do {
            _ = try stream.flush()
        } catch {
            throw SessionFault.connectionLost(error.message)
        }
    }

    /// Reads once, and hands every frame that is complete to `handle`. The frame's pointers are valid inside it only.
    ///
    /// - Returns: whether anything had come.
    package func receive(_ handle: (Frame) throws -> Void) throws -> Bool {
        let filled: WebSocketStream.Filled
        do {
            filled = try stream.fill()
        } catch {
            throw SessionFault.connectionLost(error.message)
        }
        if filled == .some { (heardAt, askedAt) = (.now, nil) }
        while let message = try next() {
            switch message.kind {
            case .binary: try message.withPayload { try handle(try open($0)) }
            case .text: try note(message.bytes)
            case .close: throw SessionFault.connectionLost("The broker closed the connection.")
            case .ping, .pong: break
            }
        }
        switch filled {
        case .some: return true
        case .wouldBlock: return false
        case .ended: throw SessionFault.connectionLost("The broker closed the connection.")
        }
    }

    package func close() { stream.close() }

    private func next() throws -> WebSocketStream.Message? {
        do {
            return try stream.next()
        } catch {
            throw SessionFault.connectionLost(error.message)
        }
    }

    private func open(_ message: UnsafeRawBufferPointer) throws -> Frame {
        guard message.count > Frame.tagLength else { throw SessionFault.tampered }
        let length = message.count - Frame.tagLength
        let frame = UnsafeRawBufferPointer(rebasing: message[..<length])
        let tag = UnsafeRawBufferPointer(rebasing: message[length...])
        guard try opener.opens(frame, tag: tag) else { throw SessionFault.tampered }
        do {
            return try Frame(decoding: frame)
        } catch {
            throw SessionFault.protocolBroken(error.message)
        }
    }

    /// What the broker says beside the frames can explain an end, say who looks on, and do nothing else.
    private func note(_ text: [UInt8]) throws {
        switch try ControlMessage(String(decoding: text, as: UTF8.self)) {
        case .end(_, let reason, let detail): brokerEnd = (reason, detail)
        case .refused(_, let problem): brokerEnd = (.refused, problem.message)
        case .watched(_, let person, let isThere):
            if news.count < Self.maximumNews { news.append(isThere ? "\(person) looks on." : "\(person) does not look on any more.") }
        case .time, .accepted, .hello, .receipt, .roll, .open, .lease, .leaseRefused, .leaseMoved, .grantsOver, .receiptStored,
            .ledgerSeen, .ledgerHead, .opening, .rejoin, .recorded, .facts, .distrusts, .clientLost, .attach, .attached:
            break
        }
    }
}
