// SPDX-License-Identifier: Apache-2.0

import Evidence
import Glibc
import Posix

/// The reader's line to its keeper. Where it is broken there is no keeper and nothing left to do: the process ends then.
final class KeeperLine {
    typealias Heard = (message: KeeperMessage, descriptors: [MessageSocket.OwnedNumber])

    /// The session is over: what was asked for has no answer.
    struct NoAnswer: Error {}

    private let socket: MessageSocket
    /// What came while something else was waited for.
    private var waiting: [Heard] = []

    init(_ socket: MessageSocket) { self.socket = socket }

    var number: Int32 { socket.number }
    /// Whether ``next()`` has something although nothing comes.
    var hasWaiting: Bool { !waiting.isEmpty }

    func ask(_ request: ReaderRequest) {
        do throws(SystemError) {
            try socket.send(request.bytes)
        } catch {
            gone()
        }
    }

    /// Asks, and waits for the answer. The keeper takes no longer than for a signature.
    ///
    /// - Throws: ``NoAnswer`` where the session has ended meanwhile.
    func answer(to request: ReaderRequest) throws -> (statement: SignedText, descriptors: [MessageSocket.OwnedNumber]) {
        ask(request)
        while true {
            let heard = try receive()
            switch heard.message {
            case .accepted(let statement), .attached(let statement): return (statement, heard.descriptors)
            case .receipt:
                waiting.append(heard)
                throw NoAnswer()
            case .key, .session, .lease, .drain, .count, .dial: waiting.append(heard)
            }
        }
    }

    /// What has come; `nil` when that was all.
    func next() throws -> Heard? { waiting.isEmpty ? try take() : waiting.removeFirst() }

    /// Waits for the next message.
    ///
    /// - Parameter time: how long at most.
    /// - Returns: `nil` when nothing came within it.
    func wait(within time: Duration?) throws -> Heard? {
        guard waiting.isEmpty else { return waiting.removeFirst() }
        guard let time else { return try receive() }
        var entries = [PollEntry(number, .input)]
        return try Poll.wait(&entries, timeout: time) > 0 ? try receive() : nil
    }

    private func receive() throws -> Heard {
        while true {
            var entries = [PollEntry(number, .input)]
            _ = try Poll.wait(&entries, timeout: nil)
            if let heard = try take() { return heard }
        }
    }

    private func take() throws -> Heard? {
        let (received, descriptors) = try socket.receiveAll()
        switch received {
        case .message(let bytes): return (try KeeperMessage(bytes), descriptors)
        case .none: return nil
        case .ended, .tooLong, .withDescriptors: gone()
        }
    }

    private func gone() -> Never { _exit(0) }
}
