// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Foundation
import StrictJSON
import Testing

@testable import Client

@Suite struct RecordingCheckTests {
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("stint-recording-\(UUID().uuidString)")
    private let installation: Installation
    private let opening: Signed<OpeningStatement>

    init() throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        installation = try Installation()
        opening = try OpeningStatement(
            root: .none, activation: .none, person: PersonName("alice"), node: NodeName("db-1"), capability: .shell,
            runAs: RunAsName(user: "root"), command: [], terminal: nil, language: "C.UTF-8", ephemeral: [UInt8](repeating: 9, count: 32),
            rollNumber: 1, nonce: Evidence.Random.nonce(), at: .now()
        ).signed(with: Installation.makeKey())
    }

    /// Three chunks, and what the broker would sign for them.
    private func recording(missing: Int64 = 0) throws -> (bytes: [UInt8], end: RecordingEndStatement) {
        var chain = try RecordingChain()
        var bytes: [UInt8] = []
        func write(_ line: String) throws {
            let line = Array((line + "\n").utf8)
            bytes += line
            try chain.add(line)
        }
        try write(#"{"version":2,"width":80,"height":24,"title":"\#(opening.id) alice@db-1 as root"}"#)
        for number in 1...2 {
            try write(#"[\#(number).5,"o","line \#(number)\r\n"]"#)
            let seal = try chain.seal()
            try write(#"[\#(number).6,"h","\#(seal.text)"]"#)
        }
        try write(#"[3.5,"o","the last line\r\n"]"#)
        let (size, seals) = (chain.size, chain.number)
        let end = RecordingEndStatement(
            root: .none, opening: opening.digest, bytes: size, chunks: seals, chain: try chain.end(), missing: missing, at: .now())
        return (bytes, end)
    }

    private func check(_ bytes: [UInt8], _ end: RecordingEndStatement?, of other: Signed<OpeningStatement>? = nil) throws -> RecordingCheck {
        defer { try? FileManager.default.removeItem(at: directory) }
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let path = directory.path + "/file.cast"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let session = GrantEvidence.SessionPart(
            opening: other ?? opening, acceptance: nil, receipt: nil, recording: try end?.signed(with: Installation.makeKey()))
        let head = LedgerHeadStatement(root: .none, size: 0, tree: .none, chain: .none, at: .now())
        let evidence = GrantEvidence(
            roll: [], request: try installation.request(), votes: [], activation: nil, endings: [], sessions: [session], entries: [],
            head: try head.signed(with: Installation.makeKey()))
        return try RecordingCheck(path, in: evidence)
    }

    private func complaint(_ body: () throws -> Void) -> String {
        do {
            try body()
            return ""
        } catch {
            return Failures.message(of: error)
        }
    }

    @Test func `a recording that is as it was signed is whole, or truncated by what its node counted`() throws {
        let (bytes, end) = try recording()
        let found = try check(bytes, end)
        #expect(found.outcome == .whole && found.session == opening.id && found.chunks == 3 && found.bytes == end.bytes)
        #expect(try check(bytes, try recording(missing: 7).end).outcome == .truncated(missing: 7))
    }

    @Test func `a recording whose end nobody signed is never whole`() throws {
        let (bytes, _) = try recording()
        #expect(try check(bytes, nil).outcome == .withoutEnd)
        #expect(try check(Array(bytes.dropLast(5)), nil).outcome == .withoutEnd)
    }

    @Test func `a byte that changed is found in its chunk`() throws {
        let (bytes, end) = try recording()
        let places = [(of: "line 1", chunk: 1), (of: "line 2", chunk: 2), (of: "the last", chunk: 3)]
        for place in places {
            let range = try #require(Data(bytes).range(of: Data(place.of.utf8)))
            var changed = bytes
            changed[range.lowerBound] ^= 1
            #expect(complaint { _ = try check(changed, end) }.contains("Chunk \(place.chunk) of the recording"), "\(place)")
            // What no seal follows, nobody can tell without an end.
            if place.chunk == 1 { #expect(complaint { _ = try check(changed, nil) }.contains("Chunk 1 ")) }
        }
    }

    @Test func `no prefix of a recording and none with a byte more holds`() throws {
        let (bytes, end) = try recording()
        for count in stride(from: 0, to: bytes.count, by: 7) {
            #expect(throws: (any Error).self, "\(count) bytes") { try check(Array(bytes.prefix(count)), end) }
        }
        #expect(throws: ClientError.self) { try check(bytes + [0x0A], end) }
    }

    @Test func `the recording of another session is refused by its name`() throws {
        let (bytes, end) = try recording()
        let other = try OpeningStatement(
            root: .none, activation: .none, person: PersonName("alice"), node: NodeName("db-1"), capability: .shell,
            runAs: RunAsName(user: "root"), command: [], terminal: nil, language: "C.UTF-8", ephemeral: [UInt8](repeating: 9, count: 32),
            rollNumber: 1, nonce: Evidence.Random.nonce(), at: .now()
        ).signed(with: Installation.makeKey())
        #expect(complaint { _ = try check(bytes, end, of: other) }.contains("no session `\(opening.id)`"))
        #expect(complaint { _ = try check(Array("no recording at all\n".utf8), end) } != "")
    }
}
