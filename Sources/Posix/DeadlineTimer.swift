// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A descriptor that becomes readable at an instant of the boot-time clock (timerfd_create(2)).
///
/// The clock counts suspend, so a machine that slept past the deadline finds the timer readable when it wakes.
package struct DeadlineTimer: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    package init() throws(SystemError) {
        let flags = Int32(TFD_CLOEXEC) | Int32(TFD_NONBLOCK)
        descriptor = OwnedDescriptor(owning: try check("timerfd_create") { timerfd_create(CLOCK_BOOTTIME, flags) })
    }

    package var number: Int32 { descriptor.number }

    /// Sets the one deadline; nil disarms. An instant in the past is readable at once.
    package func set(_ deadline: BootInstant?) throws(SystemError) {
        var setting = itimerspec()
        if let deadline {
            // Zero would disarm, so the earliest deadline is the first nanosecond after boot.
            let nanoseconds = max(1, deadline.nanoseconds)
            setting.it_value = timespec(
                tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        }
        try check("timerfd_settime") {
            timerfd_settime(descriptor.number, Int32(TFD_TIMER_ABSTIME), &setting, nil)
        }
    }

    /// Whether the deadline has passed since it was set or since the last call; the timer is quiet after.
    package func takeExpiry() -> Bool {
        var count: UInt64 = 0
        let size = MemoryLayout<UInt64>.size
        // EAGAIN says that it has not fired; there is no other way to fail.
        return Glibc.read(descriptor.number, &count, size) == size
    }
}
