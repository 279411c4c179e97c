// SPDX-License-Identifier: Apache-2.0
// SECURITY: bytes of the other end are read through checks only: a length is compared before it is used.

import Transport

/// What the two ends of a session that forwards say to each other, in its input and its standard output:
///
///     kind 1 byte · connection 4 · length or number 4 · bytes
///
///     1 open      -                client → node: a connection, numbered by the client, upwards
///     2 opened    -                node → client: the destination answers
///     3 refused   UTF-8 text       node → client: why there is no connection
///     4 data      1 to 32768 bytes
///     5 end       -                no more data this way
///     6 reset     -                the connection broke; nothing more either way
///     7 credit    a number         so many more bytes may be sent
///
/// Integers are big-endian. Each end may send ``window`` bytes before it waits for credit.
package enum CarriageFrame {
    case open(UInt32)
    case opened(UInt32)
    case refused(UInt32, String)
    /// The pointer is valid until more bytes are added to the reader.
    case data(UInt32, UnsafeRawBufferPointer)
    case end(UInt32)
    case reset(UInt32)
    case credit(UInt32, Int)

    enum Kind: UInt8 { case open = 1, opened, refused, data, end, reset, credit }

    static let headerLength = 9
    /// Bytes of ``data`` in one frame.
    static let maximumData = 32 * 1024
    /// Bytes of a text.
    static let maximumText = 512
    /// Bytes of one connection and one direction that are on their way or wait at the receiver.
    package static let window = 1024 * 1024

    /// Writes the header of a frame.
    static func header(_ kind: Kind, _ connection: UInt32, _ number: Int = 0) -> [UInt8] {
        let number = UInt32(clamping: number)
        return [kind.rawValue] + [connection, number].flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) } }
    }
}

/// Takes frames out of bytes as they come.
struct CarriageReader: ~Copyable {
    private var bytes = ByteQueue()

    /// Where the next bytes go; say with ``commit(_:)`` how many came.
    mutating func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer { bytes.reserve(count) }
    mutating func commit(_ count: Int) { bytes.commit(count) }

    /// - Returns: `nil` where the next frame is not whole yet.
    mutating func next() throws(CarriageError) -> CarriageFrame? {
        let all = UnsafeRawBufferPointer(bytes.readable)
        guard all.count >= CarriageFrame.headerLength else { return nil }
        let connection = Self.integer(all, at: 1)
        let number = Int(Self.integer(all, at: 5))
        guard let kind = CarriageFrame.Kind(rawValue: all[0]) else { throw .protocolBroken("a frame of the unknown kind \(all[0])") }
        let length = kind == .data || kind == .refused ? number : 0
        let limit = kind == .data ? CarriageFrame.maximumData : CarriageFrame.maximumText
        guard length <= limit else { throw .protocolBroken("a frame of \(length) bytes, more than \(limit)") }
        guard all.count - CarriageFrame.headerLength >= length else { return nil }
        let body = UnsafeRawBufferPointer(rebasing: all[CarriageFrame.headerLength..<CarriageFrame.headerLength + length])
        bytes.consume(CarriageFrame.headerLength + length)
        switch kind {
        case .data:
            guard length > 0 else { throw .protocolBroken("data without bytes") }
            return .data(connection, body)
        case .refused:
            guard let text = String(validating: body, as: UTF8.self) else { throw .protocolBroken("a text that is not UTF-8") }
            return .refused(connection, text)
        case .credit:
            guard number > 0 else { throw .protocolBroken("credit for nothing") }
            return .credit(connection, number)
        case .open, .opened, .end, .reset:
            guard number == 0 else { throw .protocolBroken("a number where none belongs") }
            return switch kind {
            case .open: .open(connection)
            case .opened: .opened(connection)
            case .end: .end(connection)
            default: .reset(connection)
            }
        }
    }

    private static func integer(_ bytes: UnsafeRawBufferPointer, at index: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 << 8 | UInt32(bytes[index + $1]) }
    }
}
