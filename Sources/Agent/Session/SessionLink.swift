// SPDX-License-Identifier: Apache-2.0
// SECURITY: every frame is authenticated end to end before it is looked at (P1). What the broker says beside the frames
// can end the session, tell the time and carry a device's signed wish to attach; nothing else.

import Access
import Evidence
import Posix
import Protocol
import Transport

/// A session's connection to the broker, and through it to the client. When it breaks the session is detached: the
/// supervisor lets go of the link, goes on until its deadlines or its lease, and dials another one meanwhile.
///
/// A link has keys while a client is attached: from the opening on, or from an attachment on, until the client is lost.
final class SessionLink {
    enum Incoming {
        case frame(Frame)
        case control(ControlMessage)
        /// A frame that the client did not send like this.
        case tampered
        /// A frame of the client that is none.
        case malformed(String)
    }

    /// The authenticators of one key agreement.
    struct Keys {
        let toNode: FrameAuthenticator
        let toClient: FrameAuthenticator

        init(_ keys: borrowing FrameKeys) throws(CryptographyError) {
            toNode = try keys.authenticator(.toNode)
            toClient = try keys.authenticator(.toClient)
        }
    }

    private let stream: WebSocketStream
    private var keys: Keys?
    private let header = UnsafeMutableRawBufferPointer.allocate(byteCount: Frame.dataHeaderLength, alignment: 8)
    private let tag = UnsafeMutableRawBufferPointer.allocate(byteCount: Frame.tagLength, alignment: 8)

    /// Takes a connection that was dialled with ``SessionDialer``. It has no keys yet.
    init(_ stream: WebSocketStream) { self.stream = stream }

    deinit {
        header.deallocate()
        tag.deallocate()
    }

    var descriptor: Int32 { stream.descriptor }
    var hasBuffered: Bool { stream.hasBuffered }
    /// What the broker has not taken yet.
    var backlog: Int { stream.outgoingBytes }
    /// Whether a client is at the other end.
    var isAttached: Bool { keys != nil }

    /// Frames from here on are under these keys. Those of before are gone: their nonces cannot come again.
    func attach(_ keys: Keys) { self.keys = keys }

    /// The client is lost. What is sent from now on is for the recording only.
    func detach() { keys = nil }

    /// Takes what has come.
    ///
    /// - Throws: when the link is over.
    func receive(_ take: (Incoming) throws -> Void) throws {
        let filled = try stream.fill()
        while let message = try stream.next() {
            switch message.kind {
            case .text: try take(.control(try ControlMessage(message.withPayload { String(decoding: $0, as: UTF8.self) })))
            case .binary: try message.withPayload { try take(try open($0)) }
            case .close: throw TransportError.closed
            case .ping, .pong: break
            }
        }
        if case .ended = filled { throw TransportError.closed }
    }

    /// Queues bytes of one of the program's outputs. Without a client the tag is empty: the broker records the bytes, and
    /// no client would take them.
    func send(_ kind: Frame.Kind, offset: UInt64, _ payload: UnsafeRawBufferPointer) throws {
        Frame.writeDataHeader(kind, offset: offset, to: header)
        if let keys {
            try keys.toClient.seal(UnsafeRawBufferPointer(header), payload, tag: tag)
        } else {
            tag.initializeMemory(as: UInt8.self, repeating: 0)
        }
        stream.enqueue(.binary, parts: UnsafeRawBufferPointer(header), payload, UnsafeRawBufferPointer(tag))
    }

    /// Queues a frame for the client, if there is one.
    func send(_ frame: Frame) throws {
        guard let keys else { return }
        try Frame.encode(frame).withUnsafeBytes { bytes in
            try keys.toClient.seal(bytes, UnsafeRawBufferPointer(start: nil, count: 0), tag: tag)
            stream.enqueue(.binary, parts: bytes, UnsafeRawBufferPointer(tag))
        }
    }

    func send(_ message: ControlMessage) throws {
        stream.enqueue(text: message.text)
        try flush()
    }

    func flush() throws { _ = try stream.flush() }

    func close() {
        stream.enqueueClose(1000)
        // The connection is closed in either case.
        _ = try? stream.flush()
        stream.close()
    }

    private func open(_ message: UnsafeRawBufferPointer) throws -> Incoming {
        guard message.count > Frame.tagLength, let keys else { return .tampered }
        let end = message.count - Frame.tagLength
        let frame = UnsafeRawBufferPointer(rebasing: message[..<end])
        guard try keys.toNode.opens(frame, tag: UnsafeRawBufferPointer(rebasing: message[end...])) else { return .tampered }
        do {
            return .frame(try Frame(decoding: frame))
        } catch {
            return .malformed(error.message)
        }
    }
}
