// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Transport

/// Broken input must become an error, never the end of the process. The same inputs in every run.
struct FuzzTests {
    @Test func `20,000 broken requests and responses are read or refused`() {
        var random = SplitMix(seed: 1)
        let seeds = [
            "GET /a/b?c=d&e=%20 HTTP/1.1\r\nHost: a:1\r\nX-Y: z\r\n\r\n",
            "POST /a HTTP/1.1\r\nHost: [::1]:1\r\nContent-Length: 10\r\n\r\n0123456789",
            "GET /s HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nabc",
        ].map { Array($0.utf8) }
        let parser = HTTPParser()
        for index in 0..<20_000 {
            let input = random.mutation(of: seeds[index % seeds.count], tokens: ["\r\n", "\n", ":", "%", " ", "\0", "0", "+", "é"])
            input.withUnsafeBytes { bytes in
                if let head = try? parser.requestHead(in: bytes) {
                    #expect(head.byteCount <= bytes.count && head.bodyLength <= 262_144)
                    #expect(head.request.path.utf8.first == UInt8(ascii: "/"))
                }
                if let head = try? parser.responseHead(in: bytes, to: "GET") { #expect(head.byteCount <= bytes.count) }
            }
        }
    }

    @Test func `20,000 broken frame headers are read or refused`() {
        var random = SplitMix(seed: 2)
        let seeds: [[UInt8]] = [
            [0x81, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9], [0x82, 0xFE, 0x01, 0x00, 1, 2, 3, 4],
            [0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4], [0x88, 0x82, 0, 0, 0, 0, 3, 0xE8], [0x89, 0x00],
        ]
        for index in 0..<20_000 {
            let input = random.mutation(of: seeds[index % seeds.count], tokens: ["\u{7F}", "\0"])
            input.withUnsafeBytes { bytes in
                for isMasked in [true, false] {
                    let frame = try? WebSocketFrame(parsing: bytes, isMasked: isMasked, limits: TransportLimits())
                    guard let frame else { continue }
                    #expect(frame.headerLength <= bytes.count && (0...65_792).contains(frame.payloadLength))
                }
            }
        }
    }

    @Test func `streams of broken frames end in messages or errors`() throws {
        var random = SplitMix(seed: 3)
        let pair = try TLSPair.established()
        var queue = ByteQueue()
        for (opcode, isFinal) in [(WebSocketFrame.Opcode.text, false), (.ping, true), (.continuation, true), (.binary, true), (.close, true)] {
            let payload: [UInt8] = opcode == .close ? [3, 0xE8] : Array("hello".utf8)
            WebSocketFrame.appendHeader(opcode, isFinal: isFinal, length: payload.count, mask: 0, to: &queue)
            queue.append(payload)
        }
        let seed = Array(queue.readable)
        for _ in 0..<20_000 {
            let input = random.mutation(of: seed, tokens: ["\0", "\u{7F}"])
            let stream = input.withUnsafeBytes {
                WebSocketStream(pair.server, role: .server, peer: Peer(key: [], address: ""), limits: .init(), received: $0)
            }
            var messages = 0
            while (try? stream.next()) != nil { messages += 1 }
            #expect(messages <= input.count)
        }
    }
}

/// A small generator with a fixed seed (SplitMix64), so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// One to eight changes: a flipped bit, a byte, a cut, a repetition, a token put in.
    mutating func mutation(of seed: [UInt8], tokens: [String]) -> [UInt8] {
        var bytes = seed
        for _ in 0..<Int.random(in: 1...8, using: &self) {
            let position = Int.random(in: 0...bytes.count, using: &self)
            switch Int.random(in: 0..<6, using: &self) {
            case 0 where position < bytes.count: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 1 where position < bytes.count: bytes[position] = UInt8.random(in: 0...255, using: &self)
            case 2: bytes.removeSubrange(position..<min(bytes.count, position + 4))
            case 3: bytes.insert(contentsOf: bytes[position..<min(bytes.count, position + 8)], at: position)
            case 4: bytes.insert(contentsOf: Array((tokens.randomElement(using: &self) ?? "").utf8), at: position)
            default: bytes.insert(UInt8.random(in: 0...255, using: &self), at: position)
            }
        }
        return bytes
    }
}
