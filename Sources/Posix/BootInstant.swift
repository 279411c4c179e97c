// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A point on the clock of deadlines (``BootClock``).
///
/// It is what `ContinuousClock.Instant` is on Linux, with a layout that the compiler knows: that one's library may change it,
/// so that each copy, comparison and sum is a call, and a key on its way through a session makes dozens of them.
/// Sums are clamped at the ends of `Int64`, 292 years from boot.
package struct BootInstant: Comparable, Hashable, Sendable {
    /// Since boot, suspend included.
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static var now: BootInstant {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return BootInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    package func duration(to other: BootInstant) -> Duration { other - self }

    package func advanced(by duration: Duration) -> BootInstant { self + duration }

    package func advanced(byNanoseconds count: Int64) -> BootInstant { BootInstant(nanoseconds: nanoseconds.addingClamped(count)) }

    /// Of two that may not be.
    package static func earlier(_ first: BootInstant?, _ second: BootInstant?) -> BootInstant? {
        guard let first, let second else { return first ?? second }
        return min(first, second)
    }

    package static func < (left: BootInstant, right: BootInstant) -> Bool { left.nanoseconds < right.nanoseconds }
    // Without these, what `Comparable` has for all types is called, by a table.
    package static func > (left: BootInstant, right: BootInstant) -> Bool { left.nanoseconds > right.nanoseconds }
    package static func <= (left: BootInstant, right: BootInstant) -> Bool { left.nanoseconds <= right.nanoseconds }
    package static func >= (left: BootInstant, right: BootInstant) -> Bool { left.nanoseconds >= right.nanoseconds }

    package static func + (instant: BootInstant, duration: Duration) -> BootInstant {
        instant.advanced(byNanoseconds: duration.clampedNanoseconds)
    }

    package static func - (instant: BootInstant, duration: Duration) -> BootInstant {
        let nanoseconds = duration.clampedNanoseconds
        return instant.advanced(byNanoseconds: nanoseconds == .min ? .max : -nanoseconds)
    }

    package static func - (left: BootInstant, right: BootInstant) -> Duration {
        Duration(attoseconds: Int128(left.nanoseconds(after: right)) * 1_000_000_000)
    }

    /// Negative where the other one is later.
    package func nanoseconds(after other: BootInstant) -> Int64 {
        nanoseconds.addingClamped(other.nanoseconds == .min ? .max : -other.nanoseconds)
    }
}

extension Duration {
    /// Whole nanoseconds, towards zero; an end of `Int64` where there are more.
    package var clampedNanoseconds: Int64 { Int64(clamping: attoseconds / 1_000_000_000) }
}

extension Int64 {
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
