// SPDX-License-Identifier: Apache-2.0
// SECURITY: the root part's end of the agent's control channel. It starts the process that reads the network, tells it whom to
// dial, and takes from it what `ReaderTable` lets through.

import Access
import Evidence
import Glibc
import Posix
import Protocol
import StrictJSON
import Transport

/// The agent's control channel to the broker, carried by a reader: a process of an account without privileges, for this one
/// connection. Nothing here waits.
final class ControlChannel {
    /// The reader, or the broker behind it, is gone.
    enum End: Error {
        /// There is no connection, or none any more.
        case over(Problem)
        /// The reader is not to be spoken to any longer.
        case fault(String)
    }

    private let process: ChildProcess
    private let socket: OwnedDescriptor
    private let order: DialOrder
    private var table = ReaderTable()
    /// Orders that wait for the reader to take them.
    private var outgoing: [UInt8] = []
    private var lastHeard: ContinuousClock.Instant = .now
    private var lastAsked: ContinuousClock.Instant = .now
    private var leaveBy: ContinuousClock.Instant?

    /// Nothing was heard for so long: the reader, the broker or the way to it is gone.
    static let deadAfter: Duration = .seconds(45)
    /// Silence after which we ask for a sign of life: the broker gives one every ``Limits/heartbeat``.
    static let askAfter: Duration = .seconds(20)
    /// How long a reader may take for its goodbye.
    static let leaveWithin: Duration = .seconds(2)
    /// A reader that takes no orders any more is given no more than this to take.
    private static let backlog = 16 * 1024 * 1024

    /// The program of this very process, also where its file was replaced since: the two parts must speak one language.
    private static let executable = "/proc/self/exe"

    /// Starts a reader. What it has to say begins with ``ReaderTable/Event/ready``.
    init(to identity: NodeIdentity, with key: NodeKey) throws {
        order = DialOrder(broker: identity.broker, pin: identity.pin, key: try key.connectionKey(at: .now))
        let pair = try SocketPair()
        var request = SpawnRequest(
            Self.executable, [SupervisorProcess.programName, ChannelReader.command],
            // It is this program, and needs what made this process run, such as the loader's variables.
            environment: Environment.all)
        // It writes no line of the log: what it has to say comes through the table.
        request.descriptors = [.null, .null, .null, .descriptor(pair.second.number)]
        request.newSession = true
        request.workingDirectory = "/"
        process = try request.start()
        let ours = try pair.first.duplicate()
        try ours.setNonBlocking()
        socket = consume ours
    }

    /// The reader's process.
    var pid: Int32 { process.pid }
    var descriptor: Int32 { socket.number }
    var wantsToWrite: Bool { !outgoing.isEmpty }
    /// Whether the broker can be spoken to.
    var isOpen: Bool { table.phase == .serving }

    func send(_ message: ControlMessage) throws { try give(.say, Array(message.text.utf8)) }

    private func give(_ kind: ReaderOrder, _ content: [UInt8] = []) throws {
        guard outgoing.count < Self.backlog else { throw End.fault("it takes no orders any more") }
        guard content.count <= kind.limit else { throw TransportError.webSocket(.messageTooLarge(limit: kind.limit)) }
        ReaderFrames.append(kind, content, to: &outgoing)
        try flush()
    }

    func flush() throws {
        do throws(SystemError) {
            try socket.drain(&outgoing)
        } catch {
            throw End.fault(ending ?? "it takes no orders any more")
        }
    }

