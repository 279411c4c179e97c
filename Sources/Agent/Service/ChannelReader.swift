// SPDX-License-Identifier: Apache-2.0
// SECURITY: the process of the agent that reads the network. It gives up what it can before the first byte, knows no key but that
// of its connection, opens no file and starts no process. Whoever takes it over has the broker's messages and what the root part
// takes of them (ReaderTable.swift).

import Evidence
import Glibc
import Posix
import Protocol
import StrictJSON
import Transport

/// `stint-agent carry`, started by the root part for one connection, which is descriptor 3's other end. TLS, HTTP and WebSocket
/// are here and nowhere else in the agent.
package final class ChannelReader {
    package static let command = "carry"
    private static let socketNumber: Int32 = 3
    private static let dialTimeout: Duration = .seconds(5)
    /// What the root part has not taken yet, before the broker is read any further.
    private static let backlog = 2 * 1024 * 1024

    private let root: OwnedDescriptor
    private var orders = ReaderFrames<ReaderOrder>()
    private var reports: [UInt8] = []

    /// Carries one connection to its end. Returns the exit status.
    package static func run(_ arguments: [String]) -> Int32 {
        do {
            guard arguments.isEmpty else { throw SystemError(call: command, errno: EINVAL) }
            try prepare()
            try ChannelReader(OwnedDescriptor(owning: socketNumber)).run()
            return 0
        } catch {
            return 1  // nobody reads from us any more, or nothing may be told before we are who we should be
        }
    }

    /// Whatever fails here ends the process: it must not read the network as anybody else.
    private static func prepare() throws {
        try ProcessControl.closeDescriptors(from: socketNumber + 1)
        ProcessControl.setName("stint-channel")
        umask(0o077)
        Signals.ignoreBrokenPipe()
        try UnprivilegedAccount.find().become()
        // Behind the change of the account, which takes it back (prctl(2)).
        try ProcessControl.setParentDeathSignal(.kill)
        // No file gets a byte from us, and there is no process but this one.
        for limit in [ProcessControl.Limit.fileSize, .processes] { try ProcessControl.setLimit(limit, soft: 0, hard: 0) }
    }

    private init(_ root: consuming OwnedDescriptor) throws {
        try root.setNonBlocking()
        self.root = root
    }

    private func run() throws {
        report(.ready)
        try tellAll()
        guard let (kind, content) = try nextOrder(), kind == .dial else { return }
        do {
            let stream = try dial(try DialOrder(parsing: content))
            report(.connected)
            try carry(stream)
        } catch let error as RootIsGone {
            throw error
        } catch {
            let problem = Problem(AgentError(error))
            report(.over, Array(problem.json.text.utf8.prefix(ReaderReport.over.limit)))
            try tellAll()
        }
    }

    private func dial(_ order: DialOrder) throws -> WebSocketStream {
        let client = try order.client(timeout: Self.dialTimeout)
        do throws(TransportError) {
            return try client.upgrade(path: Route.agent)
        } catch {
            throw BrokerAnswer.error(error)
        }
    }

    /// Passes messages on, until either end has had enough.
    private func carry(_ stream: WebSocketStream) throws {
        while true {
            try tell()
            _ = try stream.flush()
            let mayRead = reports.count < Self.backlog
            var entries = [
                PollEntry(root.number, reports.isEmpty ? .input : [.input, .output]),
                PollEntry(
                    mayRead || stream.outgoingBytes > 0 ? stream.descriptor : -1,
                    (mayRead ? PollEntry.Events.input : []).union(stream.outgoingBytes > 0 ? .output : [])),
            ]
            _ = try Poll.wait(&entries, timeout: mayRead && stream.hasBuffered ? .zero : nil)
            if entries[0].isReadable, try !takeOrders(stream) { return goodbye(stream) }
            if mayRead, stream.hasBuffered || entries[1].isReadable { try receive(from: stream) }
        }
    }

    // MARK: The broker

    private func receive(from stream: WebSocketStream) throws {
        let filled = try stream.fill()
        while let message = try stream.next() {
            switch message.kind {
            case .text:
                guard message.count <= ReaderReport.message.limit else {
                    throw TransportError.webSocket(.messageTooLarge(limit: ReaderReport.message.limit))
                }
                message.withPayload { report(.message, $0) }
            case .ping, .pong: report(.heard)
            case .close: throw TransportError.closed
            case .binary: break
            }
        }
        if case .ended = filled { throw TransportError.closed }
        stream.releaseIdleBuffers()
    }

    private func goodbye(_ stream: WebSocketStream) {
        stream.enqueueClose(1001, reason: "the agent ends")
        let end = ContinuousClock.now + ControlChannel.leaveWithin
        // The connection is closed in either case.
        while let isDone = try? stream.flush(), !isDone, ContinuousClock.now < end {
            var entries = [PollEntry(stream.descriptor, .output)]
            _ = try? Poll.wait(&entries, timeout: end - .now)
        }
        stream.close()
    }

    // MARK: The root part

    private struct RootIsGone: Error {}

    private func report(_ kind: ReaderReport) { ReaderFrames.append(kind, [], to: &reports) }

    private func report(_ kind: ReaderReport, _ content: some Collection<UInt8>) {
        ReaderFrames.append(kind, content, to: &reports)
    }

    /// Writes what the root part takes.
    private func tell() throws {
        do throws(SystemError) {
            try root.drain(&reports)
        } catch {
            throw RootIsGone()
        }
    }

    private func tellAll() throws {
        while true {
            try tell()
            if reports.isEmpty { return }
            var entries = [PollEntry(root.number, .output)]
            _ = try Poll.wait(&entries, timeout: nil)
        }
    }

    /// Waits for an order; `nil` when there will be none.
    private func nextOrder() throws -> (kind: ReaderOrder, content: [UInt8])? {
        while true {
            if let order = try orders.next() { return order }
            var entries = [PollEntry(root.number, .input)]
            _ = try Poll.wait(&entries, timeout: nil)
            guard try readOrders() else { return nil }
        }
    }

    /// - Returns: whether there may be more.
    private func readOrders() throws -> Bool {
        do throws(SystemError) {
            let bytes = try root.read(maximum: 64 * 1024)
            orders.append(bytes)
            return !bytes.isEmpty
        } catch where error.wouldBlock {
            return true
        } catch {
            throw RootIsGone()
        }
    }

    /// - Returns: whether to go on.
    private func takeOrders(_ stream: WebSocketStream) throws -> Bool {
        guard try readOrders() else { return false }
        while let (kind, content) = try orders.next() {
            switch kind {
            case .dial: return false  // there is one connection in a reader's life
            case .say: content.withUnsafeBytes { stream.enqueue(.text, parts: $0) }
            case .ask: stream.enqueue(.ping, [])
            case .end: return false
            }
        }
        return true
    }
}
