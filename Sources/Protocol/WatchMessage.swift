// SPDX-License-Identifier: Apache-2.0

/// What somebody who looks on at a session is sent, from the broker only: the session's own frames are for its two ends.
///
/// type 1 byte · begin: flags 1 byte · resize: columns and rows 2 bytes each · skipped: 8 bytes, all big-endian · then the
/// bytes, or UTF-8 text
package enum WatchMessage: Sendable, Equatable {
    /// The first message. Whether the operator is told, and whether the session has a terminal.
    case begin(isOperatorTold: Bool, isTerminal: Bool)
    case output([UInt8])
    case errorOutput([UInt8])
    case resize(columns: UInt16, rows: UInt16)
    /// The connection was too slow for this much of what was shown.
    case skipped(bytes: UInt64)
    /// The last message, in words.
    case end(String)

    package static let maximumSize = 1 + 64 * 1024

    package var bytes: [UInt8] {
        switch self {
        case .begin(let isOperatorTold, let isTerminal): [0, (isOperatorTold ? 1 : 0) | (isTerminal ? 2 : 0)]
        case .output(let bytes): [1] + bytes
        case .errorOutput(let bytes): [2] + bytes
        case .resize(let columns, let rows):
            [3, UInt8(columns >> 8), UInt8(columns & 0xFF), UInt8(rows >> 8), UInt8(rows & 0xFF)]
        case .skipped(let count): [4] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * UInt64($0))) }
        case .end(let text): [5] + Array(text.utf8)
        }
    }

    /// - Throws: where the bytes are no such message, or have some left over.
    package init(decoding bytes: [UInt8]) throws(FrameError) {
        guard bytes.count <= Self.maximumSize else { throw .tooLarge(bytes.count) }
        guard let type = bytes.first else { throw .truncated }
        let rest = bytes.dropFirst()
        func number(_ range: Range<Int>) -> UInt64 { rest.dropFirst(range.lowerBound).prefix(range.count).reduce(0) { $0 << 8 | UInt64($1) } }
        func check(_ count: Int) throws(FrameError) {
            guard rest.count >= count else { throw .truncated }
            guard rest.count == count else { throw .trailingBytes(rest.count - count) }
        }
        switch type {
        case 0:
            try check(1)
            self = .begin(isOperatorTold: number(0..<1) & 1 != 0, isTerminal: number(0..<1) & 2 != 0)
        case 1: self = .output(Array(rest))
        case 2: self = .errorOutput(Array(rest))
        case 3:
            try check(4)
            self = .resize(columns: UInt16(number(0..<2)), rows: UInt16(number(2..<4)))
        case 4:
            try check(8)
            self = .skipped(bytes: number(0..<8))
        case 5: self = .end(String(decoding: rest, as: UTF8.self))
        case let other: throw .unknownKind(other)
        }
    }
}
