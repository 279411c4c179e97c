// SPDX-License-Identifier: Apache-2.0
// SECURITY: Ed25519 only (RFC 8032). What is signed begins with a label of its own, so that a signature made for one
// purpose never passes for another.

import COpenSSL
package import Access

/// An Ed25519 key pair of a device, a node, a broker or an invitation.
package final class SigningKey: @unchecked Sendable {
    // OpenSSL only reads a key while signing, so threads may share it.
    private let key: OpaquePointer
    package let publicKey: PublicKey

    package static let seedLength = 32

    /// - Parameter seed: 32 bytes.
    package init(seed: borrowing SecretBytes) throws(CryptographyError) {
        let made = seed.reveal { bytes in
            EVP_PKEY_new_raw_private_key(
                EVP_PKEY_ED25519, nil, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
        }
        guard let key = made else { throw CryptographyError(call: "EVP_PKEY_new_raw_private_key") }
        var raw = [UInt8](repeating: 0, count: PublicKey.length)
        var length = raw.count
        guard EVP_PKEY_get_raw_public_key(key, &raw, &length) == 1, let publicKey = PublicKey(bytes: raw) else {
            EVP_PKEY_free(key)
            throw CryptographyError(call: "EVP_PKEY_get_raw_public_key")
        }
        self.key = key
        self.publicKey = publicKey
    }

    /// The 64 bytes of the signature over `message`.
    package func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { throw CryptographyError(call: "EVP_MD_CTX_new") }
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 64)
        var length = signature.count
        guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
            EVP_DigestSign(context, &signature, &length, message, message.count) == 1, length == 64
        else { throw CryptographyError(call: "EVP_DigestSign") }
        return signature
    }

    deinit { EVP_PKEY_free(key) }
}

extension PublicKey {
    /// Whether `signature` over `message` was made by the private half of this key. Anything odd is a no.
    package func verifies(_ signature: [UInt8], over message: [UInt8]) -> Bool {
        guard signature.count == 64, let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count)
        else { return false }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            ERR_clear_error()  // a failed verification leaves its reason behind, which the next TLS call would report
        }
        return EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}
