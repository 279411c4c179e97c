// SPDX-License-Identifier: Apache-2.0
// SECURITY: a key or a state directory that another user can read, replace or own is refused.
import CLinux
import Glibc

/// Checks that a file or directory is ours alone.
package enum PrivateFile {
    /// Passes when the file or directory belongs to us, is closed to group and others, is no symbolic link, and
    /// lies in no directory that every user may change.
    ///
    /// - Throws: an error that names what is wrong, with the command that repairs it as hint.
    package static func check(_ path: String) throws(SystemError) {
        let status = try FileStatus(ofLink: path)
        guard status.isRegular || status.isDirectory else {
            throw SystemError(.notRegularFile, in: "check", about: path)
        }
        guard status.owner == geteuid() else {
            throw SystemError(.ownedByAnother(owner: status.owner), in: "check", about: path)
        }
        guard status.permissions & 0o077 == 0 else {
            let refusal = SystemError.Refusal.openToOthers(mode: status.permissions, isDirectory: status.isDirectory)
            throw SystemError(refusal, in: "check", about: path)
        }
        try checkParents(of: path)
    }

    /// A directory that every user may write to, and that is not sticky as /tmp is, lets anyone put another file
    /// in the place of ours.
    private static func checkParents(of path: String) throws(SystemError) {
        guard let resolved = realpath(DurableFile.directory(of: path), nil) else {
            throw SystemError(call: "realpath", errno: errno, subject: path)
        }
        var parent = String(cString: resolved)
        free(resolved)
        while true {
            let permissions = try FileStatus(ofLink: parent).permissions
            guard permissions & 0o002 == 0 || permissions & 0o1000 != 0 else {
                throw SystemError(.parentWritableByOthers(parent: parent), in: "check", about: path)
            }
            if parent == "/" { return }
            parent = DurableFile.directory(of: parent)
        }
    }
}
