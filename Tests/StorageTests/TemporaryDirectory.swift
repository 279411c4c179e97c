// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage

/// A directory of one test's own, gone when the test lets go of it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "/stint-storage-" + UUID().uuidString
        mkdir(path, 0o700)
    }

    deinit {
        // What stays behind harms no other test: each has a name of its own.
        try? FileManager.default.removeItem(atPath: path)
    }

    var database: String { path + "/broker.db" }

    func mode(of file: String) -> mode_t? {
        var status = stat()
        return lstat(file, &status) == 0 ? status.st_mode & 0o7777 : nil
    }
}

/// A table to write numbers to.
let numbersMigrator = Migrator([Migration("CREATE TABLE number (value INTEGER PRIMARY KEY, note TEXT) STRICT")])

/// How many numbers there are, seen through a connection of its own.
func countOfNumbers(in path: String) throws -> Int64? {
    try Connection(path: path, mode: .readOnly).first("SELECT count(*) AS count FROM number")?.integer("count")
}
