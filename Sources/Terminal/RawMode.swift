// SPDX-License-Identifier: Apache-2.0
import Glibc
package import Posix

/// The user's terminal, switched so that every key reaches us as it was typed; put back when the owner lets go.
package struct RawMode: ~Copyable {
    private let terminal: Int32
    private let before: termios

    /// - Parameter terminal: the descriptor of a terminal, usually 0. It stays the caller's.
    /// - Throws: `system.enotty` for anything else.
    package init(_ terminal: Int32) throws(SystemError) {
        var modes = termios()
        guard tcgetattr(terminal, &modes) == 0 else { throw SystemError(call: "tcgetattr", errno: errno) }
        let before = modes
        cfmakeraw(&modes)
        let result = Self.set(terminal, modes)
        guard result == 0 else { throw SystemError(call: "tcsetattr", errno: result) }
        self.before = before
        self.terminal = terminal
    }

    /// Puts the modes back and reports what `deinit` would have to swallow.
    ///
    /// - Parameter afterOutput: only once the terminal has taken what was written to it; a terminal that was stopped does not.
    package consuming func restore(afterOutput: Bool = true) throws(SystemError) {
        let result = Self.set(terminal, before, afterOutput ? TCSADRAIN : TCSANOW)
        discard self
        guard result == 0 else { throw SystemError(call: "tcsetattr", errno: result) }
    }

    deinit { _ = Self.set(terminal, before) }

    /// Returns 0 or the error number.
    private static func set(_ terminal: Int32, _ modes: termios, _ when: Int32 = TCSADRAIN) -> Int32 {
        var modes = modes
        while tcsetattr(terminal, when, &modes) != 0 {
            if errno != EINTR { return errno }
        }
        return 0
    }
}
