// SPDX-License-Identifier: Apache-2.0
// SECURITY: the half of a supervisor that is root. It owns one session from its first process to its receipt (P2, P3), and
// reads nothing from the network: what its reader asks for is in the table of ReaderRequest.swift, or ends the session.
// Whatever goes wrong in here ends the session; there is one way to end, and everything takes it.

import Access
import Evidence
import Posix
import Protocol

/// The life of one session, as the keeper has it (``ReaderRequest/Phase``):
///
///     opening ─▶ accepted ─▶ live ─ program ended ─▶ draining ─▶ (kill) ─▶ emptying ─▶ closing ─▶ over
///        └──────────┴──────────┴─── any other end ──────────────▶ (kill) ─▶ emptying ─▶ closing ─▶ over
///
/// `draining`: the program has ended by itself; others may still hold its terminal or pipes. `emptying`: nothing of the
/// session lives; the reader says how many bytes there were, after it read what was written last where the program ended by
/// itself. `closing`: the receipt is on disk; the reader delivers it. No phase but `live` waits for the reader without end.
final class SessionKeeper {
    static let signals: [Signal] = [.terminate, .interrupt, .hangUp, .child]
    /// How long a reader has for what it does at once. One that takes longer is stopped or busy with something else.
    private static let readerTime: Duration = .seconds(1)
    /// How long a reader may take for what hangs on client and broker: somewhat more than it gives them itself.
    private static let deliveryTime = SessionReader.patienceWithoutBroker + .seconds(5)
    /// The same for one whose keeper was asked to end, as when the machine goes down: the agent delivers what it does not.
    private static let leavingTime: Duration = .seconds(2)

    let terms: SessionTerms
    let folder: SessionFolder
    let identity: NodeIdentity
    let key: NodeKey
    let grants: GrantMemory
    let reader: ReaderProcess
    private let executable: String
    private let control: OwnedDescriptor
    private let signals: SignalDescriptor
    private let timer: DeadlineTimer
    var table = RequestTable()
    var phase = ReaderRequest.Phase.opening
    /// When the present phase is over without the reader; `nil` where it may last.
    var phaseEnd: BootInstant?
    /// The grant's end or the session's own maximum, whichever comes first.
    private var deadline: (at: BootInstant, reason: Session.EndReason)
    private let maximumEnd: BootInstant
    private var armed: BootInstant?
    /// Whether it was asked to end.
    private var isLeaving = false
    /// The version of the lease that is held now.
    private var leaseVersion: Int64
    var program: SessionProgram?
    /// Before its first process was started.
    private var beginning: ProcessMoment?
    /// What a session of root may have changed; `nil` for others.
    private var watch: SystemWatch?
    var end = SessionEnd(reason: .failed)
    private var controlText: [UInt8] = []

    init(
        _ terms: SessionTerms, folder: SessionFolder, identity: NodeIdentity, key: NodeKey, grants: GrantMemory,
        reader: ReaderProcess, executable: String
    ) throws {
        self.terms = terms
        self.folder = folder
        self.identity = identity
        self.key = key
        self.grants = grants
        self.reader = reader
        self.executable = executable
        control = try folder.openControl()
        signals = try SignalDescriptor(Self.signals)
        timer = try DeadlineTimer()
        let start = BootInstant.now
        maximumEnd = start + terms.sessionMaximum
        deadline = (maximumEnd, .maximumDuration)
        leaseVersion = terms.leaseVersion
        setDeadline(grantEnd: BootInstant(nanoseconds: terms.deadline))
    }

    /// Runs the session to its end.
    ///
    /// - Parameter renewal: has given the reader its key.
    func run(_ renewal: KeyRenewal) {
        do {
            try renewal.renewIfOld()
            // The reader dials meanwhile.
            try reader.begin(terms.id, folder)
            beginning = .now()
            program = try SessionProgram(terms, executable: executable)
            takeLease()  // it may have moved before we listened
        } catch {
            finish(.failed, AgentError(error).message)
        }
        while phase != .over {
            do {
                try step()
            } catch {
                finish(.failed, AgentError(error).message)
            }
        }
        dismissReader()
        // What a reader started, were it turned against us, is orphaned now and ours.
        if !ProcessControl.hasNoChildren { _ = SessionProcesses(session: terms.id.description).end() }
    }

