// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

@testable import Evidence

@Suite struct ProtectedKeyTests {
    private func secret(_ text: String) -> SecretBytes {
        let bytes = Array(text.utf8)
        return SecretBytes(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    private func bytes(_ secret: borrowing SecretBytes) -> [UInt8] { secret.reveal { Array($0) } }

    private func opened(_ text: [UInt8], _ passphrase: String) -> [UInt8]? {
        guard let seed = ProtectedKey.open(text, with: secret(passphrase)) else { return nil }
        return bytes(seed)
    }

    @Test func `a key opens with its passphrase, and with no other`() throws {
        let seed = try SecretBytes(random: SigningKey.seedLength)
        let text = try ProtectedKey.protect(seed, with: secret("correct horse"))
        #expect(ProtectedKey.isProtected(text) && text.count <= ProtectedKey.maximumBytes)
        #expect(opened(text, "correct horse") == bytes(seed))
        for wrong in ["correct hors", "correct horse ", "Correct horse", ""] { #expect(opened(text, wrong) == nil) }
    }

    @Test func `neither the seed nor the same text twice is in the file`() throws {
        let seed = try SecretBytes(random: SigningKey.seedLength)
        let first = try ProtectedKey.protect(seed, with: secret("correct horse"))
        #expect(first != (try ProtectedKey.protect(seed, with: secret("correct horse"))), "the salt is the same")
        let hexadecimal = Array(Hex.encode(bytes(seed)).utf8)
        #expect(!String(decoding: first, as: UTF8.self).contains(String(decoding: hexadecimal, as: UTF8.self)))
    }

    @Test func `a text that is cut or changed does not open`() throws {
        let seed = try SecretBytes(random: SigningKey.seedLength)
        let text = try ProtectedKey.protect(seed, with: secret("correct horse"))
        for length in stride(from: 0, to: text.count - 40, by: 37) { #expect(opened(Array(text[..<length]), "correct horse") == nil) }
        var changed = text
        // In the seed's own ciphertext. A change of the initialisation vector touches nothing but the header before the seed.
        let place = text.count - "-----END ENCRYPTED PRIVATE KEY-----\n".utf8.count - 51
        changed[place] = changed[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
        #expect(opened(changed, "correct horse") != bytes(seed))
        #expect(opened(Array("-----BEGIN ENCRYPTED PRIVATE KEY-----\n".utf8), "correct horse") == nil)
        #expect(opened(text + [UInt8](repeating: 0x0A, count: ProtectedKey.maximumBytes), "correct horse") == nil)
    }
}
