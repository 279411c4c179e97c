// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A start that is agreed to ahead (decision 23): not before it, not without the rule, not further ahead than the rule says.
struct PlannedStartTests {
    @Test func `what was agreed to ahead begins at its start and not before`() async throws {
        try await Installation.with(.init(rules: ["scheduledStart": #""1h""#])) { here in
            let planned = ContinuousClock.now + .seconds(8)
            let asked: RequestAnswer = try await here.ask(at: "+8s", for: "10s").decoded()
            let approved: RequestAnswer = try await here.stint(as: "lead", "approve", asked.id, "--yes", "--json").decoded()
            let grant = try #require(approved.grant)
            let early = try await here.exec("true")
            #expect(early.status == 5 && early.errors.contains("grant.too-early"), "\(early.status) \(early.errors)")
            #expect(try await here.show(grant: grant).state == "ready")
            let outcome = try await eventually("the start", within: .seconds(30)) {
                let outcome = try await here.exec("echo", "begun")
                return outcome.status == 0 ? outcome : nil
            }
            #expect(outcome.text == "begun\n")
            let begun = try await here.show(grant: grant)
            let end = try #require(begun.notAfter).instant()
            #expect(end >= planned + .seconds(9), "the clock starts with the activation: \(planned.duration(to: end))")
            try await here.verifyLedger()
        }
    }

    @Test func `a start that the policy does not allow is refused when it is asked for`() async throws {
        try await Installation.with(.init(rules: ["scheduledStart": #""1h""#])) { here in
            for (start, status, code) in [("+61m", 3, "schedule.too-far"), ("2020-01-01T00:00:00Z", 3, "schedule.past"), ("tomorrow", 2, "time.malformed")] {
                let outcome = try await here.ask(at: start, for: "10s")
                #expect(outcome.status == status && outcome.errors.contains(code), "\(start): \(outcome.status) \(outcome.errors)")
            }
        }
        try await Installation.with { here in
            let outcome = try await here.ask(at: "+1m", for: "10s")
            #expect(outcome.status == 3 && outcome.errors.contains("schedule.not-allowed"), "\(outcome.status) \(outcome.errors)")
        }
    }
}

extension Installation {
    fileprivate func ask(at start: String, for duration: String) async throws -> Outcome {
        try await stint(as: "oncall", "request", "--on", "db-1", "--for", duration, "--at", start, "-r", "a change that was planned", "--json")
    }
}
