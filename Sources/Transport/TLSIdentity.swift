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
        guard let publicKey = rawEd25519Key(of: key), let certificate = Self.selfSigned(key, publicKey) else {
            EVP_PKEY_free(key)
            throw .cryptography(operation: "X509_sign")
        }
        self.publicKey = publicKey
        material = Material(key: key, certificate: certificate)
    }

    init(publicKey: [UInt8], material: Material) { (self.publicKey, self.material) = (publicKey, material) }

    /// What stands before the key in the part of a certificate that is signed. OpenSSL makes the same bytes of the same words, but
    /// looks for an encoder for the key among all that there are, at each start of each program.
    ///
    /// Version 3, number 1, Ed25519, issuer and subject `CN=stint`. The validity is as wide as X.509 can say (RFC 5280
    /// §4.1.2.5): a key ends by the broker's decision, never by a date.
    private static let beforeKey: [UInt8] =
        [0x30, 0x81, 0x83, 0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01] + ed25519 + commonName + [0x30, 0x22]
        + time("19700101000000Z") + time("99991231235959Z") + commonName + [0x30, 0x2a] + ed25519 + [0x03, 0x21, 0x00]
    /// AlgorithmIdentifier (RFC 8410 §3).
    private static let ed25519: [UInt8] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70]
    private static let commonName: [UInt8] =
        [0x30, 0x10, 0x31, 0x0e, 0x30, 0x0c, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x05] + Array("stint".utf8)

    /// GeneralizedTime.
    private static func time(_ text: String) -> [UInt8] { [0x18, UInt8(text.utf8.count)] + Array(text.utf8) }

    private static func selfSigned(_ key: OpaquePointer, _ publicKey: [UInt8]) -> OpaquePointer? {
        let signed = beforeKey + publicKey
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 64)
        var length = signature.count
        guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
            EVP_DigestSign(context, &signature, &length, signed, signed.count) == 1, length == signature.count
        else { return nil }
        return certificate([0x30, 0x81, 0xd0] + signed + ed25519 + [0x03, 0x41, 0x00] + signature)
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
