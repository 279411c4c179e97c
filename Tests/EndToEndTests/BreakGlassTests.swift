// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Access that nobody agreed to: opened at once, told, counted, and judged by another person afterwards.
@Suite(.serialized)
struct BreakGlassTests {
    static let rule = #"{ perMonth: 20, maximumDuration: "30m", reviewers: ["group:security"] }"#

    struct Shown: Decodable {
        struct Review: Decodable {
            let state: String
            let told: [String]
            let reviewer: String?
        }

        let id: String
        let state: String
        let consent: String?
        let review: Review?
    }

    // MARK: In one installation

    @Suite(.serialized, .installation(.init(rules: ["breakGlass": BreakGlassTests.rule])))
    struct Here {
        /// Breaks glass for one command, as `oncall`.
        ///
        /// - Returns: the request.
        @discardableResult
        private func breakGlass(_ here: Installation, _ command: [String] = ["true"]) async throws -> Shown {
            let reason = "nobody answers the phone, \(UInt32.random(in: 0 ... .max))"
            let outcome = try await here.run(
                Programs.stint, ["break-glass", "db-1", "-r", reason, "--for", "10m", "--yes", "--"] + command,
                environment: ["STINT_HOME": here.home(of: "oncall")])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.errors.contains("BREAK-GLASS"), "\(outcome.errors)")
            let mine: [Shown] = try await here.stint(as: "oncall", "reviews", "--mine", "--json").decoded()
            return try #require(mine.first { outcome.errors.contains($0.id) }, "\(outcome.errors)")
        }

        private func review(_ here: Installation, _ id: String, as person: String, _ verdict: String = "accepted") async throws -> Outcome {
            try await here.stint(as: person, "review", id, "--verdict", verdict, "-r", "watched the recording")
        }

        @Test func `a command runs on the node at once, without a seat filled, and everybody skipped is told`() async throws {
            let here = try Installation.here
            let file = here.scratch("broken")
            let request = try await breakGlass(here, ["touch", file])
            #expect(FileManager.default.fileExists(atPath: file))
            #expect(request.consent == "break-glass" && request.review?.state == "due")
            #expect(request.review?.told == ["lead", "security"])
            for person in ["lead", "security"] {
                #expect(try await here.stint(as: person, "show", request.id).checked().text.contains("nobody: the glass was broken"))
            }
            let listed = try await here.stint(as: "security", "requests")
            #expect(listed.errors.contains("stint reviews"), "\(listed.errors)")
            let ledger = try await here.stint(as: "admin", "ledger", "list", "--json").checked().text
            #expect(ledger.contains("review.due"))
            try await here.verifyLedger()
            #expect(try await review(here, request.id, as: "security").status == 0)
        }

        @Test func `the node shows the banner first, and says in the receipt that nobody agreed`() async throws {
            let here = try Installation.here
            let shell = try here.terminal(
                as: "oncall", "break-glass", "db-1", "-r", "the pager says db-1 is down", "--for", "10m", "--yes")
            try await shell.expect("nobody agreed to this session beforehand")
            shell.send("echo glass-$STINT_BREAK_GLASS; exit\r")
            try await shell.expect("glass-1")
            let mine: [Shown] = try await here.stint(as: "oncall", "reviews", "--mine", "--json").decoded()
            let id = try #require(mine.first).id
            let session = try await here.receipted("g" + id.dropFirst())
            #expect(try #require(session.receipt).statement.contains("Break-glass: nobody agreed"))
            #expect(try await review(here, id, as: "security").status == 0)
        }

        @Test func `who did it, and who is not meant, cannot review it; a judgement stands and is in the evidence`() async throws {
            let here = try Installation.here
            let request = try await breakGlass(here)
            for (person, code, status) in [
                ("oncall", "review.reviewer-is-requester", 3), ("laptop", "review.reviewer-is-requester", 3),
                ("lead", "review.not-yours", 3), ("stranger", "not-found", 4),
            ] {
                let outcome = try await review(here, request.id, as: person)
                #expect(outcome.status == status && outcome.errors.contains(code), "\(person): \(outcome.errors)")
            }
            #expect(try await review(here, request.id, as: "security", "concern").status == 0)
            let again = try await review(here, request.id, as: "security")
            #expect(again.status == 5 && again.errors.contains("already-judged"), "\(again.errors)")
            let shown: Shown = try await here.stint(as: "admin", "show", request.id, "--json").decoded()
            #expect(shown.review?.state == "flagged" && shown.review?.reviewer == "security")
            let evidence = try here.file("evidence", try await here.stint(as: "oncall", "evidence", request.id, "--output", "-").checked().text)
            let verified = try await here.stint(as: "lead", "verify", evidence).checked().text
            #expect(verified.contains("nobody: the glass was broken") && verified.contains("concern by security"), "\(verified)")
        }

