// SPDX-License-Identifier: Apache-2.0

/// The credit of one stream that we send: never more than the window in flight.
package struct SendingWindow: Sendable {
    private let window: UInt64
    /// The offset of the next byte.
    package private(set) var sent: UInt64 = 0
    private var acknowledged: UInt64 = 0

    package init(window: Int) { self.window = UInt64(window) }

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
    package private(set) var received: UInt64 = 0
    private var credited: UInt64 = 0

    package init(window: Int) { self.window = UInt64(window) }

    /// - Throws: ``SessionFault/protocolBroken(_:)`` for a gap, a repetition, or more than there was credit for.
    package mutating func receive(_ count: Int, at offset: UInt64) throws(SessionFault) {
        guard offset == received else {
            throw .protocolBroken("Output continues at byte \(offset) where byte \(received) was expected.")
        }
        guard UInt64(count) <= window - (received - credited) else {
            throw .protocolBroken("The node sent more output than it had credit for.")
        }
        received += UInt64(count)
    }

    /// The credit to give now, if enough was consumed to be worth a frame.
    ///
    /// - Parameter waiting: received bytes that are not written to the operator's terminal or pipe yet.
    package mutating func credit(waiting: Int) -> UInt64? {
        let consumed = received - UInt64(waiting)
        guard consumed - credited >= window / 4 else { return nil }
        credited = consumed
        return consumed
    }
}
