// SPDX-License-Identifier: Apache-2.0

import Evidence
import Protocol
import StrictJSON
import Testing

@testable import Agent

/// What a join takes from its process that reads the network, and what it ends it for.
struct JoinTableTests {
    private static let problem = Problem(status: 503, code: "transport.closed", message: "The connection is closed.")

    private static func frame(_ report: JoinReport) -> [UInt8] {
        switch report {
        case .ready, .taken: frame(report, [])
        case .entries: frame(report, Array("{}".utf8))
        case .refused: frame(report, [1, 247] + Array(problem.json.text.utf8))
        case .over: frame(report, Array(problem.json.text.utf8))
        }
    }

    private static func frame(_ report: JoinReport, _ content: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        ReaderFrames.append(report, content, to: &bytes)
        return bytes
    }

    private static func table(_ phase: JoinTable.Phase) throws -> JoinTable {
        var table = JoinTable()
        guard phase != .starting else { return table }
        table.append(frame(.ready))
        #expect(try table.next() == .ready)
        switch phase {
        case .starting, .idle: break
        case .fetching, .posting: table.begin(phase)
        case .over:
            table.begin(.fetching)
            table.append(frame(.over))
            #expect(try table.next() == .over(problem))
        }
        try #require(table.phase == phase)
        return table
    }

    @Test(arguments: [
        (JoinTable.Phase.starting, [JoinReport.ready]), (.idle, []), (.fetching, [.entries, .refused, .over]),
        (.posting, [.taken, .refused, .over]), (.over, []),
    ])
    func `each phase takes what the table has for it, and nothing else`(phase: JoinTable.Phase, taken: [JoinReport]) throws {
        for report in JoinReport.allCases {
            var table = try Self.table(phase)
            table.append(Self.frame(report))
            if taken.contains(report) {
                #expect(try table.next() != nil, "\(report) \(phase)")
            } else {
                #expect(throws: ReaderFault.outOfJoin(report, phase)) { try table.next() }
            }
        }
    }

    @Test func `each order has one answer`() throws {
        for (phase, report) in [(JoinTable.Phase.fetching, JoinReport.entries), (.posting, .taken), (.posting, .refused)] {
            var table = try Self.table(phase)
            table.append(Self.frame(report) + Self.frame(report))
            #expect(try table.next() != nil)
            #expect(throws: ReaderFault.outOfJoin(report, .idle)) { try table.next() }
        }
    }

    @Test func `a refusal comes out with the status that the broker gave`() throws {
        var table = try Self.table(.posting)
        table.append(Self.frame(.refused))
        #expect(try table.next() == .refused(Self.problem))
    }

    @Test(arguments: [[], [1], [1, 247], [1, 247, 123], [1, 247] + [UInt8](repeating: 91, count: 1000)] as [[UInt8]])
    func `a refusal that is none ends the reader`(content: [UInt8]) throws {
        var table = try Self.table(.posting)
        table.append(Self.frame(.refused, content))
        do {
            _ = try table.next()
            Issue.record("it was taken")
        } catch {
            if case .notAProblem = error { return }
            Issue.record("\(error)")
        }
    }

    @Test(arguments: JoinReport.allCases) func `a frame is taken at its limit, and refused one past it before it has come`(
        report: JoinReport
    ) throws {
        func header(_ length: Int) -> [UInt8] { [report.rawValue] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) } }
        var frames = ReaderFrames<JoinReport>()
        frames.append(header(report.limit) + [UInt8](repeating: 32, count: report.limit))
        #expect(try frames.next()?.content.count == report.limit)
        for length in [report.limit + 1, 0xFFFF_FFFF] {
            frames = ReaderFrames()
            frames.append(header(length))
            #expect(throws: ReaderFault.tooLong(kind: report.rawValue, length, limit: report.limit)) { try frames.next() }
        }
    }

    @Test(arguments: [0, 6, 255] as [UInt8]) func `a kind that there is not is refused`(kind: UInt8) throws {
        var table = try Self.table(.fetching)
        table.append([kind, 0, 0, 0, 0])
        #expect(throws: ReaderFault.unknownKind(kind)) { try table.next() }
    }

    @Test func `a question comes out as it was asked, and no other length is one`() throws {
        let invitation = try Digest(of: [7])
        for number in [0, 1, 255, 256, Int64.max] {
            let content = JoinOrder.fetch(after: number, invitation)
            #expect(content.count == JoinOrder.fetch.limit)
            let asked = try #require(JoinOrder.fetched(content))
            #expect(asked.after == number && asked.invitation == invitation)
            #expect(JoinOrder.fetched(content.dropLast()) == nil && JoinOrder.fetched(content + [0]) == nil)
        }
    }
}
