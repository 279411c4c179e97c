// SPDX-License-Identifier: Apache-2.0
// SECURITY: every frame is authenticated end to end before it is looked at (P1). What the broker says beside the frames
// can end the session and tell the time, nothing else.

import Access
import Evidence
import Posix
import Protocol
import Transport

/// A supervisor's connection to the broker, and through it to the client. When it breaks the session is detached: the
/// supervisor lets go of the link and goes on until the lease. A link dialled later would take its place.
final class SessionLink {
    enum Incoming {
        case frame(Frame)
        case control(ControlMessage)
        /// A frame that the client did not send like this.
        case tampered
        /// A frame of the client that is none.
        case malformed(String)
    }

    private let stream: WebSocketStream
    private let toNode: FrameAuthenticator
    private let toClient: FrameAuthenticator
    private let header = UnsafeMutableRawBufferPointer.allocate(byteCount: Frame.dataHeaderLength, alignment: 8)
    private let tag = UnsafeMutableRawBufferPointer.allocate(byteCount: Frame.tagLength, alignment: 8)

    private static let timeout: Duration = .seconds(10)

    /// Dials the broker, agrees on keys with the client and accepts the opening.
    init(_ terms: SessionTerms, identity: NodeIdentity, key: NodeKey) throws {
        let client = try identity.client(with: key, timeout: Self.timeout)
        do throws(TransportError) {
            stream = try client.upgrade(path: Route.attach, query: [("session", terms.id.description)])
        } catch {
            throw BrokerAnswer.error(error)
        }
        let ephemeral = try EphemeralKey()
        let keys = try ephemeral.agree(
            with: terms.opening.value.ephemeral, opening: terms.opening.digest, accepted: ephemeral.publicBytes)
        toNode = try keys.authenticator(.toNode)
        toClient = try keys.authenticator(.toClient)
        let acceptance = AcceptanceStatement(
            root: identity.root, opening: terms.opening.digest, node: identity.name, ephemeral: ephemeral.publicBytes,
            leaseVersion: terms.leaseVersion, notAfter: terms.notAfter, at: .now)
        try send(.accepted(try acceptance.signed(with: key.signing).source))
    }

    deinit {
        header.deallocate()
        tag.deallocate()
    }

    var descriptor: Int32 { stream.descriptor }
    var hasBuffered: Bool { stream.hasBuffered }
    /// What the broker has not taken yet.
    var backlog: Int { stream.outgoingBytes }

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

    /// Queues bytes of one of the program's outputs.
    func send(_ kind: Frame.Kind, offset: UInt64, _ payload: UnsafeRawBufferPointer) throws {
        Frame.writeDataHeader(kind, offset: offset, to: header)
        try toClient.seal(UnsafeRawBufferPointer(header), payload, tag: tag)
        stream.enqueue(.binary, parts: UnsafeRawBufferPointer(header), payload, UnsafeRawBufferPointer(tag))
    }

    func send(_ frame: Frame) throws {
        try Frame.encode(frame).withUnsafeBytes { bytes in
            try toClient.seal(bytes, UnsafeRawBufferPointer(start: nil, count: 0), tag: tag)
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
        guard message.count > Frame.tagLength else { return .tampered }
        let end = message.count - Frame.tagLength
        let frame = UnsafeRawBufferPointer(rebasing: message[..<end])
        guard try toNode.opens(frame, tag: UnsafeRawBufferPointer(rebasing: message[end...])) else { return .tampered }
        do {
            return .frame(try Frame(decoding: frame))
        } catch {
            return .malformed(error.message)
        }
    }
}
