// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix

/// The time from the loss of a session's connection until it is attached again, or given up. It dials on a thread of its
/// own, so that the operator can leave meanwhile.
struct Outage {
    enum Step {
        case wait
        case attached(AttachedSession)
        /// Trying on is of no use.
        case over(any Error)
    }

    private let ticket: SessionTicket
    private let received: OutputOffsets
    private let giveUpAt: BootInstant
    private var call: BackgroundCall<AttachedSession>?
    private var dialAt: BootInstant
    private var pause: Duration

    private static let firstPause: Duration = .milliseconds(100)
    private static let longestPause: Duration = .seconds(2)
    /// After so long no node waits any more, unless its policy is unusually patient; `stint attach` still tries.
    private static let longest: Duration = .seconds(15 * 60)

    /// - Parameters:
    ///   - left: how long the grant lasts.
    init(_ ticket: SessionTicket, received: OutputOffsets, left: Duration) {
        self.ticket = ticket
        self.received = received
        pause = Self.firstPause
        dialAt = .now
        giveUpAt = .now + min(Self.longest, max(.zero, left) + .seconds(2))
    }

    /// Readable when a try has ended; -1 while there is none.
    var number: Int32 { call?.number ?? -1 }

    /// When ``advance(signedAfter:)`` has something to do even if no try ends.
    var due: BootInstant { call == nil ? min(dialAt, giveUpAt) : giveUpAt }

    /// Does what is due.
    ///
    /// - Parameter last: when the statement in force was signed; each of ours is signed later, whatever the clock does.
    mutating func advance(signedAfter last: inout Timestamp) throws -> Step {
        if let result = call?.result {
            call = nil
            switch result {
            case .success(let attached): return .attached(attached)
            case .failure(let error):
                guard SessionTicket.isPassing(error) else { return .over(error) }
                dialAt = .now + pause + (pause / 256) * Int(Posix.Random.bytes(1)[0])
                pause = min(pause * 2, Self.longestPause / 2)
            }
        }
        if .now >= giveUpAt { return .over(SessionFault.connectionLost("The node could not be reached again.")) }
        if call == nil, .now >= dialAt {
            last = max(.now(), last + .milliseconds(1))
            call = try BackgroundCall("attach") { [ticket, received, last] in try ticket.attach(received: received, at: last) }
        }
        return .wait
    }
}
