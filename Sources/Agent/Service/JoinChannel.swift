// SPDX-License-Identifier: Apache-2.0
// SECURITY: the root part's end of a join's questions to the broker. It starts the process that reads the network, and takes from
// it what `JoinTable` lets through.

import Access
import Evidence
import Posix
import Protocol
import StrictJSON

/// What a join asks the broker, through a process of an account without privileges. Calls wait for their answers.
final class JoinChannel {
    private let reader: NetworkReader
    private var table = JoinTable()
    private let patience: Duration

    /// The reader's process.
    var pid: Int32 { reader.pid }

    /// As for the control channel: the broker has 10 seconds for an answer, and finding its address may take longer.
    static let patience = ControlChannel.deadAfter

    /// Starts the reader and tells it whom to ask.
    ///
    /// - Parameters:
    ///   - executable: what its program is.
    ///   - patience: how long it may take for an answer, whatever it waits for.
    init(to identity: NodeIdentity, with key: NodeKey, executable: String, patience: Duration = JoinChannel.patience) throws {
        let order = DialOrder(broker: identity.broker, pin: identity.pin, key: try key.connectionKey(at: .now))
        // Before anything is started, in words: where nobody can be without privileges there is no reader.
        _ = try UnprivilegedAccount.find()
        Signals.ignoreBrokenPipe()
        reader = try NetworkReader(JoinReader.command, executable: executable)
        self.patience = patience
        guard case .ready = try answer() else { throw Self.otherAnswer }
        try give(.dial, Array(order.text.utf8))
    }

    deinit {
        reader.leave(by: JoinOrder.end)
        reader.awaitEnd()
    }

    /// The broker's entries of the roll behind number `after`: its answer, as it came.
    ///
    /// - Throws: what the broker says instead, why there is no answer, or ``AgentError/readerFault(_:)``.
    func entries(after number: Int64, invitation: Digest) throws -> [UInt8] {
        table.begin(.fetching)
        try give(.fetch, JoinOrder.fetch(after: number, invitation))
        switch try answer() {
        case .entries(let bytes): return bytes
        case .refused(let problem): throw problem
        case .ready, .taken, .over: throw Self.otherAnswer
        }
    }

    /// Has the broker take an entry.
    ///
    /// - Throws: as ``entries(after:invitation:)``.
    func post(_ entry: SignedText) throws {
        table.begin(.posting)
        try give(.post, Array(entry.json.text.utf8))
        switch try answer() {
        case .taken: return
        case .refused(let problem): throw problem
        case .ready, .entries, .over: throw Self.otherAnswer
        }
    }

    /// The table lets none through.
    private static let otherAnswer = AgentError.readerFault("it answered another question")

    private func give(_ order: JoinOrder, _ content: [UInt8]) throws {
        guard content.count <= order.limit else { throw SystemError(call: "write", errno: 90) }  // EMSGSIZE
        try explaining { () throws(NetworkReader.Fault) in try reader.give(order, content) }
    }

    /// Waits for what the reader says next.
    private func answer() throws -> JoinTable.Event {
        let end = BootInstant.now + patience
        while true {
            if let event = try next() {
                if case .over(let problem) = event { throw AgentError.connection(problem) }
                return event
            }
            var entries = [PollEntry(reader.descriptor, reader.wantsToWrite ? [.input, .output] : .input)]
            guard try Poll.wait(&entries, timeout: max(.zero, end - .now)) > 0 else {
                reader.kill()
                throw AgentError.readerFault("nothing was heard from it for \(patience.wholeSeconds) s")
            }
            try explaining { () throws(NetworkReader.Fault) in
                try reader.flush()
                table.append(try reader.receive())
            }
        }
    }

    private func next() throws(AgentError) -> JoinTable.Event? {
        do throws(ReaderFault) {
            return try table.next()
        } catch {
            reader.kill()
            throw .readerFault(error.message)
        }
    }

    private func explaining(_ body: () throws(NetworkReader.Fault) -> Void) throws(AgentError) {
        do throws(NetworkReader.Fault) {
            try body()
        } catch {
            throw .readerFault(error.words)
        }
    }
}
