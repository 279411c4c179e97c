// SPDX-License-Identifier: Apache-2.0

import Testing

/// Asking and deciding (P1).
@Suite(.serialized, .installation())
struct DecidingTests {
    @Test func `a request that one approver agrees to is a grant`() async throws {
        let here = try Installation.here
        let request = try await here.request()
        #expect(request.state == "pending" && request.grant == nil && request.requester == "oncall")
        let approved: RequestAnswer = try await here.stint(as: "lead", "approve", request.id, "--yes", "--json").decoded()
        #expect(approved.state == "approved")
        #expect(approved.votes.map(\.person) == ["lead"])
        let grant = try await here.show(grant: try #require(approved.grant))
        #expect(grant.state == "ready" && grant.holder == "oncall" && grant.notBefore == nil)
    }

    @Test(arguments: ["oncall", "laptop"])
    func `the requester's own approval is refused on every device`(device: String) async throws {
        let here = try Installation.here
        let request = try await here.request()
        let vote = try await here.stint(as: device, "approve", request.id, "--yes")
        #expect(vote.status == 3)
        #expect(vote.errors.contains("vote.voter-is-requester"), "\(vote.errors)")
        #expect(vote.errors.contains("Ask another approver"))
        let after = try await here.show(request: request.id)
        #expect(after.state == "pending" && after.votes.isEmpty)
    }

    @Test func `somebody who holds no seat cannot approve, and learns nothing of the request`() async throws {
        let here = try Installation.here
        let request = try await here.request()
        let vote = try await here.stint(as: "stranger", "approve", request.id, "--yes")
        #expect(vote.status == 4)
        #expect(!vote.errors.contains("oncall"))
        #expect(try await here.show(request: request.id).state == "pending")
    }

    @Test func `an administrator who holds no seat is refused and told which seat is needed`() async throws {
        let here = try Installation.here
        let request = try await here.request()
        let vote = try await here.stint(as: "admin", "approve", request.id, "--yes")
        #expect(vote.status == 3)
        #expect(vote.errors.contains("vote.no-seat") && vote.errors.contains("group:approvers"), "\(vote.errors)")
        #expect(try await here.show(request: request.id).state == "pending")
    }

    @Test func `a vote on a request that was withdrawn is refused`() async throws {
        let here = try Installation.here
        let request = try await here.request()
        try await here.stint(as: "oncall", "withdraw", request.id).checked()
        let vote = try await here.stint(as: "lead", "approve", request.id, "--yes")
        #expect(vote.status == 5)
        #expect(vote.errors.contains("withdrawn"), "\(vote.errors)")
        #expect(try await here.show(request: request.id).state == "withdrawn")
    }

    @Test func `nobody but the requester withdraws`() async throws {
        let here = try Installation.here
        let request = try await here.request()
        let outcome = try await here.stint(as: "lead", "withdraw", request.id)
        #expect(outcome.status == 3, "\(outcome.errors)")
        #expect(try await here.show(request: request.id).state == "pending")
    }

    @Test func `one denial ends a request, and no later approval brings it back`() async throws {
        let here = try Installation.here
        let request = try await here.request()
        let denied: RequestAnswer = try await here.stint(
            as: "security", "deny", request.id, "--note", "not today", "--json"
        ).decoded()
        #expect(denied.state == "denied")
        let vote = try await here.stint(as: "lead", "approve", request.id, "--yes")
        #expect(vote.status == 5)
        #expect(try await here.show(request: request.id).grant == nil)
    }

    @Test func `an approval narrows the time and never widens it`() async throws {
        let here = try Installation.here
        let first = try await here.request(for: "10m")
        let wider = try await here.stint(as: "lead", "approve", first.id, "--for", "11m", "--yes")
        #expect(wider.status == 3)
        #expect(wider.errors.contains("vote.widens-duration"), "\(wider.errors)")
        let narrowed: RequestAnswer = try await here.stint(
            as: "lead", "approve", first.id, "--for", "5m", "--yes", "--json"
        ).decoded()
        #expect(try await here.show(grant: try #require(narrowed.grant)).granted == 300)
    }

    @Test func `without a grant and without a reason a shell is refused, and says how to ask`() async throws {
        let here = try Installation.here
        let outcome = try await here.stint(as: "security", "shell", "db-1")
        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("hint"), "\(outcome.errors)")
    }

    @Test func `a pending request opens nothing`() async throws {
        let here = try Installation.here
        for old in try await here.grants() where ["ready", "active"].contains(old.state) {
            try await here.stint(as: "oncall", "done", old.id).checked()
        }
        _ = try await here.request()
        let outcome = try await here.exec("true")
        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("grant.none-covers"), "\(outcome.errors)")
    }

    @Test func `what was decided is in the ledger, which verifies`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let list = try await here.stint(as: "admin", "ledger", "list", "--limit", "1000")
        for event in ["request.created", "vote.approve", "request.approved", "grant.ready"] {
            #expect(list.text.contains(event))
        }
        try await here.verifyLedger()
    }
}
