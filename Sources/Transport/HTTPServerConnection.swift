// SPDX-License-Identifier: Apache-2.0
// SECURITY: no request is handled before the peer's key is proved; each phase has its deadline; after any error
// of the peer the connection is not used again.

import Glibc
import Posix

/// One connection of a server, from the accept to its end or its switch to WebSocket. The loop's thread only.
///
///     handshaking ─▶ reading ⇄ handling ─▶ moved       the connection is a WebSocket's now
///          │            │         │
///          │            └─────────┴─▶ finishing ─▶ closed
///          └──────────────────────────────────────▶ closed
///
/// - reading: waits for a request, or for the rest of one. Earlier responses are written first.
/// - handling: a responder has the request; nothing is read, so pipelined requests are answered in order.
/// - finishing: the last response goes out; what the peer still sends is thrown away, so that closing does not
///   destroy the response on its way.
final class HTTPServerConnection: EventSource, @unchecked Sendable {
    private enum State { case handshaking, reading, handling(HTTPRequest), finishing, moved, closed }

    private weak var server: HTTPServer?
    private let loop: EventLoop
    private let handler: any HTTPHandler
    private let limits: TransportLimits
    private let parser: HTTPParser
    private let connection: TLSConnection
    let source: String

    private var state: State = .handshaking
    private var peer: Peer
    private var incoming = ByteQueue()
    private var outgoing = ByteQueue()
    private var head: HTTPParser.RequestHead?
    /// No request yet: any key can do the handshake, so until then the connection counts for its address.
    private(set) var isNew = true
    private var isIdle = false
    private var hasSaidGoodbye = false
    private var deadline = Deadline()
    private var interest: EventLoop.Events = .input

    init(_ connection: TLSConnection, from source: String, of server: HTTPServer) {
        self.connection = connection
        self.source = source
        self.server = server
        loop = server.loop
        handler = server.handler
        limits = server.limits
        parser = HTTPParser(limits: server.limits)
        peer = Peer(key: [], address: source)
    }

    func start() {
        guard loop.add(self, connection.descriptor, for: interest) else { return close() }
        wait(limits.handshake)
        advance()
    }

    func ready(_ events: EventLoop.Events) {
        // Reading finds out what is broken, but in `handling` nobody reads.
        if events.isDisjoint(with: [.input, .output]) { return close() }
        advance()
    }

    /// The answer to the request being handled.
    func complete(_ response: HTTPResponse, isLast: Bool = false) {
        guard case .handling(let request) = state else { return }
        let isLast = isLast || request.headers.contains("close", in: "Connection")
            || response.headers.contains("close", in: "Connection")
        HTTPWriter.append(response, to: request.method, isLast: isLast, into: &outgoing)
        state = isLast ? .finishing : .reading
        isIdle = incoming.isEmpty
        wait(limits.writeStall)
        advance()
    }

    func upgrade(_ accepted: @Sendable (LoopWebSocket) -> Void) {
        guard case .handling(let request) = state else { return }
        let answer = WebSocketHandshake.answer(to: request)
        guard answer.status == 101, let server else { return complete(answer) }
        HTTPWriter.append(answer, to: request.method, isLast: false, into: &outgoing)
        state = .moved
        deadline.cancel(on: loop)
        loop.remove(connection.descriptor)
        let stream = WebSocketStream(
            connection, role: .server, peer: peer, limits: limits,
            received: UnsafeRawBufferPointer(incoming.readable), unsent: UnsafeRawBufferPointer(outgoing.readable))
        server.forget(self)
        let socket = LoopWebSocket(stream, on: loop, of: server, limits: limits)
        accepted(socket)
        socket.start()
    }

    func close() {
        switch state {
        case .moved, .closed: return
        case .handshaking, .reading, .handling, .finishing: break
        }
        state = .closed
        deadline.cancel(on: loop)
        loop.remove(connection.descriptor)
        connection.closeNotify()
        connection.close()
        server?.forget(self)
    }

    private func advance() {
        do {
            while try step() {}
        } catch let error as HTTPError {
            refuse(error)
        } catch {
            close()  // the peer is gone or broke TLS: nobody is left to tell
        }
    }

