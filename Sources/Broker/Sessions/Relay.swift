// SPDX-License-Identifier: Apache-2.0
// SECURITY: passes authenticated frames between the two ends of a session and records them on the way. It can read and
// it can end; what it changes is noticed at the other end (P1). No recorder, no session (P6).

import Access
import Evidence
import Glibc
import Posix
import Protocol
import Storage
import Synchronization
import Transport

/// A broker that changes what it relays: returns the messages to pass on instead of one. Only the tests, which show that
/// both ends notice, have one.
package typealias RelayInterference = @Sendable (_ towardsNode: Bool, _ message: [UInt8]) -> [[UInt8]]

/// One live session: a thread that blocks on its two connections until the supervisor's is over.
///
///   client ◀── frames ──▶ [ recorder ] ◀── frames ──▶ supervisor
///          ◀─ pong ─────               ── time ────▶              signs of life, every 15 s
///                                       ── recorded ─▶              what the node need not keep any more
///                                       ── end ─────▶
///                                       ◀─ receipt ──              stored, then answered
///
/// The client may be lost and another connection of the same device may take its place: its attach statement goes to the
/// supervisor, and frames flow again once the supervisor has agreed. The supervisor's connection may be replaced too;
/// the client then attaches anew, because frames on the way are gone.
final class Relay: @unchecked Sendable {  // what is not locked belongs to the relay's thread
    enum Command: Sendable {
        case end(Session.EndReason, String)
        case tellNode(ControlMessage)
        case takeClient(StreamBox, Signed<AttachStatement>)
        case takeSupervisor(StreamBox)
        case watch(Watcher)
        case unwatch(Watcher)
        case recheckWatchers
    }

    /// How the session begins in this relay.
    enum Beginning: Sendable {
        /// The node has accepted it, and the client waits for that.
        case accepted(Signed<AcceptanceStatement>)
        /// It was live before, and its supervisor is back.
        case rejoined
        /// The client left before it began.
        case abandoned
    }

    let id: SessionID
    let node: Node
    let core: BrokerCore
    let interference: RelayInterference?
    private let finished: @Sendable () -> Void
    private let commands = Mutex<[Command]>([])
    private let wake: EventCounter

    var client: WebSocketStream?
    var supervisor: WebSocketStream?
    var recorder: Recorder?
    var watchers: [Watcher] = []
    private var heartbeat: BootInstant = .now
    private var heartbeats = 0
    /// When the node is given up after the session was told to end.
    private var patience: BootInstant?
    var hasReceipt = false
    /// The attachment that the supervisor has not answered yet.
    var attaching: Signed<AttachStatement>?
    /// Whether client and supervisor have agreed on keys: only then does a frame belong to this client.
    var isJoined = false
    /// Whether the recorder has failed.
    var isUnrecorded = false
    var heardClient: BootInstant = .now
    var heardSupervisor: BootInstant = .now

    /// When the last wait ended.
    var now: BootInstant = .now

    /// Bytes that may wait for a slow end before the other end is no longer read: credit keeps it far below.
    static let outgoingLimit = 2 * 1024 * 1024

    init(
        _ id: SessionID, node: Node, client: StreamBox?, supervisor: StreamBox, core: BrokerCore,
        interference: RelayInterference?, finished: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        self.id = id
        self.node = node
        self.client = client?.stream
        self.supervisor = supervisor.stream
        self.core = core
        self.interference = interference
        self.finished = finished
        wake = try EventCounter()
    }

    /// Starts the thread. From the loop's thread.
    func start(_ beginning: Beginning) throws(SystemError) {
        try Thread.start("relay \(id)") { [self] in
            ProcessControl.preferShortSlices()
            begin(beginning)
            run()
        }
    }

    /// Takes a client that has come back; the one that is here is gone, or goes. From any thread.
    func take(client: StreamBox, _ attach: Signed<AttachStatement>) { command(.takeClient(client, attach)) }

    /// Takes a new connection of the supervisor. From any thread.
    func take(supervisor: StreamBox) { command(.takeSupervisor(supervisor)) }