    /// Takes what has come from the reader.
    ///
    /// - Throws: when the channel has ended.
    func receive(_ take: (ReaderTable.Event) throws -> Void) throws {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try socket.read(maximum: 64 * 1024)
        } catch where error.wouldBlock {
            return
        } catch {
            throw End.fault(ending ?? error.message)
        }
        guard !bytes.isEmpty else { throw End.fault(ending ?? "it closed its socket") }
        table.append(bytes)
        while let event = try next() {
            lastHeard = .now
            switch event {
            case .ready: try give(.dial, Array(order.text.utf8))
            case .over(let problem): throw End.over(problem)
            case .connected, .message, .heard: try take(event)
            }
        }
    }

    private func next() throws -> ReaderTable.Event? {
        do throws(ReaderFault) {
            return try table.next()
        } catch {
            throw End.fault(error.message)
        }
    }

    /// How the process ended, if it has; only the first caller is told.
    private var ending: String? {
        // It may take a moment to be one: its socket is closed before.
        var entries = [PollEntry(process.pidfd.number, .input)]
        guard let found = try? Poll.wait(&entries, timeout: .milliseconds(100)), found > 0, let status = collected() else { return nil }
        return switch status {
        case .exited(let code): "it ended with status \(code)"
        case .signalled(let number): "it was ended by signal \(number)"
        }
    }

    // MARK: Time

    /// When ``keepAlive(at:)`` is to be called next.
    var due: ContinuousClock.Instant {
        let dead = lastHeard + Self.deadAfter
        return isOpen ? min(max(lastHeard, lastAsked) + Self.askAfter, dead) : dead
    }

    /// - Throws: when nothing was heard for ``deadAfter``.
    func keepAlive(at now: ContinuousClock.Instant) throws {
        guard now < lastHeard + Self.deadAfter else {
            throw End.fault(isOpen ? "nothing was heard from it for \(Self.deadAfter.wholeSeconds) s" : "it took too long to connect")
        }
        guard isOpen, now >= max(lastHeard, lastAsked) + Self.askAfter else { return }
        lastAsked = now
        try give(.ask)
    }

    // MARK: The end

    private var status: ExitStatus?

    /// Notes whether the process has ended.
    private func collected() -> ExitStatus? {
        // A process of ours can be asked; where it cannot, it is gone.
        if status == nil { status = (try? process.status()) ?? nil }
        return status
    }

    /// Has the reader say goodbye behind all that was sent. It is ended if that takes too long.
    func leave() {
        leaveBy = .now + Self.leaveWithin
        do {
            try give(.end)
        } catch {
            kill()
        }
    }

    /// Ends the reader at once.
    func kill() {
        leaveBy = .now
        _ = try? process.signal(.kill)  // one that has ended is what was wanted
    }

    /// When ``hasLeft(at:)`` is to be asked next.
    var leavesBy: ContinuousClock.Instant { leaveBy ?? .now + Self.leaveWithin }

    /// Whether the reader has ended. One whose time is up is ended.
    func hasLeft(at now: ContinuousClock.Instant) -> Bool {
        if collected() != nil { return true }
        if now >= leavesBy { kill() }
        return collected() != nil
    }

    /// Waits until the reader has ended, for its goodbye at most.
    func awaitEnd() {
        var entries = [PollEntry(process.pidfd.number, .input)]
        let isOver = (try? Poll.wait(&entries, timeout: max(.zero, leavesBy - .now))) ?? 0
        if isOver == 0 { kill() }
        if collected() == nil { _ = try? process.wait() }
    }
}

extension OwnedDescriptor {
    /// Writes what a non-blocking descriptor takes, and forgets that much of it.
    func drain(_ bytes: inout [UInt8]) throws(SystemError) {
        var taken = 0
        do throws(SystemError) {
            while taken < bytes.count { taken += try write(bytes, from: taken) }
        } catch {
            // Poll says when there is room.
            guard error.wouldBlock else { throw error }
        }
        bytes = taken == bytes.count ? [] : Array(bytes[taken...])
    }

    private func write(_ bytes: [UInt8], from start: Int) throws(SystemError) -> Int {
        try bytes.span.bytes.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) throws(SystemError) in
            try write(UnsafeRawBufferPointer(rebasing: buffer[start...]))
        }
    }
}

/// What the broker says when it does not do what was asked.
enum BrokerAnswer {
    /// The problem in a response.
    static func problem(in response: HTTPResponse) -> Problem {
        // A body that is no problem is replaced by a sentence about the status.
        let value = (try? JSONValue(parsing: response.body)) ?? .null
        return Problem(value, status: response.status)
    }

    /// The error of a call, with the broker's own words where it answered.
    static func error(_ error: TransportError) -> AgentError {
        if case .upgradeRefused(let response) = error { return .broker(problem(in: response)) }
        return .transport(error)
    }
}
