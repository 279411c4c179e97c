// SPDX-License-Identifier: Apache-2.0
// SECURITY: what every process of the agent gives up before it reads a byte of the network. It opens no file and starts no
// process after that, and has null, its line to the root part and its connection.

import Glibc
import Posix

/// The beginning of a process that reads the network for the agent's root part (docs/decisions/0053).
enum NetworkProcess {
    /// The other end of the root part's line.
    static let socketNumber: Int32 = 3

    /// Whatever fails here ends the process: it must not read the network as anybody else.
    ///
    /// - Parameters:
    ///   - name: in process lists.
    ///   - account: whose it is.
    static func prepare(_ name: String, as account: UnprivilegedAccount) throws {
        try ProcessControl.closeDescriptors(from: socketNumber + 1)
        ProcessControl.setName(name)
        umask(0o077)
        Signals.ignoreBrokenPipe()
        try Privileges.emptyBoundingSet()
        try account.become()
        // Behind the change of the account, which takes it back (prctl(2)).
        try ProcessControl.setParentDeathSignal(.kill)
        // No file gets a byte from us, and there is no process but this one.
        for limit in [ProcessControl.Limit.fileSize, .processes] { try ProcessControl.setLimit(limit, soft: 0, hard: 0) }
    }
}

/// A reader's end of the line to the root part: orders come, reports go.
final class RootLine<Order: ReaderFrameKind, Report: ReaderFrameKind> {
    /// Nobody listens any more, and nothing is left to do.
    struct IsGone: Error {}

    private let socket: OwnedDescriptor
    private var orders = ReaderFrames<Order>()
    private var reports: [UInt8] = []

    /// The line that the process was started with.
    init() throws(SystemError) {
        let socket = OwnedDescriptor(owning: NetworkProcess.socketNumber)
        try socket.setNonBlocking()
        self.socket = socket
    }

    var number: Int32 { socket.number }
    /// Bytes that the root part has not taken yet.
    var backlog: Int { reports.count }

    func report(_ kind: Report) { ReaderFrames.append(kind, [], to: &reports) }

    func report(_ kind: Report, _ content: some Collection<UInt8>) { ReaderFrames.append(kind, content, to: &reports) }

    /// Writes what the root part takes.
    func tell() throws(IsGone) {
        do throws(SystemError) {
            try socket.drain(&reports)
        } catch {
            throw IsGone()
        }
    }

    /// Waits until the root part has taken everything.
    func tellAll() throws {
        while true {
            try tell()
            if reports.isEmpty { return }
            var entries = [PollEntry(number, .output)]
            _ = try Poll.wait(&entries, timeout: nil)
        }
    }

    /// Waits for an order; `nil` when there will be none.
    func awaitOrder() throws -> (kind: Order, content: [UInt8])? {
        while true {
            if let order = try next() { return order }
            var entries = [PollEntry(number, .input)]
            _ = try Poll.wait(&entries, timeout: nil)
            guard try read() else { return nil }
        }
    }

    /// An order that has come whole.
    func next() throws(ReaderFault) -> (kind: Order, content: [UInt8])? { try orders.next() }

    /// Takes what has come.
    ///
    /// - Returns: whether there may be more.
    func read() throws(IsGone) -> Bool {
        do throws(SystemError) {
            let bytes = try socket.read(maximum: 64 * 1024)
            orders.append(bytes)
            return !bytes.isEmpty
        } catch where error.wouldBlock {
            return true
        } catch {
            throw IsGone()
        }
    }
}
