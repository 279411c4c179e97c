// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Protocol
import StrictJSON
import Testing
import Transport

@testable import Agent

/// What the root part takes from the process that reads the network, and what it ends it for.
struct ReaderTableTests {
    private static let time = ControlMessage.time(Timestamp(milliseconds: 5))
    private static let problem = Problem(status: 503, code: "transport.closed", message: "The connection is closed.")

    private static func frame(_ report: ReaderReport) -> [UInt8] {
        switch report {
        case .ready, .connected, .heard: frame(report, [])
        case .message: frame(report, Array(time.text.utf8))
        case .over: frame(report, Array(problem.json.text.utf8))
        }
    }

    private static func frame(_ report: ReaderReport, _ content: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        ReaderFrames.append(report, content, to: &bytes)
        return bytes
    }

    /// A table in a phase, by the shortest way there.
    private static func table(_ phase: ReaderTable.Phase) throws -> ReaderTable {
        let way: [ReaderReport] =
            switch phase {
            case .starting: []
            case .dialling: [.ready]
            case .serving: [.ready, .connected]
            case .over: [.ready, .over]
            }
        var table = ReaderTable()
        for report in way {
            table.append(frame(report))
            _ = try table.next()
        }
        try #require(table.phase == phase)
        return table
    }

    @Test(arguments: [
        (ReaderTable.Phase.starting, [ReaderReport.ready]), (.dialling, [.connected, .over]),
        (.serving, [.message, .heard, .over]), (.over, []),
    ])
    func `each phase takes what the table has for it, and nothing else`(phase: ReaderTable.Phase, taken: [ReaderReport]) throws {
        for report in ReaderReport.allCases {
            var table = try Self.table(phase)
            table.append(Self.frame(report))
            if taken.contains(report) {
                #expect(try table.next() != nil, "\(report) \(phase)")
            } else {
                #expect(throws: ReaderFault.outOfPhase(report, phase)) { try table.next() }
            }
        }
    }

    @Test func `what the broker said comes out as it was said`() throws {
        var table = try Self.table(.serving)
        table.append(Self.frame(.message) + Self.frame(.heard) + Self.frame(.over))
        #expect(try table.next() == .message(Self.time))
        #expect(try table.next() == .heard)
        #expect(try table.next() == .over(Self.problem))
        #expect(try table.next() == nil)
    }

    @Test func `every proper prefix is waited with`() throws {
        let frame = Self.frame(.message)
        for length in 0..<frame.count {
            var table = try Self.table(.serving)
            table.append(frame.prefix(length))
            #expect(try table.next() == nil, "\(length)")
            table.append(frame.dropFirst(length))
            #expect(try table.next() == .message(Self.time), "\(length)")
        }
    }

    @Test(arguments: ReaderReport.allCases) func `a frame is taken at its limit, and refused one past it before it has come`(
        report: ReaderReport
    ) throws {
        func header(_ length: Int) -> [UInt8] {
            [report.rawValue] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
        }
        var frames = ReaderFrames<ReaderReport>()
        frames.append(header(report.limit) + [UInt8](repeating: 32, count: report.limit))
        #expect(try frames.next()?.content.count == report.limit)
        for length in [report.limit + 1, 0xFFFF_FFFF] {
            frames = ReaderFrames()
            frames.append(header(length))
            #expect(throws: ReaderFault.tooLong(kind: report.rawValue, length, limit: report.limit)) { try frames.next() }
        }
    }

    @Test(arguments: [0, 6, 7, 255] as [UInt8]) func `a kind that there is not is refused`(kind: UInt8) throws {
        var table = try Self.table(.serving)
        table.append([kind, 0, 0, 0, 0])
        #expect(throws: ReaderFault.unknownKind(kind)) { try table.next() }
    }

