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

    private func begin(terminal: Bool, limit: Int = Recorder.streamLimit) throws -> Recorder {
        try Recorder(path, opening(terminal: terminal), SessionID("s-7k2p9x"), at: Self.start, streamLimit: limit)
    }

    private func goOn(terminal: Bool, limit: Int = Recorder.streamLimit) throws -> Recorder {
        try Recorder(continuing: path, opening(terminal: terminal), at: Self.start + .seconds(5), streamLimit: limit)
    }

    private func output(_ recorder: Recorder, _ text: [UInt8], at offset: Int) throws {
        _ = try text.withUnsafeBytes { try recorder.output($0, at: UInt64(offset)) }
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

    @Test func `input that is only counted goes on where its sender says, once, after a broker that died with the count`() throws {
        let text = Array("0123456789".utf8)
        func input(_ recorder: Recorder, at offset: UInt64) throws { try text.withUnsafeBytes { try recorder.input($0, at: offset) } }
        let recorder = try begin(terminal: false, limit: 10)
        for offset in [0, 10, 20] as [UInt64] { try input(recorder, at: offset) }
        // Killed here: of the 20 bytes beyond the limit the file has nothing.
        let next = try goOn(terminal: false, limit: 10)
        try input(next, at: 30)
        #expect(throws: BrokerError.self) { try input(next, at: 50) }
        try input(next, at: 40)
        let last = try goOn(terminal: false, limit: 10)
        for absurd in [UInt64.max, UInt64(Int64.max), 1 << 62] { #expect(throws: BrokerError.self) { try input(last, at: absurd) } }
        // What is recorded has no gap, whatever comes after it.
        let whole = try goOn(terminal: false, limit: 1_000)
        #expect(throws: BrokerError.self) { try input(whole, at: 50) }
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

    @Test(arguments: [true, false])
    func `pieces of every sort and size are recorded byte for byte`(terminal: Bool) throws {
        defer { unlink(path) }
        let recorder = try begin(terminal: terminal)
        var whole: [UInt8] = []
        for (number, size) in [1, 63, 64, 65, 1024, 1025, Limits.framePayload - 1, Limits.framePayload, 2, 0, 4096].enumerated() {
            for sort in 0..<3 {
                let piece = (0..<size).map { index in
                    switch sort {
                    case 0: UInt8(truncatingIfNeeded: (index + number) &* 41 ^ index >> 8)  // no text
                    case 1: index % 50 == 49 ? UInt8(ascii: "\n") : UInt8(0x20 + (index + number) % 0x5F)
                    default: Array("äß☃".utf8)[(index + number) % 7]
                    }
                }
                try output(recorder, piece, at: whole.count)
                whole += piece
            }
        }
        recorder.finish()
        #expect(try recorded() == whole)
        #expect(try RecordingEnd(of: path, isTerminal: terminal).output == UInt64(whole.count))
    }

    private func markers() throws -> [String] {
        var reader = AsciicastReader()
        return try reader.feed(Array(try Data(contentsOf: URL(fileURLWithPath: path)))).compactMap { item in
            guard case .event(let event) = item, case .marker(let text) = event.kind else { return nil }
            return text
        }
    }

    @Test func `what is beyond the limit of a stream is counted, and has a digest, also where it was interrupted`() throws {
        defer { unlink(path) }
        let limit = 1024 * 1024
        let piece = (0..<Limits.framePayload).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let digest = { (bytes: [UInt8]) in try Digest(of: bytes).hex }
        var recorder = try begin(terminal: false, limit: limit)
        // The last piece of what is recorded goes three bytes beyond.
        var offset = 0
        while offset < limit + 3 - piece.count {
            try output(recorder, piece, at: offset)
            offset += piece.count
        }
        let last = Array(piece.prefix(limit + 3 - offset))
        try output(recorder, last, at: offset)
        offset += last.count
        try output(recorder, Array(last.suffix(2)) + [1, 2], at: offset - 2)
        recorder.suspend()
        let beyond = Array(last.suffix(3)) + [1, 2]
        #expect(try markers().last == "output: 5 bytes from byte \(limit) on have SHA-256 \(digest(beyond))")
        recorder = try goOn(terminal: false, limit: limit)
        let known = Int(try #require(try recorder.acknowledge(always: true)).output)
        try output(recorder, Array("rest".utf8), at: known)
        recorder.finish()
        let expected = "output: \(known + 4) bytes, the first \(limit) recorded; "
        #expect(try markers().last == expected + "4 bytes from byte \(known) on have SHA-256 \(digest(Array("rest".utf8)))")
    }

    @Test func `both outputs of a command go on where each was`() throws {
        let recorder = try begin(terminal: false)
        try output(recorder, [0x61, 0xC3], at: 0)
        _ = try [UInt8](Array("errors".utf8)).withUnsafeBytes { try recorder.errorOutput($0, at: 0) }
        let end = try RecordingEnd(of: path, isTerminal: false)
        #expect(end.output == 1 && end.errorOutput == 6)
        unlink(path)
    }
}

extension RecorderTests {
    /// A terminal's recording of several chunks, and where each ends.
    private func chunks(_ count: Int) throws -> (file: [UInt8], seals: [RecordingSeal]) {
        let recorder = try begin(terminal: true)
        for number in 0..<count {
            try output(recorder, Array("chunk-\(number);".utf8), at: number * 8)
            _ = try recorder.acknowledge(always: true)
        }
        let file = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        return (file, file.split(separator: UInt8(ascii: "\n")).compactMap { RecordingSeal(line: $0) })
    }

    private func write(_ bytes: some Collection<UInt8>) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

    @Test func `each chunk has a seal that says where it lies, and the last one that holds is found`() throws {
        defer { unlink(path) }
        let (file, seals) = try chunks(4)
        #expect(seals.map(\.number) == [1, 2, 3, 4])
        #expect(seals.map(\.streams[0]) == [8, 16, 24, 32])
        #expect(zip(seals, seals.dropFirst()).allSatisfy { $0.to == $1.from })
        #expect(try SealedFile(path).lastSeal() == seals[3])
        // Whatever byte of the last chunk a power cut left wrong, the seal before it is what counts.
        for place in stride(from: Int(seals[3].from) + 1, to: Int(seals[3].to), by: 5) {
            var torn = file
            torn[place] ^= 1
            try write(torn)
            #expect(try SealedFile(path).lastSeal()?.number ?? 9 < 4, "byte \(place)")
        }
    }

    @Test func `a recording that goes on has the digests of one that was never interrupted`() throws {
        defer { unlink(path) }
        let (file, _) = try chunks(3)
        let end = try RecordingEnd(of: path, isTerminal: true)
        var tail = try end.chain(of: path, upTo: end.size)
        var whole = try RecordingChain()
        for line in file.split(separator: UInt8(ascii: "\n")) {
            if RecordingSeal(line: line) != nil { _ = try whole.seal() }
            try whole.add(Array(line) + [UInt8(ascii: "\n")])
        }
        let (tailDigest, wholeDigest) = (try tail.end(), try whole.end())
        #expect(tailDigest == wholeDigest && tail.number == whole.number && tail.size == whole.size)
    }

    @Test(arguments: ["", "h", "1 0 5 1 2 3", "0 0 5 1 2 3 x", "1 5 5 1 2 3 x", "1 0 5 1 2 -3 x", "1 0 99999999999999999999 1 2 3 x"])
    func `what is not a seal is none`(text: String) {
        let text = text.replacingOccurrences(of: "x", with: String(repeating: "0", count: 64))
        #expect(RecordingSeal(text: Array(text.utf8)) == nil)
    }

    @Test func `only what follows the last seal is read`() throws {
        defer { unlink(path) }
        var (file, seals) = try chunks(4)
        // Long before the last two chunks something is no recording any more: nobody looks.
        for index in Int(seals[0].to) + 1..<Int(seals[1].to) { file[index] = 0 }
        try write(file)
        let end = try RecordingEnd(of: path, isTerminal: true)
        #expect(end.output == 32 && end.lines == Int64(file.count))
        seals = []
    }
}
