// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A statement that the schema must refuse, on the database of ``SchemaStory``, and words of the refusal.
struct SchemaAttack: Sendable {
    let sql: String
    let refusal: String

    init(_ sql: String, _ refusal: String) {
        self.sql = sql
        self.refusal = refusal
    }

    static let all = roll + requests + votes + reviews + grants + activations + endings + sessions + sessionMoves + ledger + recordings + holds + proposals

    private typealias Story = SchemaStory
    private static let anyone = "CHECK constraint failed"

    private static func immutable(
        _ table: String, _ id: String, _ refusal: String, _ columns: [(name: String, value: String)]
    ) -> [SchemaAttack] {
        columns.map { column in
            SchemaAttack("UPDATE \(table) SET version = version + 1, \(column.name) = \(column.value) WHERE id = '\(id)'", refusal)
        }
    }

    private static let roll = [
        SchemaAttack(Story.roll(4, type: "charter"), "follows the last"),
        SchemaAttack(Story.roll(2, type: "charter", digest: Story.hash("f")), "follows the last"),
        SchemaAttack(Story.roll(2, type: "charter", verb: "INSERT OR REPLACE"), "follows the last"),
        SchemaAttack(Story.roll(3, type: "charter", digest: Story.hash("a1"), verb: "INSERT OR REPLACE"), "exists"),
        SchemaAttack(Story.roll(3, type: "charter", digest: "ABC"), anyone),
        SchemaAttack("INSERT INTO roll VALUES (3, '\(Story.hash("f"))', 'charter', '{\"number\":3,\"type\":\"other\"}', '[]', 1)", anyone),
        SchemaAttack("INSERT INTO roll VALUES (3, '\(Story.hash("f"))', 'charter', '{\"number\":4,\"type\":\"charter\"}', '[]', 1)", anyone),
        SchemaAttack("UPDATE roll SET signatures = '[1]' WHERE number = 1", "never changes"),
        SchemaAttack("UPDATE OR REPLACE roll SET number = 1 WHERE number = 2", "never changes"),
        SchemaAttack("DELETE FROM roll WHERE number = 2", "never deleted"),
    ]

    private static let proposals = [
        SchemaAttack(Story.proposal("d", state: "withdrawn"), "begins open"),
        SchemaAttack(Story.proposal("d") + "; " + Story.proposal("d", verb: "INSERT OR REPLACE"), "exists"),
        SchemaAttack(
            "INSERT INTO proposal SELECT 'p-00000d', '\(Story.hash("d"))', person, state, content, statement, signatures, at, resolved_at, charter FROM proposal WHERE id = 'p-00000b'",
            "begins open"),
        SchemaAttack(Story.proposal("d", signed: "bob"), "as_signed"),
        SchemaAttack(Story.resolveProposal("a", "withdrawn"), "only its proposer"),
        SchemaAttack(Story.ending("f", kind: "withdraw", subject: "p-00000a") + "; " + Story.resolveProposal("a", "withdrawn", charter: "1"), "by_a_charter"),
        SchemaAttack(Story.resolveProposal("a", "agreed"), "by_a_charter"),
        SchemaAttack(Story.resolveProposal("a", "agreed", charter: "2"), "by a charter"),
        SchemaAttack(Story.resolveProposal("a", "overtaken", charter: "9"), "by a charter"),
        SchemaAttack(Story.resolveProposal("b", "agreed", charter: "1"), "resolved once"),
        SchemaAttack("UPDATE proposal SET state = 'open', resolved_at = NULL, charter = NULL WHERE id = 'p-00000c'", "resolved once"),
        SchemaAttack("UPDATE proposal SET state = 'agreed', resolved_at = 2, charter = 1, content = '{\"administrators\":[1]}' WHERE id = 'p-00000a'", "never changes"),
        SchemaAttack("UPDATE proposal SET signatures = '[1]' WHERE id = 'p-00000a'", "never changes"),
        SchemaAttack("DELETE FROM proposal WHERE id = 'p-00000b'", "never deleted"),
    ]