    /// Ends the session. From any thread.
    func end(_ reason: Session.EndReason, _ detail: String) { command(.end(reason, detail)) }

    func command(_ command: Command) {
        commands.withLock { $0.append(command) }
        wake.signal()
    }

    // MARK: The relay's thread

    private func begin(_ beginning: Beginning) {
        let growth = core.recordings.begin(id)
        do {
            guard let session = try core.readers.perform({ [id] in try $0.session(id) }) else {
                return tellEnd(.failed, "the session is not known")
            }
            let path = core.home.recording(of: id)
            switch beginning {
            case .accepted(let acceptance):
                recorder = try Recorder(path, session.opening.value, id, at: core.clock.now, disk: disk, growth: growth)
                client?.enqueue(text: ControlMessage.accepted(acceptance.source).text)
                // Before any frame of the client: the node starts the program when it hears that there is a recording.
                supervisor?.enqueue(text: ControlMessage.recorded(id, OutputOffsets()).text)
                isJoined = true
            case .rejoined where session.receipt != nil: try finishDelivery(path, session)
            case .rejoined:
                // A broker that was killed between accepting and recording has nothing to go on with.
                let isNew = access(path, F_OK) != 0
                recorder =
                    isNew
                    ? try Recorder(path, session.opening.value, id, at: core.clock.now, disk: disk, growth: growth)
                    : try Recorder(continuing: path, session.opening.value, at: core.clock.now, disk: disk, growth: growth)
                welcome(session)
            case .abandoned: tellEnd(.clientClosed, "the client left")
            }
        } catch {
            let problem = Problem(explaining: error)
            client?.enqueue(text: ControlMessage.refused(id, Problem(explaining: BrokerError.recorderFailed(problem.message))).text)
            tellEnd(.recorderFailed, problem.message)
        }
    }

    /// When the disk has done it, this thread looks.
    private var disk: (queue: DiskQueue, tell: @Sendable () -> Void) { (core.disk, { [wake] in wake.signal() }) }

    /// The session is over and its recording whole, and not to be touched: the supervisor is back for a client that is to
    /// have the last bytes.
    private func finishDelivery(_ path: String, _ session: StoredSession) throws {
        let end = try RecordingEnd(of: path, isTerminal: session.opening.value.terminal != nil)
        let offsets = OutputOffsets(output: end.output, errorOutput: end.errorOutput)
        supervisor?.enqueue(text: ControlMessage.recorded(id, offsets).text)
        patience = .now + .seconds(60)
    }

    func run() {
        var entries = [PollEntry(wake.number, .input), .nothing, .nothing]
        while supervisor != nil {
            do {
                try step(&entries)
            } catch {
                Log.error("session \(id): \(error)")
                dropSupervisor()
            }
        }
        finish()
    }

    private func step(_ entries: inout [PollEntry]) throws {
        // Both ends may have bytes inside TLS while their sockets are silent.
        let (clientHasBuffered, supervisorHasBuffered) = (client?.hasBuffered ?? false, supervisor?.hasBuffered ?? false)
        try wait(&entries, onlyLook: clientHasBuffered || supervisorHasBuffered)
        // Who has nothing is not asked: on a key's way that would be a system call in vain for each process.
        let isClientReady = clientHasBuffered || entries[Slot.client].isReadable
        let isSupervisorReady = supervisorHasBuffered || entries[Slot.supervisor].isReadable
        if entries[Slot.wake].isReadable {
            wake.clear()
            carryOutCommands()
        }
        keepAlive()
        if isClientReady { readClient() }
        if isSupervisorReady { readSupervisor() }
        flush()
        acknowledge(always: false)
        dismissUnrecorded()
        if (supervisor?.outgoingBytes ?? 0) > 0 { flush() }
        if let patience, BootInstant.now >= patience { dropSupervisor() }
    }

    /// The places of the descriptors among the entries.
    private enum Slot { static let wake = 0, supervisor = 1, client = 2 }

