// SPDX-License-Identifier: Apache-2.0

import Testing

/// The broker's database in the hands of somebody who may write to it, with `sqlite3`.
extension Installation {
    private var databasePath: String { brokerHome + "/stint.db" }

    /// Somebody who holds the lock for writing until told `ROLLBACK;`.
    func databaseLock() async throws -> TerminalProgram {
        let holder = try terminal(Programs.sqlite, [databasePath])
        holder.send("BEGIN IMMEDIATE; SELECT 'held-' || (40 + 2);\r")
        try await holder.expect("held-42")
        return holder
    }

    /// Runs SQL beside whatever the broker does.
    @discardableResult
    func sql(_ statements: String) async throws -> String {
        try await run(Programs.sqlite, ["-bail", "-cmd", ".timeout 5000", databasePath, statements]).checked().text
    }

    /// Runs SQL without the rules of the schema: no trigger, no CHECK, no foreign key.
    func forge(_ statements: String) async throws {
        let triggers = try await sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").split(separator: "\n")
        let drops = triggers.map { "DROP TRIGGER \"\($0)\";" }.joined(separator: "\n")
        let output = try await sql(
            "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE; \(drops)\n\(statements); COMMIT; SELECT total_changes()")
        #expect(output != "0\n", "the forgery changed nothing")
    }
}
