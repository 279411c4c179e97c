// SPDX-License-Identifier: Apache-2.0

import Glibc
import Posix
import Synchronization
import Testing

@testable import Transport

struct HTTPServerTests {
    @Test func `pipelined requests are answered in order`() throws {
        let server = try TestServer.echo()
        let raw = try server.rawConnection()
        try raw.write("GET /1 HTTP/1.1\r\nHost: b\r\n\r\nPOST /2 HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nab")
        try raw.write("GET /3 HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\nGET /4 HTTP/1.1\r\nHost: b\r\n\r\n")
        let text = try raw.readToEnd()
        let order = ["GET /1\n", "POST /2\nab", "GET /3\n"].compactMap { text.range(of: $0) }
        #expect(order.count == 3 && order == order.sorted())
        #expect(!text.contains("GET /4"))
    }

    @Test func `answers from another thread in the wrong order of work still leave in the order of requests`() throws {
        let server = try TestServer { request, _, responder in
            let delay: Duration = request.path == "/slow" ? .milliseconds(50) : .zero
            try? Thread.start("late") {
                _ = poll(nil, 0, delay.pollTimeout)
                responder.respond(HTTPResponse(status: 200, body: Array(request.path.utf8)))
            }
        }
        let raw = try server.rawConnection()
        try raw.write("GET /slow HTTP/1.1\r\nHost: b\r\n\r\nGET /fast HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n")
        let text = try raw.readToEnd()
        let (slow, fast) = (try #require(text.range(of: "/slow")), try #require(text.range(of: "/fast")))
        #expect(slow < fast)
    }

    @Test func `a broken request is answered and what follows it is not read`() throws {
        let server = try TestServer.echo()
        let raw = try server.rawConnection()
        try raw.write("POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        try raw.write("GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n")
        let text = try raw.readToEnd()
        #expect(text.hasPrefix("HTTP/1.1 501 ") && text.contains("http.transfer-encoding"))
        #expect(text.contains("Connection: close") && !text.contains("smuggled"))
    }

    @Test func `a body at the limit is taken and one byte more is refused`() throws {
        let server = try TestServer.echo()
        let client = try server.client()
        let fitting = HTTPRequest(method: "POST", path: "/", body: [UInt8](repeating: 65, count: 262_144))
        #expect(try client.send(fitting).body.count == 262_144 + 7)
        let larger = HTTPRequest(method: "POST", path: "/", body: [UInt8](repeating: 65, count: 262_145))
        #expect(try client.send(larger).status == 413)
        #expect(try client.send(fitting).status == 200)  // on a new connection
    }

    @Test func `a response above the client's limit is refused`() throws {
        let server = try TestServer { _, _, responder in
            responder.respond(HTTPResponse(status: 200, body: [UInt8](repeating: 1, count: 1001)))
        }
        var limits = TransportLimits()
        limits.responseBody = 1000
        let client = try server.client(limits)
        #expect(throws: TransportError.malformed(.bodyTooLarge(limit: 1000))) { try client.send(HTTPRequest(path: "/")) }
    }

    @Test func `a large response arrives whole`() throws {
        let body = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let server = try TestServer { _, _, responder in responder.respond(HTTPResponse(status: 200, body: body)) }
        #expect(try server.client().send(HTTPRequest(path: "/")).body == body)
    }

    @Test func `a request that is dropped without an answer gets one`() throws {
        let server = try TestServer { _, _, _ in }
        #expect(try server.client().send(HTTPRequest(path: "/")).status == 500)
    }

    @Test func `a handler learns the key of its peer`() throws {
        let server = try TestServer { _, peer, responder in
            responder.respond(HTTPResponse(status: 200, body: peer.key + Array(peer.address.utf8)))
        }
        let identity = try makeIdentity()
        let body = try server.client(as: identity).send(HTTPRequest(path: "/")).body
        #expect(body == identity.publicKey + Array("127.0.0.1".utf8))
    }

    @Test func `a client refuses a server with another key`() throws {
        let server = try TestServer.echo()
        let pin = try makeIdentity().publicKey
        let client = HTTPClient(server.endpoint, context: try TLSContext(clientWith: makeIdentity(), expecting: pin))
        let expected = TransportError.wrongKey(expected: pin, found: server.identity.publicKey)
        #expect(throws: expected) { try client.send(HTTPRequest(path: "/")) }
    }

    @Test func `a port where nobody listens is named`() throws {
        let endpoint = try HTTPServerTests.freeEndpoint()
        let client = HTTPClient(endpoint, context: try TLSContext(clientWith: makeIdentity(), expecting: makeIdentity().publicKey))
        #expect(throws: TransportError.unreachable(endpoint, errno: ECONNREFUSED)) { try client.connect() }
    }

    @Test func `a port in use is named`() throws {
        let server = try TestServer.echo()
        #expect(throws: TransportError.portInUse(server.endpoint)) { try server.server.listen(server.endpoint) }
    }

    @Test(arguments: ["", "GET / HT", "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nab"])
    func `a client that does not go on is sent away`(start: String) throws {
        var limits = TransportLimits()
        (limits.headTime, limits.bodyTime, limits.idle) = (.milliseconds(50), .milliseconds(50), .milliseconds(50))
        let server = try TestServer(limits: limits) { _, _, responder in responder.respond(HTTPResponse(status: 200)) }
        let raw = try server.rawConnection()
        try raw.write(start)
        #expect(try raw.readToEnd().hasPrefix(start.isEmpty ? "" : "HTTP/1.1 408 "))
    }

    @Test func `an idle connection is closed with a goodbye and the client connects anew`() throws {
        var limits = TransportLimits()
        limits.idle = .milliseconds(50)
        let server = try TestServer(limits: limits) { _, _, responder in responder.respond(HTTPResponse(status: 200)) }
        let raw = try server.rawConnection()
        try raw.write("GET / HTTP/1.1\r\nHost: b\r\n\r\n")
        #expect(try raw.readToEnd().hasPrefix("HTTP/1.1 200 "))
        let client = try server.client()
        for _ in 0..<3 {
            #expect(try client.send(HTTPRequest(path: "/")).status == 200)
            _ = poll(nil, 0, 100)
        }
    }

    @Test func `a handshake that stalls is cut off`() throws {
        var limits = TransportLimits()
        limits.handshake = .milliseconds(50)
        let server = try TestServer(limits: limits) { _, _, responder in responder.respond(HTTPResponse(status: 200)) }
        let descriptor = try Socket.connect(to: server.endpoint, before: .now + .seconds(5))
        defer { close(descriptor) }
        #expect(Socket.wait(descriptor, for: POLLIN, before: .now + .seconds(5)))
        var byte: UInt8 = 0
        #expect(read(descriptor, &byte, 1) <= 0)
    }

    @Test func `an address with too many unused connections gets no more, and a used one costs nothing`() throws {
        var limits = TransportLimits()
        limits.unusedPerSource = 3
        let server = try TestServer(limits: limits) { _, _, responder in responder.respond(HTTPResponse(status: 200)) }
        let clients = try (0..<5).map { _ in try server.client() }
        for client in clients { #expect(try client.send(HTTPRequest(path: "/")).status == 200) }
        let silent = try (0..<4).map { _ in try Socket.connect(to: server.endpoint, before: .now + .seconds(5)) }
        defer { for descriptor in silent { close(descriptor) } }
        #expect(Socket.wait(silent[3], for: POLLIN, before: .now + .seconds(5)))
        #expect(!Socket.wait(silent[0], for: POLLIN, before: .now))
        #expect(throws: TransportError.self) { try server.client().connect() }
        #expect(try clients[0].send(HTTPRequest(path: "/")).status == 200)
    }

    @Test func `a handshake with any key does not free a place, only a request does`() throws {
        var limits = TransportLimits()
        limits.unusedPerSource = 2
        let server = try TestServer(limits: limits) { _, _, responder in responder.respond(HTTPResponse(status: 200)) }
        let idle = try (0..<2).map { _ in try server.rawConnection() }
        #expect(throws: TransportError.self) { try server.client().connect() }
        try idle[0].write("GET / HTTP/1.1\r\nHost: b\r\n\r\n")
        _ = try idle[0].read()
        #expect(try server.client().send(HTTPRequest(path: "/")).status == 200)
    }

    @Test func `a handler can end the connection with its answer`() throws {
        let server = try TestServer { _, _, responder in
            responder.respond(HTTPResponse(status: 401, headers: ["Connection": "close"]))
        }
        let raw = try server.rawConnection()
        try raw.write("GET / HTTP/1.1\r\nHost: b\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n")
        let text = try raw.readToEnd()
        #expect(text == "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    }

    @Test func `closing the server ends its connections`() throws {
        let server = try TestServer.echo()
        let raw = try server.rawConnection()
        try raw.write("GET / HTTP/1.1\r\nHost: b\r\n\r\n")
        _ = try raw.read()
        server.server.close()
        #expect(try raw.read() == nil)
    }

    @Test func `200 clients at once get their own answers over one loop`() throws {
        var limits = TransportLimits()
        limits.unusedPerSource = 200
        let server = try TestServer(limits: limits) { request, _, responder in
            responder.respond(HTTPResponse(status: 200, body: request.body))
        }
        let (count, finished) = (200, try Promise<Void>())
        let tally = Mutex((done: 0, right: 0))
        for number in 0..<count {
            let client = try SendableClient(server.client())
            try Thread.start("client") {
                let isRight = (0..<5).allSatisfy { client.isEchoed("client \(number) request \($0)") }
                let done = tally.withLock { tally in
                    tally.done += 1
                    tally.right += isRight ? 1 : 0
                    return tally.done
                }
                if done == count { finished.fulfil(()) }
            }
        }
        try finished.wait(within: .seconds(60))
        #expect(tally.withLock { $0.right } == count)
    }

    /// A client handed to the one thread that uses it.
    private final class SendableClient: @unchecked Sendable {
        private let client: HTTPClient
        init(_ client: HTTPClient) { self.client = client }

        func isEchoed(_ text: String) -> Bool {
            let request = HTTPRequest(method: "POST", path: "/", body: Array(text.utf8))
            return (try? client.send(request))?.body == request.body
        }
    }

    /// A port that was free a moment ago.
    private static func freeEndpoint() throws -> Endpoint {
        let (descriptor, bound) = try Socket.listen(on: Endpoint("127.0.0.1:0"))
        close(descriptor)
        return bound
    }
}

extension String {
    /// Where a text begins, in bytes.
    func range(of text: String) -> Int? {
        let (all, part) = (Array(utf8), Array(text.utf8))
        return (0...max(0, all.count - part.count)).first { all[$0...].starts(with: part) }
    }
}
