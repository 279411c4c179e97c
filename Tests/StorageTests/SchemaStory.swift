// SPDX-License-Identifier: Apache-2.0

/// SQL that fills a database with one of everything, in each of its states.
///
///     r-000001 pending, one vote      r-000002 approved, grant ready     r-000003 approved, grant active, six sessions
///     r-000004 denied                 r-000005 approved, grant ended     r-000006 approved, no grant yet
///     r-000007 approved, grant ending  r-00000a broke glass, review due, grant ready
///     r-00000b broke glass, reviewed   r-00000c broke glass, no review yet
enum SchemaStory {
    static let all = [
        roll(1, type: "charter"), roll(2, type: "invitation"),
        request(1), vote(1, by: "bob"),
        approved(2), grant(2),
        approved(3), grant(3), activate(3), sessions,
        request(4), "UPDATE request SET state = 'denied', resolved_at = 200, version = 2 WHERE id = 'r-000004'",
        approved(5), grant(5), activate(5), end(5), settle(5),
        approved(6),
        approved(7), grant(7), activate(7), end(7),
        broken("a"), review("a"), grant("a"),
        broken("b"), review("b"), judge("b"),
        broken("c"),
        ending("a", kind: "release", subject: "g-000005"),
        ledger(1, previous: String(repeating: "0", count: 64)), ledger(2, previous: hash("1")),
        "INSERT INTO ledger_tree VALUES (1, 0, zeroblob(32))",
        proposal("a"), proposal("b"), proposal("c"),
        ending("e", kind: "withdraw", subject: "p-00000b"), resolveProposal("b", "withdrawn"), resolveProposal("c", "agreed", charter: "1"),
        hold("a", name: "case-1"), hold("b", name: "case-2"), removeHold("case-2"),
        "INSERT INTO presence VALUES ('web-1', 1, '10.0.0.1', '1.0', NULL, NULL)",
        "UPDATE presence SET last_seen = 2, address = '10.0.0.2'",
    ].joined(separator: ";\n")

    static func hash(_ end: String) -> String {
        String(repeating: "0", count: 64 - end.utf8.count) + end
    }

    static func roll(_ number: Int, type: String, digest: String? = nil, verb: String = "INSERT") -> String {
        """
        \(verb) INTO roll VALUES (\(number), '\(digest ?? hash("a\(number)"))', '\(type)',
            '{"number":\(number),"type":"\(type)"}', '[]', 1)
        """
    }

    /// A request that broke glass, approved.
    static func broken(_ letter: String) -> String {
        """
        INSERT INTO request (id, digest, person, state, version, statement, signatures, break_glass, entitlement, charter, created_at,
            decide_before)
        VALUES ('r-00000\(letter)', '\(hash(letter))', 'alice', 'pending', 1,
            '{"breakGlass":true,"charter":1,"entitlement":"prod","person":"alice","type":"request"}', '[]', 1, 'prod', 1, 100, 1000);
        UPDATE request SET state = 'approved', resolved_at = 200, version = 2 WHERE id = 'r-00000\(letter)'
        """
    }

    static func review(
        _ letter: String, requester: String = "alice", state: String = "due", version: Int = 1, due: Int = 900, verb: String = "INSERT"
    ) -> String {
        """
        \(verb) INTO review (request, requester, state, version, due_before, told, created_at)
        VALUES ('r-00000\(letter)', '\(requester)', '\(state)', \(version), \(due), '["bob"]', 200)
        """
    }

    static func judge(
        _ letter: String, by person: String = "bob", signer: String? = nil, state: String = "accepted", verdict: String = "accepted",
        request: String? = nil, version: Int = 2
    ) -> String {
        """
        UPDATE review SET state = '\(state)', version = \(version), reviewer = '\(person)', digest = '\(hash("d" + letter))',
            signatures = '[]', reviewed_at = 300,
            statement = '{"person":"\(signer ?? person)","request":"\(request ?? hash(letter))","type":"review","verdict":"\(verdict)"}'
        WHERE request = 'r-00000\(letter)'
        """
    }

