// SPDX-License-Identifier: Apache-2.0

import Protocol
import Testing

/// A frame with its payload copied, to compare and to show.
private enum Copy: Equatable {
    case data(Frame.Kind, UInt64, [UInt8])
    case other([UInt8])

    init(_ frame: Frame) {
        self =
            switch frame {
            case .input(let offset, let bytes): .data(.input, offset, Array(bytes))
            case .output(let offset, let bytes): .data(.output, offset, Array(bytes))
            case .errorOutput(let offset, let bytes): .data(.errorOutput, offset, Array(bytes))
            default: .other(Frame.encode(frame))
            }
    }
}

@Suite struct FrameTests {
    private func decode(_ bytes: [UInt8]) throws -> Copy { try bytes.withUnsafeBytes { Copy(try Frame(decoding: $0)) } }

    /// Each kind, with the bytes that the table in `Frame` says.
    private static let samples: [[UInt8]] = [
        [1, 0, 0, 0, 0, 0, 0, 0, 5, 108, 115], [2, 255, 255, 255, 255, 255, 255, 255, 255], [3, 1, 2, 3, 4, 5, 6, 7, 8, 0],
        [4, 0, 80, 0, 24], [4, 255, 255, 0, 0], [5, 1, 0, 0, 0, 0, 0, 0, 1, 0], [5, 2, 0, 0, 0, 0, 0, 0, 0, 0],
        [5, 3, 255, 255, 255, 255, 255, 255, 255, 255], [6, 0, 0, 0, 0, 0, 0, 0, 9], [7], [8], [8, 104, 105], [9, 123, 125],
        [10, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1, 153, 0, 0, 0, 0],
    ]

    @Test(arguments: samples) func `a frame is read and written as the table says`(bytes: [UInt8]) throws {
        let again = try bytes.withUnsafeBytes { Frame.encode(try Frame(decoding: $0)) }
        #expect(again == bytes)
    }

    @Test func `the fields of a frame are where the table says`() throws {
        try [UInt8]([4, 0, 80, 0, 24]).withUnsafeBytes {
            guard case .resize(80, 24) = try Frame(decoding: $0) else { throw FrameError.truncated }
        }
        try [UInt8]([5, 2, 0, 0, 0, 0, 0, 0, 1, 0]).withUnsafeBytes {
            guard case .credit(.output, 256) = try Frame(decoding: $0) else { throw FrameError.truncated }
        }
        try [UInt8]([6, 1, 2, 3, 4, 5, 6, 7, 8]).withUnsafeBytes {
            guard case .endOfInput(0x0102_0304_0506_0708) = try Frame(decoding: $0) else { throw FrameError.truncated }
        }
        #expect(try decode([1, 0, 0, 0, 0, 0, 0, 0, 5, 108, 115]) == .data(.input, 5, [108, 115]))
        #expect(try decode([3, 0, 0, 0, 0, 0, 0, 0, 1]) == .data(.errorOutput, 1, []))
    }

    @Test(arguments: [[1], [2], [3], [4], [5], [6], [10]] as [[UInt8]])
    func `every proper prefix of a frame's fixed part is truncated`(kind: [UInt8]) throws {
        let whole: [UInt8] =
            switch kind {
            case [4]: [4, 0, 80, 0, 24]
            case [10]: [10] + Array(repeating: 0, count: 16)
            case [5]: [5, 1, 0, 0, 0, 0, 0, 0, 1, 0]
            default: kind + Array(repeating: 0, count: 8)
            }
        for length in 0..<whole.count { #expect(throws: FrameError.truncated) { try decode(Array(whole.prefix(length))) } }
        #expect(throws: Never.self) { try decode(whole) }
    }

    @Test(arguments: [[4, 0, 80, 0, 24], [5, 1, 0, 0, 0, 0, 0, 0, 1, 0], [6, 0, 0, 0, 0, 0, 0, 0, 9], [7]] as [[UInt8]])
    func `a byte too many is refused`(bytes: [UInt8]) {
        #expect(throws: FrameError.trailingBytes(1)) { try decode(bytes + [0]) }
        #expect(throws: FrameError.trailingBytes(3)) { try decode(bytes + [0, 0, 0]) }
    }

    @Test func `every other kind and stream is unknown`() {
        #expect(throws: FrameError.truncated) { try decode([]) }
        for kind in [0] + Array(UInt8(11)...255) {
            #expect(throws: FrameError.unknownKind(kind)) { try decode([kind] + Array(repeating: 0, count: 8)) }
        }
        for stream in [0] + Array(UInt8(4)...255) {
            #expect(throws: FrameError.unknownStream(stream)) { try decode([5, stream] + Array(repeating: 0, count: 8)) }
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt8]) func `64 KiB of data are a frame and one byte more is not`(kind: UInt8) throws {
        let header = [kind] + Array(repeating: UInt8(0), count: 8)
        let most = Array(repeating: UInt8(65), count: Limits.framePayload)
        #expect(throws: Never.self) { try decode(header + most) }
        #expect(throws: FrameError.tooLarge(Limits.framePayload + 1)) { try decode(header + most + [65]) }
    }

    @Test(arguments: [8, 9] as [UInt8]) func `text is UTF-8 of up to 64 KiB`(kind: UInt8) throws {
        let most = Array(repeating: UInt8(65), count: Limits.framePayload)
        #expect(throws: Never.self) { try decode([kind] + most) }
        #expect(throws: FrameError.tooLarge(Limits.framePayload + 1)) { try decode([kind] + most + [65]) }
        for bad in [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [65, 0x80]] as [[UInt8]] {
            #expect(throws: FrameError.notText) { try decode([kind] + bad) }
        }
    }

    @Test func `a header written in place is the one that is encoded`() throws {
        for (kind, offset) in [(Frame.Kind.input, UInt64(0)), (.output, .max), (.errorOutput, 0x0102_0304_0506_0708)] {
            var header = [UInt8](repeating: 0xAA, count: Frame.dataHeaderLength)
            header.withUnsafeMutableBytes { Frame.writeDataHeader(kind, offset: offset, to: $0) }
            #expect(try decode(header) == .data(kind, offset, []))
        }
    }

    @Test func `twenty thousand damaged frames are read or refused, and what is read is what was sent`() throws {
        var random = SeededGenerator(seed: 1)
        for round in 0..<20_000 {
            var bytes = Self.samples[round % Self.samples.count]
            damage(&bytes, &random)
            bytes.withUnsafeBytes { message in
                do throws(FrameError) {
                    let frame = try Frame(decoding: message)
                    if Frame.encode(frame) != Array(message) { Issue.record("\(Array(message)) is read as something else") }
                } catch {
                    if error.message.isEmpty { Issue.record("\(error) has no words") }
                }
            }
        }
    }
}