    private static let reviews = [
        SchemaAttack(Story.review("c", state: "accepted"), "begins due"),
        SchemaAttack(Story.review("c", version: 2), "begins due"),
        SchemaAttack(Story.review("c", requester: "bob"), "broke glass"),
        SchemaAttack(Story.review("6"), "broke glass"),
        SchemaAttack(Story.review("a", verb: "INSERT OR REPLACE"), "exists"),
        SchemaAttack(Story.review("c", due: 200), "due_after_done"),
        SchemaAttack(Story.grant("c"), "owes a review"),
        SchemaAttack(Story.judge("a", by: "alice"), "by_another"),
        SchemaAttack(Story.judge("a", signer: "carl"), "as_signed"),
        SchemaAttack(Story.judge("a", verdict: "concern"), "as_signed"),
        SchemaAttack(Story.judge("a", state: "flagged"), "as_signed"),
        SchemaAttack(Story.judge("a", request: Story.hash("b")), "of what was asked"),
        SchemaAttack(Story.judge("a", version: 3), "follows the last"),
        SchemaAttack(Story.judge("b"), "forward only"),
        SchemaAttack("UPDATE review SET state = 'accepted', version = 2 WHERE request = 'r-00000a'", "judged"),
        SchemaAttack("UPDATE review SET state = 'overdue', version = 2, due_before = 5000 WHERE request = 'r-00000a'", "never changes"),
        SchemaAttack("UPDATE review SET state = 'overdue', version = 2, told = '[]' WHERE request = 'r-00000a'", "never changes"),
        SchemaAttack("UPDATE review SET state = 'due', version = 3 WHERE request = 'r-00000b'", "forward only"),
        SchemaAttack("DELETE FROM review WHERE request = 'r-00000a'", "never deleted"),
        SchemaAttack(
            """
            INSERT INTO vote VALUES ('r-00000c', 'bob', '\(Story.hash("e"))', 'approve',
                '{"type":"vote","person":"bob","verdict":"approve","request":"\(Story.hash("c"))"}', '[]', 150)
            """, "pending request"),
    ]

    private static let requests = [
        SchemaAttack(Story.request(8, state: "approved"), "begins pending"),
        SchemaAttack(Story.request(8, version: 2), "begins pending"),
        SchemaAttack(Story.request(1, digest: Story.hash("f"), verb: "INSERT OR REPLACE"), "exists"),
        SchemaAttack(Story.request(8, digest: Story.hash("1"), verb: "INSERT OR REPLACE"), "exists"),
        SchemaAttack(Story.request(8, id: "r-00000i"), anyone),
        SchemaAttack(Story.request(8, id: "r-00000A"), anyone),
        SchemaAttack(Story.request(8, id: "r-0000088"), anyone),
        SchemaAttack(Story.request(8, id: "g-000008"), anyone),
        SchemaAttack(Story.request(8, digest: String(repeating: "G", count: 64)), anyone),
        SchemaAttack(Story.request(8, digest: String(repeating: "0", count: 63)), anyone),
        SchemaAttack(Story.request(8, person: "Alice"), anyone),
        SchemaAttack(Story.request(8, person: ".alice"), anyone),
        SchemaAttack(Story.request(8, person: ""), anyone),
        SchemaAttack(Story.request(8, person: String(repeating: "a", count: 64)), anyone),
        SchemaAttack(Story.request(8, person: "alice' || char(0) || 'x", signer: "alice' || char(0) || 'x"), "plain"),
        SchemaAttack(Story.request(8, signer: "bob"), "as_signed"),
        SchemaAttack(Story.request(8, breakGlass: 1), "as_signed"),
        SchemaAttack("UPDATE request SET break_glass = 1, version = 1 + version WHERE id = 'r-000001'", "never changes"),
        SchemaAttack(Story.request(8, decideBefore: 100), "decided_after_asked"),
        SchemaAttack("UPDATE request SET state = 'approved', version = 1 + version WHERE id = 'r-000001'", "resolved_or_pending"),
        SchemaAttack("UPDATE request SET state = 'approved', version = 1 + version, resolved_at = 1000 WHERE id = 'r-000001'", "approved_in_time"),
        SchemaAttack("UPDATE request SET state = 'lapsed', version = 1 + version, resolved_at = 999 WHERE id = 'r-000001'", "lapsed_in_time"),
        SchemaAttack("UPDATE request SET state = 'granted', version = 1 + version, resolved_at = 200 WHERE id = 'r-000001'", anyone),
        SchemaAttack("UPDATE request SET state = 'pending', resolved_at = NULL, version = 3 WHERE id = 'r-000004'", "resolved request never changes"),
        SchemaAttack("UPDATE request SET state = 'approved', version = 3 WHERE id = 'r-000004'", "resolved request never changes"),
        SchemaAttack("UPDATE request SET reason_code = 'x', version = 3 WHERE id = 'r-000002'", "resolved request never changes"),
        SchemaAttack("UPDATE request SET version = version WHERE id = 'r-000001'", "version follows"),
        SchemaAttack("UPDATE request SET version = version + 2 WHERE id = 'r-000001'", "version follows"),
        SchemaAttack("DELETE FROM request WHERE id = 'r-000004'", "never deleted"),
        SchemaAttack("DELETE FROM request", "never deleted"),
    ] + immutable("request", "r-000001", "what was asked never changes", [
        ("id", "'r-000009'"), ("digest", "'\(Story.hash("9"))'"), ("person", "'bob'"), ("statement", "'{}'"),
        ("signatures", "'[1]'"), ("entitlement", "'other'"), ("charter", "2"), ("created_at", "99"), ("decide_before", "9999"),
    ])

