// SPDX-License-Identifier: Apache-2.0
// SECURITY: a key leaves this type only as a signature inside a TLS handshake.

import COpenSSL

/// One party's Ed25519 key with the self-signed certificate that carries it, or a key that stands in for it.
///
/// The certificate says nothing but the key: peers recognise each other by the raw public key only.
package struct TLSIdentity: Sendable {
    /// By which others know the party: 32 raw bytes.
    package let publicKey: [UInt8]
    let material: Material

    /// - Parameter seed: the 32 secret bytes of an Ed25519 private key (RFC 8032 §5.1.5); copied, not kept.
    package init(ed25519Seed seed: UnsafeRawBufferPointer) throws(TransportError) {
        guard seed.count == 32, let bytes = seed.baseAddress else {
            throw .unusableKey(reason: "an Ed25519 private key has 32 bytes, this one has \(seed.count)")
        }
        let pointer = bytes.assumingMemoryBound(to: UInt8.self)
        guard let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, pointer, seed.count) else {
            throw .cryptography(operation: "EVP_PKEY_new_raw_private_key")
        }
        guard let publicKey = rawEd25519Key(of: key), let certificate = Self.selfSigned(key) else {
            EVP_PKEY_free(key)
            throw .cryptography(operation: "X509_sign")
        }
        self.publicKey = publicKey
        material = Material(key: key, certificate: certificate)
    }

    init(publicKey: [UInt8], material: Material) { (self.publicKey, self.material) = (publicKey, material) }

    private static func selfSigned(_ key: OpaquePointer) -> OpaquePointer? {
        guard let certificate = X509_new() else { return nil }
        // The validity is as wide as X.509 can say (RFC 5280 §4.1.2.5): a key ends by the broker's decision,
        // never by a date.
        guard let name = X509_get_subject_name(certificate),
            X509_set_version(certificate, 2) == 1,
            ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1,
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, "stint", -1, -1, 0) == 1,
            X509_set_issuer_name(certificate, name) == 1,
            ASN1_TIME_set_string(X509_getm_notBefore(certificate), "19700101000000Z") == 1,
            ASN1_TIME_set_string(X509_getm_notAfter(certificate), "99991231235959Z") == 1,
            X509_set_pubkey(certificate, key) == 1,
            X509_sign(certificate, key, nil) > 0
        else {
            X509_free(certificate)
            return nil
        }
        return certificate
    }

    /// Owns the OpenSSL objects; none changes after `init`, so threads may share them.
    final class Material: @unchecked Sendable {
        let key: OpaquePointer
        let certificate: OpaquePointer
        /// The certificate of the party that the key stands in for.
        let issuer: OpaquePointer?

        init(key: OpaquePointer, certificate: OpaquePointer, issuer: OpaquePointer? = nil) {
            self.key = key
            self.certificate = certificate
            self.issuer = issuer
        }

        deinit {
            if let issuer { X509_free(issuer) }
            X509_free(certificate)
            EVP_PKEY_free(key)
        }
    }
}

/// The 32 raw bytes of a public key, or nil when it is not an Ed25519 key.
func rawEd25519Key(of key: OpaquePointer) -> [UInt8]? {
    guard EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 else { return nil }
    var raw = [UInt8](repeating: 0, count: 32)
    var length = raw.count
    guard EVP_PKEY_get_raw_public_key(key, &raw, &length) == 1, length == 32 else { return nil }
    return raw
}
