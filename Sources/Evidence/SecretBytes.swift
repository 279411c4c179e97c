// SPDX-License-Identifier: Apache-2.0
// SECURITY: a secret lives in one locked buffer with one owner and is wiped when that ends. It never enters a String, an
// array that is copied, or a log.

import COpenSSL
import Glibc

/// Secret bytes: not copyable, kept out of swap and core dumps where the kernel allows, wiped at the end.
package struct SecretBytes: ~Copyable, @unchecked Sendable {
    private let buffer: UnsafeMutableRawBufferPointer

    /// Fills `count` bytes in place.
    package init<E: Error>(count: Int, filledBy fill: (UnsafeMutableRawBufferPointer) throws(E) -> Void) throws(E) {
        // Kept apart until it is filled: once the property is set, a throw would also run `deinit`, and free it twice.
        let made = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        // Not being able to lock (RLIMIT_MEMLOCK) leaves the secret in ordinary memory, which is no failure.
        _ = mlock(made.baseAddress, count)
        do {
            try fill(made)
        } catch {
            OPENSSL_cleanse(made.baseAddress, count)
            _ = munlock(made.baseAddress, count)
            made.deallocate()
            throw error
        }
        buffer = made
    }

    /// `count` bytes from the kernel's generator.
    ///
    /// - Throws: ``CryptographyError`` where the generator fails; no secret is made then.
    package init(random count: Int) throws(CryptographyError) {
        try self.init(count: count) { (target) throws(CryptographyError) in
            try Random.fill(target)
        }
    }

    package var count: Int { buffer.count }

    package borrowing func reveal<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(buffer))
    }

    deinit {
        OPENSSL_cleanse(buffer.baseAddress, buffer.count)
        _ = munlock(buffer.baseAddress, buffer.count)
        buffer.deallocate()
    }
}

/// Random bytes from OpenSSL's generator, which the kernel seeds.
package enum Random {
    package static func fill(_ target: UnsafeMutableRawBufferPointer) throws(CryptographyError) {
        let done = RAND_bytes(target.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(target.count))
        guard done == 1 else { throw CryptographyError(call: "RAND_bytes") }
    }

    package static func bytes(_ count: Int) throws(CryptographyError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        guard RAND_bytes(&bytes, Int32(count)) == 1 else { throw CryptographyError(call: "RAND_bytes") }
        return bytes
    }
}
