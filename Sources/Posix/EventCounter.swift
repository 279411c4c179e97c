// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Wakes a thread that waits in ``Poll`` or ``EventQueue``, from any other thread (eventfd(2)).
package final class EventCounter: Sendable {
    private let descriptor: OwnedDescriptor

    package init() throws(SystemError) {
        let flags = Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)
        descriptor = OwnedDescriptor(owning: try check("eventfd") { eventfd(0, flags) })
    }

    /// Readable from a `signal` until the next `clear`.
    package var number: Int32 { descriptor.number }

    package func signal() {
        // It fails only when the counter is full, and then the waiter is awake already.
        _ = eventfd_write(descriptor.number, 1)
    }

    /// Forgets all signals so far. Clear first and look at the shared state after, or a signal in between is lost.
    package func clear() {
        var count: eventfd_t = 0
        // It fails only when there is nothing to clear.
        _ = eventfd_read(descriptor.number, &count)
    }
}
