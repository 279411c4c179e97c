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
    /// The broker behind the reader is gone.
    struct Over: Error {
        let problem: Problem
    }

    private let reader: NetworkReader
    private let order: DialOrder
    private var table = ReaderTable()
    private var lastHeard: BootInstant = .now
    private var lastAsked: BootInstant = .now

    /// Nothing was heard for so long: the reader, the broker or the way to it is gone.
    static let deadAfter: Duration = .seconds(45)
    /// Silence after which we ask for a sign of life: the broker gives one every ``Limits/heartbeat``.
    static let askAfter: Duration = .seconds(20)

    /// - Parameter reader: what it has to say begins with ``ReaderTable/Event/ready``.
    init(to identity: NodeIdentity, with key: NodeKey, over reader: NetworkReader) throws {
        order = DialOrder(broker: identity.broker, pin: identity.pin, key: try key.connectionKey(at: .now))
        self.reader = reader
    }

    /// The reader's process.
    var pid: Int32 { reader.pid }
    var descriptor: Int32 { reader.descriptor }
    var wantsToWrite: Bool { reader.wantsToWrite }
    /// Whether the broker can be spoken to.
    var isOpen: Bool { table.phase == .serving }

    func send(_ message: ControlMessage) throws { try give(.say, Array(message.text.utf8)) }

    private func give(_ kind: ReaderOrder, _ content: [UInt8] = []) throws {
        guard content.count <= kind.limit else { throw TransportError.webSocket(.messageTooLarge(limit: kind.limit)) }
        try reader.give(kind, content)
    }

    func flush() throws { try reader.flush() }

    /// Takes what has come from the reader.
    ///
    /// - Throws: ``Over`` or ``NetworkReader/Fault`` when the channel has ended.
    func receive(_ take: (ReaderTable.Event) throws -> Void) throws {
        table.append(try reader.receive())
        while let event = try next() {
            lastHeard = .now
            switch event {
            case .ready: try give(.dial, Array(order.text.utf8))
            case .over(let problem): throw Over(problem: problem)
            case .connected, .message, .heard: try take(event)
            }
        }
    }

    private func next() throws(NetworkReader.Fault) -> ReaderTable.Event? {
        do throws(ReaderFault) {
            return try table.next()
        } catch {
            throw NetworkReader.Fault(words: error.message)
        }
    }

    // MARK: Time

    /// When ``keepAlive(at:)`` is to be called next.
    var due: BootInstant {
        let dead = lastHeard + Self.deadAfter
        return isOpen ? min(max(lastHeard, lastAsked) + Self.askAfter, dead) : dead
    }

    /// - Throws: when nothing was heard for ``deadAfter``.
    func keepAlive(at now: BootInstant) throws {
        guard now < lastHeard + Self.deadAfter else {
            let words = isOpen ? "nothing was heard from it for \(Self.deadAfter.wholeSeconds) s" : "it took too long to connect"
            throw NetworkReader.Fault(words: words)
        }
        guard isOpen, now >= max(lastHeard, lastAsked) + Self.askAfter else { return }
        lastAsked = now
        try give(.ask)
    }

    // MARK: The end

    /// Has the reader say goodbye behind all that was sent. It is ended if that takes too long.
    func leave() { reader.leave(by: ReaderOrder.end) }

    /// Ends the reader at once.
    func kill() { reader.kill() }

    /// When ``hasLeft(at:)`` is to be asked next.
    var leavesBy: BootInstant { reader.leavesBy }

    /// Whether the reader has ended. One whose time is up is ended.
    func hasLeft(at now: BootInstant) -> Bool { reader.hasLeft(at: now) }

    /// Waits until the reader has ended, for its goodbye at most.
    func awaitEnd() { reader.awaitEnd() }
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
