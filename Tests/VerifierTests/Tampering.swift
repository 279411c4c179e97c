// SPDX-License-Identifier: Apache-2.0

import CSQLite
import Foundation

/// Somebody with the database's file and the `sqlite3` shell, who knows the schema and puts its triggers back.
final class Tampering {
    struct Failure: Error { let message: String }

    private var handle: OpaquePointer?

    /// Columns whose change shows: those that were signed, hashed, or told to the ledger.
    static let tables: [(name: String, key: String, place: String, columns: [String])] = [
        ("ledger", "number", "'ledger ' || number", ["number", "at", "event", "subject", "actor", "body", "previous", "hash"]),
        ("ledger_tree", "level, place", "'ledger_tree ' || level || '/' || place", ["place", "hash"]),
        ("roll", "number", "'roll ' || number", ["number", "digest", "type", "statement", "signatures", "at"]),
        (
            "request", "id", "'request '",
            ["id", "digest", "person", "state", "statement", "signatures", "entitlement", "charter", "created_at", "break_glass"]
        ),
        (
            "review", "request", "'review '",
            ["request", "requester", "state", "created_at", "reviewer", "digest", "statement", "signatures", "reviewed_at"]
        ),
        ("proposal", "id", "'proposal '", ["id", "digest", "person", "state", "content", "statement", "signatures", "at", "resolved_at"]),
        ("vote", "request, person", "'vote '", ["request", "person", "digest", "verdict", "statement", "signatures", "at"]),
        (
            "grant", "id", "'grant '",
            ["id", "request", "holder", "state", "activation", "activation_signatures", "not_before", "created_at"]
        ),
        (
            "session", "id", "'session '",
            [
                "id", "grant", "node", "person", "capability", "state", "opening", "opening_signatures", "acceptance",
                "acceptance_signatures", "opened_at", "receipt", "receipt_signatures", "killed_count", "left_count",
            ]
        ),
        ("recording", "session", "'recording '", ["session", "state", "ended_at", "bytes", "statement", "signatures"]),
        ("ending", "digest", "'ending '", ["digest", "kind", "subject", "person", "statement", "signatures"]),
    ]

    init(_ path: String) throws {
        guard sqlite3_open(path, &handle) == SQLITE_OK else { throw Failure(message: "cannot open") }
        try execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON")
    }

    deinit { sqlite3_close(handle) }

    /// Changes one character, byte string or number of a row, or deletes the row.
    ///
    /// - Returns: the place, or how the places of the table begin.
    func tamper(_ table: (name: String, key: String, place: String, columns: [String])) throws -> String {
        let column = table.columns[Int.random(in: table.columns.indices)]
        let rows = try texts("SELECT \(table.place) FROM \(table.name) WHERE \(column) IS NOT NULL ORDER BY \(table.key)")
        let index = Int.random(in: rows.indices)
        let row = "(\(table.key)) IN (SELECT \(table.key) FROM \(table.name) WHERE \(column) IS NOT NULL ORDER BY \(table.key) LIMIT 1 OFFSET \(index))"
        if Int.random(in: 0..<4) == 0 {
            try withoutTriggers("DELETE FROM \(table.name) WHERE \(row)")
        } else {
            let length = Int(try texts("SELECT length(\(column)) FROM \(table.name) WHERE \(row)").first ?? "") ?? 1
            let at = Int.random(in: 1...max(1, length))
            try withoutTriggers(
                """
                UPDATE \(table.name) SET \(column) = CASE typeof(\(column))
                    WHEN 'integer' THEN \(column) + 1000
                    WHEN 'blob' THEN randomblob(32)
                    ELSE substr(\(column), 1, \(at - 1)) || CASE substr(\(column), \(at), 1) WHEN '1' THEN '2' ELSE '1' END
                        || substr(\(column), \(at + 1)) END
                WHERE \(row)
                """)
        }
        return rows[index]
    }

    /// Takes away the last entries with all that the tree says of them, as an older copy of the database would.
    func setBack(by count: Int) throws -> String {
        let last = Int(try texts("SELECT max(number) FROM ledger").first ?? "") ?? 0
        let kept = last - count
        try withoutTriggers("DELETE FROM ledger WHERE number > \(kept); DELETE FROM ledger_tree WHERE (place + 1) << level > \(kept)")
        return "ledger \(kept + 1)"
    }

    func exchange() throws -> String {
        let last = Int(try texts("SELECT max(number) FROM ledger").first ?? "") ?? 0
        let first = Int.random(in: 1..<last)
        try withoutTriggers(
            """
            UPDATE ledger SET number = -1 WHERE number = \(first);
            UPDATE ledger SET number = \(first) WHERE number = \(first + 1);
            UPDATE ledger SET number = \(first + 1) WHERE number = -1
            """)
        return "ledger \(first)"
    }

    private func withoutTriggers(_ sql: String) throws {
        let triggers = try texts("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")
        for name in try texts("SELECT name FROM sqlite_schema WHERE type = 'trigger'") { try execute("DROP TRIGGER \(name)") }
        try execute(sql)
        for trigger in triggers { try execute(trigger) }
    }

    private func execute(_ sql: String) throws {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else {
            throw Failure(message: String(cString: sqlite3_errmsg(handle)) + ": " + sql)
        }
    }

    private func texts(_ sql: String) throws -> [String] {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else {
            throw Failure(message: String(cString: sqlite3_errmsg(handle)) + ": " + sql)
        }
        defer { sqlite3_finalize(statement) }
        var texts: [String] = []
        while sqlite3_step(statement) == SQLITE_ROW {
            texts.append(sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? "")
        }
        return texts
    }
}
