// SPDX-License-Identifier: Apache-2.0
// SECURITY: passes authenticated frames between the two ends of a session and records them on the way. It can read and
// it can end; what it changes is noticed at the other end (P1). No recorder, no session (P6).

import Access
import Evidence
import Posix
import Protocol
import Storage
import StrictJSON
import Synchronization
import Transport

/// A broker that changes what it relays: returns the messages to pass on instead of one. Only the tests, which show that
/// both ends notice, have one.
package typealias RelayInterference = @Sendable (_ towardsNode: Bool, _ message: [UInt8]) -> [[UInt8]]

/// One live session: a thread that blocks on its two connections until the session is over.
///
///   client ◀── frames ──▶ [ recorder ] ◀── frames ──▶ supervisor
///                                       ── time ────▶              a sign of life, every 15 s
///                                       ── end ─────▶
///                                       ◀─ receipt ──              stored, then answered
final class Relay: @unchecked Sendable {  // what is not locked belongs to the relay's thread
    private enum Command: Sendable {
        case end(Session.EndReason, String)
        case tellNode(ControlMessage)
    }

    private let id: SessionID
    private let node: Node
    private let core: BrokerCore
    private let interference: RelayInterference?
    private let finished: @Sendable () -> Void
    private let commands = Mutex<[Command]>([])
    private let wake: EventCounter

    private var client: WebSocketStream?
    private var supervisor: WebSocketStream?
    private var recorder: Recorder?
    private var heartbeat: ContinuousClock.Instant = .now
    /// When the node is given up after the session was told to end.
    private var patience: ContinuousClock.Instant?
    private var hasReceipt = false

    /// Bytes that may wait for a slow end before the other end is no longer read: credit keeps it far below.
    private static let outgoingLimit = 2 * 1024 * 1024

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
    func start(with acceptance: Signed<AcceptanceStatement>?) throws(SystemError) {
        try Thread.start("relay \(id)") { [self] in
            begin(acceptance)
            run()
        }
    }

    /// Ends the session. From any thread.
    func end(_ reason: Session.EndReason, _ detail: String) { command(.end(reason, detail)) }

    private func command(_ command: Command) {
        commands.withLock { $0.append(command) }
        wake.signal()
    }

    // MARK: The relay's thread

    private func begin(_ acceptance: Signed<AcceptanceStatement>?) {
        guard let acceptance, client != nil else { return tellEnd(.clientClosed, "the client left") }
        do {
            guard let session = try core.readers.perform({ [id] in try $0.session(id) }) else {
                return tellEnd(.failed, "the session is not known")
            }
            recorder = try Recorder(core.home.recording(of: id), session.opening.value, id, at: core.clock.now)
            core.recordings.begin(id)
            client?.enqueue(text: ControlMessage.accepted(acceptance.source).text)
        } catch {
            let problem = Problem(explaining: error)
            client?.enqueue(text: ControlMessage.refused(id, Problem(explaining: BrokerError.recorderFailed(problem.message))).text)
            tellEnd(.recorderFailed, problem.message)
        }
    }

    private func run() {
        while supervisor != nil {
            do {
                try step()
            } catch {
                Log.error("session \(id): \(error)")
                dropSupervisor()
            }
        }
        finish()
    }

    private func step() throws {
        // Both ends may have bytes inside TLS while their sockets are silent.
        let hasWork = (client?.hasBuffered ?? false) || (supervisor?.hasBuffered ?? false)
        if !hasWork { try wait() }
        carryOutCommands()
        keepAlive()
        readClient()
        readSupervisor()
        flush()
        if let patience, .now >= patience { dropSupervisor() }
    }

    private func wait() throws(SystemError) {
        let mayReadClient = (supervisor?.outgoingBytes ?? 0) < Self.outgoingLimit
        let mayReadSupervisor = (client?.outgoingBytes ?? 0) < Self.outgoingLimit
        var entries = [
            PollEntry(wake.number, .input),
            PollEntry(supervisor?.descriptor ?? -1, events(supervisor, reading: mayReadSupervisor)),
            PollEntry(client?.descriptor ?? -1, events(client, reading: mayReadClient)),
        ]
        let deadline = min(heartbeat, patience ?? heartbeat)
        _ = try Poll.wait(&entries, timeout: max(.zero, deadline - .now))
        if entries[0].isReadable { wake.clear() }
    }