    @Test func `a message that no broker sends to an agent is refused`() throws {
        let (id, text) = (try SessionID("s-000000"), try SignedText(signing: "{}", with: [TestKey().signing]))
        let messages: [ControlMessage] = [
            .hello(version: "1", rollNumber: 1, sessions: []), .refused(id, Self.problem), .receipt(text), .leaseRefused(id, Self.problem),
            .ledgerSeen(1), .facts(NodeFacts()), .distrusts(Self.problem), .leaseMoved(id), .accepted(text), .opening(text), .rejoin(id),
            .recorded(id, OutputOffsets()), .clientLost(id), .watched(id, by: try PersonName("bob"), isThere: true), .attach(text),
            .attached(text),
        ]
        for message in messages {
            let type = try #require(try JSONValue(parsing: message.text)["type"]?.asString)
            var table = try Self.table(.serving)
            table.append(Self.frame(.message, Array(message.text.utf8)))
            #expect(throws: ReaderFault.notForAnAgent(type)) { try table.next() }
        }
    }

    @Test func `the messages of a broker are taken`() throws {
        let (id, text) = (try SessionID("s-000000"), try SignedText(signing: "{}", with: [TestKey().signing]))
        let evidence = try EvidencePlan(Installation()).evidence()
        for message: ControlMessage in [
            Self.time, .roll([text]), .open(evidence), .lease(evidence), .end(id, .revoked, detail: ""), .grantsOver([]), .receiptStored(id),
        ] {
            var table = try Self.table(.serving)
            table.append(Self.frame(.message, Array(message.text.utf8)))
            #expect(try table.next() == .message(message))
        }
    }

    @Test(arguments: ["", "null", "{}", "{\"type\":\"time\"}", "{\"type\":\"time\",\"at\":5,\"more\":1}", "[[[[", "{\"type\":\"open\",\"evidence\":7}"])
    func `what is no message is refused`(text: String) throws {
        var table = try Self.table(.serving)
        table.append(Self.frame(.message, Array(text.utf8)))
        #expect { try table.next() } throws: { error in
            if case .notAMessage = error as? ReaderFault { true } else { false }
        }
    }

    @Test func `bytes that are not text are refused`() throws {
        var table = try Self.table(.serving)
        table.append(Self.frame(.message, [0xFF, 0xFE]))
        #expect(throws: ReaderFault.notText) { try table.next() }
        table = try Self.table(.serving)
        table.append(Self.frame(.over, Array("{".utf8)))
        #expect { try table.next() } throws: { error in
            if case .notAProblem = error as? ReaderFault { true } else { false }
        }
    }

    @Test func `20,000 broken streams are taken or refused`() throws {
        var random = Xorshift(state: 7)
        let good = Self.frame(.ready) + Self.frame(.connected) + Self.frame(.message) + Self.frame(.heard) + Self.frame(.message) + Self.frame(.over)
        var (faults, events) = (0, 0)
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0...Int(random.next() % 4) {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 4 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                default: bytes.removeLast(Int(random.next() % UInt64(bytes.count - place)))
                }
            }
            var table = ReaderTable()
            do throws(ReaderFault) {
                // In pieces, as a socket gives them.
                while !bytes.isEmpty {
                    let piece = bytes.prefix(1 + Int(random.next() % 40))
                    table.append(piece)
                    bytes.removeFirst(piece.count)
                    while try table.next() != nil { events += 1 }
                }
            } catch {
                faults += 1
            }
        }
        #expect(faults > 1000 && events > 1000)
    }

    @Test func `an order to dial is read as it was given, and nothing may be missing or added`() throws {
        let (node, broker) = (try TestKey(), try TestKey())
        let key = try node.tls.delegate(to: Array(1...32), for: DelegatedTime(notBefore: 0, notAfter: 1))
        let order = DialOrder(broker: try Endpoint("broker.example.org:7420"), pin: broker.publicKey, key: key)
        #expect(try DialOrder(parsing: Array(order.text.utf8)) == order)
        #expect(order.text.utf8.count <= ReaderOrder.dial.limit)
        #expect(!order.text.contains(Hex.encode(node.seed)))
        let whole = try #require(try JSONValue(parsing: order.text).asObject)
        for (name, _) in whole.members {
            var without = whole
            without[name] = nil
            #expect(throws: (any Error).self) { try DialOrder(parsing: Array(JSONValue.object(without).text.utf8)) }
        }
        var more = whole
        more["more"] = 1
        #expect(throws: (any Error).self) { try DialOrder(parsing: Array(JSONValue.object(more).text.utf8)) }
    }
}

/// The same numbers in every run (Marsaglia, "Xorshift RNGs").
private struct Xorshift {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
