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
        /// As one constant: a set that is written out is put together by calls where another module writes it.
        package static let inputAndOutput: Events = [.input, .output]
    }

    private static let readable = Int16(POLLIN | POLLHUP | POLLERR)

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
    package var isReadable: Bool { raw.revents & Self.readable != 0 }

    /// Whether the last wait found anything.
    package var hasNews: Bool { raw.revents != 0 }

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
    /// The wait counts on the monotonic clock, which stands still while the machine is suspended. A deadline
    /// that must count suspend is a ``DeadlineTimer`` among the entries.
    ///
    /// - Parameter timeout: nil waits without end; zero or less only looks.
    package static func wait(_ entries: inout [PollEntry], timeout: Duration?) throws(SystemError) -> Int {
        guard let timeout else { return try wait(&entries, until: nil) }
        return try timeout > .zero ? wait(&entries, until: .now + timeout) : look(&entries)
    }

    /// Only looks: how many have something now.
    package static func look(_ entries: inout [PollEntry]) throws(SystemError) -> Int {
        try wait(&entries, until: BootInstant(nanoseconds: 0))
    }

    /// The same as ``wait(_:timeout:)`` up to an instant; nil waits without end.
    package static func wait(_ entries: inout [PollEntry], until end: BootInstant?) throws(SystemError) -> Int {
        while true {
            let count = call(&entries, waiting: end.map { max(0, $0.nanoseconds(after: .now)) })
            if count >= 0 { return Int(count) }
            guard errno == EINTR else { throw SystemError(call: "poll", errno: errno) }
        }
    }

    private static func call(_ entries: inout [PollEntry], waiting nanoseconds: Int64?) -> Int32 {
        entries.withUnsafeMutableBytes { buffer in
            let list = buffer.assumingMemoryBound(to: pollfd.self)
            guard let nanoseconds else { return ppoll(list.baseAddress, nfds_t(list.count), nil, nil) }
            var timeout = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
            return ppoll(list.baseAddress, nfds_t(list.count), &timeout, nil)
        }
    }
}
