// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Protocol
import StrictJSON
import Transport

/// `stint-agent serve`: keeps the control channel, decides about openings, and sees to it that every session of this
/// node is settled. One thread, one wait.
package final class AgentService {
    private let home: AgentHome
    private let identity: NodeIdentity
    private let key: NodeKey
    private let version: String
    private let signals: SignalDescriptor
    private let timer: DeadlineTimer
    private let supervisors: Supervisors
    private let provisions: Provisions
    private var roll: NodeRoll
    private var ledger: NodeLedger
    private var gatekeeper: Gatekeeper
    private var channel: ControlChannel?
    /// Channels that were given up, whose readers have not ended yet.
    private var leaving: [ControlChannel] = []
    private var backoff = Backoff()
    private var dialAt = BootInstant.now
    /// Until then a broker whose ledger does not hold is not asked again.
    private var doubtUntil = BootInstant.now
    private var lookAt = BootInstant.now
    /// When the supervisor of the next session is started ahead; `nil` while one waits.
    private var spareAt: BootInstant? = .now
    /// Receipts sent over the present channel.
    private var sentReceipts: Set<SessionID> = []
    private var isEnding = false
    /// When the broker is told first on a channel what this machine says of itself; `nil` once it was.
    private var factsAt: BootInstant?
    /// From when on it is told again. Its heartbeat wakes us anyway.
    private var factsAgain = BootInstant.now

    /// How often to look for supervisors that ended without our being told: those of an earlier agent. With a broker the
    /// look comes with its heartbeat, which is more often, and needs no wake-up of its own.
    private static let lookEvery: Duration = .seconds(20)
    /// How long after a session's start the next one's supervisor is started: not while that one needs the processor.
    private static let spareAfter: Duration = .milliseconds(25)
    /// How long a broker that showed a wrong ledger is left alone.
    private static let doubt: Duration = .seconds(30)

    /// Reads the home and verifies the roll.
    ///
    /// - Parameter isReaper: whether this process is made for the service: orphans of its sessions become its children.
    package init(_ home: AgentHome, version: String, executable: String, isReaper: Bool = false) throws {
        self.home = home
        self.version = version
        identity = try home.identity()
        key = try NodeKey.load(home.keyPath)
        roll = try NodeRoll(home.rollPath, root: identity.root)
        ledger = try NodeLedger(home.ledgerPath, root: identity.root, broker: identity.pin)
        let grants = GrantMemory(home.grantsPath)
        try grants.clean(at: .now)
        gatekeeper = Gatekeeper(
            node: identity.name, agentUser: try User.current(), openings: try OpeningMemory(home.openingsPath), grants: grants)
        provisions = Provisions(home.provisionsPath, grants: grants)
        supervisors = Supervisors(home: home, identity: identity, key: key, executable: executable, grants: grants, isReaper: isReaper)
        let handled: [Signal] = [.terminate, .interrupt, .child]
        try Signals.block(handled + [.hangUp])
        signals = try SignalDescriptor(handled)
        timer = try DeadlineTimer()
        Signals.ignoreBrokenPipe()
    }

    /// Checks the home, takes it for this process, and serves until SIGTERM or SIGINT. Sessions live on.
    package static func serve(_ home: AgentHome, version: String) throws {
        guard home.isJoined else { throw AgentError.notJoined(home: home.path) }
        try home.prepare()
        let lock = try home.lock()
        try ProcessControl.becomeSubreaper()
        // A node on which nobody can be without privileges is not to find out with its first connection.
        let account = try UnprivilegedAccount.find()
        let service = try AgentService(home, version: version, executable: NetworkReader.ownProgram, isReaper: true)
        try service.run(readingAs: account)
        _ = consume lock
    }

    private func run(readingAs account: UnprivilegedAccount) throws {
        let reader = account.user.map { ", the network is read as `\($0.name)`" } ?? ""
        Log.info("node \(identity.name) serves, broker \(identity.broker), roll \(roll.roll.number)\(reader)")
        for id in try supervisors.all() { Log.info("\(id): found") }
        while !isEnding {
            let now = BootInstant.now
            if channel == nil, now >= dialAt { dial() }
            if now >= lookAt { look() }
            if isConnected, let at = factsAt, now >= at { tellFacts() }
            if let at = spareAt, now >= at { prepareSpare() }
            try timer.set(due)
            try step()
        }
        channel?.leave()
        for channel in leaving + [channel].compactMap({ $0 }) { channel.awaitEnd() }
        Log.info("the agent ends; its sessions go on")
    }

    private var isConnected: Bool { channel?.isOpen == true }

    private var due: BootInstant {
        let first = min(channel?.due ?? dialAt, lookAt, spareAt ?? lookAt)
        return leaving.reduce(isConnected ? min(first, factsAt ?? first) : first) { min($0, $1.leavesBy) }
    }

    private func step() throws {
        let events: PollEntry.Events = channel?.wantsToWrite == true ? [.input, .output] : .input
        var entries = [
            PollEntry(signals.number, .input), PollEntry(timer.number, .input),
            PollEntry(channel?.descriptor ?? -1, events),
        ]
        _ = try Poll.wait(&entries, timeout: nil)
        if entries[1].isReadable { _ = timer.takeExpiry() }
        if entries[0].isReadable { try takeSignals() }
        if !leaving.isEmpty { collectReaders() }
        guard let channel else { return }
        do {
            if entries[2].isReadable { try channel.receive(take) }
            try channel.flush()
            try channel.keepAlive(at: .now)
        } catch {
            lose(error)
        }
    }

    /// Once on each channel, and with the first heartbeat after each ``NodeFacts/interval``.
    private func tellFacts() {
        factsAt = nil
        factsAgain = .now + NodeFacts.interval
        do {
            try channel?.send(.facts(NodeFacts.gather()))
        } catch {
            lose(error)
        }
    }

    private func takeSignals() throws {
        while let signal = try signals.next() {
            switch signal {
            case .child: look()
            case .terminate, .interrupt: isEnding = true
            case .hangUp, .kill, .continue, .stop, .windowChange: break
            }
        }
    }

    // MARK: Channel

    private func dial() {
        do {
            channel = try ControlChannel(to: identity, with: key, over: supervisors.channelReader())
            noteReaders()
        } catch {
            lose(error)
        }
    }

    private func lose(_ error: any Error) {
        let reason: String
        switch error {
        case let fault as NetworkReader.Fault:
            channel?.kill()
            Log.error("the reader is ended: \(fault.words).")
            reason = "its reader was ended."
        case let over as ControlChannel.Over:
            channel?.leave()
            reason = PlainText.cleaned(over.problem.message)
        default:
            channel?.leave()
            reason = AgentError(error).message
        }
        if let channel { leaving.append(channel) }
        channel = nil
        let wait = max(backoff.wait(), doubtUntil - .now)
        dialAt = .now + wait
        Log.warning("not connected: \(reason) Next try in \(wait.wholeMilliseconds) ms.")
    }

    private func collectReaders() {
        leaving.removeAll { $0.hasLeft(at: .now) }
        noteReaders()
    }

    private func noteReaders() { supervisors.others = Set((leaving + [channel].compactMap { $0 }).map(\.pid)) }

    private func take(_ event: ReaderTable.Event) throws {
        switch event {
        case .connected: try greet()
        case .message(let message):
            backoff.reset()
            try take(message)
        case .ready, .heard, .over: break
        }
    }

    /// The broker listens: says hello, and what waited for it.
    private func greet() throws {
        ledger.forgetChannel()
        // After what sessions wait for.
        factsAt = .now + .seconds(1)
        sentReceipts = []
        try channel?.send(.hello(version: version, rollNumber: roll.roll.number, sessions: try supervisors.all()))
        Log.info("connected to \(identity.broker)")
        look()
    }

    private func take(_ message: ControlMessage) throws {
        switch message {
        case .time:
            try channel?.send(.ledgerSeen(ledger.size))
            lookAt = .now
            if factsAt == nil, .now >= factsAgain { factsAt = .now }
        case .ledgerHead(let news): try believe { try ledger.take(news) }
        case .roll(let entries): try believe { try append(entries) }
        case .open(let evidence): try open(evidence)
        case .lease(let evidence): try prolong(evidence)
        case .end(let id, let reason, let detail): end(id, reason, detail)
        case .grantsOver(let grants):
            for grant in grants { try gatekeeper.grants.markEnded(grant.request, grant.reason, until: grant.until) }
            try provisions.clean(at: try .now()) { try supervisors.requests() }
        case .receiptStored(let id):
            sentReceipts.remove(id)
            try supervisors.receiptStored(id)
        case .hello, .refused, .leaseRefused, .leaseMoved, .receipt, .ledgerSeen, .accepted, .opening, .rejoin, .recorded, .watched,
            .clientLost, .attach, .attached, .facts, .distrusts:
            throw NetworkReader.Fault(words: "it passed on a message that is not for an agent")
        }
    }

    /// A ledger or a roll that was set back or rewritten ends the channel: no session is opened for such a broker.
    private func believe(_ take: () throws -> Void) throws {
        do {
            try take()
        } catch {
            doubtUntil = .now + Self.doubt
            // The broker's administrators learn why; that the channel ends does not hang on it.
            try? channel?.send(.distrusts(Problem(AgentError(error))))
            throw error
        }
    }

    /// Entries that are known already are passed over when they are the same: a broker that is asked twice at once may
    /// send them twice.
    private func append(_ entries: [SignedText]) throws {
        let new = try entries.filter { try RollEntry($0).place.number > roll.roll.number }
        let accepted = try roll.append(new)
        guard accepted.contains(where: { $0.type == DisablingStatement.type }) else { return }
        for id in try supervisors.disabled(by: roll.roll) where supervisors.tell(id, .personDisabled, detail: "") {
            Log.info("\(id): its person or device was disabled")
        }
    }

    private func end(_ id: SessionID, _ reason: Session.EndReason, _ detail: String) {
        if supervisors.tell(id, reason, detail: detail) {
            Log.info("\(id): the broker ends it: \(reason.rawValue)")
        } else {
            sentReceipts.remove(id)
            look()
        }
    }

    // MARK: Sessions

    private func open(_ evidence: OpeningEvidence) throws {
        let id = evidence.opening.id
        do {
            try ledger.checkShown()
            supervisors.expectSession()
            let terms = try gatekeeper.decide(
                evidence, with: roll.roll, at: try .now(), sessions: try supervisors.all().count)
            try provisions.provide(for: terms)
            try supervisors.start(terms)
            spareAt = .now + Self.spareAfter
            let opening = terms.opening.value
            Log.info(
                "\(id): opens: `\(opening.person)` \(opening.capability.rawValue) as `\(opening.runAs)`, grant \(terms.grant)")
        } catch {
            let problem = Problem(AgentError(error))
            Log.warning("\(id): refused: \(problem.message)")
            try channel?.send(.refused(id, problem))
        }
    }

    /// A grant was extended, says the broker. A lease that is held already, or an older one, changes nothing.
    private func prolong(_ evidence: OpeningEvidence) throws {
        let id = evidence.opening.id
        do {
            let move = try supervisors.prolong(id) { terms, held in
                guard Int64(evidence.extensions.count) + 1 > held else { return nil }
                return try gatekeeper.prolong(terms, by: evidence, with: roll.roll, at: try .now())
            }
            if let move { Log.info("\(id): extended until \(move.notAfter), lease \(move.version)") }
        } catch {
            let problem = Problem(AgentError(error))
            Log.warning("\(id): not extended: \(problem.message)")
            try channel?.send(.leaseRefused(id, problem))
        }
    }

    private func prepareSpare() {
        supervisors.prepareSpare()
        // Where it could not be started, `look` sees to it.
        spareAt = nil
    }

    /// Looks after the sessions without a supervisor, and delivers their receipts.
    private func look() {
        lookAt = .now + Self.lookEvery
        if !leaving.isEmpty { collectReaders() }
        supervisors.collect()
        if !supervisors.hasSpare, spareAt == nil { spareAt = lookAt }
        do {
            for (id, receipt) in try supervisors.pendingReceipts() where !sentReceipts.contains(id) {
                guard let channel, isConnected else { continue }  // they wait in their folders
                try channel.send(.receipt(receipt))
                sentReceipts.insert(id)
            }
            try provisions.clean(at: try .now()) { try supervisors.requests() }
        } catch {
            Log.warning(AgentError(error).message)
        }
    }
}
