// SPDX-License-Identifier: Apache-2.0
// SECURITY: owns one session from its first process to its receipt (P2, P3). Whatever goes wrong in here ends the
// session; there is one way to end, and everything takes it.

import Access
import Evidence
import Posix
import Protocol

/// The life of one session:
///
///     running ─ program ended ─▶ draining ─▶ (kill) ─▶ emptying ─▶ closing ─▶ over
///        └───── any other end ─────────────▶ (kill) ──────────────▶ closing ─▶ over
///
/// `draining`: the program has ended by itself; others may still hold its terminal or pipes. `emptying`: nothing of the
/// session lives; what it wrote last is still being read. `closing`: the receipt is on disk; it and the last bytes are
/// being delivered. In every phase the connection may be lost and come back: see `LinkKeeper`.
final class Supervisor {
    /// What of the end has arrived.
    struct Delivery {
        var receipt: Signed<ReceiptStatement>?
        /// Over the present link, and to the present client.
        var hasSentReceipt = false, hasSentEnd = false
        var isReceiptStored = false
        /// The client has everything, and says goodbye.
        var isClientDone = false
    }

    enum Phase {
        case running
        case draining(until: ContinuousClock.Instant)
        case emptying(until: ContinuousClock.Instant)
        case closing(until: ContinuousClock.Instant)
        case over
    }

    static let signals: [Signal] = [.terminate, .interrupt, .hangUp, .child]
    /// How long others of the session may go on writing after its program has ended.
    static let drainTime: Duration = .milliseconds(200)
    /// How long the client may take for what was written last, and the broker to store the receipt.
    static let patience: Duration = .seconds(5)
    /// The same while the client is lost: it tries again every two seconds.
    static let patienceDetached: Duration = .seconds(10)
    /// The same while the broker is gone.
    static let patienceWithoutBroker: Duration = .seconds(60)
    /// By how much the timer may be early.
    private static let timerSlack: Duration = .seconds(10)
    /// Bytes that may wait for the broker before we stop reading the program.
    private static let backlog = 128 * 1024

    private static let banner = "BREAK-GLASS: nobody agreed to this session beforehand. It is recorded, and another person will review it."

    let terms: SessionTerms
    let folder: SessionFolder
    let identity: NodeIdentity
    let key: NodeKey
    let grants: GrantMemory
    private let executable: String
    let control: OwnedDescriptor
    let signals: SignalDescriptor
    private let timer: DeadlineTimer
    let keeper: LinkKeeper
    var deadlines: SessionDeadlines
    /// Whether the broker has said what the recording holds, so that output can go on from there.
    var isJoined = false
    /// When the device signed what is in force: the opening, or the last attachment.
    var attachedAt: Timestamp
    var delivery = Delivery()
    /// The lease that is held now.
    var lease: (version: Int64, notAfter: Timestamp)
    var program: SessionProgram?
    /// What a session of root may have changed; `nil` for others.
    var watch: SystemWatch?
    var phase = Phase.running
    var end = SessionEnd(reason: .failed)
    private var armed: ContinuousClock.Instant?
    var quietSince: ContinuousClock.Instant
    var controlText: [UInt8] = []
    private var entries: [PollEntry] = []

    init(
        _ terms: SessionTerms, folder: SessionFolder, identity: NodeIdentity, key: NodeKey, grants: GrantMemory,
        executable: String
    ) throws {
        self.terms = terms
        self.folder = folder
        self.identity = identity
        self.key = key
        self.grants = grants
        self.executable = executable
        control = try folder.openControl()
        signals = try SignalDescriptor(Self.signals)
        timer = try DeadlineTimer()
        let start = ContinuousClock.now
        quietSince = start
        deadlines = SessionDeadlines(
            grantEnd: BootClock.instant(nanoseconds: terms.deadline), sessionMaximum: terms.sessionMaximum,
            idleLimit: terms.idleLimit, idleCounts: terms.idleCounts, renewWithin: terms.renewWithin,
            detachedFor: terms.detachedFor, start: start)
        attachedAt = terms.opening.value.at
        lease = (terms.leaseVersion, terms.notAfter)
        keeper = LinkKeeper(terms.id, identity: identity, key: key)
    }

    var link: SessionLink? { keeper.link }

    /// Lets the program begin, once the broker has said that there is a recording: before that, nothing runs (P6).
    func begin() {
        guard case .running = phase, let program, !program.hasBegun else { return }
        if terms.opening.value.runAs.text == "root" { watch = SystemWatch() }
        program.begin()
        if terms.consent == .breakGlass { send(.notice(Self.banner)) }
    }

    /// Runs the session to its end.
    func run() {
        do {
            // Its process starts while we dial.
            let program = try SessionProgram(terms, executable: executable)
            self.program = program
            keeper.begin(with: try SessionLink(terms, identity: identity, key: key))
            deadlines.heardBroker(at: .now)
            takeLease()  // it may have moved before we listened
        } catch {
            program?.giveUp()
            finish(.failed, AgentError(error).message)
        }
        while true {
            if case .over = phase { return }
            do {
                try step()
            } catch {
                finish(.failed, AgentError(error).message)
            }
        }
    }

