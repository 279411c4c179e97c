// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Who is and was logged in, as `who`, `last` and `lastlog` show it: utmp(5), wtmp and lastlog, each where the node has
/// the file. To write them takes root. Where somebody keeps a file locked its record is left out: no end waits for it (P2).
package enum LoginRecords {
    /// - Parameters:
    ///   - line: the terminal's path below /dev.
    ///   - host: where the login came from, in at most 255 bytes; it finds the entry again.
    package static func begin(_ user: User, line: String, process: Int32, host: String) {
        stint_write_login(user.name, line, host, process, 0)
        // A node without the file keeps no such record.
        guard let file = try? DurableFile.open(String(cString: stint_lastlog_path()), O_WRONLY | O_NOFOLLOW) else { return }
        _ = stint_write_lastlog(file.number, user.uid, line, host)
    }

    /// Ends the entry that came from `host`, if one lives.
    package static func end(host: String) {
        let capacity = 64
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { line in
            guard let start = line.baseAddress else { return }
            let process = stint_find_login(host, start, capacity)
            if process > 0 { stint_write_login("", start, "", process, 1) }
        }
    }

    /// Whether another process keeps a lock on the file.
    package static func isLocked(_ path: String) -> Bool { stint_is_locked(path) != 0 }

    /// The last login of a user, in seconds since 1970, with its terminal; `nil` where none is known.
    package static func last(of user: User) -> (at: Int64, line: String)? {
        guard let file = try? DurableFile.open(String(cString: stint_lastlog_path()), O_RDONLY | O_NOFOLLOW) else { return nil }
        let number = file.number
        let capacity = 64
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { line in
            guard let start = line.baseAddress else { return nil }
            let at = stint_read_lastlog(number, user.uid, start, capacity)
            return at > 0 ? (at, String(cString: start)) : nil
        }
    }
}