    private static let votes = [
        SchemaAttack(Story.vote(1, by: "alice", digest: Story.hash("f")), "their own request"),
        SchemaAttack(Story.vote(1, by: "alice", digest: Story.hash("f"), verdict: "deny"), "their own request"),
        SchemaAttack(Story.vote(4, by: "bob"), "needs a pending request"),
        SchemaAttack(Story.vote(2, by: "carol", digest: Story.hash("f")), "needs a pending request"),
        SchemaAttack(Story.vote(9, by: "carol"), "needs a pending request"),
        SchemaAttack(Story.vote(1, by: "carol", digest: Story.hash("f"), on: Story.hash("2")), "on what was asked"),
        SchemaAttack(Story.vote(1, by: "bob", digest: Story.hash("f"), verb: "INSERT OR REPLACE"), "exists"),
        SchemaAttack(Story.vote(1, by: "carol", digest: Story.hash("b2"), verb: "INSERT OR REPLACE"), "exists"),
        SchemaAttack(Story.vote(1, by: "carol", digest: Story.hash("f"), verdict: "maybe"), anyone),
        SchemaAttack(Story.vote(1, by: "Carol", digest: Story.hash("f")), anyone),
        SchemaAttack("UPDATE vote SET verdict = 'deny' WHERE request = 'r-000001'", "never changes"),
        SchemaAttack("UPDATE vote SET at = at", "never changes"),
        SchemaAttack("DELETE FROM vote WHERE request = 'r-000001'", "never deleted"),
    ]

