// SPDX-License-Identifier: Apache-2.0
import Glibc
package import Posix

/// The size of a terminal in character cells.
package struct WindowSize: Equatable, Sendable {
    package var columns: UInt16
    package var rows: UInt16

    package init(columns: UInt16, rows: UInt16) {
        self.columns = columns
        self.rows = rows
    }

    /// What is assumed where nobody knows: 80 by 24.
    package static let usual = WindowSize(columns: 80, rows: 24)

    /// Asks a terminal. One that does not know its size, such as a serial line, says 0 by 0 and counts as usual.
    ///
    /// - Throws: `system.enotty` for anything but a terminal.
    package init(of terminal: Int32) throws(SystemError) {
        var size = winsize()
        guard ioctl(terminal, UInt(TIOCGWINSZ), &size) == 0 else { throw SystemError(call: "ioctl", errno: errno) }
        let isKnown = size.ws_col > 0 && size.ws_row > 0
        self = isKnown ? WindowSize(columns: size.ws_col, rows: size.ws_row) : .usual
    }
}
