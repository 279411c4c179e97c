// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// More time on a grant that lives: agreed to by the same seats, decided by the node, without touching the shell (P1, P2, P8).
struct ExtensionTests {
    private static let promised: Duration = .seconds(1)

    @Test func `an extended shell survives its first deadline and ends at the new one`() async throws {
        try await Installation.with { here in
            let session = try await here.markedShell(for: "12s")
            session.terminal.send("echo pid-$$\r")
            try await session.terminal.expect("pid-")
            let first = try #require(try await here.show(grant: session.grant).notAfter).instant()
            let asked = try await here.extend(session.grant, by: "10s")
            #expect(try await here.stint(as: "oncall", "approve", asked.id, "--yes").status == 3, "nobody votes on their own")
            try await here.stint(as: "lead", "approve", asked.id, "--yes").checked()
            try await session.terminal.expect("was extended")
            let second = try #require(try await here.show(grant: session.grant).notAfter).instant()
            #expect(second > first + .seconds(9))
            try await Task.sleep(until: first + .seconds(1), clock: .continuous)
            session.terminal.send("echo still-$((1+1))\r")
            try await session.terminal.expect("still-2")
            let gone = try await Disappearance(of: session.marker).instant(within: .seconds(30))
            #expect(gone > second - .milliseconds(100) && gone < second + Self.promised, "\(second.duration(to: gone))")
            try await here.expectNothingLeft(of: session, reason: "expired")
            #expect(try await here.stint(as: "oncall", "extend", session.grant, "--for", "10s", "-r", "it is over by now").status == 5)
            let file = here.directory + "/extended.evidence"
            try await here.stint(as: "admin", "evidence", session.grant, "--output", file).checked()
            let verified = try await here.stint(as: "admin", "verify", file).checked()
            #expect(verified.text.contains(asked.id) && verified.text.contains("agreed to by lead"))
            let story = try await here.stint(as: "admin", "show", session.grant).checked().text
            let told = ["started the grant, until", "oncall asked for 10s more (\(asked.id))", "lead agreed to \(asked.id)", "the grant ended"]
            let places = told.map { story.range(of: $0)?.lowerBound }
            #expect(!places.contains(nil) && places.compactMap(\.self) == places.compactMap(\.self).sorted(), "\(story)")
            try await here.verifyLedger()
        }
    }

    @Test func `more than was granted first, and a second question at once, are refused with what is possible`() async throws {
        try await Installation.with { here in
            let session = try await here.markedShell(for: "60s")
            let tooLong = try await here.stint(as: "oncall", "extend", session.grant, "--for", "61s", "-r", "far too much of it")
            #expect(tooLong.status == 3 && tooLong.errors.contains("extension.too-long"), "\(tooLong.errors)")
            _ = try await here.extend(session.grant, by: "30s")
            let second = try await here.stint(as: "oncall", "extend", session.grant, "--for", "20s", "-r", "another question")
            #expect(second.status == 5 && second.errors.contains("extension.pending"), "\(second.errors)")
        }
    }

    @Test func `an extension that the database invents prolongs nothing, and the node says why`() async throws {
        try await Installation.with { here in
            let session = try await here.markedShell(for: "20s")
            let first = try #require(try await here.show(grant: session.grant).notAfter).instant()
            let asked = try await here.extend(session.grant, by: "15s")
            try await here.forge(
                """
                UPDATE request SET state = 'approved', version = 2, resolved_at = created_at + 1 WHERE id = '\(asked.id)';
                UPDATE "grant" SET lease = 2, version = version + 1, not_after = not_after + 15000 WHERE id = '\(session.grant)';
                """)
            try await here.killBroker()
            try await here.startBroker()
            try await here.awaitNode()
            try await eventually("the refusal in the ledger", within: .seconds(15)) {
                try await here.sql("SELECT body FROM ledger WHERE event = 'lease.refused'").contains("request.seats-not-filled")
            }
            let gone = try await Disappearance(of: session.marker).instant(within: .seconds(30))
            #expect(gone < first + Self.promised, "\(first.duration(to: gone))")
        }
    }

    @Test func `the node was away when it was agreed to: it hears of it when it is back`() async throws {
        try await Installation.with { here in
            let session = try await here.markedShell(for: "30s")
            let asked = try await here.extend(session.grant, by: "30s")
            try await here.killAgent("db-1")
            try await here.stint(as: "lead", "approve", asked.id, "--yes").checked()
            try await here.killBroker()
            try await here.startBroker()
            try await here.startAgent("db-1")
            try await here.awaitNode()
            try await eventually("the lease moved", within: .seconds(20)) { here.log(of: "db-1").contains("the lease moved") }
        }
    }

    @Test func `grants that overlap end each for itself`() async throws {
        try await Installation.with { here in
            var grants: [String] = []
            for _ in 1...2 {
                let request = try await here.request()
                let approved: RequestAnswer = try await here.stint(as: "lead", "approve", request.id, "--yes", "--json").decoded()
                grants.append(try #require(approved.grant))
            }
            let shells = try grants.map { try here.terminal(as: "oncall", "shell", "db-1", "--grant", $0) }
            for (shell, grant) in zip(shells, grants) {
                try await eventually("a session of \(grant)") { try await here.sessions(of: grant).contains { $0.state == "live" } }
                shell.send("echo mine-$((40+2))\r")
                try await shell.expect("mine-42")
            }
            try await here.stint(as: "lead", "revoke", grants[0]).checked()
            #expect(try await here.receipted(grants[0]).endReason == "revoked")
            shells[1].send("echo still-$((1+1))\r")
            try await shells[1].expect("still-2")
            #expect(try await here.show(grant: grants[1]).state == "active")
        }
    }

    @Test func `more time is asked for inside the session`() async throws {
        try await Installation.with { here in
            let session = try await here.markedShell(for: "2m")
            session.terminal.send("\r~+")
            try await session.terminal.expect("how much longer")
            session.terminal.send(" 2m the index is half built\r")
            try await session.terminal.expect("May agree: lead")
            let pending: [RequestAnswer] = try await here.stint(as: "lead", "requests", "--to-decide", "--json").decoded()
            try await here.stint(as: "lead", "approve", try #require(pending.first).id, "--yes").checked()
            try await session.terminal.expect("was extended")
            session.terminal.send("\rexit\r")
            try await session.terminal.expect("Grant \(session.grant) is yours")
            try await session.terminal.expect("for 3 min")
        }
    }
}

extension Installation {
    fileprivate func extend(_ grant: String, by duration: String) async throws -> RequestAnswer {
        try await stint(as: "oncall", "extend", grant, "--for", duration, "-r", "it takes longer than that", "--json").decoded()
    }
}
