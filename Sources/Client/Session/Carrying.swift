// SPDX-License-Identifier: Apache-2.0

import Access
import Carriage
import CommandLineKit
import Posix
import Synchronization

/// A session whose input and output are connections: the session on this thread, what it carries on another.
struct Carrying {
    /// Makes this end of it, from the session's output, its input, and who tells people.
    typealias Make = @Sendable (Int32, Int32, @escaping Carrier.Say) -> Carrier

    private let session: OpenedSession
    private let grant: GrantID
    private let console: Console
    /// One connection, whose program here must hear nothing of us unless it fails.
    private let isProxy: Bool

    /// How it went for the thread that carries.
    private enum Outcome {
        case unknown
        case refused(String)
        case failed(CarriageError)
    }

    private final class Shared: Sendable { let outcome = Mutex(Outcome.unknown) }

    private static let pipeSize: Int32 = 256 * 1024
    private static let refused: Int32 = 1
    /// Bytes that are kept of what the node says to a proxy.
    private static let said = 4096

    init(_ session: OpenedSession, of grant: GrantID, _ console: Console, isProxy: Bool) {
        self.session = session
        self.grant = grant
        self.console = console
        self.isProxy = isProxy
    }

    /// - Returns: the exit status.
    func run(_ make: @escaping Make) throws -> Int32 {
        try SessionClient.awaitSignals()
        let toNode = try Pipe()
        let fromNode = try Pipe()
        let errors = try Pipe()
        toNode.widen(to: Self.pipeSize)
        fromNode.widen(to: Self.pipeSize)
        let (reading, carried) = toNode.release()
        let (arrived, writing) = fromNode.release()
        let input = OwnedDescriptor(owning: reading)
        let output = OwnedDescriptor(owning: writing)
        let shared = Shared()
        try start(make, from: arrived, to: carried, shared)
        let report = SessionReport(session, of: grant, console, quiet: isProxy)
        let status = try report.run(
            on: .init(input: input.number, output: output.number, errors: isProxy ? errors.writer.number : 2, words: 2))
        switch shared.outcome.withLock({ $0 }) {
        case .refused(let reason):
            console.errors("stint: error: The connection was refused: \(shown(reason)) (destination.refused)\n")
            return Self.refused
        case .failed(let error):
            console.errors("stint: error: \(shown(error.message)) (\(error.code))\n")
            return EndingWords.stintStatus
        case .unknown:
            if (1..<EndingWords.stintStatus).contains(status), isProxy { tell(errors) }
            return status
        }
    }

    private func start(_ make: @escaping Make, from arrived: Int32, to carried: Int32, _ shared: Shared) throws {
        let (console, isProxy) = (console, isProxy)
        try Thread.start("carrier") {
            // Closing what it writes to is the end of the session's input.
            let input = OwnedDescriptor(owning: arrived)
            let output = OwnedDescriptor(owning: carried)
            let carrier = make(input.number, output.number) { text in
                if !isProxy { console.errors("stint: \(shown(text))\n") }
            }
            do throws(CarriageError) {
                if let reason = try carrier.run() { shared.outcome.withLock { $0 = .refused(reason) } }
            } catch {
                shared.outcome.withLock { $0 = .failed(error) }
            }
        }
    }

    /// What the node's end said, where it failed.
    private func tell(_ errors: borrowing Pipe) {
        var entries = [PollEntry(errors.reader.number, .input)]
        // Without it the status still tells.
        guard let count = try? Poll.wait(&entries, timeout: .zero), count > 0,
            let bytes = try? errors.reader.read(maximum: Self.said)
        else { return }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") { console.errors("\(shown(String(line)))\n") }
    }
}