    private static let grants = [
        SchemaAttack(Story.grant(1), "needs an approved request"),
        SchemaAttack(Story.grant(4), "needs an approved request"),
        SchemaAttack(Story.grant(9), "needs an approved request"),
        SchemaAttack(Story.grant(6, holder: "bob"), "needs an approved request of its holder"),
        SchemaAttack(Story.grant(6, state: "active"), "begins ready"),
        SchemaAttack(Story.grant(6, version: 2), "begins ready"),
        SchemaAttack(Story.grant(6, id: "g-000009"), anyone),
        SchemaAttack(Story.grant(6, seconds: 0), anyone),
        SchemaAttack(Story.grant(5, verb: "INSERT OR REPLACE"), "exists"),
        SchemaAttack("UPDATE grant SET state = 'ready', version = version + 1 WHERE id = 'g-000005'", "moves forward only"),
        SchemaAttack("UPDATE grant SET state = 'active', version = version + 1 WHERE id = 'g-000005'", "moves forward only"),
        SchemaAttack("UPDATE grant SET state = 'active', version = version + 1 WHERE id = 'g-000007'", "moves forward only"),
        SchemaAttack("UPDATE grant SET state = 'ending', version = version + 1 WHERE id = 'g-000002'", "moves forward only"),
        SchemaAttack("UPDATE grant SET state = 'ended', version = version + 1 WHERE id = 'g-000002'", "moves forward only"),
        SchemaAttack("UPDATE grant SET state = 'lapsed', ended_at = 900, version = version + 1 WHERE id = 'g-000003'", "moves forward only"),
        SchemaAttack("UPDATE grant SET not_after = 60299, version = version + 1 WHERE id = 'g-000003'", "moves forward only"),
        SchemaAttack("UPDATE grant SET state = 'lapsed', ended_at = 899, version = version + 1 WHERE id = 'g-000002'", "lapsed_in_time"),
        SchemaAttack("UPDATE grant SET state = 'lapsed', version = version + 1 WHERE id = 'g-000002'", "over"),
        SchemaAttack("UPDATE grant SET state = 'cancelled', ended_at = 500, version = version + 1 WHERE id = 'g-000002'", "reasoned"),
        SchemaAttack("UPDATE grant SET state = 'ending', version = version + 1 WHERE id = 'g-000003'", "reasoned"),
        SchemaAttack("UPDATE grant SET state = 'ended', version = version + 1 WHERE id = 'g-000007'", "over"),
        SchemaAttack("UPDATE grant SET state = 'ended', ended_at = 500, end_reason = 'expired', version = version + 1 WHERE id = 'g-000007'", "reason of an end"),
        SchemaAttack("UPDATE grant SET state = 'ended', ended_at = 500, version = version + 2 WHERE id = 'g-000007'", "version follows"),
        SchemaAttack("UPDATE grant SET state = 'ended', ended_at = 500, not_after = 60301, version = version + 1 WHERE id = 'g-000007'", "activation never changes"),
        SchemaAttack(Story.end(3) + ";" + Story.settle(3), "after its sessions"),
        SchemaAttack("DELETE FROM grant WHERE id = 'g-000002'", "never deleted"),
    ] + immutable("grant", "g-000002", "what was granted never changes", [
        ("state = 'cancelled', id", "'g-000009'"), ("state = 'cancelled', request", "'r-000006'"),
        ("state = 'cancelled', holder", "'bob'"), ("state = 'cancelled', granted_seconds", "3600"),
        ("state = 'cancelled', activate_before", "9999"), ("state = 'cancelled', created_at", "1"),
    ])

    private static let activations = [
        SchemaAttack(Story.activate(2, person: "bob"), "as_signed"),
        SchemaAttack(Story.activate(2, request: Story.hash("3")), "of what was asked"),
        SchemaAttack(Story.activate(2, notAfter: 60_301), "time_boxed"),
        SchemaAttack(Story.activate(2, notAfter: 300), "time_boxed"),
        SchemaAttack(Story.activate(3), "moves forward only"),
        SchemaAttack("UPDATE grant SET state = 'active', version = 2 WHERE id = 'g-000002'", "activated"),
    ]

    private static let endings = [
        SchemaAttack(Story.ending("f", kind: "revoke", subject: "r-000001"), anyone),
        SchemaAttack(Story.ending("f", kind: "withdraw", subject: "g-000001"), anyone),
        SchemaAttack(Story.ending("f", kind: "end", subject: "s-00000l"), anyone),
        SchemaAttack(Story.ending("f", kind: "delete", subject: "g-000001"), anyone),
        SchemaAttack(Story.ending("f", kind: "revoke", subject: "g-000001", signer: "bob"), "as_signed"),
        SchemaAttack(Story.ending("a", kind: "revoke", subject: "g-000003", verb: "INSERT OR REPLACE"), "exists"),
        SchemaAttack("UPDATE ending SET at = 2", "never changes"),
        SchemaAttack("DELETE FROM ending", "never deleted"),
    ]

    private static let sessions = [
        SchemaAttack(Story.session("g", grant: 2), "needs an active grant"),
        SchemaAttack(Story.session("g", grant: 5), "needs an active grant"),
        SchemaAttack(Story.session("g", grant: 7), "needs an active grant"),
        SchemaAttack(Story.session("g", grant: 9), "needs an active grant"),
        SchemaAttack(Story.session("g", person: "bob"), "needs an active grant of its person"),
        SchemaAttack(Story.session("g", openedAt: 60_300), "needs an active grant"),
        SchemaAttack(Story.session("g", state: "live"), "begins opening"),
        SchemaAttack(Story.session("g", node: "db-1"), "as_signed"),
        SchemaAttack(Story.session("g", capability: "root"), anyone),
        SchemaAttack(Story.session("u"), anyone),
        SchemaAttack(Story.session("e", verb: "INSERT OR REPLACE"), "exists"),
        SchemaAttack("DELETE FROM session WHERE id = 's-00000e'", "never deleted"),
    ] + immutable("session", "s-00000b", "what was opened never changes", [
        ("state = 'detached', id", "'s-00000g'"), ("state = 'detached', grant", "'g-000002'"),
        ("state = 'detached', node", "'db-1'"), ("state = 'detached', person", "'bob'"),
        ("state = 'detached', capability", "'exec'"), ("state = 'detached', opening", "'{}'"),
        ("state = 'detached', opening_signatures", "'[1]'"), ("state = 'detached', opened_at", "1"),
    ])