    static func request(
        _ number: Int, digest: String? = nil, person: String = "alice", signer: String? = nil, state: String = "pending",
        version: Int = 1, id: String? = nil, decideBefore: Int = 1_000, breakGlass: Int = 0, verb: String = "INSERT"
    ) -> String {
        """
        \(verb) INTO request (id, digest, person, state, version, statement, signatures, break_glass, entitlement, charter, created_at,
            decide_before, resolved_at)
        VALUES ('\(id ?? "r-00000\(number)")', '\(digest ?? hash("\(number)"))', '\(person)', '\(state)', \(version),
            '{"breakGlass":false,"charter":1,"entitlement":"prod","person":"\(signer ?? person)","type":"request"}', '[]', \(breakGlass), 'prod', 1, 100,
            \(decideBefore), \(state == "pending" ? "NULL" : "200"))
        """
    }

    static func vote(
        _ request: Int, by person: String, digest: String? = nil, on: String? = nil, verdict: String = "approve",
        verb: String = "INSERT"
    ) -> String {
        """
        \(verb) INTO vote VALUES ('r-00000\(request)', '\(person)', '\(digest ?? hash("b\(request)"))', '\(verdict)',
            '{"type":"vote","person":"\(person)","verdict":"\(verdict)","request":"\(on ?? hash("\(request)"))"}', '[]', 150)
        """
    }

    static func approved(_ number: Int) -> String {
        request(number) + ";" + vote(number, by: "bob")
            + "; UPDATE request SET state = 'approved', resolved_at = 200, version = 2 WHERE id = 'r-00000\(number)'"
    }

    static func grant(_ letter: String) -> String {
        """
        INSERT INTO grant (id, request, holder, state, version, granted_seconds, activate_before, created_at)
        VALUES ('g-00000\(letter)', 'r-00000\(letter)', 'alice', 'ready', 1, 60, 900, 200)
        """
    }

    static func grant(
        _ number: Int, holder: String = "alice", id: String? = nil, state: String = "ready", version: Int = 1,
        seconds: Int = 60, verb: String = "INSERT"
    ) -> String {
        """
        \(verb) INTO grant (id, request, holder, state, version, granted_seconds, activate_before, created_at)
        VALUES ('\(id ?? "g-00000\(number)")', 'r-00000\(number)', '\(holder)', '\(state)', \(version), \(seconds), 900, 200)
        """
    }

    static func activate(
        _ number: Int, person: String = "alice", request: String? = nil, notBefore: Int = 300, notAfter: Int = 60_300
    ) -> String {
        """
        UPDATE grant SET state = 'active', version = version + 1, activation_signatures = '[]', not_before = \(notBefore),
            not_after = \(notAfter),
            activation = '{"type":"activation","person":"\(person)","request":"\(request ?? hash("\(number)"))"}'
        WHERE id = 'g-00000\(number)'
        """
    }

    static func end(_ number: Int) -> String {
        "UPDATE grant SET state = 'ending', end_reason = 'released', version = version + 1 WHERE id = 'g-00000\(number)'"
    }

    static func settle(_ number: Int) -> String {
        "UPDATE grant SET state = 'ended', ended_at = 500, version = version + 1 WHERE id = 'g-00000\(number)'"
    }

    static func ending(
        _ digest: String, kind: String, subject: String, person: String = "alice", signer: String = "alice",
        verb: String = "INSERT"
    ) -> String {
        """
        \(verb) INTO ending VALUES ('\(hash(digest))', '\(kind)', '\(subject)', '\(person)',
            '{"type":"ending","kind":"\(kind)","person":"\(signer)"}', '[]', 1)
        """
    }