        @Test func `somebody without the rule is refused, and told how to ask`() async throws {
            let here = try Installation.here
            for person in ["lead", "stranger"] {
                let outcome = try await here.stint(
                    as: person, "break-glass", "db-1", "-r", "I want to look at it", "--for", "10m", "--yes", "--", "true")
                #expect(outcome.status == 3 && outcome.errors.contains("policy.no-break-glass"), "\(outcome.errors)")
            }
            let long = try await here.stint(
                as: "oncall", "break-glass", "db-1", "-r", "nobody answers the phone", "--for", "31m", "--yes", "--", "true")
            #expect(long.status == 3 && long.errors.contains("duration.too-long"), "\(long.errors)")
        }

        @Test func `an overdue review keeps its requester from breaking glass until somebody gives it`() async throws {
            let here = try Installation.here
            let request = try await breakGlass(here)
            try await here.sql(
                """
                DROP TRIGGER review_update;
                PRAGMA ignore_check_constraints = ON;
                UPDATE review SET created_at = 1, due_before = 2 WHERE request = '\(request.id)'
                """)
            let refused = try await here.stint(
                as: "oncall", "break-glass", "db-1", "-r", "nobody answers, again", "--for", "10m", "--yes", "--", "true")
            #expect(refused.status == 3 && refused.errors.contains("review.overdue") && refused.errors.contains(request.id), "\(refused.errors)")
            let why = try await here.stint(as: "oncall", "why", "db-1")
            #expect(why.text.contains("is overdue"), "\(why.text)")
            #expect(try await review(here, request.id, as: "security").status == 0)
            let next = try await breakGlass(here)
            #expect(try await review(here, next.id, as: "security").status == 0)
        }

        @Test func `whoever was skipped ends it at once`() async throws {
            let here = try Installation.here
            let shell = try here.terminal(
                as: "oncall", "break-glass", "db-1", "-r", "the replica is gone", "--for", "10m", "--yes")
            try await shell.expect("nobody agreed to this session beforehand")
            // A login shell that is killed while it reads its start-up files may leave locks of theirs behind.
            shell.send("echo sum-$((40+2))\r")
            try await shell.expect("sum-42")
            let mine: [Shown] = try await here.stint(as: "oncall", "reviews", "--mine", "--json").decoded()
            let id = try #require(mine.first).id
            try await here.stint(as: "lead", "revoke", "g" + id.dropFirst(), "--reason", "I am here").checked()
            try await shell.expect("the grant was revoked")
            #expect(try await review(here, id, as: "security").status == 0)
        }
    }

    // MARK: Each in its own

    @Test func `beyond the month's count it is refused`() async throws {
        try await Installation.with(.init(rules: ["breakGlass": "{ perMonth: 1 }"])) { here in
            let arguments = ["break-glass", "db-1", "-r", "nobody answers the phone", "--for", "10m", "--yes", "--", "true"]
            let environment = ["STINT_HOME": here.home(of: "oncall")]
            try await here.run(Programs.stint, arguments, environment: environment).checked()
            let second = try await here.run(Programs.stint, arguments, environment: environment)
            #expect(second.status == 3 && second.errors.contains("policy.break-glass-spent"), "\(second.errors)")
        }
    }

    @Test func `whoever owns the broker's database makes no ordinary request one that breaks glass`() async throws {
        try await Installation.with(.init(rules: ["breakGlass": BreakGlassTests.rule])) { here in
            let request = try await here.request()
            let approve = """
                UPDATE request SET state = 'approved', version = 2, resolved_at = created_at + 1, break_glass = 1 WHERE id = '\(request.id)';
                INSERT INTO review (request, requester, state, version, due_before, told, created_at)
                    SELECT id, person, 'due', 1, created_at + 86400000, '[]', created_at FROM request WHERE id = '\(request.id)';
                INSERT INTO "grant" (id, request, holder, state, version, granted_seconds, activate_before, created_at)
                    SELECT 'g-' || substr(id, 3), id, person, 'ready', 1, 600, created_at + 1800000, created_at
                    FROM request WHERE id = '\(request.id)';
                """
            try await here.forge(approve)
            try await expectNothing(here, "seats-not-filled")
            try await here.forge(
                """
                UPDATE request SET statement = replace(statement, '"breakGlass":false', '"breakGlass":true') WHERE id = '\(request.id)'
                """)
            try await expectNothing(here, "does not belong to its request")
            let check = try await here.run(Programs.stintd, ["check", "--home", here.brokerHome])
            #expect(check.status != 0 && (check.text + check.errors).contains("review"), "\(check.text)\(check.errors)")
        }
    }

    private func expectNothing(_ here: Installation, _ words: String) async throws {
        let file = here.scratch("opened")
        let outcome = try await here.exec("touch", file)
        #expect(outcome.status != 0 && outcome.errors.contains(words), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: file))
    }
}
