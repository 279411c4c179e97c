// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The terminal of the person who started us, whatever our standard streams are (tty(4)).
package enum ControllingTerminal {
    /// - Returns: nil where there is none.
    package static func open() -> OwnedDescriptor? {
        let number = stint_open("/dev/tty", O_RDWR | O_CLOEXEC, 0)
        return number >= 0 ? OwnedDescriptor(owning: number) : nil
    }
}
