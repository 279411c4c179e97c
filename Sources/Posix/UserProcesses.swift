// SPDX-License-Identifier: Apache-2.0
// SECURITY: ends everything that runs as one user, before the user is removed. Nothing is signalled by a bare number.
import CLinux
import Glibc

/// The processes of one user of the machine.
package enum UserProcesses {
    /// Its processes and their threads, as RLIMIT_NPROC counts them (getrlimit(2)).
    package static func count(of uid: UInt32) throws(SystemError) -> Int {
        var count = 0
        // A number that is only about right needs no look at one after the other (``ProcessList/forEach(_:)``).
        try DurableFile.visitDirectory("/proc") { name in
            guard let first = name.utf8.first, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(first),
                let pid = Int32(name),
                // One that has ended meanwhile counts no more.
                let status = try? FileStatus(ofLink: "/proc/\(pid)"), status.owner == uid
            else { return true }
            let threads = (try? DurableFile.listDirectory("/proc/\(pid)/task"))?.count
            count += max(1, threads ?? 1)
            return true
        }
        return count
    }

    /// Kills them until two looks find none.
    ///
    /// - Returns: whether none is left.
    package static func end(of uid: UInt32, within limit: Duration = .seconds(3)) throws(SystemError) -> Bool {
        guard uid != 0, uid != getuid() else { throw SystemError(call: "kill", errno: EPERM, subject: "uid \(uid)") }
        let deadline = BootInstant.now.advanced(by: limit)
        var quiet = 0
        while quiet < 2 {
            var found = false
            try ProcessList.forEach { pid in
                let handle = pid > 1 ? stint_pidfd_open(pid) : -1
                defer { if handle >= 0 { close(handle) } }
                // The handle came first, so it is of whoever is looked at here, or of one that has ended.
                guard let status = try? FileStatus(ofLink: "/proc/\(pid)"), status.owner == uid,
                    ProcessRecord(of: pid)?.isAlive == true
                else { return }
                found = true
                _ = stint_pidfd_signal(handle, SIGKILL)
            }
            quiet = found ? 0 : quiet + 1
            if BootInstant.now >= deadline { return false }
        }
        return true
    }
}