    private static let sessionMoves = [
        SchemaAttack(Story.change("a", "state = 'detached'"), "moves forward only"),
        SchemaAttack(Story.change("a", "state = 'live'"), "accepted"),
        SchemaAttack(Story.change("b", "state = 'opening'"), "moves forward only"),
        SchemaAttack(Story.change("b", "end_detail = 'x'"), "moves forward only"),
        SchemaAttack(Story.change("d", "state = 'live'"), "moves forward only"),
        SchemaAttack(Story.change("b", "state = 'ending'"), "reasoned"),
        SchemaAttack(Story.change("d", "state = 'ended'"), "over"),
        SchemaAttack(Story.change("b", "state = 'detached', started_at = 1"), "how a session began"),
        SchemaAttack(Story.change("b", "state = 'detached', recording = 'two'"), "how a session began"),
        SchemaAttack(Story.change("b", "state = 'detached', acceptance = '{}'"), "how a session began"),
        SchemaAttack(Story.change("b", Story.over + ", confirmed = 1"), "receipted"),
        SchemaAttack(Story.change("b", "state = 'detached'," + Story.receipt), "receipted"),
        SchemaAttack(Story.change("b", Story.over + "," + Story.receipt + ", receipt = '{\"type\":\"receipt\",\"node\":\"db-1\"}'"), "receipted"),
        SchemaAttack("UPDATE session SET state = 'detached' WHERE id = 's-00000b'", "version follows"),
        SchemaAttack(Story.change("e", "state = 'live', ended_at = NULL, end_reason = NULL"), "ended session never changes"),
        SchemaAttack(Story.change("e", Story.receipt), "ended session never changes"),
        SchemaAttack(Story.change("e", "left_count = 1"), "ended session never changes"),
        SchemaAttack(Story.change("f", "state = 'live', ended_at = NULL, end_reason = NULL"), "ended session never changes"),
        SchemaAttack(Story.change("f", "end_detail = 'x'"), "ended session never changes"),
        SchemaAttack(Story.change("f", Story.receipt + ", ended_at = 1"), "ended session never changes"),
        SchemaAttack(Story.change("f", Story.receipt + ", end_reason = 'exited'"), "ended session never changes"),
        SchemaAttack("UPDATE session SET \(Story.receipt) WHERE id = 's-00000f'", "version follows"),
    ]

    private static let recordings = [
        SchemaAttack("INSERT INTO recording (session, state, begun_at) VALUES ('s-00000a', 'whole', 1)", "begins growing"),
        SchemaAttack("INSERT INTO recording (session, state, begun_at) VALUES ('s-00000x', 'growing', 1)", "its node accepted"),
        SchemaAttack("INSERT INTO recording (session, state, begun_at) VALUES ('s-00000a', 'growing', 1)", "its node accepted"),
        SchemaAttack("REPLACE INTO recording (session, state, begun_at) VALUES ('s-00000b', 'growing', 1)", "exists"),
        SchemaAttack(Story.endRecording("b"), "ends after its session"),
        SchemaAttack(Story.endRecording("f"), "ends after its session"),
        SchemaAttack(Story.endRecording("e"), "moves forward only"),
        SchemaAttack("UPDATE recording SET state = 'deleted', deleted_at = 9, bytes = 9 WHERE session = 's-00000e'", "began and ended never"),
        SchemaAttack("UPDATE recording SET state = 'deleted', deleted_at = 9, begun_at = 9 WHERE session = 's-00000e'", "began and ended never"),
        SchemaAttack("UPDATE recording SET state = 'deleted', deleted_at = 9, statement = '{}' WHERE session = 's-00000e'", "began and ended never"),
        SchemaAttack("UPDATE recording SET state = 'deleted' WHERE session = 's-00000e'", "deleted"),
        SchemaAttack("UPDATE recording SET state = 'deleted', deleted_at = 9 WHERE session = 's-00000b'", "moves forward only"),
        SchemaAttack("UPDATE recording SET state = 'growing' WHERE session = 's-00000e'", "moves forward only"),
        SchemaAttack("DELETE FROM recording WHERE session = 's-00000e'", "never deleted"),
    ]

