// SPDX-License-Identifier: Apache-2.0
// SECURITY: a database file is a regular file of our own user that nobody else may read or write, from the
// moment it exists. SQLite gives its -wal and -shm files the mode of the database file.

import Glibc

/// What is demanded of a database file before SQLite may touch it.
enum DatabaseFile {
    /// Makes an empty file with mode 0600 when there is none; an existing one must already be fit.
    static func prepare(_ path: String) throws(StorageError) {
        // `mknod` and not `open`: closing any descriptor of a file drops all POSIX locks that this process holds
        // on it, and SQLite's own are among them (sqlite.org/howtocorrupt.html §2.2).
        if mknod(path, S_IFREG | 0o600, 0) != 0, errno != EEXIST {
            throw .cannotOpen(path: path, reason: reason(errno))
        }
        try check(path)
    }

    /// Refuses a file that another user owns or may read, and what is not a regular file (a link, above all).
    static func check(_ path: String) throws(StorageError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw .cannotOpen(path: path, reason: reason(errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .cannotOpen(path: path, reason: "it is not a regular file") }
        guard status.st_uid == geteuid() else {
            throw .cannotOpen(path: path, reason: "it belongs to user id \(status.st_uid), and this program runs as \(geteuid())")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw .cannotOpen(path: path, reason: "others may read or write it (mode \(octal(status.st_mode & 0o777)), not 0600)")
        }
    }

    /// A path that SQLite takes for a file whatever it is called: neither `:memory:` nor `file:` nor empty.
    static func plain(_ path: String) throws(StorageError) -> String {
        guard !path.isEmpty, !path.utf8.contains(0) else { throw .cannotOpen(path: path, reason: "it is not a file name") }
        return path.utf8.first == UInt8(ascii: "/") ? path : "./" + path
    }

    static func reason(_ number: Int32) -> String {
        strerror(number).map { String(cString: $0) } ?? "error \(number)"
    }

    private static func octal(_ mode: mode_t) -> String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
