// SPDX-License-Identifier: Apache-2.0
// SECURITY: the key of a roster, which belongs to a program and not to a person: nobody is there to type a passphrase.

import COpenSSL

/// An Ed25519 key as `openssl genpkey -algorithm ed25519` writes it: PKCS #8 (RFC 5958) in PEM, without a passphrase.
package enum PlainKey {
    package static let maximumBytes = 4096

    /// - Returns: the PEM text.
    package static func text(_ seed: borrowing SecretBytes) throws(CryptographyError) -> [UInt8] {
        let info = try KeyInfo(seed)
        return try KeyInfo.text("PEM_write_bio_PKCS8_PRIV_KEY_INFO") { PEM_write_bio_PKCS8_PRIV_KEY_INFO($0, info.handle) }
    }

    /// - Returns: nil for a text that is no such key.
    package static func read(_ text: [UInt8]) throws(CryptographyError) -> SigningKey? {
        defer { ERR_clear_error() }  // a text that is no key leaves its reason behind, which the next call would report
        guard text.count <= maximumBytes, let bio = BIO_new_mem_buf(text, Int32(text.count)) else { return nil }
        defer { BIO_free(bio) }
        guard let plain = PEM_read_bio_PKCS8_PRIV_KEY_INFO(bio, nil, nil, nil) else { return nil }
        guard let seed = KeyInfo(owning: plain).seed else { return nil }
        return try SigningKey(seed: seed)
    }
}
