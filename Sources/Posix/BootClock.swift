// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The clock of deadlines: time since boot, suspend included (CLOCK_BOOTTIME). Nobody can step it.
///
/// It is the clock of `ContinuousClock` on Linux; as nanoseconds it can be stored, together with ``bootID()``,
/// and compared by another process of the same boot.
package enum BootClock {
    package static var now: Int64 { nanoseconds(of: .now) }

    /// Clamped at the ends of `Int64`, 292 years after boot.
    package static func nanoseconds(of instant: ContinuousClock.Instant) -> Int64 {
        let (seconds, attoseconds) = ContinuousClock().systemEpoch.duration(to: instant).components
        let (product, tooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return tooLarge || overflow ? (seconds < 0 ? .min : .max) : sum
    }

    package static func instant(nanoseconds: Int64) -> ContinuousClock.Instant {
        ContinuousClock().systemEpoch.advanced(by: .nanoseconds(nanoseconds))
    }

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
