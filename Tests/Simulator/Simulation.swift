// SPDX-License-Identifier: Apache-2.0

package import Access
import Agent
import Broker

/// One schedule: a broker, two nodes and their operators under a virtual clock, with a network that delays, loses,
/// repeats and partitions, crashes, reboots, suspended and frozen machines, and wall clocks that are stepped.
///
/// Real are the machines and decisions of `Access`, what the sweeper decides, the broker's clock, and the node's anchors
/// and deadlines. Modelled is what carries them: messages, connections, processes, the database. All times are
/// milliseconds of true time since the schedule began.
package final class Simulation {
    /// A guard that is left out, to see that its absence is noticed.
    package enum Fault: String, Sendable, CaseIterable {
        /// The node has no deadline of its own; the broker tells it to end.
        case deadlineAtBrokerOnly
        /// The node's deadline is on its wall clock.
        case deadlineOnWallClock
        /// A session lives without a word from the broker.
        case noLease
        /// The node anchors a grant anew at each opening.
        case anchorForgotten
        /// Votes are counted instead of matched to seats.
        case votesCounted
        /// A crash of the broker loses what it acknowledged last.
        case commitsLost
        /// The sweeper stores over whatever is there.
        case versionIgnored
        /// What was decided is not told to nodes.
        case endsNotTold
        /// The node starts a session without deciding for itself; the broker is owned and opens what nobody approved.
        case nodeTrustsBroker
    }

    package struct Violation: Sendable, CustomStringConvertible {
        package let invariant: String
        package let detail: String
        package let at: Int64
        package var description: String { "\(invariant) at \(at) ms: \(detail)" }
    }

    package struct Statistics: Sendable {
        package var grants = 0
        package var sessions = 0
        package var revocations = 0
        package var events = 0
        package var worstLateness: Int64 = 0
        package var worstRevocation: Int64 = 0
        package var ends: [Session.EndReason: Int] = [:]

        package init() {}

        package mutating func add(_ other: Statistics) {
            grants += other.grants
            sessions += other.sessions
            revocations += other.revocations
            events += other.events
            worstLateness = max(worstLateness, other.worstLateness)
            worstRevocation = max(worstRevocation, other.worstRevocation)
            ends.merge(other.ends) { $0 + $1 }
        }
    }

    enum Event {
        case operatorActs(Act)
        case sweep
        case sweepStores(Int, AccessRequest)
        case heartbeat
        case toNode(Int, link: Int, DownMessage)
        case toSupervisor(SessionID, link: Int, DownMessage)
        case toBroker(Int, link: Int, UpMessage)
        case supervisorLooks(SessionID)
        case agentDials(Int)
        case supervisorDials(SessionID)
        case weather(Weather)
        case checkEnded(SessionID, since: Int64, reachable: Bool)
    }

    enum DownMessage {
        case time(Timestamp)
        case roll(Int)
        case open(SessionID)
        case end(SessionID, Session.EndReason)
        case receiptStored(SessionID)
    }

    enum UpMessage {
        case hello([SessionID])
        case accepted(SessionID)
        case refused(SessionID)
        case receipt(SessionID, Session.EndReason)
    }

    static let epoch: Int64 = 1_800_000_000_000
    /// After this nothing new is started, and what lives has to end.
    static let horizon: Int64 = 3_000_000

    var random: SeededGenerator
    let fault: Fault?
    var now: Int64 = 0
    var queue = EventQueue<Event>()
    var violations: [Violation] = []
    var statistics = Statistics()
    var broker: SimulatedBroker
    var nodes: [SimulatedNode]
    /// The wall clock of the operators' machines, in milliseconds from the truth.
    var operatorOffset: Int64 = 0
    /// Per node and grant: the boot and the latest end, as the invariants reckon it.
    var mayLive: [[RequestID: (boot: Int, until: Int64, notAfter: Timestamp)]] = [[:], [:]]
    /// A supervisor whose link broke dials again.
    let dialsAgain: Bool

    private init(seed: UInt64, fault: Fault?) {
        random = SeededGenerator(seed: seed)
        self.fault = fault
        dialsAgain = random.chance(50)
        let directory = Organisation.directory(&random)
        broker = SimulatedBroker(directory)
        nodes = Organisation.nodeNames.enumerated().map { SimulatedNode(number: $0.offset, name: $0.element) }
        for node in nodes.indices {
            nodes[node].bootOffset = random.between(1_000_000, 9_000_000)
            nodes[node].wallOffset = random.between(-20_000, 20_000)
        }
        operatorOffset = random.between(-20_000, 20_000)
    }

    /// Runs the schedule of `seed` to its end.
    package static func run(seed: UInt64, fault: Fault? = nil) -> (violations: [Violation], statistics: Statistics) {
        let simulation = Simulation(seed: seed, fault: fault)
        simulation.plan()
        simulation.loop()
        return (simulation.violations, simulation.statistics)
    }

    private func plan() {
        for node in nodes.indices { queue.add(.agentDials(node), at: random.between(0, 200)) }
        queue.add(.heartbeat, at: 15_000)
        planActs()
        planWeather()
        planSweep()
    }

    private func loop() {
        while let (time, event) = queue.next() {
            now = time
            statistics.events += 1
            happen(event)
            if violations.count > 3 { return }
        }
        for node in nodes {
            for id in node.supervisors.keys { violate("it ends", "session \(id) never ended") }
        }
    }

    private func happen(_ event: Event) {
        switch event {
        case .operatorActs(let act): perform(act)
        case .sweep: sweep()
        case .sweepStores(let record, let machine): storeSwept(record, machine)
        case .heartbeat: heartbeat()
        case .toNode(let node, let link, let message): arrive(message, at: node, link)
        case .toSupervisor(let id, let link, let message): arrive(message, for: id, link)
        case .toBroker(let node, let link, let message): arrive(message, from: node, link)
        case .supervisorLooks(let id): look(id)
        case .agentDials(let node): dial(node)
        case .supervisorDials(let id): dialSession(id)
        case .weather(let weather): blow(weather)
        case .checkEnded(let id, let since, let reachable): checkEnded(id, since, reachable)
        }
    }

    func violate(_ invariant: String, _ detail: String) {
        violations.append(Violation(invariant: invariant, detail: detail, at: now))
    }


    var operatorTime: Timestamp { Timestamp(milliseconds: Self.epoch + now + operatorOffset) }
}
