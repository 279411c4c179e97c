// SPDX-License-Identifier: Apache-2.0

/// A kind of object with a short id.
package protocol IdentifiedKind: Sendable {
    static var letter: Character { get }
    static var label: String { get }
}

package enum RequestKind: IdentifiedKind {
    package static let letter: Character = "r"
    package static let label = "request"
}
package enum GrantKind: IdentifiedKind {
    package static let letter: Character = "g"
    package static let label = "grant"
}
package enum SessionKind: IdentifiedKind {
    package static let letter: Character = "s"
    package static let label = "session"
}
package enum ProposalKind: IdentifiedKind {
    package static let letter: Character = "p"
    package static let label = "proposal"
}

/// A short id: a letter, a hyphen and six Crockford base-32 characters, as `r-7k2p9x`.
///
/// The characters are the first 30 bits of the digest of the signed statement that made the object, so every party
/// computes the id by itself and nobody assigns one. A grant shares the characters of its request.
package struct ObjectID<Kind: IdentifiedKind>: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The six characters, lower case.
    package let characters: String

    private static var alphabet: [UInt8] { Array("0123456789abcdefghjkmnpqrstvwxyz".utf8) }

    /// - Parameter digest: at least four bytes; a SHA-256 in practice.
    package init(digest: [UInt8]) {
        precondition(digest.count >= 4, "an id is made from a digest")
        let alphabet = Self.alphabet
        var bits = digest.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) } >> 2
        var reversed: [UInt8] = []
        for _ in 0..<6 {
            reversed.append(alphabet[Int(bits & 31)])
            bits >>= 5
        }
        characters = String(decoding: reversed.reversed(), as: UTF8.self)
    }

    /// Reads an id in either case, with or without its letter. Crockford's look-alikes are read as what they resemble:
    /// `o` as 0, `i` and `l` as 1.
    ///
    /// - Throws: ``Refusal/idMalformed(kind:_:)``
    package init(_ text: String) throws(Refusal) {
        var bytes = Array(text.utf8)
        if bytes.count == 8, bytes[1] == UInt8(ascii: "-"), bytes[0] | 0x20 == Kind.letter.asciiValue {
            bytes.removeFirst(2)
        }
        guard bytes.count == 6 else { throw .idMalformed(kind: Kind.label, letter: Kind.letter, text) }
        let alphabet = Self.alphabet
        for index in bytes.indices {
            if (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(bytes[index]) { bytes[index] |= 0x20 }
            switch bytes[index] {
            case UInt8(ascii: "o"): bytes[index] = UInt8(ascii: "0")
            case UInt8(ascii: "i"), UInt8(ascii: "l"): bytes[index] = UInt8(ascii: "1")
            default: break
            }
            guard alphabet.contains(bytes[index]) else {
                throw .idMalformed(kind: Kind.label, letter: Kind.letter, text)
            }
        }
        characters = String(decoding: bytes, as: UTF8.self)
    }

    private init(characters: String) { self.characters = characters }

    /// The id of another kind with the same characters: a request's grant, a grant's request.
    package func sibling<Other: IdentifiedKind>() -> ObjectID<Other> { ObjectID<Other>(sharing: characters) }

    fileprivate init(sharing characters: String) { self.init(characters: characters) }

    package var description: String { String(Kind.letter) + "-" + characters }

    package static func < (left: Self, right: Self) -> Bool { left.characters < right.characters }
}

package typealias RequestID = ObjectID<RequestKind>
package typealias GrantID = ObjectID<GrantKind>
package typealias SessionID = ObjectID<SessionKind>
package typealias ProposalID = ObjectID<ProposalKind>
