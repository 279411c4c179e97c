// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Transport

struct WebSocketTests {
    @Test func `the accept value is the one of RFC 6455`() {
        #expect(WebSocketHandshake.accept(for: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test(arguments: [0, 1, 7, 8, 9, 125, 126, 127, 65_535, 65_536, 65_792, 65_793, 1_048_576])
    func `a message of any size arrives from both roles`(size: Int) throws {
        let (server, client) = try streams()
        let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try carry(payload, from: client, to: server) == payload)
        #expect(try carry(payload, from: server, to: client) == payload)
    }

    @Test func `a message longer than 1 MiB is refused`() throws {
        let (server, client) = try streams()
        let payload = [UInt8](repeating: 1, count: 1_048_577)
        #expect(throws: WebSocketError.messageTooLarge(limit: 1_048_576)) { try carry(payload, from: client, to: server) }
    }

    @Test func `parts are gathered into one message with one mask`() throws {
        let (server, client) = try streams()
        let (one, two, three): ([UInt8], [UInt8], [UInt8]) = ([1, 2, 3], [4, 5], [6, 7, 8, 9, 10, 11, 12, 13, 14])
        one.withUnsafeBytes { one in
            two.withUnsafeBytes { two in three.withUnsafeBytes { client.enqueue(.binary, parts: one, two, $0) } }
        }
        try client.flushAll()
        #expect(try server.receive()?.bytes == one + two + three)
    }

