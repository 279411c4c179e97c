// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Testing

/// Every statement in the sources of `Storage`, as SQLite would do it.
@Suite struct QueryPlanTests {
    /// Steps that read more than they look for, and why that is no matter.
    private static let allowed: [(step: String, reason: String)] = [
        ("SCAN ledger", "the last row, by its number"),
        ("SCAN roll", "the last row, by its number"),
        ("SCAN presence", "one row for each node"),
        ("SCAN words VIRTUAL TABLE", "the full-text index itself"),
        ("USING INDEX request_by_time", "the latest, up to a limit"),
        ("USING INDEX grant_by_time", "the latest, up to a limit"),
        ("USING INDEX session_by_time", "the latest, up to a limit"),
        ("USING INDEX hold_by_time", "the latest, up to a limit"),
        ("USING INDEX hold_in_force", "holds in force, which are few"),
        ("USING INDEX review_by_time", "the latest, up to a limit"),
        ("USING INDEX proposal_by_time", "the latest, up to a limit"),
        ("INDEX proposal_open", "what nobody has agreed to yet"),
        ("INDEX review_open", "what nobody has reviewed yet"),
        ("INDEX request_due", "pending requests only"),
        ("INDEX grant_to_activate", "grants that nobody used yet"),
        ("INDEX grant_to_expire", "active grants only"),
        ("INDEX grant_ending", "grants whose sessions end"),
        ("INDEX grant_open", "grants that are not over"),
        ("INDEX session_alive_by_", "sessions that have not ended"),
        ("INDEX recording_growing", "recordings of such sessions"),
        ("INDEX recording_kept", "a count for `stintd status`, of the index alone"),
        ("SCAN CONSTANT ROW", "no table at all"),
    ]
    /// Sorts of what an index above has made small.
    private static let sorted = ["FROM ending WHERE subject", "FROM vote WHERE request", "session_by_", "FROM hold ORDER BY", "state = 'pending'", "FROM session WHERE grant"]

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Sources/Storage")

    /// String literals that are statements.
    private func statements() throws -> [(file: String, sql: String)] {
        var found: [(file: String, sql: String)] = []
        let literal = #/"""\n(?<long>[\s\S]*?)"""|"(?<short>[^"\n]*)"/#
        for file in try FileManager.default.contentsOfDirectory(at: Self.folder, includingPropertiesForKeys: nil)
        where file.pathExtension == "swift" && !file.lastPathComponent.hasPrefix("Schema") {
            for match in try String(contentsOf: file, encoding: .utf8).matches(of: literal) {
                let sql = String(match.output.long ?? match.output.short ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
                guard sql.contains(#/^(SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE) /#) || sql.contains(#/^(SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE)\n/#) else { continue }
                found.append((file.lastPathComponent, sql))
            }
        }
        return found
    }

    @Test func `no change makes a temporary table to check a rule with`() throws {
        let broker = try PlainDatabase()
        try broker.execute("BEGIN; \(SchemaStory.all); COMMIT; CREATE TABLE number (value INTEGER PRIMARY KEY, note TEXT)")
        for (file, sql) in try statements() where sql.hasPrefix("UPDATE ") || sql.hasPrefix("INSERT INTO ") {
            guard !sql.contains("words"), file != "SearchIndex.swift" else { continue }
            let codes = try broker.texts("EXPLAIN " + sql, column: 1)
            #expect(codes.contains("Halt") && !codes.contains("OpenEphemeral"), "\(file): \(sql)")
        }
    }

    @Test func `no statement reads a table that grows`() throws {
        let broker = try PlainDatabase()
        try broker.execute("BEGIN; \(SchemaStory.all); COMMIT; CREATE TABLE number (value INTEGER PRIMARY KEY, note TEXT)")
        let directory = TemporaryDirectory()
        let path = directory.path + "/search.db"
        try SearchIndex.migrator.migrate(try Connection(path: path))
        let search = try PlainDatabase(path)
        let statements = try statements()
        #expect(statements.count > 60, "\(statements.count) statements were found")
        try expectNoScan(statements, broker, search)
        // Somebody may have let SQLite count when there were many grants and no session.
        let counted = try PlainDatabase()
        try counted.execute(
            """
            ANALYZE; DELETE FROM sqlite_stat1;
            INSERT INTO sqlite_stat1 VALUES ('grant', 'sqlite_autoindex_grant_1', '20000 1'); ANALYZE sqlite_schema
            """)
        try expectNoScan(statements.filter { $0.sql.hasPrefix("SELECT") && $0.sql.contains("FROM session") }, counted, search)
    }

    private func expectNoScan(_ statements: [(file: String, sql: String)], _ broker: PlainDatabase, _ search: PlainDatabase) throws {
        for (file, sql) in statements {
            let database = file == "SearchIndex.swift" ? search : broker
            for step in try database.texts("EXPLAIN QUERY PLAN " + sql, column: 3) {
                let isFine =
                    step.hasPrefix("SEARCH") || step.hasPrefix("CORRELATED") || step.hasPrefix("SCALAR") || step.hasPrefix("COMPOUND")
                    || step.hasPrefix("LEFT-MOST") || step.hasPrefix("UNION") || step.hasPrefix("CO-ROUTINE") || step.hasPrefix("SCAN (")
                    || step.hasPrefix("MULTI-INDEX") || step.hasPrefix("INDEX ") || step.hasPrefix("REUSE") || step.hasPrefix("MATERIALIZE")
                    || Self.allowed.contains { step.contains($0.step) } || (step.hasPrefix("USE TEMP B-TREE") && Self.sorted.contains(where: sql.contains))
                #expect(isFine, "\(file): \(step): \(sql)")
            }
        }
    }
}
