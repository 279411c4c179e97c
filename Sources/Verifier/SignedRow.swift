// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import StrictJSON

/// A statement as a row holds it, with its fields. Only the form of what is looked at is known here, not its meaning.
struct SignedRow {
    let text: String
    let signed: SignedText
    let digest: String
    private let fields: JSONValue

    /// `nil` for a row without the statement; a finding where it is not one.
    init?(_ row: DatabaseRow, _ column: String, _ signatures: String, at place: String, _ findings: inout Findings) {
        guard let text = row.text(column) else { return nil }
        // Whatever is wrong with it, it is no statement.
        let stored = row.text(signatures).flatMap { try? SignedText(text: text, signatures: $0) }
        self.init(stored, "`\(column)`", at: place, &findings)
    }

    /// A statement inside of another one.
    init?(_ value: JSONValue, at place: String, _ findings: inout Findings) {
        // Whatever is wrong with it, it is no statement.
        self.init(try? SignedText(value), "a statement in it", at: place, &findings)
    }

    private init?(_ signed: SignedText?, _ name: String, at place: String, _ findings: inout Findings) {
        // Whatever is wrong with it, it is no statement.
        guard let signed, let fields = try? JSONValue(canonical: signed.text, limits: JSONLimits(bytes: SignedText.maximumLength)),
            let digest = try? signed.digest()
        else {
            findings.add(place, "\(name) is not a signed statement in canonical form")
            return nil
        }
        (self.text, self.signed, self.fields, self.digest) = (signed.text, signed, fields, digest.hex)
    }

    func text(_ key: String) -> String? { fields[key]?.asString }
    func integer(_ key: String) -> Int64? { fields[key]?.asInteger }
    func bool(_ key: String) -> Bool? { fields[key]?.asBool }
    func texts(_ key: String) -> [String] { (fields[key]?.asArray ?? []).compactMap(\.asString) }
    func object(_ key: String) -> JSONValue? { fields[key].flatMap { $0 == .null ? nil : $0 } }

    /// The keys whose signatures hold. One that does not is a finding.
    func signers(at place: String, _ findings: inout Findings) -> Set<String> {
        var keys: Set<String> = []
        for signature in signed.signatures {
            if signed.isSigned(by: signature.key) {
                keys.insert(signature.key.hex)
            } else {
                findings.add(place, "the signature under it by \(signature.key.hex) is wrong")
            }
        }
        return keys
    }

    /// The short id of what the statement made: the first 30 bits of its digest in base 32.
    func id(_ letter: String) -> String {
        let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz")
        guard let number = UInt32(digest.prefix(8), radix: 16) else { return "" }
        return letter + "-" + String((0..<6).map { alphabet[Int(number >> UInt32(27 - 5 * $0) & 31)] })
    }
}