    @Test func `short messages that have come are had at once`() throws {
        let (server, client) = try streams()
        for byte in UInt8(1)...3 {
            client.enqueue(.binary, [byte])
            try client.flushAll()
        }
        #expect(try server.fill() == .some)
        for byte in UInt8(1)...3 { #expect(try server.next()?.bytes == [byte]) }
        let nothing = try server.next()
        #expect(nothing == nil)
        #expect(!server.hasBuffered)
    }

    @Test func `a mask goes on where the part before it ended`() {
        let plain = (0..<150).map { UInt8($0) }
        for cut in 0...150 {
            var whole = plain
            var parts = plain
            whole.withUnsafeMutableBytes { WebSocketFrame.apply(0x0403_0201, to: $0) }
            parts.withUnsafeMutableBytes { bytes in
                WebSocketFrame.apply(0x0403_0201, to: UnsafeMutableRawBufferPointer(rebasing: bytes[..<cut]))
                WebSocketFrame.apply(0x0403_0201, to: UnsafeMutableRawBufferPointer(rebasing: bytes[cut...]), position: cut)
            }
            #expect(parts == whole)
            #expect(whole.indices.allSatisfy { whole[$0] == plain[$0] ^ UInt8($0 % 4 + 1) })
        }
    }

    @Test func `a fragmented text is put together around a ping, which is answered`() throws {
        let (server, client) = try streams()
        let frames: [UInt8] = [0x01, 2, 0x68, 0xC3] + [0x89, 1, 0x21] + [0x00, 0] + [0x80, 1, 0xA9]
        try inject(masked(frames), into: server)
        #expect(try server.next()?.kind == .ping)
        let message = try #require(try server.next())
        #expect(message.kind == .text && message.bytes == Array("hé".utf8))
        try server.flushAll()
        let pong = try #require(try client.receive())
        #expect(pong.kind == .pong && pong.bytes == [0x21])
    }

    @Test(arguments: [
        ([0x81, 0x00], WebSocketError.wrongMasking), ([0xC1, 0x80], .reservedBits), ([0xA1, 0x80], .reservedBits),
        ([0x91, 0x80], .reservedBits), ([0x83, 0x80], .unknownOpcode(3)), ([0x8B, 0x80], .unknownOpcode(11)),
        ([0x09, 0x80], .badControlFrame), ([0x89, 0xFE, 0, 126], .badControlFrame), ([0x88, 0xFE], .badControlFrame),
        ([0x80, 0x80, 0, 0, 0, 0], .badFragment), ([0x00, 0x80, 0, 0, 0, 0], .badFragment),
        ([0x01, 0x80, 0, 0, 0, 0, 0x81, 0x80, 0, 0, 0, 0], .badFragment),
        ([0x82, 0xFE, 0, 125], .badLength), ([0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], .badLength),
        ([0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0x01, 0x01], .frameTooLarge(limit: 65_792)),
        ([0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .frameTooLarge(limit: 65_792)),
        ([0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .frameTooLarge(limit: 65_792)),
        ([0x81, 0x81, 0, 0, 0, 0, 0xFF], .badText), ([0x81, 0x83, 0, 0, 0, 0, 0xED, 0xA0, 0x80], .badText),
        ([0x88, 0x81, 0, 0, 0, 0, 3], .badClose), ([0x88, 0x82, 0, 0, 0, 0, 3, 0xE7], .badClose),
        ([0x88, 0x82, 0, 0, 0, 0, 3, 0xED], .badClose), ([0x88, 0x82, 0, 0, 0, 0, 3, 0xEE], .badClose),
        ([0x88, 0x83, 0, 0, 0, 0, 3, 0xE8, 0xFF], .badClose),
    ] as [([UInt8], WebSocketError)])
    func `a broken frame is refused`(frame: [UInt8], error: WebSocketError) throws {
        let (server, _) = try streams()
        try inject(frame, into: server)
        #expect(throws: error) { while try server.next() != nil {} }
    }

    @Test func `a server's masked frame is refused by the client`() throws {
        let (_, client) = try streams()
        try inject([0x81, 0x80, 0, 0, 0, 0], into: client)
        #expect(throws: WebSocketError.wrongMasking) { _ = try client.next() }
    }

    @Test func `a close is answered once, and a frame after it is refused`() throws {
        let (server, client) = try streams()
        try inject(masked([0x88, 2, 3, 0xE9]) + masked([0x81, 0]), into: server)
        let message = try #require(try server.next())
        #expect(message.kind == .close && message.closeCode == 1001)
        #expect(throws: WebSocketError.afterClose) { _ = try server.next() }
        server.enqueue(text: "too late")
        try server.flushAll()
        server.close()
        #expect(try client.fill() == .some)
        #expect(try client.next()?.closeCode == 1001)
        #expect(try client.receive() == nil)
    }

    @Test func `a flood of pings that nobody reads does not grow the queue`() throws {
        let (server, _) = try streams()
        for _ in 0..<200 {
            try inject(Array([[UInt8]](repeating: masked([0x89, 125] + [UInt8](repeating: 1, count: 125)), count: 50).joined()), into: server)
            while try server.next() != nil {}
        }
        #expect(server.outgoingBytes <= 64 * 1024 + 127)
    }

    @Test func `bytes that end inside a frame without a goodbye are an error`() throws {
        let pair = try TLSPair.established()
        let server = WebSocketStream(pair.server, role: .server, peer: Peer(key: [], address: ""), limits: .init(), received: .init(start: nil, count: 0))
        _ = try pair.client.write([0x81, 0x85, 0])
        pair.client.close()
        #expect(throws: TransportError.truncated) { _ = try server.receive() }
    }

    @Test func `a long reason is cut between characters`() throws {
        let (server, client) = try streams()
        server.enqueueClose(1000, reason: String(repeating: "é", count: 100))
        try server.flushAll()
        let close = try client.fill() == .some ? try client.next() : nil
        #expect(close?.bytes == [UInt8](Array(repeating: Array("é".utf8), count: 61).joined()))
    }

    private func streams() throws -> (server: WebSocketStream, client: WebSocketStream) {
        let pair = try TLSPair.established()
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        let peer = Peer(key: [], address: "")
        return (
            WebSocketStream(pair.server, role: .server, peer: peer, limits: .init(), received: nothing),
            WebSocketStream(pair.client, role: .client, peer: peer, limits: .init(), received: nothing)
        )
    }

    /// Sends in one thread: writes what fits, then reads, in turns.
    private func carry(_ payload: [UInt8], from sender: WebSocketStream, to receiver: WebSocketStream) throws -> [UInt8]? {
        sender.enqueue(.binary, payload)
        while true {
            let isWritten = try sender.flush()
            if let message = try receiver.next() { return message.bytes }
            if try receiver.fill() == .wouldBlock, isWritten { return nil }
        }
    }

    /// Gives a stream bytes as if they had come from the network.
    private func inject(_ bytes: [UInt8], into stream: WebSocketStream) throws {
        bytes.withUnsafeBytes { stream.take($0) }
    }

    /// Adds a mask of zeros to frames with short lengths.
    private func masked(_ frames: [UInt8]) -> [UInt8] {
        var (rest, result) = (frames[...], [UInt8]())
        while let first = rest.popFirst(), let length = rest.popFirst() {
            result += [first, length | 0x80, 0, 0, 0, 0] + rest.prefix(Int(length))
            rest = rest.dropFirst(Int(length))
        }
        return result
    }
}