    private func events(_ stream: WebSocketStream?, reading: Bool) -> PollEntry.Events {
        var events: PollEntry.Events = reading ? .input : []
        if let stream, stream.outgoingBytes > 0 { events.insert(.output) }
        return events
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
            }
        }
    }

    private func tellEnd(_ reason: Session.EndReason, _ detail: String) {
        supervisor?.enqueue(text: ControlMessage.end(id, reason, detail: detail).text)
        patience = patience ?? .now + .seconds(30)
    }

    private func keepAlive() {
        guard .now >= heartbeat else { return }
        heartbeat = .now + Limits.heartbeat
        supervisor?.enqueue(text: ControlMessage.time(core.clock.now).text)
    }

    // MARK: From the client

    private func readClient() {
        guard let client, (supervisor?.outgoingBytes ?? 0) < Self.outgoingLimit else { return }
        do {
            if case .ended = try client.fill() { return clientLeft("the client closed the connection") }
            while let message = try client.next() {
                switch message.kind {
                case .binary: message.withPayload(passToNode)
                case .ping, .pong: break
                case .text, .close: return clientLeft("the client closed the connection")
                }
            }
        } catch {
            clientLeft("the connection to the client broke")
        }
    }

    private func clientLeft(_ detail: String) {
        guard let client else { return }
        client.close()
        self.client = nil
        if !hasReceipt { tellEnd(.clientClosed, detail) }
    }

    private func passToNode(_ message: UnsafeRawBufferPointer) {
        let body = UnsafeRawBufferPointer(rebasing: message.dropLast(Frame.tagLength))
        // A frame that cannot be read is passed on all the same: the node checks its tag and says what is wrong.
        switch try? Frame(decoding: body) {
        case .input(_, let bytes): record { try $0.input(bytes) }
        case .resize(let columns, let rows): record { try $0.resize(columns, rows) }
        case .output, .errorOutput, .credit, .endOfInput, .close, .notice, .end, nil: break
        }
        guard let interference else {
            supervisor?.enqueue(.binary, parts: message)
            return
        }
        for changed in interference(true, Array(message)) { supervisor?.enqueue(.binary, changed) }
    }

    // MARK: From the node

    private func readSupervisor() {
        guard let supervisor, (client?.outgoingBytes ?? 0) < Self.outgoingLimit else { return }
        do {
            if case .ended = try supervisor.fill() { return dropSupervisor() }
            while let message = try supervisor.next() {
                switch message.kind {
                case .binary: message.withPayload(passToClient)
                case .text: try take(String(decoding: message.bytes, as: UTF8.self))
                case .ping, .pong: break
                case .close: return dropSupervisor()
                }
            }
        } catch {
            dropSupervisor()
        }
    }

    private func passToClient(_ message: UnsafeRawBufferPointer) {
        let body = UnsafeRawBufferPointer(rebasing: message.dropLast(Frame.tagLength))
        switch try? Frame(decoding: body) {  // as above: the client checks and says what is wrong
        case .output(_, let bytes): record { try $0.output(bytes) }
        case .errorOutput(_, let bytes): record { try $0.errorOutput(bytes) }
        case .input, .resize, .credit, .endOfInput, .close, .notice, .end, nil: break
        }
        guard let interference else {
            client?.enqueue(.binary, parts: message)
            return
        }
        for changed in interference(false, Array(message)) { client?.enqueue(.binary, changed) }
    }

    private func take(_ text: String) throws {
        guard case .receipt(let source) = try ControlMessage(text) else {
            throw EvidenceError.typeUnexpected("message", expected: "receipt")
        }
        hasReceipt = true
        ReceiptIntake.store(source, from: node, in: core) { [weak self] id in self?.command(.tellNode(.receiptStored(id))) }
    }

    private func record(_ write: (Recorder) throws -> Void) {
        guard let recorder else { return }
        do {
            try write(recorder)
        } catch {
            // Nothing that was not recorded is shown: the session ends here (P6).
            self.recorder = nil
            tellEnd(.recorderFailed, Problem(explaining: error).message)
        }
    }

    // MARK: The end

    private func flush() {
        do { _ = try client?.flush() } catch { clientLeft("the connection to the client broke") }
        do { _ = try supervisor?.flush() } catch { dropSupervisor() }
    }

    private func dropSupervisor() {
        supervisor?.close()
        supervisor = nil
    }

    private func finish() {
        recorder?.finish()
        core.recordings.end(id, isWhole: hasReceipt && recorder != nil)
        if !hasReceipt {
            core.write { [id] in try $0.detach(id) } completion: { [id] result in
                if case .failure(let error) = result { Log.error("session \(id): \(error)") }
            }
            client?.enqueue(text: ControlMessage.end(id, .unconfirmed, detail: "the connection to the node broke").text)
        }
        if let client {
            client.enqueueClose(1000)
            flushLast(client)
            client.close()
        }
        client = nil
        finished()
    }

    /// The last bytes are for the operator: they get up to five seconds.
    private func flushLast(_ client: WebSocketStream) {
        let limit = ContinuousClock.Instant.now + .seconds(5)
        while ContinuousClock.Instant.now < limit {
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
