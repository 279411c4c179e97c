// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Access

/// A SHA-256 digest: 32 bytes, written as 64 lower-case hexadecimal digits.
package struct Digest: Sendable, Hashable, CustomStringConvertible {
    package let bytes: [UInt8]

    package static let length = 32
    /// What stands where there is no predecessor: 32 zero bytes.
    package static let none = Digest(unchecked: Array(repeating: 0, count: length))

    fileprivate init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// - Returns: `nil` for anything but 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        self.init(unchecked: bytes)
    }

    package init?(hex: String) {
        guard let bytes = Hex.decode(hex), bytes.count == Self.length else { return nil }
        self.init(unchecked: bytes)
    }

    package init(of data: some Collection<UInt8>) throws(CryptographyError) {
        var output = [UInt8](repeating: 0, count: Self.length)
        let done = Array(data).withUnsafeBytes { source in
            EVP_Digest(source.baseAddress, source.count, &output, nil, algorithm, nil)
        }
        guard done == 1 else { throw CryptographyError(call: "EVP_Digest") }
        self.init(unchecked: output)
    }

    package var hex: String { Hex.encode(bytes) }
    package var description: String { hex }
}

/// SHA-256 as OpenSSL implements it here; `EVP_sha256()` is only its name, which would be looked up, under a lock, each time.
/// Threads may share it: it never changes, and is never freed.
private nonisolated(unsafe) let algorithm: OpaquePointer? = EVP_MD_fetch(nil, "SHA256", nil) ?? EVP_sha256()

/// SHA-256 over bytes that come one after the other. Owned by one thread.
package struct RunningDigest: ~Copyable {
    private let context: OpaquePointer

    package init() throws(CryptographyError) {
        guard let context = EVP_MD_CTX_new() else { throw CryptographyError(call: "EVP_MD_CTX_new") }
        guard EVP_DigestInit_ex(context, algorithm, nil) == 1 else {
            EVP_MD_CTX_free(context)
            throw CryptographyError(call: "EVP_DigestInit_ex")
        }
        self.context = context
    }

    package mutating func add(_ bytes: UnsafeRawBufferPointer) throws(CryptographyError) {
        guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
            throw CryptographyError(call: "EVP_DigestUpdate")
        }
    }

    /// The digest of what was added. Nothing can be added after.
    package consuming func digest() throws(CryptographyError) -> Digest {
        var output = [UInt8](repeating: 0, count: Digest.length)
        guard EVP_DigestFinal_ex(context, &output, nil) == 1 else {
            throw CryptographyError(call: "EVP_DigestFinal_ex")
        }
        return Digest(unchecked: output)
    }

    deinit { EVP_MD_CTX_free(context) }
}
