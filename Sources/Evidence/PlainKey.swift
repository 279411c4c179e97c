// SPDX-License-Identifier: Apache-2.0
// SECURITY: the key of a roster, which belongs to a program and not to a person: nobody is there to type a passphrase.

import COpenSSL

/// An Ed25519 key as `openssl genpkey -algorithm ed25519` writes it: PKCS #8 (RFC 5958) in PEM, without a passphrase.
package enum PlainKey {
    package static let maximumBytes = 4096

    /// - Returns: the PEM text.
    package static func text(_ seed: borrowing SecretBytes) throws(CryptographyError) -> [UInt8] {
        let key = seed.reveal { bytes in
            EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        }
        guard let key else { throw CryptographyError(call: "EVP_PKEY_new_raw_private_key") }
        defer { EVP_PKEY_free(key) }
        guard let plain = EVP_PKEY2PKCS8(key) else { throw CryptographyError(call: "EVP_PKEY2PKCS8") }
        defer { PKCS8_PRIV_KEY_INFO_free(plain) }
        guard let bio = BIO_new(BIO_s_mem()) else { throw CryptographyError(call: "BIO_new") }
        defer { BIO_free(bio) }
        var start: UnsafePointer<CChar>?
        guard PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, plain) == 1, case let count = stint_bio_bytes(bio, &start), count > 0, let start else {
            throw CryptographyError(call: "PEM_write_bio_PKCS8_PRIV_KEY_INFO")
        }
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// - Returns: nil for a text that is no such key.
    package static func read(_ text: [UInt8]) throws(CryptographyError) -> SigningKey? {
        defer { ERR_clear_error() }  // a text that is no key leaves its reason behind, which the next call would report
        guard text.count <= maximumBytes, let bio = BIO_new_mem_buf(text, Int32(text.count)) else { return nil }
        defer { BIO_free(bio) }
        guard let plain = PEM_read_bio_PKCS8_PRIV_KEY_INFO(bio, nil, nil, nil) else { return nil }
        defer { PKCS8_PRIV_KEY_INFO_free(plain) }
        guard let key = EVP_PKCS82PKEY(plain) else { return nil }
        defer { EVP_PKEY_free(key) }
        guard EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 else { return nil }
        var isRead = false
        let seed = SecretBytes(count: SigningKey.seedLength) { target in
            var length = target.count
            isRead = EVP_PKEY_get_raw_private_key(key, target.bindMemory(to: UInt8.self).baseAddress, &length) == 1
                && length == target.count
        }
        return isRead ? try SigningKey(seed: seed) : nil
    }
}
