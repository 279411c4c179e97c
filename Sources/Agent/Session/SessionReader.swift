// SPDX-License-Identifier: Apache-2.0
// SECURITY: the half of a supervisor that reads the network, and is nobody. What it gets wrong costs this one session, and
// never more than its time: the keeper holds that, the node's key and all power over processes (docs/decisions/0053).

import Access
import Evidence
import Posix
import Protocol
import Transport

/// The life of one session, as the reader has it:
///
///     running ─ program ended ─▶ draining ─▶ drained ─ all killed ─▶ emptying ─▶ counted ─ receipt ─▶ closing ─▶ over
///        └───── any other end ─▶ asked ───── all killed ─────────────────────────▶ counted ─ receipt ─▶ closing ─▶ over
///
/// `draining`: the program has ended by itself; others may still hold its terminal or pipes. `emptying`: nothing of the
/// session lives; what it wrote last is still being read. `closing`: the receipt is on disk; it and the last bytes are
/// being delivered. In every phase the connection may be lost and come back: see `LinkKeeper`.
final class SessionReader {
    /// What of the end has arrived.
    struct Delivery {
        var receipt: SignedText?
        /// What the client is told of the end.
        var ending = ""
        /// Over the present link, and to the present client.
        var hasSentReceipt = false, hasSentEnd = false
        var isReceiptStored = false
        /// The client has everything, and says goodbye.
        var isClientDone = false
    }

    enum Phase {
        case running
        case draining(until: BootInstant)
        /// The keeper was told that all is read.
        case drained
        /// The keeper was asked to end the session.
        case asked
        case emptying(until: BootInstant)
        /// The keeper was told how many bytes there were.
        case counted
        case closing(until: BootInstant)
        case over
    }

    /// How long others of the session may go on writing after its program has ended.
    static let drainTime: Duration = .milliseconds(200)
    /// How long the client may take for what was written last, and the broker to store the receipt.
    static let patience: Duration = .seconds(5)
    /// The same while the client is lost: it tries again every two seconds.
    static let patienceDetached: Duration = .seconds(10)
    /// The same while the broker is gone.
    static let patienceWithoutBroker: Duration = .seconds(60)
    /// By how much the timer may be early.
    private static let timerSlack: Int64 = 10_000_000_000  // nanoseconds
    /// Bytes that may wait for the broker before we stop reading the program.
    private static let backlog = 128 * 1024

    private static let banner = "BREAK-GLASS: nobody agreed to this session beforehand. It is recorded, and another person will review it."

    let terms: SessionTerms
    let keeper: KeeperLine
    let identity: NodeIdentity
    private let timer: DeadlineTimer
    let links: LinkKeeper
    var deadlines: SessionDeadlines
    /// Whether the broker has said what the recording holds, so that output can go on from there.
    var isJoined = false
    /// When the device signed what is in force: the opening, or the last attachment.
    var attachedAt: Timestamp
    var delivery = Delivery()
    /// The lease that is held now.
    var lease: (version: Int64, notAfter: Timestamp)
    /// The program's terminal or pipes, once the opening was accepted.
    var program: ProgramStreams?
    var hasBegun = false
    var phase = Phase.running
    private var armed: BootInstant?
    var quietSince: BootInstant

    private init(_ terms: SessionTerms, _ keeper: KeeperLine, _ identity: NodeIdentity, _ dialer: SessionDialer) throws {
        self.terms = terms
        self.keeper = keeper
        self.identity = identity
        timer = try DeadlineTimer()
        let start = BootInstant.now
        quietSince = start
        deadlines = SessionDeadlines(
            grantEnd: BootInstant(nanoseconds: terms.deadline), sessionMaximum: terms.sessionMaximum,
            idleLimit: terms.idleLimit, idleCounts: terms.idleCounts, renewWithin: terms.renewWithin,
            detachedFor: terms.detachedFor, start: start)
        attachedAt = terms.opening.value.at
        lease = (terms.leaseVersion, terms.notAfter)
        links = LinkKeeper(terms.id, dialer)
    }

    /// Waits for a session, and serves it to its end.
    ///
    /// - Returns: the process's exit status.
    static func serve(over line: MessageSocket, _ identity: NodeIdentity) throws -> Int32 {
        let keeper = KeeperLine(line)
        let expected = try waitForSession(keeper, identity)
        try SessionReader(expected.terms, keeper, identity, expected.dialer).run(over: expected.connection)
        return 0
    }

    /// How long a connection waits for its session; then it is closed.
    private static let connectionAge: Duration = .seconds(5)

    private static func waitForSession(
        _ keeper: KeeperLine, _ identity: NodeIdentity
    ) throws -> (terms: SessionTerms, dialer: SessionDialer, connection: HTTPClient?) {
        var dialer: SessionDialer?
        var connection: HTTPClient?
        while true {
            guard let (message, descriptors) = try keeper.wait(within: connection == nil ? nil : connectionAge) else {
                connection = nil
                continue
            }
            switch message {
            case .key(let key): (dialer, connection) = (try SessionDialer(identity, with: key), nil)
            case .dial: connection = dialer?.connect()
            case .session(let id):
                guard let dialer, let file = descriptors.first else { throw KeeperMessage.Malformed() }
                ProcessControl.setArgument(SupervisorProcess.sessionArgument, id.description)
                let bytes = try file.readToEnd(maximum: SessionFolder.maximumTerms)
                return (try SessionFolder.terms(in: bytes), dialer, connection)
            case .accepted, .attached, .lease, .drain, .count, .receipt: throw KeeperMessage.Malformed()
            }
        }
    }

    var link: SessionLink? { links.link }

