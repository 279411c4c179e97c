// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The one wait of a thread that has many descriptors: epoll(7), level-triggered.
///
/// A descriptor is told apart by the token it was added with. Tokens are never taken from descriptor numbers,
/// which are used again: an event of a closed descriptor must not reach its successor.
package struct EventQueue: ~Copyable, Sendable {
    package struct Interest: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let input = Interest(rawValue: EPOLLIN.rawValue)
        package static let output = Interest(rawValue: EPOLLOUT.rawValue)
        package static let priority = Interest(rawValue: EPOLLPRI.rawValue)
        /// The other end will write no more.
        package static let endOfInput = Interest(rawValue: EPOLLRDHUP.rawValue)
        /// Reported always, asked for or not.
        package static let hangUp = Interest(rawValue: EPOLLHUP.rawValue)
        package static let failure = Interest(rawValue: EPOLLERR.rawValue)
    }

    package struct Event: Sendable {
        package let token: UInt64
        package let found: Interest
    }

    private let descriptor: OwnedDescriptor

    package init() throws(SystemError) {
        descriptor = OwnedDescriptor(owning: try check("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
    }

    package func add(_ number: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_ADD, number, interest, token)
    }

    package func change(_ number: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_MOD, number, interest, token)
    }

    /// Call it before the descriptor is closed: a duplicate elsewhere would keep the registration alive.
    package func remove(_ number: Int32) throws(SystemError) {
        try control(EPOLL_CTL_DEL, number, [], 0)
    }

    /// Waits and puts what happened into `events`, at most `maximum`. Empty when the time is up.
    ///
    /// - Parameter timeout: rounded up to a millisecond; nil waits without end. Deadlines belong in a
    ///   ``DeadlineTimer`` in the queue, which counts suspend.
    package func wait(_ events: inout [Event], maximum: Int = 256, timeout: Duration? = nil) throws(SystemError) {
        events.removeAll(keepingCapacity: true)
        let limit = timeout.map { Self.milliseconds($0) } ?? -1
        let interrupted = withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: maximum) { buffer -> Int32 in
            let count = epoll_wait(descriptor.number, buffer.baseAddress, Int32(clamping: maximum), limit)
            guard count >= 0 else { return errno }
            for event in buffer.prefix(Int(count)) {
                events.append(Event(token: event.data.u64, found: Interest(rawValue: event.events)))
            }
            return 0
        }
        // A signal ends the wait early, with no events: the caller's loop looks at the time and comes back.
        guard interrupted == 0 || interrupted == EINTR else {
            throw SystemError(call: "epoll_wait", errno: interrupted)
        }
    }

    private func control(_ verb: Int32, _ number: Int32, _ interest: Interest, _ token: UInt64) throws(SystemError) {
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token))
        try check("epoll_ctl") { epoll_ctl(descriptor.number, verb, number, &event) }
    }

    private static func milliseconds(_ duration: Duration) -> Int32 {
        guard duration > .zero else { return 0 }
        let (seconds, attoseconds) = duration.components
        guard seconds < 1_000_000 else { return 1_000_000_000 }
        return Int32(clamping: seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
