// SPDX-License-Identifier: Apache-2.0

import Posix
import Protocol
import Testing

@testable import Agent

/// What is kept of a program's output until client and recording have it.
@Suite final class ProgramOutputTests {
    private let pipe: Pipe
    private let output: ProgramOutput
    private static let window = 20_000

    init() throws {
        pipe = try Pipe()
        try pipe.reader.setNonBlocking()
        try pipe.writer.setNonBlocking()
        output = ProgramOutput(.output, .output, from: pipe.reader.number, window: Self.window)
    }

    private func write(_ bytes: [UInt8]) throws {
        try #require(try bytes.withUnsafeBytes { try pipe.writer.write($0) } == bytes.count)
        while output.read() > 0 {}
    }

    private func send() -> [UInt8] {
        var sent: [UInt8] = []
        while output.hasUnsent { output.send { _, bytes in sent += bytes } }
        return sent
    }

    @Test func `what was sent is kept until the client and the recording both have it`() throws {
        try write([1, 2, 3, 4])
        #expect(send() == [1, 2, 3, 4])
        #expect(output.acknowledge(4))
        #expect(output.keeps(0))
        #expect(output.acknowledge(recorded: 3))
        #expect(output.start == 3 && !output.keeps(2))
        output.rewind(to: 3)
        #expect(send() == [4])
    }

    @Test func `a full window is not read any further, by not a byte`() throws {
        try write(Array(repeating: 7, count: Self.window + 1))
        #expect(output.room == 0 && output.end == UInt64(Self.window))
        #expect(output.acknowledge(1) && output.acknowledge(recorded: 1))
        #expect(output.read() == 1)
        #expect(output.room == 0)
    }

    @Test func `a flood is read in whole frames, and a little more than one frame is still one`() throws {
        let flood = ProgramOutput(.output, .output, from: pipe.reader.number, window: 300_000)
        let bytes = [UInt8](repeating: 7, count: Limits.frameFill + 100)
        try #require(try bytes.withUnsafeBytes { try pipe.writer.write($0) } == bytes.count)
        #expect(flood.read() == Limits.frameFill)
        #expect(flood.read() == 100)
        var sizes: [Int] = []
        while flood.hasUnsent { flood.send { _, bytes in sizes.append(bytes.count) } }
        #expect(sizes == [Limits.frameFill + 100])
        #expect(flood.hasRoom)
    }

    @Test func `what was never written is acknowledged by nobody`() throws {
        try write([1, 2])
        #expect(!output.acknowledge(3))
        #expect(!output.acknowledge(recorded: 3))
        #expect(!output.keeps(3))
    }

    @Test func `bytes come out as they went in, whatever is let go and sent again in between`() throws {
        var generator = SystemRandomNumberGenerator()
        var written: [UInt8] = []
        for _ in 0..<2000 {
            let piece = (0..<Int.random(in: 1...3000, using: &generator)).map { _ in UInt8.random(in: 0...255) }
            let fitting = Array(piece.prefix(output.room))
            if !fitting.isEmpty { try write(fitting) }
            written += fitting
            output.rewind(to: UInt64.random(in: output.start...output.end))
            let from = Int(output.position)
            #expect(send() == Array(written[from...]))
            let taken = UInt64.random(in: output.start...output.end)
            #expect(output.acknowledge(max(taken, output.start)) || taken < output.end)
            #expect(output.acknowledge(recorded: taken))
        }
        #expect(output.end == UInt64(written.count))
    }
}
