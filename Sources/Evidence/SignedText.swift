// SPDX-License-Identifier: Apache-2.0
// SECURITY: what was signed is kept and passed on as the exact bytes; nobody re-encodes a statement to check it.

package import Access
package import StrictJSON

/// A statement as it travels and is stored: its canonical text and the signatures under it.
package struct SignedText: Sendable, Equatable {
    package struct Signature: Sendable, Equatable {
        package let key: PublicKey
        package let bytes: [UInt8]

        package init(key: PublicKey, bytes: [UInt8]) {
            self.key = key
            self.bytes = bytes
        }
    }

    package let text: String
    package let signatures: [Signature]
    /// What ``examined(for:)`` found out about these very bytes, which never change.
    private var known: (key: PublicKey, isSigned: Bool)?
    /// The keys of the signatures that are good, once ``examined()`` has looked at all of them.
    private var good: [PublicKey]?

    package static let maximumLength = 192 * 1024
    package static let maximumSignatures = 8
    private static let label = Array("stint statement 1\n".utf8)

    package init(text: String, signatures: [Signature]) {
        self.text = text
        self.signatures = signatures
    }

    /// Signs `text` with each key.
    package init(signing text: String, with keys: [SigningKey]) throws(CryptographyError) {
        var signatures: [Signature] = []
        for key in keys {
            signatures.append(Signature(key: key.publicKey, bytes: try key.sign(Self.label + Array(text.utf8))))
        }
        self.init(text: text, signatures: signatures)
    }

    /// The name of this statement: the digest of what was signed. Signatures do not enter it.
    package func digest() throws(CryptographyError) -> Digest { try Digest(of: Self.label + Array(text.utf8)) }

    /// The same statement, which answers at once whether it is signed by `key`: that was found out here and now.
    ///
    /// For a caller who will ask where others wait. Whose key it is, and whether it counts, is not a part of the answer.
    package func examined(for key: PublicKey) -> SignedText {
        var examined = self
        examined.known = (key, isSigned(by: key))
        return examined
    }

    /// The same statement, which answers at once by whom it is signed: every signature was verified here and now.
    package func examined() -> SignedText {
        var examined = self
        let message = Self.label + Array(text.utf8)
        examined.good = signatures.filter { $0.key.verifies($0.bytes, over: message) }.map(\.key)
        return examined
    }

    package func isSigned(by key: PublicKey) -> Bool {
        if let good { return good.contains(key) }
        if let known, known.key == key { return known.isSigned }
        let message = Self.label + Array(text.utf8)
        return signatures.contains { $0.key == key && key.verifies($0.bytes, over: message) }
    }

    /// Whether every signature under it is one of its key.
    package var areAllSignaturesGood: Bool {
        if let good { return good.count == signatures.count }
        let message = Self.label + Array(text.utf8)
        return signatures.allSatisfy { $0.key.verifies($0.bytes, over: message) }
    }

    package static func == (one: SignedText, other: SignedText) -> Bool {
        one.text.utf8.elementsEqual(other.text.utf8) && one.signatures == other.signatures
    }

    /// The statement as JSON, which must be its own canonical form.
    func value() throws(JSONError) -> JSONValue {
        try JSONValue(canonical: text, limits: JSONLimits(bytes: Self.maximumLength))
    }

    /// The field `type` of the statement.
    func statementType() throws(EvidenceError) -> String {
        do { return try value()["type"]?.asString ?? "" } catch { throw .malformed(error) }
    }

    // MARK: As JSON

    package var json: JSONValue {
        .object(["statement": .string(text), "signatures": signaturesJSON])
    }

    package var signaturesJSON: JSONValue {
        .array(signatures.map { .object(["key": .string($0.key.hex), "signature": .string(Hex.encode($0.bytes))]) })
    }

    package init(_ value: JSONValue) throws(EvidenceError) {
        do {
            var reader = try ObjectReader(value)
            let text = try reader.string("statement", maximum: Self.maximumLength)
            let items = try reader.array("signatures", maximum: Self.maximumSignatures)
            try reader.finish()
            try self.init(text: text, signaturesJSON: items)
        } catch let error as JSONError {
            throw .malformed(error)
        } catch let error as EvidenceError {
            throw error
        } catch {
            throw .internalFailure("\(error)")
        }
    }

    /// Reads the two columns in which a statement is stored.
    package init(text: String, signatures stored: String) throws(EvidenceError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: stored) } catch { throw .malformed(error) }
        guard let items = value.asArray else { throw .signatureMalformed }
        try self.init(text: text, signaturesJSON: items)
    }

    private init(text: String, signaturesJSON items: [JSONValue]) throws(EvidenceError) {
        guard (1...Self.maximumSignatures).contains(items.count) else { throw .signatureMalformed }
        var signatures: [Signature] = []
        for item in items {
            do {
                var reader = try ObjectReader(item)
                let key = PublicKey(hex: try reader.string("key", maximum: 64))
                let bytes = Hex.decode(try reader.string("signature", maximum: 128))
                try reader.finish()
                guard let key, let bytes, bytes.count == 64 else { throw EvidenceError.signatureMalformed }
                signatures.append(Signature(key: key, bytes: bytes))
            } catch let error as JSONError {
                throw .malformed(error)
            } catch {
                throw .signatureMalformed
            }
        }
        self.init(text: text, signatures: signatures)
    }
}