    /// - Returns: whether there may be more to do at once.
    private func step() throws -> Bool {
        switch state {
        case .handshaking: return try stepHandshake()
        case .reading: return try stepReading()
        case .handling:
            want([])
            return false
        case .moved, .closed: return false
        case .finishing: return try stepFinishing()
        }
    }

    private func stepHandshake() throws -> Bool {
        switch try connection.handshake() {
        case .wantsRead: want(.input)
        case .wantsWrite: want(.output)
        case .done:
            peer = Peer(key: connection.peerKey, address: source, delegation: connection.peerDelegation)
            state = .reading
            wait(limits.headTime)
            return true
        }
        return false
    }

    private func stepReading() throws -> Bool {
        guard try flush() else {
            want(.output)
            return false
        }
        if let request = try nextRequest() {
            deadline.cancel(on: loop)
            state = .handling(request)
            if isNew {
                isNew = false
                server?.release(source)
            }
            handler.handle(request, from: peer, Responder(self, loop))
            return true
        }
        switch try connection.read(into: incoming.reserve(4096)) {
        case .bytes(let count):
            incoming.commit(count)
            if isIdle, head == nil {
                isIdle = false
                wait(limits.headTime)
            }
            return true
        case .wouldBlock:
            incoming.releaseIfEmpty()
            outgoing.releaseIfEmpty()
            want(.input)
        case .end: close()
        }
        return false
    }

    private func stepFinishing() throws -> Bool {
        guard try flush() else {
            want(.output)
            return false
        }
        if !hasSaidGoodbye {
            hasSaidGoodbye = true
            connection.closeNotify()
            _ = shutdown(connection.descriptor, Int32(SHUT_WR))  // fails when the peer is gone; the read sees that
        }
        switch try connection.read(into: incoming.reserve(4096)) {
        case .bytes: return true  // thrown away: not committed
        case .wouldBlock: want(.input)
        case .end: close()
        }
        return false
    }

    private func nextRequest() throws(HTTPError) -> HTTPRequest? {
        if head == nil {
            guard let found = try parser.requestHead(in: UnsafeRawBufferPointer(incoming.readable)) else { return nil }
            incoming.consume(found.byteCount)
            head = found
            wait(limits.bodyTime)
        }
        guard let head, incoming.count >= head.bodyLength else { return nil }
        var request = head.request
        request.body = Array(incoming.readable.prefix(head.bodyLength))
        incoming.consume(head.bodyLength)
        self.head = nil
        return request
    }

    /// - Returns: whether everything is written.
    private func flush() throws(TransportError) -> Bool {
        while !outgoing.isEmpty {
            switch try connection.write(UnsafeRawBufferPointer(outgoing.readable)) {
            case .bytes(let count):
                outgoing.consume(count)
                wait(outgoing.isEmpty ? timeAfterFlush : limits.writeStall)
            case .wouldBlock: return false
            }
        }
        return true
    }

    private var timeAfterFlush: Duration {
        if case .finishing = state { return limits.linger }
        return isIdle ? limits.idle : limits.headTime
    }

    private func refuse(_ error: HTTPError) {
        refuse(.problem(error.status, error.code, error.message))
    }

    private func refuse(_ response: HTTPResponse) {
        HTTPWriter.append(response, to: "", isLast: true, into: &outgoing)
        state = .finishing
        incoming.consume(incoming.count)
        wait(limits.writeStall)
        advance()
    }

    private func timeIsUp() {
        guard deadline.isDue(on: loop, { [weak self] in self?.timeIsUp() }) else { return }
        guard case .reading = state, outgoing.isEmpty, !incoming.isEmpty || head != nil else { return close() }
        refuse(.problem(408, "http.timed-out", "The request did not come in time."))
    }

    private func wait(_ delay: Duration) {
        deadline.set(after: delay, on: loop) { [weak self] in self?.timeIsUp() }
    }

    private func want(_ events: EventLoop.Events) {
        guard events != interest, connection.descriptor >= 0 else { return }
        interest = events
        loop.change(connection.descriptor, to: events)
    }
}
