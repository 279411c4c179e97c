// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Whoever owns the broker's database opens nothing with it (P1).
@Suite(.serialized)
struct ForgeryTests {
    // MARK: Beside a running broker

    @Suite(.serialized, .installation())
    struct OfWorkflow {
        @Test func `a request that was never voted on opens nothing, though the database says approved`() async throws {
            let here = try Installation.here
            let request = try await here.request()
            try await here.forge(Forgery.approve(request.id))
            #expect(try await here.grants().contains { $0.id == "g" + request.id.dropFirst() && $0.state == "ready" })
            try await Forgery.expectRefusal(here, saying: "request.seats-not-filled")
        }

        @Test func `a vote that was copied from another request opens nothing`() async throws {
            let here = try Installation.here
            let (voted, request) = (try await approved(here), try await here.request())
            try await here.forge(Forgery.copyVote(from: voted.id, to: request.id) + Forgery.approve(request.id))
            try await Forgery.expectRefusal(here, saying: "evidence.")
        }

        @Test func `a vote that was made to fit the request opens nothing`() async throws {
            let here = try Installation.here
            let (voted, request) = (try await approved(here), try await here.request())
            try await here.forge(
                Forgery.copyVote(from: voted.id, to: request.id) + """
                    UPDATE vote SET statement = replace(statement,
                        (SELECT digest FROM request WHERE id = '\(voted.id)'), (SELECT digest FROM request WHERE id = '\(request.id)'))
                    WHERE request = '\(request.id)';
                    """ + Forgery.approve(request.id))
            try await Forgery.expectRefusal(here, saying: "signature")
        }

        @Test func `a request that was made longer after its approval opens nothing`() async throws {
            let here = try Installation.here
            let request = try await approved(here)
            try await here.forge(
                """
                UPDATE request SET statement = replace(statement, '"duration":600', '"duration":14400') WHERE id = '\(request.id)';
                UPDATE vote SET statement = replace(statement, '"duration":600', '"duration":14400') WHERE request = '\(request.id)';
                UPDATE "grant" SET granted_seconds = 14400 WHERE request = '\(request.id)';
                """)
            try await Forgery.expectRefusal(here, saying: "does not belong to its request")
        }

        @Test(arguments: [(verb: "done", isUsed: true), ("revoke", true), ("revoke", false)])
        func `a grant that ended and was set back opens nothing`(verb: String, isUsed: Bool) async throws {
            let here = try Installation.here
            let grant = try await here.endedGrant(by: verb, isUsed: isUsed)
            try await here.forge(Forgery.revive(grant))
            try await Forgery.expectRefusal(here, saying: "grant.over")
        }

        @Test(arguments: [(verb: "done", isUsed: true), ("revoke", true), ("revoke", false)])
        func `the node remembers an end that the database has forgotten`(verb: String, isUsed: Bool) async throws {
            let here = try Installation.here
            let grant = try await here.endedGrant(by: verb, isUsed: isUsed)
            try await here.forge(Forgery.revive(grant) + Forgery.forgetEnding(of: grant))
            try await Forgery.expectRefusal(here, saying: "grant.over")
        }

        @Test func `a node that was away when a grant ended is told when it comes back`() async throws {
            let here = try Installation.here
            let grant = try await here.grant()
            try await here.stopAgent("db-1")
            try await here.end(grant, by: "revoke")
            try await here.startAgent("db-1")
            try await here.forge(Forgery.revive(grant) + Forgery.forgetEnding(of: grant))
            try await Forgery.expectRefusal(here, saying: "grant.over")
        }

        @Test func `an end that was moved in the database moves no session's`() async throws {
            let here = try Installation.here
            let session = try await here.markedShell(for: "5s")
            let deadline = try #require(try await here.show(grant: session.grant).notAfter).instant()
            try await here.forge("UPDATE \"grant\" SET not_after = not_after + 86400000 WHERE id = '\(session.grant)'")
            let shown = try await session.terminal.expect("the grant expired")
            #expect(shown < deadline + .seconds(1), "\(deadline.duration(to: shown))")
            try await here.expectNothingLeft(of: session, reason: "expired")
        }

        @Test func `a ledger entry that was changed is found and named`() async throws {
            let here = try Installation.here
            try await here.verifyLedger()
            try await here.forge("UPDATE ledger SET actor = 'lead' WHERE number = 3")
            let outcome = try await here.stint(as: "lead", "ledger", "verify")
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("ledger.") && outcome.errors.contains("3"), "\(outcome.errors)")
        }

