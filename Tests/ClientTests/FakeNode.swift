// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Glibc
import Posix
import Protocol
import Synchronization
import Transport

@testable import Client

/// The node's end of a session over a real TLS WebSocket on the loopback address, driven by a test on its own thread.
final class FakeNode: HTTPHandler {
    private let loop: EventLoop
    private let taken = Mutex<WebSocketStream?>(nil)
    private let arrived: EventCounter

    private init(_ loop: EventLoop) throws {
        self.loop = loop
        arrived = try EventCounter()
    }

    func handle(_ request: HTTPRequest, from peer: Peer, _ responder: Responder) {
        responder.upgrade { [self] socket in
            socket.detach { stream in
                self.taken.withLock { $0 = stream }
                self.arrived.signal()
            }
        }
    }

    private func accept() throws -> WebSocketStream {
        var entries = [PollEntry(arrived.number, .input)]
        guard try Poll.wait(&entries, timeout: .seconds(10)) > 0, let stream = taken.withLock({ $0.take() }) else {
            throw TestFailure("nobody connected")
        }
        return stream
    }

    private static func makeIdentity() throws -> TLSIdentity {
        try SecretBytes(random: 32).reveal { try TLSIdentity(ed25519Seed: $0) }
    }

    /// A session between a client with `plan` and a node that does what `body` says, on a thread of its own.
    static func session(
        _ plan: SessionPlan, _ body: @escaping @Sendable (inout NodeEnd) throws -> Void
    ) throws -> OpenedSession {
        let loop = try EventLoop()
        let node = try FakeNode(loop)
        let identity = try makeIdentity()
        let server = HTTPServer(loop, context: try TLSContext(serverWith: identity), handler: node)
        let endpoint = try server.listen(Endpoint("127.0.0.1:0"))
        try Thread.start("loop") { loop.run() }
        let context = try TLSContext(clientWith: makeIdentity(), expecting: identity.publicKey)
        let stream = try HTTPClient(endpoint, context: context).upgrade(path: "/")
        let (mine, theirs) = (try EphemeralKey(), try EphemeralKey())
        let clientKeys = try mine.agree(with: theirs.publicBytes, opening: .none, accepted: theirs.publicBytes)
        let nodeStream = try node.accept()
        try Thread.start("node") {
            defer {
                nodeStream.close()
                server.close()
                loop.stop()
            }
            do {
                let keys = try theirs.agree(with: mine.publicBytes, opening: .none, accepted: theirs.publicBytes)
                var end = NodeEnd(
                    stream: nodeStream, sealer: try keys.authenticator(.toClient),
                    opener: try keys.authenticator(.toNode))
                try body(&end)
            } catch {
                // The client has left, as many of these tests want it to; what it saw is what they check.
            }
        }
        let channel = FrameChannel(
            stream, sealing: try clientKeys.authenticator(.toNode), opening: try clientKeys.authenticator(.toClient))
        return OpenedSession(
            id: try SessionID("s-7k2p9x"), plan: plan, notAfter: .now() + Duration.seconds(600), channel: channel)
    }
}

/// What a frame said, without pointers.
enum Heard: Equatable {
    case input(UInt64, [UInt8])
    case credit(Frame.Stream, UInt64)
    case endOfInput(UInt64)
    case resize(UInt16, UInt16)
    case close
    case other
}

struct NodeEnd {
    let stream: WebSocketStream
    let sealer: FrameAuthenticator
    let opener: FrameAuthenticator
    private var heard: [Heard] = []
    private var sent: UInt64 = 0

    /// Whether the client says nothing for a while.
    mutating func isSilent(for time: Duration) throws -> Bool {
        var entries = [PollEntry(stream.descriptor, .input)]
        return try heard.isEmpty && !stream.hasBuffered && Poll.wait(&entries, timeout: time) == 0
    }

    /// Seals a frame that never arrives: somebody in between dropped it.
    mutating func lose(_ frame: [UInt8]) throws {
        var tag = [UInt8](repeating: 0, count: Frame.tagLength)
        try frame.withUnsafeBytes { bytes in
            try tag.withUnsafeMutableBytes { target in
                try sealer.seal(bytes, UnsafeRawBufferPointer(start: nil, count: 0), tag: target)
            }
        }
    }

    init(stream: WebSocketStream, sealer: FrameAuthenticator, opener: FrameAuthenticator) {
        self.stream = stream
        self.sealer = sealer
        self.opener = opener
    }

    /// - Parameter spoil: changes the sealed message on its way.
    mutating func send(_ frame: [UInt8], spoil: (inout [UInt8]) -> Void = { _ in }) throws {
        var tag = [UInt8](repeating: 0, count: Frame.tagLength)
        try frame.withUnsafeBytes { bytes in
            try tag.withUnsafeMutableBytes { target in
                try sealer.seal(bytes, UnsafeRawBufferPointer(start: nil, count: 0), tag: target)
            }
        }
        var message = frame + tag
        spoil(&message)
        stream.enqueue(.binary, message)
        while try !stream.flush() {
            var entries = [PollEntry(stream.descriptor, .output)]
            guard try Poll.wait(&entries, timeout: .seconds(10)) > 0 else { throw TestFailure("stuck") }
        }
    }

    mutating func send(output bytes: [UInt8]) throws {
        try send(bytes.withUnsafeBytes { Frame.encode(.output(offset: sent, $0)) })
        sent += UInt64(bytes.count)
    }

    mutating func end(
        _ reason: Session.EndReason = .exited, _ outcome: ReceiptStatement.Outcome = .exited(0)
    ) throws {
        let ending = SessionEnding(reason: reason, detail: "", outcome: outcome, killed: 0, left: 0)
        try send(Frame.encode(.end(ending.text)))
        while (try? hear()) != nil {}  // until the client has left: a close with unread bytes would reset the connection
    }

    /// The next frame of the client.
    mutating func hear() throws -> Heard {
        while heard.isEmpty {
            while let message = try stream.next() {
                guard message.kind == .binary else { continue }
                heard.append(try message.withPayload { try open($0) })
            }
            guard heard.isEmpty else { break }
            if !stream.hasBuffered {
                var entries = [PollEntry(stream.descriptor, .input)]
                guard try Poll.wait(&entries, timeout: .seconds(10)) > 0 else { throw TestFailure("nothing came") }
            }
            if try stream.fill() == .ended { throw TestFailure("the client has left") }
        }
        return heard.removeFirst()
    }

    private func open(_ message: UnsafeRawBufferPointer) throws -> Heard {
        let length = message.count - Frame.tagLength
        let frame = UnsafeRawBufferPointer(rebasing: message[..<length])
        guard try opener.opens(frame, tag: UnsafeRawBufferPointer(rebasing: message[length...])) else {
            throw TestFailure("a tag of the client is wrong")
        }
        switch try Frame(decoding: frame) {
        case .input(let offset, let bytes): return .input(offset, Array(bytes))
        case .credit(let stream, let offset): return .credit(stream, offset)
        case .endOfInput(let offset): return .endOfInput(offset)
        case .resize(let columns, let rows): return .resize(columns, rows)
        case .close: return .close
        case .output, .errorOutput, .notice, .end, .lease: return .other
        }
    }
}
