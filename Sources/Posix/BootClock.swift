// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The clock of deadlines: time since boot, suspend included (CLOCK_BOOTTIME). Nobody can step it.
///
/// Its points are ``BootInstant``; as nanoseconds they can be stored, together with ``bootID()``, and compared by another process
/// of the same boot.
package enum BootClock {
    package static var now: Int64 { BootInstant.now.nanoseconds }

    /// Wall time in milliseconds since 1970 UTC. It can be stepped: show it, sign it, end no session by it alone.
    package static func wallMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// The kernel's name for this boot, a lower-case UUID. An instant of another boot means nothing.
    package static func bootID() throws(SystemError) -> String {
        let path = "/proc/sys/kernel/random/boot_id"
        let bytes = try DurableFile.readKernelFile(path, maximumBytes: 64)
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
