// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import StrictJSON
import Transport

/// What the keeper tells its reader. The reader trusts it: whatever cannot be read ends the reader.
///
/// One byte of kind, then big-endian numbers, and pieces of bytes each behind a length of four.
enum KeeperMessage: Equatable {
    /// By which the reader connects from now on. It comes before the session, and anew before it is too old.
    case key(TLSDelegation)
    /// The session begins. Comes with a descriptor to read its terms from.
    case session(SessionID)
    /// The acceptance is signed. Comes with the terminal, or with standard input, output and error.
    case accepted(SignedText)
    case attached(SignedText)
    case lease(version: Int64, notAfter: Timestamp, deadline: Int64)
    /// The program has ended by itself: read what is left, and say when that is done.
    case drain
    /// Nothing of the session lives any more: count the bytes, either once all that is left was taken by whoever is to have
    /// it, or now.
    case count(rest: Bool)
    /// There may be a session in a moment: connect to the broker, and ask it for nothing.
    case dial
    /// The receipt, and what the client is told of the end.
    case receipt(SignedText, ending: String)

    var bytes: [UInt8] {
        switch self {
        case .key(let key): [1] + Self.piece(key.seed) + Self.piece(key.certificate) + Self.piece(key.issuer)
        case .session(let id): [2] + Array(id.description.utf8)
        case .accepted(let text): [3] + Array(text.json.text.utf8)
        case .attached(let text): [4] + Array(text.json.text.utf8)
        case .lease(let version, let notAfter, let deadline):
            [5] + [version, notAfter.milliseconds, deadline].flatMap { Self.number(UInt64(bitPattern: $0), length: 8) }
        case .drain: [6]
        case .count(let rest): [7, rest ? 1 : 0]
        case .dial: [9]
        case .receipt(let text, let ending): [8] + Self.piece(Array(ending.utf8)) + Array(text.json.text.utf8)
        }
    }

    init(_ message: [UInt8]) throws {
        var rest = message.dropFirst()
        switch message.first {
        case 1:
            self = .key(
                TLSDelegation(
                    seed: try Self.piece(&rest), certificate: try Self.piece(&rest), issuer: try Self.piece(&rest)))
        case 2: self = .session(try SessionID(String(decoding: rest, as: UTF8.self)))
        case 3: self = .accepted(try Self.statement(rest))
        case 4: self = .attached(try Self.statement(rest))
        case 5:
            let numbers = try (0..<3).map { _ in Int64(bitPattern: try Self.number(&rest, length: 8)) }
            guard Timestamp.validRange.contains(numbers[1]) else { throw Malformed() }
            self = .lease(version: numbers[0], notAfter: Timestamp(milliseconds: numbers[1]), deadline: numbers[2])
        case 6: self = .drain
        case 7: self = .count(rest: rest.first == 1)
        case 8:
            let ending = String(decoding: try Self.piece(&rest), as: UTF8.self)
            self = .receipt(try Self.statement(rest), ending: ending)
        case 9: self = .dial
        default: throw Malformed()
        }
    }

    struct Malformed: Error {}

    private static func statement(_ bytes: ArraySlice<UInt8>) throws -> SignedText {
        let limits = JSONLimits(bytes: 2 * SignedText.maximumLength)
        return try SignedText(try JSONValue(parsing: Array(bytes), limits: limits))
    }

    private static func piece(_ bytes: [UInt8]) -> [UInt8] { number(UInt64(bytes.count), length: 4) + bytes }

    private static func piece(_ rest: inout ArraySlice<UInt8>) throws -> [UInt8] {
        let count = Int(clamping: try number(&rest, length: 4))
        guard count <= rest.count else { throw Malformed() }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    private static func number(_ value: UInt64, length: Int) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (length - 1 - $0))) }
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, length: Int) throws -> UInt64 {
        guard rest.count >= length else { throw Malformed() }
        defer { rest = rest.dropFirst(length) }
        return rest.prefix(length).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
