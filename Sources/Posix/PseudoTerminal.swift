// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A terminal of our making (pty(7)): what is written to the slave is read from the master, and the reverse.
package struct PseudoTerminal: ~Copyable, Sendable {
    package let master: OwnedDescriptor
    /// Give it to the child as `controllingTerminal`.
    package let slavePath: String
    /// As login records name it: `pts/3`.
    package var line: String { slavePath.utf8.starts(with: "/dev/".utf8) ? String(slavePath.dropFirst(5)) : slavePath }
    /// Open here until the child has exec'ed: with no slave open, the master reports its end.
    private var slave: OwnedDescriptor?

    /// Makes a terminal in cooked mode for UTF-8, of the size that the other end has.
    ///
    /// - Parameter owner: who will work at it, when that is not us; needs root.
    package init(columns: UInt16, rows: UInt16, owner: User? = nil) throws(SystemError) {
        let master = OwnedDescriptor(owning: try check("posix_openpt") { posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC) })
        let number = master.number
        try check("grantpt") { grantpt(number) }
        try check("unlockpt") { unlockpt(number) }
        let path = try Self.path(ofSlaveOf: number)
        let slave = try DurableFile.open(path, O_RDWR | O_NOCTTY)
        let slaveNumber = slave.number
        try Self.acceptUTF8(slaveNumber)
        try check("ioctl") { stint_set_window_size(number, columns, rows) }
        if let owner, owner.uid != geteuid() {
            let group = Self.terminalGroup ?? owner.gid
            try check("fchown", path) { fchown(slaveNumber, owner.uid, group) }
            try check("fchmod", path) { fchmod(slaveNumber, 0o620) }
        }
        self.master = master
        self.slave = consume slave
        slavePath = path
    }

    /// After the child was started: from now on the master reports the end when the child's side is closed.
    package mutating func closeSlave() { slave = nil }

    /// Tells the programs at the terminal a new size; the foreground ones get SIGWINCH.
    package func setWindowSize(columns: UInt16, rows: UInt16) throws(SystemError) {
        try check("ioctl") { stint_set_window_size(master.number, columns, rows) }
    }

    /// Reads output. Returns 0 when nobody has the slave open any more, which the system tells as EIO.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        do throws(SystemError) {
            return try master.read(into: buffer)
        } catch {
            if error.errno == EIO { return 0 }
            throw error
        }
    }

    private static func path(ofSlaveOf master: Int32) throws(SystemError) -> String {
        try withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer throws(SystemError) in
            try checkNumber("ptsname_r") { ptsname_r(master, buffer.baseAddress!, 128) }
            return String(cString: buffer.baseAddress!)
        }
    }

    /// Makes erase take whole characters of UTF-8 in the kernel's line editing (termios(3), IUTF8).
    private static func acceptUTF8(_ terminal: Int32) throws(SystemError) {
        var modes = termios()
        try check("tcgetattr") { tcgetattr(terminal, &modes) }
        modes.c_iflag |= tcflag_t(IUTF8)
        try check("tcsetattr") { tcsetattr(terminal, TCSANOW, &modes) }
    }

    /// The group `tty`, whose programs may write to terminals; nil where there is none.
    private static var terminalGroup: UInt32? {
        var entry = group()
        var found: UnsafeMutablePointer<group>?
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
            let number = getgrnam_r("tty", &entry, buffer.baseAddress!, buffer.count, &found)
            return number == 0 && found != nil ? entry.gr_gid : nil
        }
    }
}