        private func approved(_ here: Installation) async throws -> RequestAnswer {
            for old in try await here.grants() where ["ready", "active"].contains(old.state) {
                try await here.stint(as: "oncall", "done", old.id).checked()
            }
            let request = try await here.request()
            try await here.stint(as: "lead", "approve", request.id, "--yes").checked()
            return request
        }
    }

    // MARK: Before the broker starts

    @Test(arguments: [
        #"UPDATE roll SET statement = replace(statement, '"groups":["guests"]', '"groups":["approvers"]')"#,
        #"UPDATE roll SET statement = replace(statement, '"env":"prod"', '"env":"test"')"#,
        #"UPDATE roll SET statement = replace(statement, 'maximumDuration: \"4h\"', 'maximumDuration: \"9h\"')"#,
        "DELETE FROM roll WHERE number = 5",
        "INSERT INTO roll SELECT number + 1, hex(randomblob(32)), type, statement, signatures, at FROM roll ORDER BY number DESC LIMIT 1",
    ])
    func `a broker does not start on a roll of people, groups, tags and policy that was forged`(forgery: String)
        async throws
    {
        try await Installation.with { here in
            try await here.stopBroker()
            // All of it is beneath the mark of what the broker has verified.
            #expect(try String(contentsOfFile: here.brokerHome + "/roll.checked", encoding: .utf8).contains(#""entries":"#))
            try await here.forge(forgery)
            let outcome = try await here.run(Programs.stintd, ["serve", "--home", here.brokerHome], within: .seconds(10))
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("stintd: error: "), "\(outcome.errors)")
        }
    }

    @Test func `a roll from which a disabling was cut off lets nobody back in`() async throws {
        try await Installation.with { here in
            _ = try await here.grant()
            #expect(try await here.exec("true").status == 0)
            try await here.stint(as: "admin", "disable", "person", "oncall", "--reason", "has left").checked()
            #expect(try await here.exec("true").status == 7)
            try await here.stopBroker()
            try await here.forge(
                """
                DELETE FROM roll WHERE number = (SELECT max(number) FROM roll);
                UPDATE "grant" SET state = 'active', ended_at = NULL, end_reason = NULL
                """)
            try await here.startBroker()
            // Nobody who saw the disabling works with a broker that denies it, the node first of all.
            let outcome = try await here.exec("true", within: .seconds(40))
            #expect(outcome.status != 0)
            #expect(here.log(of: "db-1").contains("roll"), "\(here.log(of: "db-1"))")
        }
    }
}

/// What somebody types into `sqlite3`.
private enum Forgery {
    static func approve(_ request: String) -> String {
        """
        UPDATE request SET state = 'approved', version = 2, resolved_at = created_at + 1 WHERE id = '\(request)';
        INSERT INTO "grant" (id, request, holder, state, version, granted_seconds, activate_before, created_at)
            SELECT 'g-' || substr(id, 3), id, person, 'ready', 1, 600, created_at + 1800000, created_at
            FROM request WHERE id = '\(request)';
        """
    }

    static func revive(_ grant: String) -> String {
        """
        UPDATE "grant" SET state = iif(activation IS NULL, 'ready', 'active'), ended_at = NULL, end_reason = NULL
        WHERE id = '\(grant)';
        """
    }

    static func forgetEnding(of grant: String) -> String { "DELETE FROM ending WHERE subject = '\(grant)';" }

    static func copyVote(from voted: String, to request: String) -> String {
        """
        INSERT INTO vote (request, person, digest, verdict, statement, signatures, at)
            SELECT '\(request)', person, substr(digest, 2) || '0', verdict, statement, signatures, at
            FROM vote WHERE request = '\(voted)';
        DELETE FROM "grant" WHERE request = '\(voted)';
        """
    }

    /// Makes sure that `oncall` gets nothing run, and is told what is missing.
    static func expectRefusal(_ here: Installation, saying words: String) async throws {
        let file = here.scratch("opened")
        let outcome = try await here.exec("touch", file)
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains(words), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: file))
    }
}

extension Installation {
    /// A grant that is over before its time, while no session of it lives.
    fileprivate func endedGrant(by verb: String, isUsed: Bool) async throws -> String {
        let grant = try await grant()
        if isUsed { #expect(try await exec("true").status == 0) }
        try await end(grant, by: verb)
        return grant
    }

    fileprivate func end(_ grant: String, by verb: String) async throws {
        try await stint(as: verb == "done" ? "oncall" : "admin", verb, grant).checked()
        try await eventually("the end of the grant") { ["ended", "cancelled"].contains(try await show(grant: grant).state) }
    }
}
