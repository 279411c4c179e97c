// SPDX-License-Identifier: Apache-2.0
// SECURITY: a device key on disk can be opened with its passphrase only; a wrong one and a damaged file look the same.

import COpenSSL

/// A device key under a passphrase, as a PEM text that `openssl pkey` reads as well: PKCS #8 (RFC 5958), PBES2 with scrypt
/// (RFC 7914) and AES-256-CBC.
package enum ProtectedKey {
    private static let beginning = Array("-----BEGIN ENCRYPTED PRIVATE KEY-----".utf8)
    /// Longer is no key of ours.
    package static let maximumBytes = 4096

    /// 16 MiB and some tens of milliseconds for each guess: the most that OpenSSL reads without being told otherwise.
    private static let cost: (N: UInt64, r: UInt64, p: UInt64) = (1 << 14, 8, 1)

    package static func isProtected(_ text: [UInt8]) -> Bool { text.starts(with: beginning) }

    /// - Returns: the PEM text.
    package static func protect(
        _ seed: borrowing SecretBytes, with passphrase: borrowing SecretBytes
    ) throws(CryptographyError) -> [UInt8] {
        let info = try KeyInfo(seed)
        var salt = try Random.bytes(16)
        guard let scheme = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), &salt, 16, nil, cost.N, cost.r, cost.p) else {
            throw CryptographyError(call: "PKCS5_pbe2_set_scrypt")
        }
        let sealed = passphrase.reveal { bytes in
            PKCS8_set0_pbe(bytes.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count), info.handle, scheme)
        }
        guard let sealed else {
            X509_ALGOR_free(scheme)
            throw CryptographyError(call: "PKCS8_set0_pbe")
        }
        defer { X509_SIG_free(sealed) }
        return try KeyInfo.text("PEM_write_bio_PKCS8") { PEM_write_bio_PKCS8($0, sealed) }
    }

    /// - Returns: the seed; nil for a wrong passphrase, and for a text that is no such key.
    package static func open(_ text: [UInt8], with passphrase: borrowing SecretBytes) -> SecretBytes? {
        defer { ERR_clear_error() }  // a wrong passphrase leaves its reason behind, which the next call would report
        guard text.count <= maximumBytes, isProtected(text), let bio = BIO_new_mem_buf(text, Int32(text.count)) else { return nil }
        defer { BIO_free(bio) }
        guard let sealed = PEM_read_bio_PKCS8(bio, nil, nil, nil) else { return nil }
        defer { X509_SIG_free(sealed) }
        let opened = passphrase.reveal { bytes in
            PKCS8_decrypt(sealed, bytes.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count))
        }
        return opened.flatMap { KeyInfo(owning: $0).seed }
    }
}
