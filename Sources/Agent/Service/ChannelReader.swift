// SPDX-License-Identifier: Apache-2.0
// SECURITY: the process of the agent that carries its control channel. It gives up what it can before the first byte
// (NetworkProcess.swift) and knows no key but that of its connection. Whoever takes it over has the broker's messages and what the
// root part takes of them (ReaderTable.swift).

import Evidence
import Glibc
import Posix
import Protocol
import StrictJSON
import Transport

/// Made by the root part for one connection: a copy of the process that is warm, or `stint-agent messenger`. TLS, HTTP and
/// WebSocket are here and nowhere else in the agent.
package final class ChannelReader {
    /// As long as the word of what it is a copy of.
    package static let command = "messenger"
    private static let dialTimeout: Duration = .seconds(5)
    /// What the root part has not taken yet, before the broker is read any further.
    private static let backlog = 2 * 1024 * 1024

    private let root: RootLine<ReaderOrder, ReaderReport>

    /// Carries one connection to its end. Returns the exit status.
    package static func run(_ arguments: [String]) -> Int32 {
        do {
            guard arguments.isEmpty else { throw SystemError(call: command, errno: EINVAL) }
            return try run(as: try UnprivilegedAccount.find())
        } catch {
            return 1  // nobody reads from us any more, or nothing may be told before we are who we should be
        }
    }

    /// The same in a copy of the process that is warm, which has no key and has read nothing of the network.
    ///
    /// - Parameters:
    ///   - line: to the root part.
    ///   - niceness: of the root part; the process that is warm is less nice.
    static func run(over line: MessageSocket.OwnedNumber, as account: UnprivilegedAccount, niceness: Int32) -> Int32 {
        do {
            guard setsid() >= 0, chdir("/") == 0 else { throw SystemError(call: "setsid", errno: errno) }
            try line.keep(at: NetworkProcess.socketNumber)
            for stream in [StandardStream.input, .output, .error] { try stream.replaceWithNull() }
            try ProcessControl.setNiceness(niceness)
            try Signals.unblockAll()
            ProcessControl.setArgument(1, command)
            return try run(as: account)
        } catch {
            return 1  // as above
        }
    }

    private static func run(as account: UnprivilegedAccount) throws -> Int32 {
        try NetworkProcess.prepare("stint-channel", as: account)
        try ChannelReader().run()
        return 0
    }

    private init() throws { root = try RootLine() }

    private func run() throws {
        root.report(.ready)
        try root.tellAll()
        guard let (kind, content) = try root.awaitOrder(), kind == .dial else { return }
        do {
            let stream = try dial(try DialOrder(parsing: content))
            root.report(.connected)
            try carry(stream)
        } catch let error as RootLine<ReaderOrder, ReaderReport>.IsGone {
            throw error
        } catch {
            let problem = Problem(AgentError(error))
            root.report(.over, Array(problem.json.text.utf8.prefix(ReaderReport.over.limit)))
            try root.tellAll()
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
            try root.tell()
            _ = try stream.flush()
            let mayRead = root.backlog < Self.backlog
            var entries = [
                PollEntry(root.number, root.backlog == 0 ? .input : [.input, .output]),
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
                message.withPayload { root.report(.message, $0) }
            case .ping, .pong: root.report(.heard)
            case .close: throw TransportError.closed
            case .binary: break
            }
        }
        if case .ended = filled { throw TransportError.closed }
        stream.releaseIdleBuffers()
    }

    private func goodbye(_ stream: WebSocketStream) {
        stream.enqueueClose(1001, reason: "the agent ends")
        let end = BootInstant.now + NetworkReader.leaveWithin
        // The connection is closed in either case.
        while let isDone = try? stream.flush(), !isDone, BootInstant.now < end {
            var entries = [PollEntry(stream.descriptor, .output)]
            _ = try? Poll.wait(&entries, timeout: end - .now)
        }
        stream.close()
    }

    // MARK: The root part

    /// - Returns: whether to go on.
    private func takeOrders(_ stream: WebSocketStream) throws -> Bool {
        guard try root.read() else { return false }
        while let (kind, content) = try root.next() {
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