    private static let holds = [
        SchemaAttack(Story.hold("c", name: "case-3", scope: "person:alice") + "; UPDATE recording SET state = 'deleted', deleted_at = 9 WHERE session = 's-00000e'", "that is held"),
        SchemaAttack(Story.hold("c", name: "case-3", scope: "g-000003") + "; UPDATE recording SET state = 'deleted', deleted_at = 9 WHERE session = 's-00000e'", "that is held"),
        SchemaAttack(Story.hold("c", name: "case-1"), "exists"),
        SchemaAttack(Story.hold("a", name: "case-3", verb: "INSERT OR REPLACE"), "exists"),
        SchemaAttack(Story.hold("c", name: "case-3", signed: "case-4"), "as_signed"),
        SchemaAttack(Story.hold("c", name: "Case"), anyone),
        SchemaAttack(Story.hold("c", name: "case-3") + "; UPDATE hold SET removed_at = 9 WHERE name = 'case-3'", "removed"),
        SchemaAttack("INSERT INTO hold SELECT '\(Story.hash("c"))', name, scope, statement, signatures, at, removal, removal_signatures, removed_at FROM hold WHERE name = 'case-2'", "begins in force"),
        SchemaAttack("UPDATE hold SET scope = 'env=x' WHERE name = 'case-1'", "removed once"),
        SchemaAttack("UPDATE hold SET removed_at = NULL, removal = NULL, removal_signatures = NULL WHERE name = 'case-2'", "removed once"),
        SchemaAttack(Story.removeHold("case-1").replacingOccurrences(of: "SET", with: "SET at = 9,"), "what was held never"),
        SchemaAttack("DELETE FROM hold", "never deleted"),
    ]

    private static let ledger = [
        SchemaAttack(Story.ledger(4, previous: Story.hash("2")), "follows the last"),
        SchemaAttack(Story.ledger(2, previous: Story.hash("1"), hash: Story.hash("f"), verb: "INSERT OR REPLACE"), "follows the last"),
        SchemaAttack(Story.ledger(3, previous: Story.hash("1")), "the one before"),
        SchemaAttack(Story.ledger(3, previous: Story.hash("2"), hash: "x"), anyone),
        SchemaAttack("INSERT INTO ledger VALUES (3, 1, 'Created', 'x', '', '{}', '\(Story.hash("2"))', '\(Story.hash("3"))')", anyone),
        SchemaAttack("INSERT INTO ledger VALUES (3, 0, 'a.b', 'x', '', '{}', '\(Story.hash("2"))', '\(Story.hash("3"))')", anyone),
        SchemaAttack("INSERT INTO ledger VALUES (3, 'now', 'a.b', 'x', '', '{}', '\(Story.hash("2"))', '\(Story.hash("3"))')", "cannot store TEXT"),
        SchemaAttack("UPDATE ledger SET body = '{\"a\":1}' WHERE number = 1", "never changes"),
        SchemaAttack("UPDATE OR REPLACE ledger SET number = 1 WHERE number = 2", "never changes"),
        SchemaAttack("DELETE FROM ledger WHERE number = 2", "never deleted"),
        SchemaAttack("INSERT INTO ledger_tree VALUES (1, 1, zeroblob(32))", "entries that exist"),
        SchemaAttack("REPLACE INTO ledger_tree VALUES (1, 0, randomblob(32))", "exists"),
        SchemaAttack("INSERT INTO ledger_tree VALUES (0, 1, zeroblob(32))", anyone),
        SchemaAttack("INSERT INTO ledger_tree VALUES (1, -1, zeroblob(32))", "entries that exist"),
        SchemaAttack("UPDATE ledger_tree SET hash = randomblob(32)", "never changes"),
        SchemaAttack("DELETE FROM ledger_tree", "never deleted"),
        SchemaAttack("REPLACE INTO presence VALUES ('Web 1', 1, '', '', NULL, NULL)", anyone),
        SchemaAttack("UPDATE presence SET facts = 'no JSON', facts_at = 1", anyone),
        SchemaAttack("UPDATE presence SET facts = '{}', facts_at = NULL", anyone),
    ]
}
