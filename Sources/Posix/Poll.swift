// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// One descriptor that ``Poll`` waits for, laid out as the system's `pollfd`.
package struct PollEntry: Sendable {
    package struct Events: OptionSet, Sendable {
        package let rawValue: Int16
        package init(rawValue: Int16) { self.rawValue = rawValue }
        package static let input = Events(rawValue: Int16(POLLIN))
        package static let output = Events(rawValue: Int16(POLLOUT))
        /// A changed file of a control group, and out-of-band data of a socket.
        package static let priority = Events(rawValue: Int16(POLLPRI))
        /// The other end is gone. Reported always, asked for or not; there may still be bytes to read.
        package static let hangUp = Events(rawValue: Int16(POLLHUP))
        package static let failure = Events(rawValue: Int16(POLLERR))
        package static let invalid = Events(rawValue: Int16(POLLNVAL))
    }

    private var raw: pollfd

    package init(_ number: Int32, _ wanted: Events) {
        raw = pollfd(fd: number, events: wanted.rawValue, revents: 0)
    }

    /// One that the wait skips.
    package static let nothing = PollEntry(-1, [])

    /// What to wait for. Empty waits for hang-ups and failures only.
    package var wanted: Events {
        get { Events(rawValue: raw.events) }
        set { raw.events = newValue.rawValue }
    }

    /// What the last wait found.
    package var found: Events { Events(rawValue: raw.revents) }

    /// Whether there is a reason to read: bytes, the end, or an error that `read` will report.
    package var isReadable: Bool { !found.isDisjoint(with: [.input, .hangUp, .failure]) }

    /// A negative number is skipped by the wait.
    package var number: Int32 {
        get { raw.fd }
        set { raw.fd = newValue }
    }
}

/// poll(2).
package enum Poll {
    /// Waits until one of the entries has something, and returns how many have; 0 when the time is up.
    ///
    /// The timeout counts on the monotonic clock, which stands still while the machine is suspended. A deadline
    /// that must count suspend is a ``DeadlineTimer`` among the entries.
    ///
    /// - Parameter timeout: nil waits without end; zero or less only looks.
    package static func wait(_ entries: inout [PollEntry], timeout: Duration?) throws(SystemError) -> Int {
        // Who only looks is not interrupted, and needs no clock.
        let end = timeout.flatMap { $0 > .zero ? SuspendingClock.now.advanced(by: $0) : nil }
        var left = timeout
        while true {
            let count = look(&entries, left.map { timespec(nonNegative: $0) })
            if count >= 0 { return Int(count) }
            guard errno == EINTR else { throw SystemError(call: "poll", errno: errno) }
            left = end.map { SuspendingClock.now.duration(to: $0) } ?? timeout
        }
    }

    private static func look(_ entries: inout [PollEntry], _ timeout: timespec?) -> Int32 {
        entries.withUnsafeMutableBytes { buffer in
            let list = buffer.assumingMemoryBound(to: pollfd.self)
            guard var timeout else { return ppoll(list.baseAddress, nfds_t(list.count), nil, nil) }
            return ppoll(list.baseAddress, nfds_t(list.count), &timeout, nil)
        }
    }
}

extension timespec {
    /// A length of time; negative ones become zero.
    init(nonNegative duration: Duration) {
        let (seconds, attoseconds) = duration.components
        guard duration > .zero else {
            self.init(tv_sec: 0, tv_nsec: 0)
            return
        }
        self.init(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    }
}