    private func wait(_ entries: inout [PollEntry], onlyLook: Bool) throws(SystemError) {
        let (supervisor, client) = (supervisor, client)
        let (toSupervisor, toClient) = (supervisor?.outgoingBytes ?? 0, client?.outgoingBytes ?? 0)
        entries[Slot.supervisor] = PollEntry(
            supervisor?.descriptor ?? -1, Self.events(reading: toClient < Self.outgoingLimit, writing: toSupervisor > 0))
        entries[Slot.client] = PollEntry(
            client?.descriptor ?? -1, Self.events(reading: toSupervisor < Self.outgoingLimit, writing: toClient > 0))
        _ = onlyLook ? try Poll.look(&entries) : try Poll.wait(&entries, until: BootInstant.earlier(heartbeat, patience))
        now = .now
    }

    private static func events(reading: Bool, writing: Bool) -> PollEntry.Events {
        switch (reading, writing) {
        case (true, true): .inputAndOutput
        case (true, false): .input
        case (false, true): .output
        case (false, false): []
        }
    }

    private func carryOutCommands() {
        let waiting = commands.withLock { commands in
            defer { commands = [] }
            return commands
        }
        for command in waiting {
            switch command {
            case .end(let reason, let detail): tellEnd(reason, detail)
            case .tellNode(let message): supervisor?.enqueue(text: message.text)
            case .takeClient(let box, let attach): take(box, attach)
            case .takeSupervisor(let box): replaceSupervisor(box.stream)
            case .watch(let watcher): begin(watcher)
            case .unwatch(let watcher): leave(watcher)
            case .recheckWatchers: recheckWatchers()
            }
        }
    }

    func tellEnd(_ reason: Session.EndReason, _ detail: String) {
        supervisor?.enqueue(text: ControlMessage.end(id, reason, detail: detail).text)
        patience = patience ?? .now + .seconds(30)
    }

    private func keepAlive() {
        guard now >= heartbeat else { return }
        heartbeat = now + Limits.sessionHeartbeat
        heartbeats += 1
        // A session that has been busy may be idle for hours.
        client?.releaseIdleBuffers()
        supervisor?.releaseIdleBuffers()
        let asks = heartbeats % Limits.heartbeatsPerQuestion == 0
        supervisor?.enqueue(text: ControlMessage.time(core.clock.now).text)
        if asks { supervisor?.enqueue(.ping, []) }
        // A pong that nobody asked for is a sign of life that nobody answers (RFC 6455 §5.5.3): an answer would wake us.
        client?.enqueue(asks ? .ping : .pong, [])
        if client != nil, now >= heardClient + Limits.sessionAnswer { clientLeft() }
        if now >= heardSupervisor + Limits.sessionAnswer { dropSupervisor() }
    }

    // MARK: The end

    func flush() {
        do { _ = try client?.flush() } catch { clientLeft() }
        do { _ = try supervisor?.flush() } catch { dropSupervisor() }
    }

    func dropSupervisor() {
        supervisor?.close()
        supervisor = nil
    }

    private func finish() {
        endWatching()
        if hasReceipt {
            recorder?.finish()
        } else {
            recorder?.suspend()
            markDetached(lost: "node")
        }
        core.recordings.leave(id)
        if let client {
            client.enqueueClose(1000)
            flushLast(client)
            client.close()
        }
        client = nil
        recorder = nil
        finished()
        // Who came too late for this relay dials again.
        for case .watch(let watcher) in commands.withLock({ $0 }) { watcher.end("The session is over.") }
        for case .takeSupervisor(let box) in commands.withLock({ $0 }) { box.stream.close() }
        for case .takeClient(let box, _) in commands.withLock({ $0 }) { box.stream.close() }
    }

    /// The last bytes are for the operator: they get up to five seconds.
    func flushLast(_ client: WebSocketStream) {
        let limit = BootInstant.now + .seconds(5)
        while BootInstant.now < limit {
            do {
                if try client.flush() { return }
                var entries = [PollEntry(client.descriptor, .output)]
                _ = try Poll.wait(&entries, timeout: limit - .now)
            } catch {
                return
            }
        }
    }
}
