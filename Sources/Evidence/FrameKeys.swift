// SPDX-License-Identifier: Apache-2.0
// SECURITY: client and supervisor agree on keys that the broker never has (X25519, bound to the signed opening and
// acceptance), and every frame carries a tag under them. The broker reads frames in order to record; it cannot insert,
// drop, change or reorder one unnoticed (P1).

import COpenSSL
import Access

/// One side's ephemeral X25519 key, for one session.
package final class EphemeralKey: @unchecked Sendable {
    private let key: OpaquePointer
    package let publicBytes: [UInt8]

    package init() throws(CryptographyError) {
        let seed = try SecretBytes(random: 32)
        let made = seed.reveal { bytes in
            EVP_PKEY_new_raw_private_key(
                EVP_PKEY_X25519, nil, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
        }
        guard let key = made else { throw CryptographyError(call: "EVP_PKEY_new_raw_private_key") }
        var raw = [UInt8](repeating: 0, count: 32)
        var length = raw.count
        guard EVP_PKEY_get_raw_public_key(key, &raw, &length) == 1, length == 32 else {
            EVP_PKEY_free(key)
            throw CryptographyError(call: "EVP_PKEY_get_raw_public_key")
        }
        self.key = key
        publicBytes = raw
    }

    /// The frame keys shared with the holder of `peer`'s private half.
    ///
    /// - Parameters:
    ///   - opening: digest of the signed opening, which names the client's ephemeral key.
    ///   - accepted: the node's ephemeral public key, as its signed acceptance names it.
    /// - Throws: also where `peer` is a degenerate point.
    package func agree(with peer: [UInt8], opening: Digest, accepted: [UInt8]) throws(CryptographyError) -> FrameKeys {
        guard peer.count == 32, let other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nil, peer, peer.count) else {
            throw CryptographyError(call: "EVP_PKEY_new_raw_public_key")
        }
        defer { EVP_PKEY_free(other) }
        guard let context = EVP_PKEY_CTX_new(key, nil) else { throw CryptographyError(call: "EVP_PKEY_CTX_new") }
        defer {
            EVP_PKEY_CTX_free(context)
            ERR_clear_error()
        }
        let shared = try SecretBytes(count: 32) { (target) throws(CryptographyError) in
            var length = target.count
            guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, other) == 1,
                EVP_PKEY_derive(context, target.baseAddress?.assumingMemoryBound(to: UInt8.self), &length) == 1,
                length == 32
            else { throw CryptographyError(call: "EVP_PKEY_derive") }
        }
        return try FrameKeys(shared: shared, salt: opening.bytes, info: Array("stint frames 1".utf8) + accepted)
    }

    deinit { EVP_PKEY_free(key) }
}

/// The keys of both directions of one session: 32 bytes of AES-256 key and 12 bytes of nonce base each.
package struct FrameKeys: ~Copyable, Sendable {
    private let material: SecretBytes

    package static let length = 88

    /// HKDF-SHA256 (RFC 5869).
    fileprivate init(shared: borrowing SecretBytes, salt: [UInt8], info: [UInt8]) throws(CryptographyError) {
        guard let context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nil) else {
            throw CryptographyError(call: "EVP_PKEY_CTX_new_id")
        }
        defer { EVP_PKEY_CTX_free(context) }
        let keyed = shared.reveal { bytes in
            EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()) == 1
                && EVP_PKEY_CTX_set1_hkdf_salt(context, salt, Int32(salt.count)) == 1
                && EVP_PKEY_CTX_set1_hkdf_key(
                    context, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count)) == 1
                && EVP_PKEY_CTX_add1_hkdf_info(context, info, Int32(info.count)) == 1
        }
        guard keyed else { throw CryptographyError(call: "EVP_PKEY_CTX_set1_hkdf_key") }
        material = try SecretBytes(count: Self.length) { (target) throws(CryptographyError) in
            var length = target.count
            guard EVP_PKEY_derive(context, target.baseAddress?.assumingMemoryBound(to: UInt8.self), &length) == 1,
                length == Self.length
            else { throw CryptographyError(call: "EVP_PKEY_derive") }
        }
    }

    /// Reads keys that another process of the same node derived.
    package init(material: consuming SecretBytes) { self.material = material }

    package borrowing func reveal<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try material.reveal(body)
    }

    package enum Direction: Int, Sendable { case toNode = 0, toClient = 44 }

    /// What authenticates the frames of one direction.
    package borrowing func authenticator(_ direction: Direction) throws(CryptographyError) -> FrameAuthenticator {
        try material.reveal { (bytes) throws(CryptographyError) in
            try FrameAuthenticator(
                key: UnsafeRawBufferPointer(rebasing: bytes[direction.rawValue..<direction.rawValue + 32]),
                nonceBase: UnsafeRawBufferPointer(rebasing: bytes[direction.rawValue + 32..<direction.rawValue + 44]))
        }
    }
}

