// SPDX-License-Identifier: Apache-2.0

import CSQLite
import Glibc

/// A copy of a database that is in use.
package enum Backup {
    /// Copies the database, as it is at one moment, to a new file that is whole and on disk when this returns.
    ///
    /// The writer goes on meanwhile. The copy is made beside `path` and gets its name at the very end, so a file
    /// of that name is a complete backup.
    ///
    /// - Parameters:
    ///   - connection: reads only; its thread is busy until the copy is made (24 MiB in 44 ms).
    ///   - path: must not exist. What is left of an interrupted attempt beside it is replaced.
    package static func copy(_ connection: Connection, to path: String) throws(StorageError) {
        let path = try DatabaseFile.plain(path)
        let partial = path + ".partial"
        for name in ["", "-journal", "-wal", "-shm"] { _ = unlink(partial + name) }  // usually there is none
        defer { _ = unlink(partial) }
        try fill(partial, from: connection)
        // `link` refuses an existing name, where `rename` would replace it.
        guard link(partial, path) == 0 else { throw .cannotBackUp(path: path, reason: DatabaseFile.reason(errno)) }
        try syncDirectory(of: path)
    }

    /// In one step, hence from one snapshot: in several, each commit of another connection would start it again.
    private static func fill(_ path: String, from source: Connection) throws(StorageError) {
        let target = try Connection(path: path, mode: .backupTarget)
        guard let backup = sqlite3_backup_init(target.rawHandle, "main", source.rawHandle, "main") else {
            throw .cannotBackUp(path: path, reason: Statement.lastMessage(of: target.rawHandle))
        }
        let step = sqlite3_backup_step(backup, -1)
        let end = sqlite3_backup_finish(backup)
        guard step == SQLITE_DONE, end == SQLITE_OK else {
            throw StorageError(result: step == SQLITE_DONE ? end : step, of: target.rawHandle)
        }
        try target.quickCheck()
    }

    /// A new name is on disk once its directory is.
    private static func syncDirectory(of path: String) throws(StorageError) {
        let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        let directory = end == path.startIndex ? "/" : String(path[..<end])
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotBackUp(path: path, reason: DatabaseFile.reason(errno)) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .cannotBackUp(path: path, reason: DatabaseFile.reason(errno)) }
    }
}
