// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Protocol
import StrictJSON
import Transport

/// The agent's WebSocket to the broker. It never waits longer than it takes to set up.
final class ControlChannel {
    private let stream: WebSocketStream
    private(set) var lastHeard: ContinuousClock.Instant
    private var lastPing: ContinuousClock.Instant

    /// Nothing was heard for so long: the broker or the way to it is gone.
    static let deadAfter: Duration = .seconds(45)
    /// Silence after which we ask for a sign of life: the broker gives one every ``Limits/heartbeat``.
    static let pingAfter: Duration = .seconds(20)
    private static let timeout: Duration = .seconds(5)

    /// Dials the broker and says hello.
    init(to identity: NodeIdentity, with key: NodeKey, hello: ControlMessage) throws {
        let client = try identity.client(with: key, timeout: Self.timeout)
        do throws(TransportError) {
            stream = try client.upgrade(path: Route.agent)
        } catch {
            throw BrokerAnswer.error(error)
        }
        lastHeard = .now
        lastPing = .now
        try send(hello)
    }

    var descriptor: Int32 { stream.descriptor }
    var hasBuffered: Bool { stream.hasBuffered }
    var wantsToWrite: Bool { stream.outgoingBytes > 0 }

    func send(_ message: ControlMessage) throws {
        stream.enqueue(text: message.text)
        try flush()
    }

    func flush() throws { _ = try stream.flush() }

    /// Takes the messages that have come.
    ///
    /// - Throws: when the channel has ended.
    func receive(_ take: (ControlMessage) throws -> Void) throws {
        let filled = try stream.fill()
        while let message = try stream.next() {
            lastHeard = .now
            switch message.kind {
            case .text: try take(try ControlMessage(message.withPayload { String(decoding: $0, as: UTF8.self) }))
            case .close: throw TransportError.closed
            case .binary, .ping, .pong: break
            }
        }
        try flush()
        if case .ended = filled { throw TransportError.closed }
        stream.releaseIdleBuffers()
    }

    /// When ``keepAlive(at:)`` is to be called next.
    var due: ContinuousClock.Instant {
        min(max(lastHeard, lastPing) + Self.pingAfter, lastHeard + Self.deadAfter)
    }

    /// - Throws: when nothing was heard for ``deadAfter``.
    func keepAlive(at now: ContinuousClock.Instant) throws {
        guard now < lastHeard + Self.deadAfter else { throw TransportError.timedOut(doing: "waiting for a sign of life") }
        guard now >= max(lastHeard, lastPing) + Self.pingAfter else { return }
        lastPing = now
        stream.enqueue(.ping, [])
        try flush()
    }

    func close() {
        stream.enqueueClose(1001, reason: "the agent ends")
        // The connection is closed in either case.
        _ = try? stream.flush()
        stream.close()
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
