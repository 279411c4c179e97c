// SPDX-License-Identifier: Apache-2.0

import Access
import Agent
import Posix

/// A node: its clocks, its agent's process, its files, its sessions.
struct SimulatedNode {
    /// A connection. What was sent over one that broke never arrives.
    struct Link {
        var number = 0
        var isUp = false
        /// When what was sent last arrives: a connection keeps the order.
        var lastDown: Int64 = 0
        var lastUp: Int64 = 0

        mutating func drop() {
            isUp = false
            number += 1
        }
    }

    let number: Int
    let name: NodeName
    /// Milliseconds from the truth.
    var wallOffset: Int64 = 0
    /// What the boot-time clock shows at the true time 0.
    var bootOffset: Int64 = 0
    var boots = 1
    /// Until then the machine sleeps or stands still.
    var sleepsUntil: Int64 = 0
    /// The boot-time clock when it last fell asleep and when it last woke.
    var sleptFrom: Int64 = 0
    var wokeAt: Int64 = 0
    /// The true time of the latter.
    var wokeAtTruth: Int64 = 0
    var isAgentUp = true
    var isCutOff = false
    var control = Link()
    /// True time of the latest thing that kept messages from arriving at once.
    var disturbedAt: Int64 = 0

    // On its disk.
    var roll = 0
    var anchors: [RequestID: GrantAnchor] = [:]
    var endedGrants: Set<RequestID> = []
    var seen: Set<SessionID> = []
    /// Receipts that the broker has not confirmed.
    var receipts: [SessionID: Session.EndReason] = [:]

    var supervisors: [SessionID: SimulatedSupervisor] = [:]

    init(number: Int, name: NodeName) {
        self.number = number
        self.name = name
    }

    var isConnected: Bool { control.isUp && isAgentUp }

    /// Milliseconds of the boot-time clock.
    func boot(_ now: Int64) -> Int64 { now + bootOffset }
    func wall(_ now: Int64) -> Timestamp { Timestamp(milliseconds: Simulation.epoch + now + wallOffset) }

    func moment(_ now: Int64) -> GrantMemory.Moment {
        GrantMemory.Moment(wall: wall(now), boot: boot(now) * 1_000_000, bootID: "boot-\(boots)")
    }
}

/// The process that owns one session.
struct SimulatedSupervisor {
    let request: RequestID
    let terms: Lease
    var link: SimulatedNode.Link
    var deadlines: SessionDeadlines

    // What the invariants go by, reckoned apart from `deadlines`.
    /// Milliseconds of the boot-time clock.
    let mayLiveUntil: Int64
    var idleFrom: Int64
    /// Since then, true time, it should have ended by the broker's word.
    var shouldEndSince: Int64?
    /// The broker's word could reach it at that moment.
    var wasReachable = false
    /// Where ``Simulation/Fault/deadlineOnWallClock`` looks.
    let wallDeadline: Timestamp

    static func instant(_ boot: Int64) -> SessionDeadlines.Instant { SessionDeadlines.Instant(nanoseconds: boot * 1_000_000) }

    mutating func inputArrived(at boot: Int64) {
        idleFrom = boot
        deadlines.inputArrived(at: Self.instant(boot))
    }
}
