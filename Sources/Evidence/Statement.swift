// SPDX-License-Identifier: Apache-2.0
// SECURITY: an unknown, missing or malformed field makes a statement invalid (P6). Reading and writing stand side by
// side, and a statement must be byte for byte its own canonical form.

package import Access
package import StrictJSON

/// Something that is said and signed. Its fields are all required.
package protocol Statement: Sendable, Equatable {
    /// The value of the field `type`.
    static var type: String { get }
    /// The fields without `type`.
    var fields: JSONObject { get }
    init(fields: inout ObjectReader) throws
}

extension Statement {
    package var text: String {
        var object = fields
        object["type"] = .string(Self.type)
        return JSONValue.object(object).canonical
    }

    package func signed(with keys: SigningKey...) throws(EvidenceError) -> Signed<Self> {
        do {
            let signedText = try SignedText(signing: text, with: keys)
            return Signed(value: self, source: signedText, digest: try signedText.digest())
        } catch {
            throw .cryptography(error)
        }
    }
}

/// A statement with the bytes it was read from. Reading checks the form only; who signed is asked with
/// ``isSigned(by:)``.
package struct Signed<Value: Statement>: Sendable, Equatable {
    package let value: Value
    package let source: SignedText
    package let digest: Digest

    fileprivate init(value: Value, source: SignedText, digest: Digest) {
        self.value = value
        self.source = source
        self.digest = digest
    }

    package init(_ source: SignedText) throws(EvidenceError) {
        let value: JSONValue
        do { value = try source.value() } catch { throw .malformed(error) }
        try self.init(source, reading: value)
    }

    /// - Parameter value: what ``SignedText/value()`` of `source` has returned.
    init(_ source: SignedText, reading value: JSONValue) throws(EvidenceError) {
        do {
            var reader = try ObjectReader(value)
            let type = try reader.string("type", maximum: 32)
            guard type == Value.type else { throw EvidenceError.typeUnexpected(type, expected: Value.type) }
            let value = try Value(fields: &reader)
            try reader.finish()
            self.init(value: value, source: source, digest: try source.digest())
        } catch {
            throw EvidenceError(error)
        }
    }

    package func isSigned(by key: PublicKey) -> Bool { source.isSigned(by: key) }

    /// - Throws: ``EvidenceError/notSigned(type:by:)``
    package func check(signedBy key: PublicKey, who: String) throws(EvidenceError) {
        guard isSigned(by: key) else { throw .notSigned(type: Value.type, by: who) }
    }
}

// MARK: - Reading the types of the domain

extension ObjectReader {
    mutating func name<Kind: NamedKind>(_ key: String, as: Kind.Type = Kind.self) throws -> Name<Kind> {
        try Name<Kind>(try string(key, maximum: 63))
    }

    mutating func names<Kind: NamedKind>(_ key: String, maximum: Int, as: Kind.Type = Kind.self) throws -> [Name<Kind>] {
        try strings(key, maximum: maximum).map { try Name<Kind>($0) }
    }

    mutating func digest(_ key: String) throws -> Digest {
        let text = try string(key, maximum: 64)
        guard let digest = Digest(hex: text) else { throw EvidenceError.fieldMalformed("`\(key)` is not a digest") }
        return digest
    }

    mutating func publicKey(_ key: String) throws -> PublicKey {
        guard let value = PublicKey(hex: try string(key, maximum: 64)) else { throw EvidenceError.signatureMalformed }
        return value
    }

    mutating func timestamp(_ key: String) throws -> Timestamp {
        Timestamp(milliseconds: try integer(key, in: Timestamp.validRange))
    }

    mutating func seconds(_ key: String) throws -> Duration {
        .seconds(try integer(key, in: 0...DurationText.maximum.wholeSeconds))
    }

    mutating func keyedStrings(_ key: String, maximum: Int) throws -> [(key: String, value: String)] {
        guard let object = try value(key).asObject, object.members.count <= maximum else {
            throw EvidenceError.fieldMalformed("`\(key)` is not an object of at most \(maximum) members")
        }
        return try object.members.map { member in
            guard let text = member.value.asString else {
                throw EvidenceError.fieldMalformed("`\(key).\(member.key)` is not a string")
            }
            return (member.key, text)
        }
    }

    /// The public half of an X25519 key.
    mutating func ephemeral() throws -> [UInt8] {
        guard let raw = Hex.decode(try string("ephemeral", maximum: 64)), raw.count == 32 else {
            throw EvidenceError.signatureMalformed
        }
        return raw
    }

    /// 16 random bytes that make two statements with the same content different.
    mutating func nonce() throws -> String {
        let text = try string("nonce", maximum: 32)
        guard text.utf8.count == 32, Hex.decode(text) != nil else {
            throw EvidenceError.fieldMalformed("`nonce` is not 16 bytes in hexadecimal")
        }
        return text
    }
}

extension Random {
    package static func nonce() throws(CryptographyError) -> String { Hex.encode(try bytes(16)) }
}

extension JSONValue {
    package static func names<Kind: NamedKind>(_ names: some Sequence<Name<Kind>>) -> JSONValue {
        .array(names.sorted().map { .string($0.text) })
    }

    package static func keyedStrings(_ pairs: [(key: String, value: String)]) -> JSONValue {
        var object = JSONObject()
        for (key, value) in pairs { object[key] = .string(value) }
        return .object(object)
    }

    package static func time(_ time: Timestamp) -> JSONValue { .integer(time.milliseconds) }
    package static func seconds(_ duration: Duration) -> JSONValue { .integer(duration.wholeSeconds) }
}
