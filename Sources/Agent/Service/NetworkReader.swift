// SPDX-License-Identifier: Apache-2.0
// SECURITY: the root part's hold on a process of the agent that reads the network. What comes from it is bytes here; its table
// says what is taken of them.

import Glibc
import Posix

/// A process that reads the network for the agent, and the line to it. Nothing here waits but ``awaitEnd()``.
package final class NetworkReader {
    /// It is not to be spoken to any longer: what it did, for a sentence that begins with “it”.
    struct Fault: Error, Equatable {
        let words: String
    }

    private let process: ChildProcess
    private let socket: OwnedDescriptor
    /// Orders that wait for the reader to take them.
    private var outgoing: [UInt8] = []
    private var status: ExitStatus?
    private var leaveBy: BootInstant?

    /// How long a reader may take for its goodbye.
    static let leaveWithin: Duration = .seconds(2)
    /// A reader that takes no orders any more is given no more than this to take.
    private static let backlog = 16 * 1024 * 1024
    /// The program of this very process, also where its file was replaced since: the two parts must speak one language.
    package static let ownProgram = "/proc/self/exe"

    /// Makes a ``ChannelReader`` of a process that is warm.
    init(copying warm: WarmSupervisor) throws(SystemError) {
        let pair = try SocketPair()
        process = try warm.copy(.channelReader, with: pair.second.number)
        socket = try Self.kept(pair.first)
    }

    /// Starts one from its program's beginning: see ``NetworkProcess``.
    ///
    /// - Parameter command: by which the program knows what to be.
    init(_ command: String, executable: String) throws(SystemError) {
        let pair = try SocketPair()
        var request = SpawnRequest(
            executable, [SupervisorProcess.programName, command],
            // It is this program, and needs what made this process run, such as the loader's variables.
            environment: Environment.all)
        // It writes no line of the log: what it has to say comes through its table.
        request.descriptors = [.null, .null, .null, .descriptor(pair.second.number)]
        request.newSession = true
        request.workingDirectory = "/"
        process = try request.start()
        socket = try Self.kept(pair.first)
    }

    private static func kept(_ end: borrowing OwnedDescriptor) throws(SystemError) -> OwnedDescriptor {
        let ours = try end.duplicate()
        try ours.setNonBlocking()
        return ours
    }

    var pid: Int32 { process.pid }
    var descriptor: Int32 { socket.number }
    var wantsToWrite: Bool { !outgoing.isEmpty }

    // MARK: The line

    /// Gives an order.
    ///
    /// - Throws: ``Fault`` where it takes none any more.
    func give<Order: ReaderFrameKind>(_ kind: Order, _ content: [UInt8]) throws(Fault) {
        guard outgoing.count < Self.backlog else { throw Fault(words: "it takes no orders any more") }
        ReaderFrames.append(kind, content, to: &outgoing)
        try flush()
    }

    func flush() throws(Fault) {
        do throws(SystemError) {
            try socket.drain(&outgoing)
        } catch {
            throw Fault(words: ending ?? "it takes no orders any more")
        }
    }

    /// What has come; empty where nothing has.
    ///
    /// - Throws: ``Fault`` where nothing will come any more.
    func receive() throws(Fault) -> [UInt8] {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try socket.read(maximum: 64 * 1024)
        } catch where error.wouldBlock {
            return []
        } catch {
            throw Fault(words: ending ?? error.message)
        }
        guard !bytes.isEmpty else { throw Fault(words: ending ?? "it closed its socket") }
        return bytes
    }

    /// How the process ended, if it has.
    private var ending: String? {
        // It may take a moment to be one: its socket is closed before.
        var entries = [PollEntry(process.pidfd.number, .input)]
        guard let found = try? Poll.wait(&entries, timeout: .milliseconds(100)), found > 0, let status = collected() else { return nil }
        return switch status {
        case .exited(let code): "it ended with status \(code)"
        case .signalled(let number): "it was ended by signal \(number)"
        }
    }

    // MARK: The end

    /// Notes whether the process has ended.
    private func collected() -> ExitStatus? {
        // A process of ours can be asked; where it cannot, it is gone.
        if status == nil { status = (try? process.status()) ?? nil }
        return status
    }

    /// Has the reader say goodbye behind all that was sent. It is ended if that takes too long.
    ///
    /// - Parameter end: the order that says so.
    func leave<Order: ReaderFrameKind>(by end: Order) {
        leaveBy = .now + Self.leaveWithin
        do {
            try give(end, [])
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
    var leavesBy: BootInstant { leaveBy ?? .now + Self.leaveWithin }

    /// Whether the reader has ended. One whose time is up is ended.
    func hasLeft(at now: BootInstant) -> Bool {
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
