// SPDX-License-Identifier: Apache-2.0
// SECURITY: owns one session from its first process to its receipt (P2, P3). Whatever goes wrong in here ends the
// session; there is one way to end, and everything takes it.

import Access
import Evidence
import Glibc
import Posix
import Protocol
import Transport

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
    private struct Delivery {
        var receipt: Signed<ReceiptStatement>?
        /// Over the present link, and to the present client.
        var hasSentReceipt = false, hasSentEnd = false
        var isReceiptStored = false
        /// The client has everything, and says goodbye.
        var isClientDone = false
    }

    private enum Phase {
        case running
        case draining(until: ContinuousClock.Instant)
        case emptying(until: ContinuousClock.Instant)
        case closing(until: ContinuousClock.Instant)
        case over
    }

    static let signals: [Signal] = [.terminate, .interrupt, .hangUp, .child]
    /// How long others of the session may go on writing after its program has ended.
    private static let drainTime: Duration = .milliseconds(200)
    /// How long the client may take for what was written last, and the broker to store the receipt.
    private static let patience: Duration = .seconds(5)
    /// The same while the client is lost: it tries again every two seconds.
    private static let patienceDetached: Duration = .seconds(10)
    /// The same while the broker is gone.
    private static let patienceWithoutBroker: Duration = .seconds(60)
    /// Bytes that may wait for the broker before we stop reading the program.
    private static let backlog = 64 * 1024

    private let terms: SessionTerms
    private let folder: SessionFolder
    private let identity: NodeIdentity
    private let key: NodeKey
    private let grants: GrantMemory
    private let executable: String
    private let control: OwnedDescriptor
    private let signals: SignalDescriptor
    private let timer: DeadlineTimer
    private let keeper: LinkKeeper
    private var deadlines: SessionDeadlines
    /// Whether the broker has said what the recording holds, so that output can go on from there.
    private var isJoined = false
    /// When the device signed what is in force: the opening, or the last attachment.
    private var attachedAt: Timestamp
    private var delivery = Delivery()
    private var program: SessionProgram?
    private var phase = Phase.running
    private var end = SessionEnd(reason: .failed)
    private var armed: ContinuousClock.Instant?
    private var quietSince: ContinuousClock.Instant
    private var controlText: [UInt8] = []
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
        keeper = LinkKeeper(terms.id, identity: identity, key: key)
    }

    private var link: SessionLink? { keeper.link }

    /// Runs the session to its end.
    func run() {
        do {
            keeper.begin(with: try SessionLink(terms, identity: identity, key: key))
            isJoined = true
            deadlines.heardBroker(at: .now)
            program = try SessionProgram(terms, executable: executable)
        } catch {
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
        if keeper.isSilent { lose("nothing was heard from the broker", at: now) }
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

    private func mayRead(_ output: ProgramOutput) -> Bool {
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
        guard armed.map({ due < $0 }) ?? true else { return }
        try timer.set(due)
        armed = due
    }

    // MARK: What comes

    private func receive(from link: SessionLink, at now: ContinuousClock.Instant) {
        do {
            try link.receive { incoming in
                deadlines.heardBroker(at: now)
                keeper.heard(at: now)
                switch incoming {
                case .frame(let frame): take(frame, at: now)
                case .control(let message): take(message, at: now)
                case .tampered: finish(.tampered, "A frame was not as the client sent it.")
                case .malformed(let what): finish(.failed, what)
                }
            }
        } catch {
            lose(AgentError(error).message, at: now)
        }
    }

    private func take(_ frame: Frame, at now: ContinuousClock.Instant) {
        guard case .running = phase, let program else {
            if case .credit(let stream, let offset) = frame { _ = program?.output(stream)?.acknowledge(offset) }
            if case .close = frame { delivery.isClientDone = true }
            return
        }
        switch frame {
        case .input(let offset, let bytes):
            if !bytes.isEmpty { deadlines.inputArrived(at: now) }
            agree { try program.input.take(bytes, at: offset, into: program.inputDescriptor) }
        case .endOfInput(let offset): agree { try program.input.end(at: offset) }
        case .resize(let columns, let rows): program.resize(columns: columns, rows: rows)
        case .credit(let stream, let offset):
            guard program.output(stream)?.acknowledge(offset) == true else {
                return finish(.failed, "The client acknowledged output that was not sent.")
            }
        case .close: finish(.clientClosed, "")
        case .output, .errorOutput, .notice, .end: finish(.failed, "The client sent a frame that only a node sends.")
        }
    }

    private func agree(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            finish(.failed, "The client sent input out of order, or more than was agreed.")
        }
    }

    private func take(_ message: ControlMessage, at now: ContinuousClock.Instant) {
        switch message {
        case .time(let time) where SessionDeadlines.isOver(terms.notAfter, byBroker: time): finish(.expired, "By the broker's clock.")
        case .time: break
        case .end(let id, let reason, let detail) where id == terms.id: finish(reason.fromBroker, detail)
        case .receiptStored(let id) where id == terms.id: receiptStored()
        case .recorded(let id, let offsets) where id == terms.id: recorded(offsets, at: now)
        case .clientLost(let id) where id == terms.id: clientLost(at: now)
        case .attach(let statement): attach(statement)
        case .hello, .refused, .receipt, .ledgerSeen, .ledgerHead, .roll, .open, .accepted, .opening, .end, .receiptStored,
            .rejoin, .recorded, .clientLost, .attached:
            Log.warning("\(terms.id): a message that is not for a supervisor was ignored")
        }
    }

    private func receiptStored() {
        guard case .closing = phase else { return }
        do {
            if folder.exists { try folder.remove() }  // else the agent was faster
        } catch {
            Log.warning("\(terms.id): \(AgentError(error).message)")  // the agent sends it once more
        }
        delivery.isReceiptStored = true
    }

    // MARK: A client that comes back

    private func recorded(_ offsets: OutputOffsets, at now: ContinuousClock.Instant) {
        for output in program?.outputs ?? [] {
            let offset = output.stream == .output ? offsets.output : offsets.errorOutput
            guard output.acknowledge(recorded: offset) else {
                return finish(.recorderFailed, "The recording does not go on where this session's output does.")
            }
            if !isJoined { output.rewind(to: offset) }
        }
        guard !isJoined else { return }
        isJoined = true
        // Who is at the broker again may find out that the client is not.
        deadlines.clientLost(at: now)
    }

    private func clientLost(at now: ContinuousClock.Instant) {
        guard let link, link.isAttached else { return }
        Log.info("\(terms.id): the client is lost")
        link.detach()
        delivery.hasSentEnd = false
        deadlines.clientLost(at: now)
        extendPatience(at: now)
    }

    /// The device that opened this session wants to go on. All of it is checked here, whatever the broker thinks (P1).
    private func attach(_ source: SignedText) {
        guard let link, isJoined else { return }
        do {
            let attach: Signed<AttachStatement> = try Signed(source)
            try attach.check(against: terms.opening, by: terms.device)
            try attach.checkFreshness(after: attachedAt, at: .now)
            let from = try start(of: attach.value)
            let ephemeral = try EphemeralKey()
            let keys = try SessionLink.Keys(
                try ephemeral.agree(with: attach.value.ephemeral, opening: attach.digest, accepted: ephemeral.publicBytes))
            let answer = AttachedStatement(
                root: identity.root, opening: terms.opening.digest, attach: attach.digest, node: identity.name,
                ephemeral: ephemeral.publicBytes, input: program?.input.received ?? 0, from: from, at: .now)
            try link.send(.attached(try answer.signed(with: key.signing).source))
            link.attach(keys)
            attachedAt = attach.value.at
            for output in program?.outputs ?? [] {
                output.rewind(to: output.stream == .output ? from.output : from.errorOutput)
            }
            deadlines.clientMayBeThere()
            delivery.hasSentEnd = false
            if let input = program?.input { send(.credit(.input, offset: input.renewCredit())) }
            Log.info("\(terms.id): the client is attached again")
        } catch {
            Log.warning("\(terms.id): not attached: \(AgentError(error).message)")
            // The link is seen to be lost where it is read.
            try? link.send(.refused(terms.id, Problem(AgentError(error))))
        }
    }

    /// Where the outputs go on for a client: where the client or the recording is behind, whichever is.
    private func start(of attach: AttachStatement) throws(EvidenceError) -> OutputOffsets {
        var from = attach.received ?? OutputOffsets()
        for output in program?.outputs ?? [] {
            let received = output.stream == .output ? attach.received?.output : attach.received?.errorOutput
            let offset = received.map { min($0, output.position) } ?? output.start
            guard output.keeps(offset), (received ?? offset) <= output.end else {
                throw .doesNotBelong(type: AttachStatement.type, to: "output that is kept")
            }
            if output.stream == .output { from.output = offset } else { from.errorOutput = offset }
        }
        return from
    }

    /// Lines from the agent.
    private func readControl() {
        // Nothing, or the folder is gone; the other ways to end are still there.
        controlText += (try? control.read(maximum: 4096)) ?? []
        while let end = controlText.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: controlText[..<end], as: UTF8.self)
            controlText.removeSubrange(...end)
            do {
                take(try ControlMessage(line), at: .now)
            } catch {
                Log.warning("\(terms.id): \(error.message)")
            }
        }
        if controlText.count > 16 * 1024 { controlText = [] }
    }

    private func takeSignals() throws {
        while let signal = try signals.next() {
            switch signal {
            case .child: collect()
            case .terminate, .interrupt: finish(.failed, "The supervisor was asked to end (signal \(signal.rawValue)).")
            case .hangUp, .kill, .continue, .stop, .windowChange: break
            }
        }
    }

    /// Collects children that have ended: the program, and orphans of the session that became ours.
    private func collect() {
        var raw: Int32 = 0
        while true {
            let pid = waitpid(-1, &raw, WNOHANG)
            guard pid > 0 else { return }
            if pid == program?.pid { programEnded(raw) }
        }
    }

    private func programEnded(_ raw: Int32) {
        guard case .running = phase else { return }
        if let failure = program?.takeReport() { return finish(.failed, failure) }
        end.outcome = raw & 0x7F == 0 ? .exited(Int(raw >> 8 & 0xFF)) : .signalled(Int(raw & 0x7F))
        end.reason = .exited
        phase = .draining(until: .now + Self.drainTime)
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

    private func send(_ frame: Frame) {
        do {
            try link?.send(frame)
        } catch {
            finish(.failed, AgentError(error).message)
        }
    }

    /// Sends what there is to send, as far as the broker takes it: output, and behind all output the end.
    private func deliver() {
        do {
            while let link, isJoined {
                let waiting = program?.outputs.filter(\.hasUnsent) ?? []
                for output in waiting where link.backlog < Self.backlog {
                    try output.send { try link.send(output.kind, offset: $0, $1) }
                }
                if waiting.isEmpty { try sendEnd(over: link) }
                try link.flush()
                if waiting.isEmpty || link.backlog > 0 { return }
            }
            try link?.flush()
        } catch let error as CryptographyError {
            finish(.failed, AgentError(error).message)
        } catch {
            lose(AgentError(error).message, at: .now)
        }
    }

    private func sendEnd(over link: SessionLink) throws {
        guard case .closing = phase, let receipt = delivery.receipt else { return }
        if !delivery.hasSentEnd, link.isAttached {
            let ending = SessionEnding(
                reason: end.reason, detail: PlainText.cleaned(end.detail), outcome: end.outcome,
                killed: end.processes.killed, left: end.processes.left.count)
            try link.send(.end(ending.text))
            delivery.hasSentEnd = true
        }
        if !delivery.hasSentReceipt {
            try link.send(.receipt(receipt.source))
            delivery.hasSentReceipt = true
        }
    }

    /// The way to the broker is broken: the session goes on, detached, until a deadline or its lease ends it.
    private func lose(_ reason: String, at now: ContinuousClock.Instant) {
        guard link != nil else { return }
        Log.warning("\(terms.id): detached: \(reason)")
        keeper.drop(at: now)
        isJoined = false
        delivery.hasSentEnd = false
        delivery.hasSentReceipt = false
        deadlines.clientMayBeThere()
        extendPatience(at: now)
    }

    private func closeLink() { keeper.close() }

    /// What is delivered at the end may take longer when somebody has to come back for it.
    private func extendPatience(at now: ContinuousClock.Instant) {
        let longer = now + (link == nil ? Self.patienceWithoutBroker : Self.patienceDetached)
        switch phase {
        case .emptying(let until): phase = .emptying(until: max(until, longer))
        case .closing(let until): phase = .closing(until: max(until, longer))
        case .running, .draining, .over: break
        }
    }

    // MARK: Ending

    private var isBlocked: Bool { program?.outputs.contains { $0.isOpen && !mayRead($0) } ?? false }

    /// Does what is due now.
    private func advance(at now: ContinuousClock.Instant) {
        switch phase {
        case .running: heedDeadlines(at: now)
        case .draining(let until):
            guard now >= until || program?.isRead != false else { return }
            kill()
            quietSince = now
            phase = .emptying(until: now + Self.patience)
            if link?.isAttached != true { extendPatience(at: now) }
            advance(at: now)
        case .emptying(let until):
            let isQuiet = !isBlocked && now >= quietSince + Self.drainTime
            if now >= until || isQuiet || program?.isRead != false { settle() }
        case .closing(let until):
            guard now >= until || (delivery.isReceiptStored && delivery.isClientDone) else { return }
            closeLink()
            phase = .over
        case .over: break
        }
    }

    private func heedDeadlines(at now: ContinuousClock.Instant) {
        while case .running = phase, let event = deadlines.next(at: now) {
            switch event {
            case .end(.clientClosed):
                finish(.clientClosed, "The client was lost and did not come back within \(DurationText.format(terms.detachedFor)).")
            case .end(let reason): finish(reason, "")
            case .notice: send(.notice(event.text(grant: terms.grant, at: .now)))
            }
        }
    }

    /// Ends the session now, for any reason but the program's own end.
    private func finish(_ reason: Session.EndReason, _ detail: String) {
        switch phase {
        case .running:
            end.reason = reason
            end.detail = detail
        case .draining: break  // the program has ended by itself, and that stays the reason
        case .emptying, .closing, .over: return
        }
        kill()
        settle()
    }

    private func kill() {
        let group = terms.group.map { ControlGroup(existing: $0) }
        end.processes = SessionProcesses(session: terms.id.description, group: group, child: program?.pid).end()
        // What is left in it keeps it from being removed, and is named in the receipt.
        try? group?.remove()
    }

    /// Puts the receipt on disk, and then tells.
    private func settle() {
        phase = .closing(until: .now + Self.patience)
        if link?.isAttached != true { extendPatience(at: .now) }
        end.inputBytes = Int64(clamping: program?.input.consumed ?? 0)
        end.outputBytes = program?.outputBytes ?? 0
        do {
            if let reason = end.reason.grantEnd { try grants.markEnded(terms.request, reason) }
            let receipt = try terms.receipt(of: end, by: identity, key: key, at: .now)
            try folder.save(receipt)
            delivery.receipt = receipt
            deliver()
        } catch {
            // The agent finds the folder and settles it.
            Log.error("\(terms.id): \(AgentError(error).message)")
            closeLink()
            phase = .over
        }
        Log.info("\(terms.id): ended: \(end.reason.rawValue), \(end.processes.killed) killed, \(end.processes.left.count) left")
    }
}
