// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Foundation
import Posix
import Protocol
import Terminal
import Testing

@testable import Broker

/// A recording that is interrupted at any byte goes on without a gap and without a repetition.
@Suite struct RecorderTests {
    private let path: String

    init() throws {
        path = NSTemporaryDirectory() + "recording-" + UUID().uuidString
    }

    private func opening(terminal: Bool) throws -> OpeningStatement {
        OpeningStatement(
            root: .none, activation: .none, person: try PersonName("anna"), node: try NodeName("db-1"), capability: .exec,
            runAs: try RunAsName(user: "deploy"), command: ["cat"],
            terminal: terminal ? .init(type: "xterm", columns: 80, rows: 24) : nil, language: "",
            ephemeral: Array(repeating: 7, count: 32), rollNumber: 1, nonce: String(repeating: "0", count: 32),
            at: Timestamp(milliseconds: 1_800_000_000_000))
    }

    private static let start = Timestamp(milliseconds: 1_800_000_000_000)

    private func begin(terminal: Bool) throws -> Recorder {
        try Recorder(path, opening(terminal: terminal), SessionID("s-7k2p9x"), at: Self.start)
    }

    private func goOn(terminal: Bool) throws -> Recorder {
        try Recorder(continuing: path, opening(terminal: terminal), at: Self.start + .seconds(5))
    }

    private func output(_ recorder: Recorder, _ text: [UInt8], at offset: Int) throws {
        try text.withUnsafeBytes { try recorder.output($0, at: UInt64(offset)) }
    }

    private func recorded() throws -> [UInt8] {
        var reader = AsciicastReader()
        var all: [[UInt8]] = []
        for case .event(let event) in try reader.feed(Array(try Data(contentsOf: URL(fileURLWithPath: path)))) {
            switch event.kind {
            case .output(let text): all.append(text)
            case .exact(let bytes): all[all.count - 1] = bytes
            case .input, .resize, .marker, .other: break
            }
        }
        return all.flatMap { $0 }
    }

    @Test(arguments: [true, false])
    func `what comes again is passed over, and a gap is refused`(terminal: Bool) throws {
        let recorder = try begin(terminal: terminal)
        try output(recorder, Array("hello".utf8), at: 0)
        try output(recorder, Array("lo wor".utf8), at: 3)
        #expect(throws: BrokerError.self) { try output(recorder, [0], at: 10) }
        #expect(try recorded() == Array("hello wor".utf8))
    }

    @Test(arguments: [true, false])
    func `cut at any byte, a recording goes on from what it holds`(terminal: Bool) throws {
        // Characters of several bytes, U+FFFD itself, and bytes that are no text.
        let pieces: [[UInt8]] = [
            Array("plain ".utf8), [0xC3], [0xA4, 0x20], Array("\u{FFFD}".utf8), [0xFF, 0xFE, 0x41], Array("end".utf8),
        ]
        let whole = pieces.flatMap { $0 }
        let recorder = try begin(terminal: terminal)
        var offset = 0
        for piece in pieces {
            try output(recorder, piece, at: offset)
            offset += piece.count
        }
        let file = try Data(contentsOf: URL(fileURLWithPath: path))
        let first = try #require(file.firstIndex(of: UInt8(ascii: "\n"))) + 1
        for length in first...file.count {
            try file.prefix(length).write(to: URL(fileURLWithPath: path))
            let next = try goOn(terminal: terminal)
            let offsets = try #require(try next.acknowledge(always: true))
            let known = Int(offsets.output)
            #expect(known <= whole.count)
            try output(next, Array(whole[known...]), at: known)
            next.finish()
            #expect(try recorded() == whole, "cut at \(length)")
        }
        unlink(path)
    }

    @Test(arguments: [true, false])
    func `what the node was told to be recorded is never cut off`(terminal: Bool) throws {
        let recorder = try begin(terminal: terminal)
        try output(recorder, Array("sure \u{FFFD}".utf8), at: 0)
        let told = try #require(try recorder.acknowledge(always: true))
        try output(recorder, Array("perhaps".utf8), at: 8)
        let file = try Data(contentsOf: URL(fileURLWithPath: path))
        try (file + Data("[1.0, \"o\", \"half a li".utf8)).write(to: URL(fileURLWithPath: path))
        #expect(told.output == 8)
        #expect(try RecordingEnd(of: path, isTerminal: terminal).output >= told.output)
        unlink(path)
    }

    @Test func `both outputs of a command go on where each was`() throws {
        let recorder = try begin(terminal: false)
        try output(recorder, [0x61, 0xC3], at: 0)
        try [UInt8](Array("errors".utf8)).withUnsafeBytes { try recorder.errorOutput($0, at: 0) }
        let end = try RecordingEnd(of: path, isTerminal: false)
        #expect(end.output == 1 && end.errorOutput == 6)
        unlink(path)
    }
}