    /// One wait, and everything that it found.
    private func step() throws {
        try arm()
        listen()
        let found = try Poll.wait(&entries, timeout: link?.hasBuffered == true ? .zero : nil)
        let now = ContinuousClock.now
        if found > 0 {
            if entries[Slot.timer].isReadable, timer.takeExpiry() { armed = nil }
            if entries[Slot.control].isReadable { readControl() }
            if entries[Slot.signals].isReadable { try takeSignals() }
        }
        if let link, link.hasBuffered || !entries[Slot.link].found.isEmpty { receive(from: link, at: now) }
        if keeper.isSilent(at: now) { lose("nothing was heard from the broker", at: now) }
        if keeper.look(at: now) != nil { Log.info("\(terms.id): dialled again") }
        if let program { move(program, at: now) }
        deliver()
        advance(at: now)
    }

    // MARK: Waiting

    /// The places of the descriptors among the entries.
    private enum Slot {
        static let link = 0, timer = 1, signals = 2, control = 3, report = 4, input = 5, redial = 6, outputs = 7
    }

    private func listen() {
        entries.removeAll(keepingCapacity: true)
        let linkEvents: PollEntry.Events = (link?.backlog ?? 0) > 0 ? [.input, .output] : .input
        entries.append(PollEntry(link?.descriptor ?? -1, linkEvents))
        entries.append(PollEntry(timer.number, .input))
        entries.append(PollEntry(signals.number, .input))
        entries.append(PollEntry(control.number, .input))
        entries.append(PollEntry(isRunning ? program?.report ?? -1 : -1, .input))
        let isFull = isRunning && program?.input.isEmpty == false
        entries.append(PollEntry(isFull ? program?.inputDescriptor ?? -1 : -1, .output))
        entries.append(PollEntry(keeper.number, .input))
        for output in program?.outputs ?? [] {
            // A negative number is not waited for: a hang-up would be reported again and again.
            entries.append(PollEntry(mayRead(output) ? output.descriptor : -1, .input))
        }
    }

    private var isRunning: Bool {
        switch phase {
        case .running, .draining: true
        case .emptying, .closing, .over: false
        }
    }

    func mayRead(_ output: ProgramOutput) -> Bool {
        switch phase {
        case .running, .draining, .emptying: break
        case .closing, .over: return false
        }
        // A full window is not read any further, whoever is missing: client, recorder or broker. The program waits.
        return output.isOpen && output.room > 0
    }

    /// Sets the timer when something is due before it would fire. Where it fires too early, it is set again.
    private func arm() throws {
        let first =
            switch phase {
            case .running: deadlines.due
            case .draining(let until), .closing(let until): until
            case .emptying(let until): isBlocked ? until : min(until, quietSince + Self.drainTime)
            case .over: ContinuousClock.now
            }
        let due = min(first, keeper.due ?? first)
        // Set later only now and then: a key moves what is due by little, a heartbeat by so much that firing in vain would
        // be a wake-up of its own.
        guard armed.map({ due < $0 || due > $0 + Self.timerSlack }) ?? true else { return }
        try timer.set(due)
        armed = due
    }

    // MARK: Bytes

    private func move(_ program: SessionProgram, at now: ContinuousClock.Instant) {
        if entries[Slot.report].isReadable, let failure = program.takeReport() { return finish(.failed, failure) }
        if isRunning {
            if !program.input.isEmpty { program.input.drain(into: program.inputDescriptor) }
            program.closeInputIfEnded()
            if let offset = program.input.takeCredit() { send(.credit(.input, offset: offset)) }
        }
        for (index, output) in program.outputs.enumerated() {
            let slot = Slot.outputs + index
            if entries.indices.contains(slot), entries[slot].isReadable { forward(output, at: now) }
        }
    }

    private func forward(_ output: ProgramOutput, at now: ContinuousClock.Instant) {
        guard mayRead(output), output.read() > 0 else { return }
        quietSince = now
        deadlines.outputArrived(at: now)
    }

    func send(_ frame: Frame) {
        do {
            try link?.send(frame)
        } catch {
            finish(.failed, AgentError(error).message)
        }
    }

    /// Sends what there is to send, as far as the broker takes it: output, and behind all output the end.
    func deliver() {
        do {
            while let link, isJoined || program?.hasBegun != true {
                var hasSent = false
                if let program {
                    for output in program.outputs where output.hasUnsent {
                        hasSent = true
                        while output.hasUnsent, link.backlog < Self.backlog {
                            try output.send { try link.send(output.kind, offset: $0, $1) }
                        }
                    }
                }
                if !hasSent { try sendEnd(over: link) }
                try link.flush()
                if !hasSent || link.backlog > 0 { return }
            }
            try link?.flush()
        } catch let error as CryptographyError {
            finish(.failed, AgentError(error).message)
        } catch {
            lose(AgentError(error).message, at: .now)
        }
    }
}
