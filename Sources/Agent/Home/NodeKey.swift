// SPDX-License-Identifier: Apache-2.0
// SECURITY: the node's one key. Its seed is in one file that is the agent's alone, and in locked memory while it is
// read or written; it never enters a String.

package import Access
package import Evidence
import Posix
package import Transport

/// The key by which the broker and everybody else knows this node: for TLS, and under acceptances and receipts.
package struct NodeKey: Sendable {
    package let signing: SigningKey
    package let tls: TLSIdentity

    package var publicKey: PublicKey { signing.publicKey }

    package init(seed: borrowing SecretBytes) throws {
        signing = try SigningKey(seed: seed)
        tls = try seed.reveal { bytes throws(TransportError) in try TLSIdentity(ed25519Seed: bytes) }
    }

    /// Reads the key.
    ///
    /// - Throws: also where others may read the file.
    package static func load(_ path: String) throws -> NodeKey {
        try PrivateFile.check(path)
        var digits = try DurableFile.read(path, maximumBytes: 128)
        defer { wipe(&digits) }
        if digits.last == UInt8(ascii: "\n") { digits.removeLast() }
        let values = digits.map(value(ofDigit:))
        guard values.count == 2 * SigningKey.seedLength, values.allSatisfy({ $0 < 16 }) else {
            throw AgentError.homeDamaged(path: path, reason: "it is not a key of 64 hexadecimal digits")
        }
        let seed = SecretBytes(count: SigningKey.seedLength) { target in
            for index in 0..<target.count { target[index] = values[2 * index] << 4 | values[2 * index + 1] }
        }
        return try NodeKey(seed: seed)
    }

    /// Makes a key and puts it on disk.
    package static func make(_ path: String) throws -> NodeKey {
        let seed = try SecretBytes(random: SigningKey.seedLength)
        var digits = seed.reveal { bytes in
            bytes.flatMap { [digit(of: $0 >> 4), digit(of: $0 & 15)] } + [UInt8(ascii: "\n")]
        }
        defer { wipe(&digits) }
        try DurableFile.writeAtomically(digits, to: path, mode: 0o600)
        return try NodeKey(seed: seed)
    }

    /// How far from `now` a key for connections is good, to either side: the clocks of node and broker may differ by so much.
    package static let connectionTime: Duration = .seconds(7 * 86_400)

    /// A fresh key by which another process connects to the broker for this node, and can do nothing else for it
    /// (docs/decisions/0073).
    ///
    /// - Parameter now: by the node's wall clock; the broker judges by its own.
    package func connectionKey(at now: Timestamp) throws -> TLSDelegation {
        let span = Self.connectionTime.wholeSeconds
        let second = now.milliseconds / 1000
        return try tls.delegate(to: Posix.Random.bytes(32), for: DelegatedTime(notBefore: max(0, second - span), notAfter: second + span))
    }

    private static func value(ofDigit digit: UInt8) -> UInt8 {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: .max
        }
    }

    private static func digit(of value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private static func wipe(_ bytes: inout [UInt8]) {
        for index in bytes.indices { bytes[index] = 0 }
    }
}
