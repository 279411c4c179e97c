// SPDX-License-Identifier: Apache-2.0

package import Access
import Posix

/// What the agent tells whoever runs it: one line each on standard error, `time level message`.
package enum Log {
    enum Level: String { case info, warning, error }

    static func info(_ message: String) { write(.info, message) }
    static func warning(_ message: String) { write(.warning, message) }
    static func error(_ message: String) { write(.error, message) }

    private static func write(_ level: Level, _ message: String) {
        let line = "\(Timestamp.now) \(level.rawValue) \(PlainText.cleaned(message, maximum: 2000))\n"
        // A log that nobody reads any more must not stop the agent.
        try? StandardStream.error.write(line)
    }
}

extension Timestamp {
    /// The wall clock of this machine.
    package static var now: Timestamp { Timestamp(milliseconds: BootClock.wallMilliseconds()) }
}
