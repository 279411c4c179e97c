// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A line on the terminal while something takes longer than a second: what is done, and for how long. Off a terminal there
/// is none.
package enum ElapsedLine {
    private static let period: Duration = .seconds(1)

    /// - Parameter what: text of ours, as `Checking the ledger`.
    package static func show<Value>(_ what: String, during work: () throws -> Value) rethrows -> Value {
        // Without a pipe or a thread there is no line, and the work is done all the same.
        guard StandardStream.error.isTerminal, let line = try? Line(what) else { return try work() }
        defer { line.end() }
        return try work()
    }

    /// Drawn by a thread of its own; only who holds the lock writes.
    private final class Line: Sendable {
        private enum State { case hidden, shown, over }

        private let state = Mutex(State.hidden)
        private let wake: Pipe

        init(_ what: String) throws(SystemError) {
            wake = try Pipe()
            try Thread.start("elapsed") { [self] in draw(what) }
        }

        private func draw(_ what: String) {
            var seconds = 0
            var entries = [PollEntry(wake.reader.number, .input)]
            // Woken, or out of order: either way there is nothing more to say.
            while let count = try? Poll.wait(&entries, timeout: ElapsedLine.period), count == 0 {
                seconds += 1
                let isOver = state.withLock { state in
                    guard state != .over else { return true }
                    state = .shown
                    ElapsedLine.write("\r\(what), \(seconds) s…\u{1B}[K")
                    return false
                }
                if isOver { return }
            }
        }

        func end() {
            state.withLock { state in
                if state == .shown { ElapsedLine.write("\r\u{1B}[K") }
                state = .over
            }
            // A thread that is not woken ends with its next second.
            try? Transfer.writeAll(wake.writer.number, [0])
        }
    }

    /// A terminal that is gone needs no line.
    private static func write(_ text: String) { try? StandardStream.error.write(text) }
}
