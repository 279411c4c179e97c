// SPDX-License-Identifier: Apache-2.0

package import Posix
import Protocol

/// The credit of one stream that we send: never more than the window in flight.
package struct SendingWindow: Sendable {
    private let window: UInt64
    /// The offset of the next byte.
    package private(set) var sent: UInt64
    package private(set) var acknowledged: UInt64

    /// - Parameter start: the offset of the first byte.
    package init(window: Int, start: UInt64 = 0) {
        self.window = UInt64(window)
        (sent, acknowledged) = (start, start)
    }

    package var available: Int { Int(window - (sent - acknowledged)) }

    /// - Precondition: `count` is at most ``available``.
    package mutating func send(_ count: Int) {
        precondition(count <= available, "more sent than credit allows")
        sent += UInt64(count)
    }

    /// - Throws: ``SessionFault/protocolBroken(_:)`` for credit on what was not sent, or credit taken back.
    package mutating func credit(to offset: UInt64) throws(SessionFault) {
        guard offset <= sent, offset >= acknowledged else {
            throw .protocolBroken("The node acknowledged byte \(offset) of the input; \(sent) were sent.")
        }
        acknowledged = offset
    }
}

/// The other side of it, for one stream that we receive.
package struct ReceivingWindow: Sendable {
    private let window: UInt64
    package private(set) var received: UInt64
    private var credited: UInt64
    /// The offset of the next byte to come. Behind `received` while a resumed session repeats what is here already.
    private var next: UInt64

    /// - Parameter start: the offset of the first byte.
    package init(window: Int, start: UInt64 = 0) {
        self.window = UInt64(window)
        (received, credited, next) = (start, start, start)
    }

    /// The session goes on over another connection, with the byte at `offset`.
    ///
    /// - Throws: ``SessionFault/protocolBroken(_:)`` where bytes would be missing.
    package mutating func resume(at offset: UInt64) throws(SessionFault) {
        guard offset <= received else {
            throw .protocolBroken("Output goes on at byte \(offset), and byte \(received) was the last that came.")
        }
        next = offset
    }

    /// - Returns: how many of the bytes are here already.
    /// - Throws: ``SessionFault/protocolBroken(_:)`` for a gap, a repetition, or more than there was credit for.
    @discardableResult
    package mutating func receive(_ count: Int, at offset: UInt64) throws(SessionFault) -> Int {
        guard offset == next else {
            throw .protocolBroken("Output continues at byte \(offset) where byte \(next) was expected.")
        }
        let known = min(count, Int(received - next))
        guard UInt64(count - known) <= window - (received - credited) else {
            throw .protocolBroken("The node sent more output than it had credit for.")
        }
        next += UInt64(count)
        received += UInt64(count - known)
        return known
    }

    /// The credit to give after a connection was lost: the last that was given may be lost with it.
    ///
    /// - Parameter waiting: as in ``credit(waiting:)``.
    package mutating func renewCredit(waiting: Int) -> UInt64 {
        credited = max(credited, received - UInt64(waiting))
        return credited
    }

    /// The credit to give now, if enough was consumed to be worth a frame.
    ///
    /// - Parameter waiting: received bytes that are not written to the operator's terminal or pipe yet, less what counts as
    ///   written (``DrainPace``). More than before is no credit taken back.
    /// - Parameter isAhead: the sender has room although nothing is given now: half of the window is worth a frame then, and
    ///   not a quarter. A frame of credit costs each of four passages as much as one with data.
    package mutating func credit(waiting: Int, isAhead: Bool = false) -> UInt64? {
        let consumed = received - UInt64(waiting)
        guard consumed >= credited + window / (isAhead ? 2 : 4) else { return nil }
        credited = consumed
        return consumed
    }
}

/// Input that the node has not acknowledged: it is sent again when a connection is lost.
package struct KeptInput: Sendable {
    private var start: UInt64
    private var bytes: [UInt8] = []
    /// How many of the bytes are let go already.
    private var head = 0

    package init(start: UInt64 = 0) { self.start = start }

    package mutating func append(_ more: [UInt8]) {
        if head > bytes.count - head {
            // Moved once in a while, and never more than was let go.
            bytes.removeFirst(head)
            head = 0
        }
        bytes += more
    }

    /// The node has everything before `offset`.
    package mutating func drop(before offset: UInt64) {
        guard offset > start else { return }
        head = min(bytes.count, head + Int(clamping: offset - start))
        start = offset
    }

    /// - Throws: ``SessionFault/protocolBroken(_:)`` where the node has less than it acknowledged, or more than was sent.
    package func bytes(from offset: UInt64) throws(SessionFault) -> [UInt8] {
        guard offset >= start, offset - start <= UInt64(bytes.count - head) else {
            throw .protocolBroken("The node wants input from byte \(offset) on, which cannot be.")
        }
        return Array(bytes.dropFirst(head + Int(offset - start)))
    }
}

/// How fast the operator's terminal takes what is written to it, and how much more than ``Limits/terminalCredit`` may be on
/// its way for that: so little that Control-C still stops a flood at once, and so much that a fast terminal never waits.
package struct DrainPace: Sendable {
    private var mark: (offset: UInt64, at: BootInstant)?
    private var ahead = 0

    private static let step: UInt64 = 64 * 1024

    package init() {}

    /// - Parameters:
    ///   - consumed: bytes of the session that the terminal has taken.
    ///   - isBehind: whether it has not taken all that came. Only then does the clock say anything.
    ///   - now: asked where it counts.
    /// - Returns: bytes that count as consumed already.
    package mutating func bytesAhead(
        consumed: UInt64, isBehind: Bool, at now: @autoclosure () -> BootInstant = .now
    ) -> Int {
        guard isBehind else {
            mark = nil
            return 0
        }
        guard let mark else {
            self.mark = (consumed, now())
            return ahead
        }
        guard consumed - mark.offset >= Self.step else { return ahead }
        let now = now()
        let taken = Double(consumed - mark.offset) * (Limits.aheadTime / max(now - mark.at, .microseconds(1)))
        ahead = min(Limits.terminalAhead, max(0, Int(min(taken, 1e9)) - Limits.terminalCredit))
        self.mark = (consumed, now)
        return ahead
    }
}
