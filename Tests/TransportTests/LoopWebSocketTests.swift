// SPDX-License-Identifier: Apache-2.0

import Posix
import Synchronization
import Testing

@testable import Transport

struct LoopWebSocketTests {
    @Test func `text and binary messages reach their callbacks and both can be sent`() throws {
        let server = try TestServer { _, _, responder in
            responder.upgrade { socket in
                socket.onText = { [weak socket] in socket?.send(text: $0) }
                socket.onBinary = { [weak socket] in socket?.send(binary: $0) }
            }
        }
        let stream = try server.client().upgrade(path: "/")
        try stream.send(.text, Array("é".utf8))
        try stream.send(.binary, [0, 255])
        let (one, other) = (try #require(try stream.receive()), try #require(try stream.receive()))
        #expect(one.kind == .text && one.bytes == Array("é".utf8))
        #expect(other.kind == .binary && other.bytes == [0, 255])
    }

    @Test func `what came before the detachment is in the stream, and what was queued is sent`() throws {
        let detached = try Promise<WebSocketStream>()
        let waiting = try Promise<LoopWebSocket>()
        let server = try TestServer { _, _, responder in
            responder.upgrade { socket in
                socket.onText = { [weak socket] text in
                    guard let socket, text == "open" else { return }
                    socket.onText = nil  // from here on, messages wait
                    socket.send(text: "wait")
                    waiting.fulfil(socket)
                }
            }
        }
        let client = try server.client().upgrade(path: "/")
        client.enqueue(text: "open")
        client.enqueue(text: "early")
        try client.flushAll()
        #expect(try client.receive()?.bytes == Array("wait".utf8))
        try client.send(.binary, [1, 2, 3])
        try waiting.wait().detach { detached.fulfil($0) }
        let stream = try detached.wait()
        #expect(stream.hasBuffered)
        #expect(try stream.receive()?.bytes == Array("early".utf8))
        #expect(try stream.receive()?.bytes == [1, 2, 3])
        try stream.send(.text, Array("mine now".utf8))
        #expect(try client.receive()?.bytes == Array("mine now".utf8))
    }

    @Test func `a peer that vanishes while messages wait is told by onClose`() throws {
        let closed = try Promise<LoopWebSocket.CloseReason>()
        let server = try TestServer { _, _, responder in
            responder.upgrade { socket in socket.onClose = { closed.fulfil($0) } }
        }
        let client = try server.client().upgrade(path: "/")
        try client.send(.text, [65])
        client.close()
        #expect(try closed.wait() == .abnormal)
    }

    @Test func `the peer's close reaches onClose with its status and is answered`() throws {
        let closed = try Promise<LoopWebSocket.CloseReason>()
        let server = try TestServer { _, _, responder in
            responder.upgrade { socket in
                socket.onText = { _ in }
                socket.onClose = { closed.fulfil($0) }
            }
        }
        let client = try server.client().upgrade(path: "/")
        client.enqueueClose(3001, reason: "done")
        try client.flushAll()
        #expect(try closed.wait() == LoopWebSocket.CloseReason(code: 3001, reason: "done"))
        #expect(try client.receive()?.kind == .close)
        #expect(try client.receive() == nil)
    }

    @Test func `our close waits for the peer's answer`() throws {
        let closed = try Promise<LoopWebSocket.CloseReason>()
        let server = try TestServer { _, _, responder in
            responder.upgrade { socket in
                socket.onClose = { closed.fulfil($0) }
                socket.send(text: "last words")
                socket.close(4000, "bye")
            }
        }
        let client = try server.client().upgrade(path: "/")
        #expect(try client.receive()?.bytes == Array("last words".utf8))
        #expect(try client.receive()?.kind == .close)
        try client.flushAll()
        #expect(try closed.wait() == LoopWebSocket.CloseReason(code: 4000, reason: "bye"))
    }

    @Test func `a client that does not mask hears why and is closed`() throws {
        let closed = try Promise<LoopWebSocket.CloseReason>()
        let server = try TestServer { _, _, responder in
            responder.upgrade { socket in
                socket.onText = { _ in }
                socket.onClose = { closed.fulfil($0) }
            }
        }
        let raw = try server.rawConnection()
        try raw.write(upgradeRequest)
        _ = try raw.read()
        try raw.write([0x81, 1, 65])
        #expect(try raw.read()?.starts(with: [0x88]) == true)
        raw.connection.closeNotify()
        raw.connection.close()
        #expect(try closed.wait() == LoopWebSocket.CloseReason(code: 1002, reason: "websocket.wrong-masking"))
    }

    @Test func `the queue takes messages to its limit and not past it`() throws {
        var limits = TransportLimits()
        limits.sendQueue = 1000
        let results = try Promise<[Bool]>()
        let server = try TestServer(limits: limits) { _, _, responder in
            responder.upgrade { socket in
                results.fulfil([400, 600, 1].map { socket.send(binary: [UInt8](repeating: 1, count: $0)) })
            }
        }
        let client = try server.client().upgrade(path: "/")
        #expect(try results.wait() == [true, true, false])
        #expect(try client.receive()?.bytes.count == 400)
        #expect(try client.receive()?.bytes.count == 600)
    }

    @Test func `a peer that takes nothing is dropped after a while`() throws {
        var limits = TransportLimits()
        (limits.writeStall, limits.sendQueue) = (.milliseconds(100), 64 * 1024 * 1024)
        let closed = try Promise<LoopWebSocket.CloseReason>()
        let server = try TestServer(limits: limits) { _, _, responder in
            responder.upgrade { socket in
                socket.onClose = { closed.fulfil($0) }
                socket.send(binary: [UInt8](repeating: 1, count: 32 * 1024 * 1024))
            }
        }
        let client = try server.client().upgrade(path: "/")
        #expect(try closed.wait() == .abnormal)
        client.close()
    }

    @Test(arguments: [
        ("Upgrade: websocket", "Upgrade: h2c", 426), ("Connection: Upgrade", "Connection: close", 426),
        ("Version: 13", "Version: 8", 426), ("dGhlIHNhbXBsZSBub25jZQ==", "short", 400),
        ("Host: b", "Host: b\r\nOrigin: https://b", 403), ("GET", "POST", 426),
    ])
    func `an upgrade that is not right is refused`(part: String, other: String, status: Int) throws {
        let server = try TestServer { _, _, responder in responder.upgrade { _ in } }
        let raw = try server.rawConnection()
        let cut = try #require(upgradeRequest.range(of: part))
        let bytes = Array(upgradeRequest.utf8)
        try raw.write(Array(bytes[..<cut]) + Array(other.utf8) + Array(bytes[(cut + part.utf8.count)...]))
        #expect(String(decoding: try raw.read() ?? [], as: UTF8.self).hasPrefix("HTTP/1.1 \(status) "))
    }

    @Test func `a refused upgrade gives the client the server's answer`() throws {
        let server = try TestServer { _, _, responder in responder.respond(HTTPResponse(status: 403, body: [1])) }
        let error = #expect(throws: TransportError.self) { _ = try server.client().upgrade(path: "/") }
        guard case .upgradeRefused(let response) = error else { throw TestError("another error: \(String(describing: error))") }
        #expect(response.status == 403 && response.body == [1])
    }

    private let upgradeRequest = """
        GET / HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n
        """
}
