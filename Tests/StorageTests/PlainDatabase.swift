// SPDX-License-Identifier: Apache-2.0

import CSQLite
import Storage

/// A database opened as a stranger would: no settings of ours, no foreign keys, nothing but the schema to stop anyone.
final class PlainDatabase {
    struct Failure: Error { let message: String }

    private let directory = TemporaryDirectory()
    private var handle: OpaquePointer?

    /// A new database with our schema.
    init() throws {
        try Schema.migrator.migrate(Connection(path: directory.database))
        guard sqlite3_open(directory.database, &handle) == SQLITE_OK else { throw Failure(message: "cannot open") }
    }

    /// One that is there.
    init(_ path: String) throws {
        guard sqlite3_open(path, &handle) == SQLITE_OK else { throw Failure(message: "cannot open") }
    }

    deinit {
        sqlite3_close(handle)
    }

    func execute(_ sql: String) throws {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else {
            throw Failure(message: String(cString: sqlite3_errmsg(handle)))
        }
    }

    /// Why SQLite refuses the statement; `nil` when it does not. Whatever it did is undone.
    func refusal(of sql: String) throws -> String? {
        try execute("SAVEPOINT attack")
        defer { sqlite3_exec(handle, "ROLLBACK TO attack; RELEASE attack", nil, nil, nil) }
        do {
            try execute(sql)
            return nil
        } catch let failure as Failure {
            return failure.message
        }
    }

    /// The texts of one column.
    func texts(_ sql: String, column: Int32 = 0) throws -> [String] {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else {
            throw Failure(message: String(cString: sqlite3_errmsg(handle)))
        }
        defer { sqlite3_finalize(statement) }
        var texts: [String] = []
        while sqlite3_step(statement) == SQLITE_ROW {
            texts.append(sqlite3_column_text(statement, column).map { String(cString: $0) } ?? "")
        }
        return texts
    }
}
