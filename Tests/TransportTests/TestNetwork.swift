// SPDX-License-Identifier: Apache-2.0

import Glibc
import Posix
import Synchronization
import Testing

@testable import Transport

/// A fresh key for each party of a test.
func makeIdentity() throws -> TLSIdentity {
    let seed = (0..<32).map { _ in UInt8.random(in: 0...255) }
    return try seed.withUnsafeBytes { try TLSIdentity(ed25519Seed: $0) }
}

/// Handles requests by a closure.
struct ClosureHandler: HTTPHandler {
    let body: @Sendable (HTTPRequest, Peer, Responder) -> Void

    func handle(_ request: HTTPRequest, from peer: Peer, _ responder: Responder) { body(request, peer, responder) }
}

/// A real server on a free port of the loopback address, with its loop on a thread of its own.
final class TestServer: Sendable {
    let loop: EventLoop
    let server: HTTPServer
    let identity: TLSIdentity
    let endpoint: Endpoint

    init(
        limits: TransportLimits = TransportLimits(),
        _ handler: @escaping @Sendable (HTTPRequest, Peer, Responder) -> Void
    ) throws {
        identity = try makeIdentity()
        let loop = try EventLoop()
        self.loop = loop
        let context = try TLSContext(serverWith: identity)
        server = HTTPServer(loop, context: context, handler: ClosureHandler(body: handler), limits: limits)
        endpoint = try server.listen(Endpoint("127.0.0.1:0"))
        try Thread.start("loop") { loop.run() }
    }

    deinit {
        server.close()
        loop.stop()
    }

    func client(_ limits: TransportLimits = TransportLimits(), as identity: TLSIdentity? = nil) throws -> HTTPClient {
        let context = try TLSContext(clientWith: identity ?? makeIdentity(), expecting: self.identity.publicKey)
        return HTTPClient(endpoint, context: context, timeout: .seconds(10), limits: limits)
    }

    /// A handshaken TLS connection that speaks whatever the test writes.
    func rawConnection() throws -> RawConnection {
        let context = try TLSContext(clientWith: makeIdentity(), expecting: identity.publicKey)
        return try RawConnection(context, to: endpoint)
    }

    /// Answers with the method, the path and the body of the request.
    static func echo() throws -> TestServer {
        try TestServer { request, _, responder in
            let line = Array("\(request.method) \(request.path)\n".utf8)
            responder.respond(HTTPResponse(status: 200, body: line + request.body))
        }
    }
}

/// A TLS client below HTTP, with blocking calls.
final class RawConnection {
    let connection: TLSConnection
    private let deadline = BootInstant.now + .seconds(10)

    init(_ context: TLSContext, to endpoint: Endpoint) throws {
        connection = try TLSConnection(context, adopting: Socket.connect(to: endpoint, before: deadline))
        while try connection.handshake() != .done { try wait(POLLIN) }
    }

    func write(_ text: String) throws { try write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch try rest.withUnsafeBytes({ try connection.write($0) }) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: try wait(POLLOUT)
            }
        }
    }

    /// What the peer sends until it says goodbye.
    func readToEnd() throws -> String {
        var all: [UInt8] = []
        while let some = try read() { all += some }
        return String(decoding: all, as: UTF8.self)
    }

    /// Some bytes; nil after the peer's goodbye.
    func read() throws -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            switch try buffer.withUnsafeMutableBytes({ try connection.read(into: $0) }) {
            case .bytes(let count): return Array(buffer.prefix(count))
            case .wouldBlock: try wait(POLLIN)
            case .end: return nil
            }
        }
    }

    private func wait(_ events: Int32) throws {
        guard Socket.wait(connection.descriptor, for: events, before: deadline) else {
            throw TransportError.timedOut(doing: "a test")
        }
    }
}

extension WebSocketStream {
    /// The next message's kind and bytes, waited for; nil at the end of the stream.
    func receive(within time: Duration = .seconds(10)) throws -> (kind: Kind, bytes: [UInt8])? {
        let deadline = BootInstant.now + time
        while true {
            if let message = try next() { return (message.kind, message.bytes) }
            switch try fill() {
            case .some: continue
            case .ended: return nil
            case .wouldBlock:
                guard Socket.wait(descriptor, for: POLLIN, before: deadline) else {
                    throw TransportError.timedOut(doing: "a test")
                }
            }
        }
    }

    func send(_ kind: Kind, _ bytes: [UInt8]) throws {
        enqueue(kind, bytes)
        try flushAll()
    }

    func flushAll() throws {
        while try !flush() { _ = Socket.wait(descriptor, for: POLLOUT, before: .now + .seconds(10)) }
    }
}

/// A value that another thread sets once, and a test waits for.
final class Promise<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let counter: EventCounter

    init() throws { counter = try EventCounter() }

    func fulfil(_ new: Value) {
        value.withLock { $0 = $0 ?? new }
        counter.signal()
    }

    func wait(within time: Duration = .seconds(10)) throws -> Value {
        _ = Socket.wait(counter.number, for: POLLIN, before: .now + time)
        return try #require(value.withLock { $0 })
    }
}
