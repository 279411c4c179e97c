// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Random bytes of the kernel (getrandom(2)).
package enum Random {
    /// Cannot fail once the machine has booted: the call waits until the kernel's generator is seeded.
    package static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let piece = getrandom(buffer.baseAddress! + filled, count - filled, 0)
                // Without randomness there is no safe way on, and nobody outside can cause it.
                precondition(piece > 0 || errno == EINTR, "the kernel gives no random bytes")
                filled += max(0, piece)
            }
        }
    }

    /// Lower-case digits, two for each byte.
    package static func hexadecimal(bytes count: Int) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes(count).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