    /// One wait, and everything that it found.
    private func step() throws {
        try arm()
        let isListening = reader.isThere
        var entries = [
            PollEntry(timer.number, .input), PollEntry(signals.number, .input), PollEntry(control.number, .input),
            PollEntry(phase < .draining ? program?.report ?? -1 : -1, .input),
            PollEntry(isListening ? reader.socket : -1, .input), PollEntry(isListening ? reader.handle : -1, .input),
        ]
        _ = try Poll.wait(&entries, timeout: nil)
        if entries[0].isReadable, timer.takeExpiry() { armed = nil }
        // Before anything that a reader or an agent says: what is over is over.
        heedDeadlines(at: .now)
        if entries[2].isReadable { readControl() }
        // Also where only its end was seen: what it asked for last came between the looks at the two.
        if entries[4].isReadable || entries[5].isReadable { try takeRequests() }
        if entries[1].isReadable { try takeSignals() }
        if entries[3].isReadable, let failure = program?.takeReport(), phase < .draining { finish(.failed, failure) }
        if entries[5].isReadable { try readerEnded() }
    }

    private func arm() throws {
        guard let due = [phase < .draining ? deadline.at : nil, phaseEnd].compactMap({ $0 }).min(), armed != due else { return }
        try timer.set(due)
        armed = due
    }

    private func heedDeadlines(at now: BootInstant) {
        if phase < .draining, now >= deadline.at { return finish(deadline.reason, "") }
        if let phaseEnd, now >= phaseEnd { isOverdue() }
    }

    private func setDeadline(grantEnd: BootInstant) {
        deadline = grantEnd <= maximumEnd ? (grantEnd, .expired) : (maximumEnd, .maximumDuration)
    }

    /// Who was to do something within a time did not.
    private func isOverdue() {
        phaseEnd = nil
        switch phase {
        case .draining: distrust("The session's reader did not say what the program wrote last.")
        case .emptying: distrust("The session's reader did not count its bytes.")
        case .closing: phase = .over  // the agent delivers the receipt
        case .waiting, .opening, .accepted, .live, .over: break
        }
    }

    // MARK: The reader's requests

    private func takeRequests() throws {
        while phase != .over, reader.isThere {
            switch try reader.receive() {
            case .none: return
            case .ended: return try readerEnded()
            case .tooLong(let length): return violated(.tooLong(length))
            case .withDescriptors: return violated(.withDescriptors)
            case .message(let message):
                do throws(ReaderRequest.Violation) {
                    guard case .perform(let request) = try table.judge(message, in: phase) else { continue }
                    perform(request)
                } catch {
                    return violated(error)
                }
            }
        }
    }

    /// - Parameter request: the table has it in this phase.
    private func perform(_ request: ReaderRequest) {
        switch request {
        case .accept(let ephemeral): accept(ephemeral)
        case .start:
            phase = .live
            if terms.opening.value.runAs.text == "root" { watch = SystemWatch() }
            program?.begin()
        case .attach(let attachment): attach(attachment)
        case .end(let reason, let detail): finish(reason, detail)
        case .drained:
            kill()
            count(rest: true)
        case .counted(let input, let output):
            (end.inputBytes, end.outputBytes) = (input, output)
            settle()
        case .stored: receiptStored()
        case .key: makeKey()
        }
    }

    private func makeKey() {
        do {
            tell(.key(try key.connectionKey(at: .now)))
        } catch {
            // The reader has one that may still do, and asks again.
            Log.warning("\(terms.id): no new key for connections: \(AgentError(error).message)")
        }
    }

    private func accept(_ ephemeral: [UInt8]) {
        guard let program else { return }  // its failure has ended the session
        do {
            let acceptance = AcceptanceStatement(
                root: identity.root, opening: terms.opening.digest, node: identity.name, ephemeral: ephemeral,
                leaseVersion: terms.leaseVersion, notAfter: terms.notAfter, at: .now)
            let message = KeeperMessage.accepted(try acceptance.signed(with: key.signing).source)
            try program.handOver { (streams) throws(SystemError) in try reader.tell(message, with: streams) }
            phase = .accepted
        } catch {
            finish(.failed, AgentError(error).message)
        }
    }

    private func attach(_ attachment: ReaderRequest.Attachment) {
        do {
            let answer = AttachedStatement(
                root: identity.root, opening: terms.opening.digest, attach: attachment.digest, node: identity.name,
                ephemeral: attachment.ephemeral, input: attachment.input,
                from: OutputOffsets(output: attachment.output, errorOutput: attachment.errorOutput), at: .now)
            try reader.tell(.attached(try answer.signed(with: key.signing).source))
        } catch {
            finish(.failed, AgentError(error).message)
        }
    }

    // MARK: The agent's words

