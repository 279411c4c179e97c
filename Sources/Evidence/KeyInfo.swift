// SPDX-License-Identifier: Apache-2.0
// SECURITY: the one place where the seed of a key stands in OpenSSL's own structures, which clear it when they are freed.

import COpenSSL

/// An Ed25519 key as PKCS #8 has it (RFC 5958, RFC 8410), between our seed and a text.
struct KeyInfo: ~Copyable {
    /// A `PKCS8_PRIV_KEY_INFO`.
    let handle: OpaquePointer

    init(owning handle: OpaquePointer) { self.handle = handle }

    init(_ seed: borrowing SecretBytes) throws(CryptographyError) {
        let key = seed.reveal { bytes in
            EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        }
        guard let key else { throw CryptographyError(call: "EVP_PKEY_new_raw_private_key") }
        defer { EVP_PKEY_free(key) }
        guard let plain = EVP_PKEY2PKCS8(key) else { throw CryptographyError(call: "EVP_PKEY2PKCS8") }
        handle = plain
    }

    deinit { PKCS8_PRIV_KEY_INFO_free(handle) }

    /// Nil for a key of another kind.
    var seed: SecretBytes? {
        guard let key = EVP_PKCS82PKEY(handle) else { return nil }
        defer { EVP_PKEY_free(key) }
        guard EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 else { return nil }
        var isRead = false
        let seed = SecretBytes(count: SigningKey.seedLength) { target in
            var length = target.count
            isRead = EVP_PKEY_get_raw_private_key(key, target.bindMemory(to: UInt8.self).baseAddress, &length) == 1
                && length == target.count
        }
        if isRead { return seed }
        return nil
    }

    /// The PEM text that `write` makes.
    static func text(_ call: String, _ write: (OpaquePointer) -> Int32) throws(CryptographyError) -> [UInt8] {
        guard let bio = BIO_new(BIO_s_mem()) else { throw CryptographyError(call: "BIO_new") }
        defer { BIO_free(bio) }
        var start: UnsafePointer<CChar>?
        guard write(bio) == 1, case let count = stint_bio_bytes(bio, &start), count > 0, let start else { throw CryptographyError(call: call) }
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}