    static func session(
        _ letter: String, grant: Int = 3, node: String = "web-1", person: String = "alice", capability: String = "shell",
        signedNode: String = "web-1", openedAt: Int = 400, state: String = "opening", verb: String = "INSERT"
    ) -> String {
        """
        \(verb) INTO session (id, grant, node, person, capability, state, version, opening, opening_signatures, opened_at)
        VALUES ('s-00000\(letter)', 'g-00000\(grant)', '\(node)', '\(person)', '\(capability)', '\(state)', 1,
            '{"type":"opening","node":"\(signedNode)","person":"\(person)","capability":"\(capability)"}', '[]', \(openedAt))
        """
    }

    /// An UPDATE of one session; the version grows as it must.
    static func change(_ letter: String, _ assignments: String) -> String {
        "UPDATE session SET version = version + 1, \(assignments) WHERE id = 's-00000\(letter)'"
    }

    static let accept = """
        state = 'live', acceptance = '{"type":"acceptance","node":"web-1"}', acceptance_signatures = '[]', started_at = 410,
        recording = 'one'
        """
    static let receipt = """
        confirmed = 1, killed_count = 2, left_count = 0, receipt = '{"type":"receipt","node":"web-1"}',
        receipt_signatures = '[]'
        """
    static let over = "state = 'ended', ended_at = 500, end_reason = 'exited'"

    /// a opening, b live, c detached, d ending, e ended with its receipt, f ended unconfirmed.
    private static let sessions = [
        session("a"), session("b"), session("c"), session("d"), session("e"), session("f"),
        change("b", accept), change("c", accept), change("c", "state = 'detached'"),
        change("d", "state = 'ending', end_reason = 'revoked'"),
        change("e", accept), change("e", over + "," + receipt),
        change("f", accept), change("f", "state = 'ended', ended_at = 500, end_reason = 'unconfirmed'"),
        "INSERT INTO recording (session, state, begun_at) VALUES ('s-00000b', 'growing', 410), ('s-00000e', 'growing', 410)",
        "INSERT INTO recording (session, state, begun_at) VALUES ('s-00000f', 'growing', 410)", endRecording("e", missing: 3),
    ].joined(separator: ";\n")

    static func proposal(_ letter: String, signed: String = "alice", state: String = "open", verb: String = "INSERT") -> String {
        """
        \(verb) INTO proposal (id, digest, person, state, content, statement, signatures, at)
        VALUES ('p-00000\(letter)', '\(hash(letter))', 'alice', '\(state)', '{"administrators":[],"policy":""}',
            '{"person":"\(signed)","type":"consent"}', '[]', 1)
        """
    }

    static func resolveProposal(_ letter: String, _ state: String, charter: String = "NULL") -> String {
        "UPDATE proposal SET state = '\(state)', resolved_at = 2, charter = \(charter) WHERE id = 'p-00000\(letter)'"
    }

    static func hold(_ digest: String, name: String, signed: String? = nil, scope: String = "person:bob", verb: String = "INSERT") -> String {
        """
        \(verb) INTO hold (digest, name, scope, statement, signatures, at) VALUES ('\(hash(digest))', '\(name)', '\(scope)',
            '{"kind":"add","name":"\(signed ?? name)","scope":"\(scope)","type":"hold"}', '[]', 1)
        """
    }

    static func removeHold(_ name: String) -> String {
        """
        UPDATE hold SET removed_at = 2, removal_signatures = '[]',
            removal = '{"kind":"remove","name":"\(name)","scope":"person:bob","type":"hold"}' WHERE name = '\(name)'
        """
    }

    /// The recording of a session ends, with something missing or whole.
    static func endRecording(_ letter: String, missing: Int = 0) -> String {
        """
        UPDATE recording SET signatures = '[]', ended_at = 510, bytes = 8, state = '\(missing == 0 ? "whole" : "truncated")',
            statement = '{"bytes":8,"missing":\(missing),"type":"recording-end"}' WHERE session = 's-00000\(letter)'
        """
    }

    static func ledger(_ number: Int, previous: String, hash: String? = nil, verb: String = "INSERT") -> String {
        """
        \(verb) INTO ledger VALUES (\(number), 1, 'request.created', 'r-000001', '', '{}', '\(previous)',
            '\(hash ?? Self.hash("\(number)"))')
        """
    }
}