    private func readControl() {
        // Nothing, or the folder is gone; the other ways to end are still there.
        controlText += (try? control.read(maximum: 4096)) ?? []
        while let end = controlText.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: controlText[..<end], as: UTF8.self)
            controlText.removeSubrange(...end)
            do {
                take(try ControlMessage(line))
            } catch {
                Log.warning("\(terms.id): \(error.message)")
            }
        }
        if controlText.count > 16 * 1024 { controlText = [] }
    }

    private func take(_ message: ControlMessage) {
        switch message {
        case .end(let id, let reason, let detail) where id == terms.id: finish(reason.fromBroker, detail)
        case .leaseMoved(let id) where id == terms.id: takeLease()
        case .hello, .refused, .lease, .leaseRefused, .leaseMoved, .receipt, .ledgerSeen, .ledgerHead, .roll, .open, .accepted,
            .opening, .end, .grantsOver, .receiptStored, .rejoin, .facts, .distrusts, .recorded, .watched, .clientLost, .attached,
            .time, .attach:
            Log.warning("\(terms.id): a message that is not for a supervisor was ignored")
        }
    }

    /// Takes the lease that the agent has verified and put into the folder. Whoever says that there is one, only that
    /// counts; what ends by the old deadline before it is read has ended.
    private func takeLease() {
        guard phase < .draining else { return }
        do {
            guard let move = try folder.leaseMove(), move.version > leaseVersion, move.bootID == terms.bootID else { return }
            leaseVersion = move.version
            setDeadline(grantEnd: BootInstant(nanoseconds: move.deadline))
            Log.info("\(terms.id): the lease moved to \(move.notAfter), version \(move.version)")
            try reader.tell(.lease(version: move.version, notAfter: move.notAfter, deadline: move.deadline))
        } catch {
            Log.warning("\(terms.id): \(AgentError(error).message)")
        }
    }

    // MARK: Signals

    private func takeSignals() throws {
        while let signal = try signals.next() {
            switch signal {
            case .child:
                for (pid, status) in ProcessControl.collectEnded() where pid == program?.pid { programEnded(status) }
            case .terminate, .interrupt: leave(signal)
            case .hangUp, .kill, .continue, .stop, .windowChange: break
            }
        }
    }

    private func leave(_ signal: Signal) {
        isLeaving = true
        finish(.failed, "The supervisor was asked to end (signal \(signal.rawValue)).")
        if phase >= .emptying, let phaseEnd { self.phaseEnd = min(phaseEnd, .now + Self.leavingTime) }
    }

    private func programEnded(_ status: ExitStatus) {
        guard phase < .draining else { return }
        if let failure = program?.takeReport() { return finish(.failed, failure) }
        switch status {
        case .exited(let code): end.outcome = .exited(Int(code))
        case .signalled(let number): end.outcome = .signalled(Int(number))
        }
        end.reason = .exited
        phase = .draining
        phaseEnd = .now + SessionReader.drainTime + Self.readerTime
        tell(.drain)
    }

    /// A reader that takes no more of what it is told is not to be waited for.
    func tell(_ message: KeeperMessage) {
        guard reader.isThere else { return }
        do throws(SystemError) {
            try reader.tell(message)
        } catch {
            Log.warning("\(terms.id): its reader does not listen: \(error.message)")
        }
    }

    /// Ends what the session started, and counts it.
    func kill() {
        let group = terms.group.map { ControlGroup(existing: $0) }
        end.processes = SessionProcesses(
            session: terms.id.description, group: group, sparing: reader.family, hasCopies: true, since: beginning
        ).end()
        end.at = .now
        // What is left in it keeps it from being removed, and is named in the receipt.
        try? group?.remove()
        if terms.settings.keepsLoginRecord { LoginRecords.end(host: terms.loginHost) }
        end.remarks += watch?.changes() ?? terms.handedOver
    }

    /// Has the reader say how many bytes there were.
    ///
    /// - Parameter rest: whether it first reads what was written last.
    func count(rest: Bool) {
        // What did not begin has no bytes; where there is no reader, nobody knows.
        guard program?.hasBegun == true, reader.isThere else { return settle() }
        phase = .emptying
        phaseEnd = .now + (rest ? Self.deliveryTime : Self.readerTime)
        tell(.count(rest: rest))
    }

    func closing() {
        guard reader.isThere else { return phase = .over }
        phase = .closing
        phaseEnd = .now + (isLeaving ? Self.leavingTime : Self.deliveryTime)
    }

    func dismissReader() {
        do {
            try reader.dismiss()
        } catch {
            Log.error("\(terms.id): its reader was not ended: \(AgentError(error).message)")
        }
    }
}