    /// Lets the program begin, once the broker has said that there is a recording: before that, nothing runs (P6).
    func begin() {
        guard case .running = phase, program != nil, !hasBegun else { return }
        hasBegun = true
        keeper.ask(.start)
        if terms.consent == .breakGlass { send(.notice(Self.banner)) }
    }

    /// Runs the session to its end. Where the keeper is gone the session is over, whatever is left to do.
    ///
    /// - Parameter connection: what was connected ahead.
    private func run(over connection: HTTPClient?) {
        do {
            let link = SessionLink(try links.dialer.dial(terms.id, over: connection))
            links.begin(with: link)
            try accept(over: link)
            deadlines.heardBroker(at: .now)
        } catch is KeeperLine.NoAnswer {
            links.close()  // the receipt is what comes next
        } catch {
            finish(.failed, AgentError(error).message)
        }
        var entries: [PollEntry] = []
        while true {
            if case .over = phase { return }
            do {
                try step(&entries)
            } catch {
                finish(.failed, AgentError(error).message)
            }
        }
    }

    /// Agrees on keys with the client: the keeper signs our half.
    private func accept(over link: SessionLink) throws {
        let ephemeral = try EphemeralKey()
        let (acceptance, streams) = try keeper.answer(to: .accept(ephemeral: ephemeral.publicBytes))
        guard let program = ProgramStreams(streams) else { throw KeeperMessage.Malformed() }
        self.program = program
        let keys = try ephemeral.agree(
            with: terms.opening.value.ephemeral, opening: terms.opening.digest, accepted: ephemeral.publicBytes)
        link.attach(try SessionLink.Keys(keys))
        try link.send(.accepted(acceptance))
    }

    /// One wait, and everything that it found.
    ///
    /// - Parameter entries: the list of the step before, for its memory.
    private func step(_ entries: inout [PollEntry]) throws {
        try arm()
        listen(&entries)
        let isReady = link?.hasBuffered == true
        let found = isReady || keeper.hasWaiting ? try Poll.look(&entries) : try Poll.wait(&entries, until: nil)
        let now = BootInstant.now
        if found > 0, entries[Slot.timer].isReadable, timer.takeExpiry() { armed = nil }
        if keeper.hasWaiting || entries[Slot.keeper].isReadable { try hearKeeper(at: now) }
        if let link, link.hasBuffered || entries[Slot.link].hasNews { receive(from: link, at: now) }
        if links.isSilent(at: now) { lose("nothing was heard from the broker", at: now) }
        if links.needsKey(at: now) { keeper.ask(.key) }
        if links.look(at: now) != nil { Log.info("\(terms.id): dialled again") }
        if let program { move(program, entries, at: now) }
        deliver()
        advance(at: now)
    }

    // MARK: Waiting

    /// The places of the descriptors among the entries.
    private enum Slot {
        static let link = 0, timer = 1, keeper = 2, input = 3, redial = 4, outputs = 5
    }

    private func listen(_ entries: inout [PollEntry]) {
        entries.removeAll(keepingCapacity: true)
        let link = link, program = program
        entries.append(PollEntry(link?.descriptor ?? -1, (link?.backlog ?? 0) > 0 ? .inputAndOutput : .input))
        entries.append(PollEntry(timer.number, .input))
        entries.append(PollEntry(keeper.number, .input))
        let isFull = isRunning && program?.input.isEmpty == false
        entries.append(PollEntry(isFull ? program?.inputDescriptor ?? -1 : -1, .output))
        entries.append(PollEntry(links.number, .input))
        guard let program else { return }
        for output in program.outputs {
            // A negative number is not waited for: a hang-up would be reported again and again.
            entries.append(PollEntry(mayRead(output) ? output.descriptor : -1, .input))
        }
    }

    private var isRunning: Bool {
        switch phase {
        case .running, .draining: true
        case .drained, .asked, .emptying, .counted, .closing, .over: false
        }
    }

    func mayRead(_ output: ProgramOutput) -> Bool {
        switch phase {
        case .running, .draining, .drained, .emptying: break
        case .asked, .counted, .closing, .over: return false
        }
        // A full window is not read any further, whoever is missing: client, recorder or broker. The program waits.
        return output.isOpen && output.hasRoom
    }

    /// Sets the timer when something is due before it would fire. Where it fires too early, it is set again.
    private func arm() throws {
        let first: BootInstant? =
            switch phase {
            case .running: deadlines.due
            case .draining(let until), .closing(let until): until
            case .emptying(let until): isBlocked ? until : min(until, quietSince + Self.drainTime)
            case .drained, .asked, .counted: nil  // the keeper does not take long, and its end is seen
            case .over: BootInstant.now
            }
        guard let due = BootInstant.earlier(first, links.due) else { return }
        // Set later only now and then: a key moves what is due by little, a heartbeat by so much that firing in vain would
        // be a wake-up of its own.
        guard armed.map({ due < $0 || due.nanoseconds(after: $0) > Self.timerSlack }) ?? true else { return }
        try timer.set(due)
        armed = due
    }

    // MARK: Bytes

    private func move(_ program: ProgramStreams, _ entries: [PollEntry], at now: BootInstant) {
        if isRunning {
            // Only where the wait has found room: a terminal takes 4 KiB at once, and what waits comes in much larger pieces.
            if entries[Slot.input].hasNews { program.input.drain(into: program.inputDescriptor) }
            program.closeInputIfEnded()
            if let offset = program.input.takeCredit() { send(.credit(.input, offset: offset)) }
        }
        for (index, output) in program.outputs.enumerated() {
            let slot = Slot.outputs + index
            if slot < entries.count, entries[slot].isReadable { forward(output, at: now) }
        }
    }

    private func forward(_ output: ProgramOutput, at now: BootInstant) {
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
            while let link, isJoined || !hasBegun {
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
