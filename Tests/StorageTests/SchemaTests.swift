// SPDX-License-Identifier: Apache-2.0

import Storage
import Testing

@Suite struct SchemaTests {
    private typealias Story = SchemaStory

    private let database: PlainDatabase

    init() throws {
        database = try PlainDatabase()
        try database.execute("BEGIN; \(SchemaStory.all); COMMIT")
    }

    @Test func `the schema alone refuses every attack`() throws {
        for attack in SchemaAttack.all {
            let refusal = try database.refusal(of: attack.sql)
            #expect(refusal?.contains(attack.refusal) == true, "\(refusal ?? "accepted"): \(attack.sql)")
        }
    }

    @Test func `no trigger could be left out without an attack succeeding`() throws {
        for trigger in try database.texts("SELECT name FROM sqlite_schema WHERE type = 'trigger'") {
            try database.execute("SAVEPOINT without; DROP TRIGGER \(trigger)")
            let notices = try SchemaAttack.all.contains { attack in
                try database.refusal(of: attack.sql)?.contains(attack.refusal) != true
            }
            #expect(notices, "\(trigger)")
            try database.execute("ROLLBACK TO without; RELEASE without")
        }
    }

    @Test func `the receipt of a node that was out of reach is taken once`() throws {
        try database.execute(Story.change("f", Story.receipt + ", exit_status = 3"))
        #expect(throws: PlainDatabase.Failure.self) { try database.execute(Story.change("f", Story.receipt)) }
    }

    @Test func `a grant ends when its last session has`() throws {
        try database.execute(Story.end(3))
        for letter in ["a", "b", "c", "d"] {
            #expect(throws: PlainDatabase.Failure.self) { try database.execute(Story.settle(3)) }
            let reason = letter == "d" ? "" : ", end_reason = 'revoked'"
            try database.execute(Story.change(letter, "state = 'ended', ended_at = 600" + reason))
        }
        try database.execute(Story.settle(3))
    }

    @Test(arguments: [
        "SELECT * FROM request WHERE state = 'pending' AND decide_before <= ?1 ORDER BY decide_before LIMIT ?2",
        "SELECT * FROM request WHERE state = 'pending' AND person = ?1",
        "SELECT * FROM request WHERE person = ?1 ORDER BY created_at DESC, id LIMIT ?2",
        "SELECT * FROM request WHERE digest = ?1",
        "SELECT statement, signatures FROM vote WHERE request = ?1",
        "SELECT request FROM vote WHERE digest = ?1",
        "SELECT * FROM grant WHERE state = 'ready' AND activate_before <= ?1 ORDER BY activate_before LIMIT ?2",
        "SELECT * FROM grant WHERE state = 'active' AND not_after <= ?1 ORDER BY not_after LIMIT ?2",
        """
        SELECT * FROM grant AS g WHERE state = 'ending' AND NOT EXISTS
            (SELECT 1 FROM session AS s WHERE s.grant = g.id AND s.state <> 'ended') LIMIT ?1
        """,
        "SELECT * FROM grant WHERE holder = ?1 AND ended_at IS NULL ORDER BY created_at DESC",
        """
        SELECT * FROM grant WHERE end_reason IS NOT NULL
            AND coalesce(not_after, activate_before + granted_seconds * 1000) > ?1
        ORDER BY coalesce(not_after, activate_before + granted_seconds * 1000) LIMIT ?2
        """,
        "SELECT * FROM session WHERE grant = ?1 ORDER BY opened_at",
        "SELECT * FROM session WHERE state <> 'ended' AND node = ?1",
        "SELECT count(*) AS n FROM session WHERE state <> 'ended' AND person = ?1",
        "SELECT 1 AS found FROM ending WHERE digest = ?1",
        "SELECT * FROM ledger WHERE subject = ?1 ORDER BY number LIMIT ?2",
        "SELECT * FROM ledger WHERE number > ?1 ORDER BY number LIMIT ?2",
        "SELECT number FROM roll WHERE digest = ?1",
    ])
    func `a question of every day reads no whole table and sorts nothing`(query: String) throws {
        for step in try database.texts("EXPLAIN QUERY PLAN " + query, column: 3) {
            #expect(step.hasPrefix("SEARCH") || step.hasPrefix("CORRELATED"), "\(step): \(query)")
        }
    }

    @Test(arguments: [
        ("SELECT * FROM request ORDER BY created_at DESC, id LIMIT ?1", "request_by_time"),
        ("SELECT * FROM grant ORDER BY created_at DESC, id LIMIT ?1", "grant_by_time"),
        ("SELECT * FROM session ORDER BY opened_at DESC, id LIMIT ?1", "session_by_time"),
        ("SELECT * FROM request WHERE state = 'pending' ORDER BY decide_before", "request_due"),
        ("SELECT * FROM request WHERE state = 'pending' AND person = ?1", "request_pending"),
        ("SELECT * FROM session WHERE state <> 'ended'", "session_alive_by_"),
        ("SELECT * FROM grant WHERE ended_at IS NULL", "grant_open"),
    ])
    func `a list follows an index that holds its rows in their order`(query: String, index: String) throws {
        let plan = try database.texts("EXPLAIN QUERY PLAN " + query, column: 3)
        #expect(plan.count == 1 && plan.first?.contains("USING INDEX \(index)") == true, "\(plan)")
    }

    @Test func `a connection of ours sees a sound database`() throws {
        #expect(try database.texts("PRAGMA integrity_check") == ["ok"])
        #expect(try database.texts("PRAGMA foreign_key_check").isEmpty)
    }
}