/// Makes or checks the tags of one direction's frames: AES-256-GCM with all bytes as additional data and a counter in the
/// nonce, so that a frame left out, repeated or moved fails like a changed one. Owned by one thread.
package final class FrameAuthenticator {
    package static let tagLength = 16

    private let context: OpaquePointer
    private let nonceBase: [UInt8]
    /// That of the frame before; the memory is used again.
    private var nonce: [UInt8]
    private var counter: UInt64 = 0

    fileprivate init(key: UnsafeRawBufferPointer, nonceBase: UnsafeRawBufferPointer) throws(CryptographyError) {
        guard let context = EVP_CIPHER_CTX_new() else { throw CryptographyError(call: "EVP_CIPHER_CTX_new") }
        let keyed = EVP_EncryptInit_ex(
            context, EVP_aes_256_gcm(), nil, key.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
        guard keyed == 1 else {
            EVP_CIPHER_CTX_free(context)
            throw CryptographyError(call: "EVP_EncryptInit_ex")
        }
        self.context = context
        self.nonceBase = Array(nonceBase)
        nonce = self.nonceBase
    }

    /// Writes the 16 bytes of the tag of the next frame, which is `header` followed by `payload`.
    package func seal(
        _ header: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer, tag: UnsafeMutableRawBufferPointer
    ) throws(CryptographyError) {
        precondition(tag.count == Self.tagLength, "a tag has 16 bytes")
        var length: Int32 = 0
        // XOR of base and counter (as TLS 1.3 does, RFC 8446 §5.3): a nonce is never used twice under one key.
        for index in 0..<8 { nonce[4 + index] = nonceBase[4 + index] ^ UInt8(truncatingIfNeeded: counter >> UInt64(56 - 8 * index)) }
        counter += 1
        guard EVP_EncryptInit_ex(context, nil, nil, nil, nonce) == 1,
            Self.add(header, to: context), Self.add(payload, to: context),
            EVP_EncryptFinal_ex(context, tag.baseAddress?.assumingMemoryBound(to: UInt8.self), &length) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), tag.baseAddress) == 1
        else { throw CryptographyError(call: "EVP_EncryptFinal_ex") }
    }

    /// Whether `tag` is that of the next frame. Whatever the answer, the frame counts: after a no, nothing passes.
    package func opens(_ frame: UnsafeRawBufferPointer, tag: UnsafeRawBufferPointer) throws(CryptographyError) -> Bool {
        var expected: (UInt64, UInt64) = (0, 0)
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        return try withUnsafeMutableBytes(of: &expected) { (target) throws(CryptographyError) in
            try seal(frame, empty, tag: target)
            return tag.count == Self.tagLength && CRYPTO_memcmp(target.baseAddress, tag.baseAddress, Self.tagLength) == 0
        }
    }

    private static func add(_ bytes: UnsafeRawBufferPointer, to context: OpaquePointer) -> Bool {
        guard bytes.count > 0 else { return true }
        var length: Int32 = 0
        return EVP_EncryptUpdate(
            context, nil, &length, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count)) == 1
    }

    deinit { EVP_CIPHER_CTX_free(context) }
}
