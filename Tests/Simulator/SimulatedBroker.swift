// SPDX-License-Identifier: Apache-2.0

import Access
import Broker
import Synchronization

/// The broker's process and its database.
struct SimulatedBroker {
    /// A request and what came of it.
    struct Record {
        let terms: RequestTerms
        var request: AccessRequest
        var grant: Grant?
        var activation: Activation?
        var sessions: [SessionID] = []
    }

    struct SessionRow {
        let record: Int
        let node: Int
        let opening: Opening
        let activation: Activation
        let roll: Int
        var machine: Session
    }

    /// The broker's wall clock, which the real ``BrokerClock`` reads.
    final class Wall: Sendable {
        private let state = Mutex((truth: Int64(0), offset: Int64(0)))
        var offset: Int64 {
            get { state.withLock { $0.offset } }
            set { state.withLock { $0.offset = newValue } }
        }
        func tick(_ truth: Int64) { state.withLock { $0.truth = truth } }
        var reading: Int64 { state.withLock { Simulation.epoch + $0.truth + $0.offset } }
    }

    let wall = Wall()
    /// Versions of what is signed, oldest first; the last is in force.
    var rolls: [Directory]
    var records: [Record] = []
    var sessions: [SessionID: SessionRow] = [:]
    /// Time of the latest ledger entry.
    var latest: Timestamp
    var clock: BrokerClock
    var isUp = true
    /// What the fault ``Simulation/Fault/commitsLost`` restores.
    var earlier: [Record] = []
    var statements: Int64 = 0

    init(_ directory: Directory) {
        rolls = [directory]
        latest = Timestamp(milliseconds: Simulation.epoch)
        let wall = wall
        clock = BrokerClock(known: latest) { wall.reading }
    }

    var directory: Directory { rolls[rolls.count - 1] }

    mutating func restart() {
        let wall = wall
        clock = BrokerClock(known: latest) { wall.reading }
        isUp = true
    }

    /// The digest of the next statement, as far as ids need it.
    mutating func nextDigest() -> [UInt8] {
        statements += 1
        return [UInt8(truncatingIfNeeded: statements >> 16), UInt8(truncatingIfNeeded: statements >> 8), UInt8(truncatingIfNeeded: statements), 0]
    }
}
