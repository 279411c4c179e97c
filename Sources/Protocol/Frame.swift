// SPDX-License-Identifier: Apache-2.0
// SECURITY: bytes from the network are read through checks only: a length or index is compared before it is used.

/// What client and supervisor say to each other in a session. One frame is one binary WebSocket message:
///
///     kind 1 byte · body · tag 16 bytes (FrameAuthenticator)
///
///     1 input          offset 8 · bytes      client → node: keystrokes, or standard input
///     2 output         offset 8 · bytes      node → client: terminal, or standard output
///     3 errorOutput    offset 8 · bytes      node → client: standard error
///     4 resize         columns 2 · rows 2    client → node
///     5 credit         stream 1 · offset 8   receiver → sender: everything before offset was consumed
///     6 endOfInput     offset 8              client → node: standard input ends there
///     7 close          -                     client → node: the operator closes the session
///     8 notice         UTF-8 text            node → client: a line for the operator
///     9 end            UTF-8 text            node → client: the last frame; JSON of the ending
///    10 lease          version 8 · end 8     node → client: the lease as it is now, its end in ms since 1970
///
/// Integers are big-endian. An offset counts the bytes of its stream from 0, so both ends see a gap or a repetition.
package enum Frame {
    case input(offset: UInt64, UnsafeRawBufferPointer)
    case output(offset: UInt64, UnsafeRawBufferPointer)
    case errorOutput(offset: UInt64, UnsafeRawBufferPointer)
    case resize(columns: UInt16, rows: UInt16)
    case credit(Stream, offset: UInt64)
    case endOfInput(offset: UInt64)
    case close
    case notice(String)
    case end(String)
    case lease(version: UInt64, notAfter: UInt64)

    package enum Stream: UInt8, Sendable { case input = 1, output = 2, errorOutput = 3 }

    package enum Kind: UInt8, Sendable {
        case input = 1, output, errorOutput, resize, credit, endOfInput, close, notice, end, lease
    }

    package static let tagLength = 16
    package static let dataHeaderLength = 9

    /// Reads the frame in `message` without its tag. The pointers in the result are into `message`.
    package init(decoding message: UnsafeRawBufferPointer) throws(FrameError) {
        guard let first = message.first else { throw .truncated }
        guard let kind = Kind(rawValue: first) else { throw .unknownKind(first) }
        var rest = FrameReader(bytes: UnsafeRawBufferPointer(rebasing: message.dropFirst()))
        switch kind {
        case .input: self = .input(offset: try rest.integer(), try rest.payload())
        case .output: self = .output(offset: try rest.integer(), try rest.payload())
        case .errorOutput: self = .errorOutput(offset: try rest.integer(), try rest.payload())
        case .resize: self = .resize(columns: try rest.integer(), rows: try rest.integer())
        case .credit:
            let number: UInt8 = try rest.integer()
            guard let stream = Stream(rawValue: number) else { throw .unknownStream(number) }
            self = .credit(stream, offset: try rest.integer())
        case .endOfInput: self = .endOfInput(offset: try rest.integer())
        case .close: self = .close
        case .notice: self = .notice(try rest.text())
        case .end: self = .end(try rest.text())
        case .lease: self = .lease(version: try rest.integer(), notAfter: try rest.integer())
        }
        try rest.finish()
    }

    /// The bytes of a frame that is not data: everything before the tag.
    package static func encode(_ frame: Frame) -> [UInt8] {
        switch frame {
        case .input(let offset, let bytes): dataHeader(.input, offset: offset) + Array(bytes)
        case .output(let offset, let bytes): dataHeader(.output, offset: offset) + Array(bytes)
        case .errorOutput(let offset, let bytes): dataHeader(.errorOutput, offset: offset) + Array(bytes)
        case .resize(let columns, let rows): [Kind.resize.rawValue] + bigEndian(columns) + bigEndian(rows)
        case .credit(let stream, let offset): [Kind.credit.rawValue, stream.rawValue] + bigEndian(offset)
        case .endOfInput(let offset): [Kind.endOfInput.rawValue] + bigEndian(offset)
        case .close: [Kind.close.rawValue]
        case .notice(let text): [Kind.notice.rawValue] + Array(text.utf8)
        case .end(let text): [Kind.end.rawValue] + Array(text.utf8)
        case .lease(let version, let end): [Kind.lease.rawValue] + bigEndian(version) + bigEndian(end)
        }
    }

    private static func dataHeader(_ kind: Kind, offset: UInt64) -> [UInt8] { [kind.rawValue] + bigEndian(offset) }

    /// Writes the header of a data frame, ``dataHeaderLength`` bytes, without allocating.
    package static func writeDataHeader(_ kind: Kind, offset: UInt64, to header: UnsafeMutableRawBufferPointer) {
        precondition(header.count == dataHeaderLength, "a data header has 9 bytes")
        header[0] = kind.rawValue
        for index in 0..<8 { header[1 + index] = UInt8(truncatingIfNeeded: offset >> UInt64(56 - 8 * index)) }
    }

    private static func bigEndian<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}

/// Why a frame is not one. The connection it came over is closed.
package enum FrameError: Error, Equatable {
    case truncated, trailingBytes(Int), unknownKind(UInt8), unknownStream(UInt8), tooLarge(Int), notText

    package var message: String {
        switch self {
        case .truncated: "A frame is shorter than its kind needs."
        case .trailingBytes(let count): "A frame has \(count) bytes too many."
        case .unknownKind(let kind): "A frame is of the unknown kind \(kind)."
        case .unknownStream(let stream): "A frame names the unknown stream \(stream)."
        case .tooLarge(let count): "A frame has \(count) bytes, more than \(Limits.framePayload)."
        case .notText: "A frame's text is not UTF-8."
        }
    }
}

private struct FrameReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func integer<Integer: FixedWidthInteger & UnsignedInteger>() throws(FrameError) -> Integer {
        let width = MemoryLayout<Integer>.size
        guard bytes.count - position >= width else { throw .truncated }
        var value: Integer = 0
        for index in position..<position + width { value = value << 8 | Integer(truncatingIfNeeded: bytes[index]) }
        position += width
        return value
    }

    mutating func payload() throws(FrameError) -> UnsafeRawBufferPointer {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
        guard rest.count <= Limits.framePayload else { throw .tooLarge(rest.count) }
        position = bytes.count
        return rest
    }

    mutating func text() throws(FrameError) -> String {
        guard let text = String(validating: try payload(), as: UTF8.self) else { throw .notText }
        return text
    }

    func finish() throws(FrameError) {
        guard position == bytes.count else { throw .trailingBytes(bytes.count - position) }
    }
}
