// SPDX-License-Identifier: Apache-2.0
// SECURITY: a token is a secret for 15 minutes and one use. Its secret is made where the token is made and never reaches
// the broker, which knows the public half only (DESIGN 6).

package import Access
import StrictJSON

/// What somebody needs in order to join: where the broker is, which key it must show, and the secret of an invitation.
package struct JoinToken: ~Copyable, Sendable {
    package enum Kind: String, Sendable { case founding, person, node, device }

    package let kind: Kind
    /// Who or what is to join; empty in a founding token, whose bearer chooses a name.
    package let name: String
    package let broker: String
    package let pin: PublicKey
    /// The digest of entry 1 of the roll, which the joining party pins; `nil` in a founding token.
    package let root: Digest?
    package let invitation: Digest?
    package let notAfter: Timestamp
    package let secret: SecretBytes

    package static let prefix = "stint-join-"
    package static let maximumLength = 2048

    package init(
        kind: Kind, name: String, broker: String, pin: PublicKey, root: Digest?, invitation: Digest?, notAfter: Timestamp,
        secret: consuming SecretBytes
    ) {
        self.kind = kind
        self.name = name
        self.broker = broker
        self.pin = pin
        self.root = root
        self.invitation = invitation
        self.notAfter = notAfter
        self.secret = secret
    }

    /// The token as text: the prefix, base64url of its fields, and a checksum against broken copies.
    package borrowing func text() throws(EvidenceError) -> String {
        let fields: JSONValue = .object([
            "kind": .string(kind.rawValue), "name": .string(name), "broker": .string(broker), "pin": .string(pin.hex),
            "root": root.map { .string($0.hex) } ?? .null, "invitation": invitation.map { .string($0.hex) } ?? .null,
            "notAfter": .time(notAfter), "secret": .string(secret.reveal { Hex.encode($0) }),
        ])
        let bytes = Array(fields.canonical.utf8)
        do {
            return Self.prefix + Base64URL.encode(bytes + (try Digest(of: bytes)).bytes.prefix(4))
        } catch {
            throw .cryptography(error)
        }
    }

    /// Reads a token; white space around it is ignored.
    ///
    /// - Throws: ``TokenError``
    package init(_ given: String) throws(TokenError) {
        let text = given.utf8.drop(while: Self.isSpace)
        let trimmed = Array(text.reversed().drop(while: Self.isSpace).reversed())
        guard trimmed.count <= Self.maximumLength, trimmed.starts(with: Self.prefix.utf8),
            let bytes = Base64URL.decode(trimmed.dropFirst(Self.prefix.utf8.count)), bytes.count > 4
        else { throw .notAToken }
        do {
            let content = Array(bytes.dropLast(4))
            guard try Digest(of: content).bytes.prefix(4).elementsEqual(bytes.suffix(4)) else { throw TokenError.damaged }
            var reader = try ObjectReader(try JSONValue(canonical: String(decoding: content, as: UTF8.self)))
            guard let kind = Kind(rawValue: try reader.string("kind", maximum: 16)) else { throw TokenError.notAToken }
            let name = try reader.string("name", maximum: 63)
            let broker = try reader.string("broker", maximum: 300)
            let pin = try reader.publicKey("pin")
            let notAfter = try reader.timestamp("notAfter")
            let root = try Self.digest(try reader.value("root"))
            let invitation = try Self.digest(try reader.value("invitation"))
            guard let raw = Hex.decode(try reader.string("secret", maximum: 64)), raw.count == 32 else {
                throw TokenError.notAToken
            }
            try reader.finish()
            guard (kind == .founding) == (root == nil), (root == nil) == (invitation == nil) else { throw TokenError.notAToken }
            self.init(
                kind: kind, name: name, broker: broker, pin: pin, root: root, invitation: invitation, notAfter: notAfter,
                secret: SecretBytes(count: 32) { $0.copyBytes(from: raw) })
        } catch let error as TokenError {
            throw error
        } catch {
            throw .notAToken
        }
    }

    private static func digest(_ value: JSONValue) throws -> Digest? {
        if value == .null { return nil }
        guard let text = value.asString, let digest = Digest(hex: text) else { throw TokenError.notAToken }
        return digest
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

package enum TokenError: Explainable, Equatable {
    case notAToken, damaged
    case wrongKind(JoinToken.Kind, wanted: String)
    case expired(Timestamp)

    package var code: String {
        switch self {
        case .notAToken: "token.malformed"
        case .damaged: "token.damaged"
        case .wrongKind: "token.wrong-kind"
        case .expired: "token.expired"
        }
    }

    package var message: String {
        switch self {
        case .notAToken: "This is not a token: a token begins with `\(JoinToken.prefix)`."
        case .damaged: "The token is damaged: a character is missing or changed."
        case .wrongKind(let kind, let wanted): "This is a token for a \(kind.rawValue), and \(wanted) is needed here."
        case .expired(let time): "The token expired at \(time)."
        }
    }

    package var hint: String? {
        switch self {
        case .notAToken, .damaged: "Copy the whole line, or pass the file that holds it."
        case .wrongKind(let kind, _): kind == .node ? "Use it with `stint-agent join`." : "Use it with `stint join`."
        case .expired: "Ask an administrator for a new one: a token works once, for 15 minutes."
        }
    }
}

/// Base 64 with the URL alphabet and no padding (RFC 4648 §5).
package enum Base64URL {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count * 4 + 2) / 3)
        var (bits, count): (UInt32, Int) = (0, 0)
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(alphabet[Int(bits >> UInt32(count) & 63)])
            }
        }
        if count > 0 { text.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// `nil` for a character outside the alphabet, a length that cannot be, or bits left over.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var (bits, count): (UInt32, Int) = (0, 0)
        for character in text {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            bits = (bits << 6 | UInt32(value)) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        guard count < 6, bits & (1 << UInt32(count) - 1) == 0 else { return nil }
        return bytes
    }
}
