// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// Grants whose start is planned.
@Suite struct ScheduleTests {
    private func refusal(start: Int64?, _ change: (inout Entitlement) throws -> Void = { $0.scheduledWithin = .seconds(86_400) }) throws -> String {
        let ours = try Organisation(Organisation.entitlement(change))
        var ask = try Organisation.ask(by: ours.person("anna"))
        ask.at = Organisation.asked
        ask.start = start.map { Organisation.asked + .seconds($0) }
        return ours.directory.charter.flatMap { $0.policy.entitlements.first }?.refusal(of: ask, in: ours.directory)?.code ?? "none"
    }

    @Test func `a start is planned as far ahead as the policy says and not a second further`() throws {
        #expect(try refusal(start: 86_400) == "none")
        #expect(try refusal(start: 86_401) == "schedule.too-far")
        #expect(try refusal(start: 0) == "schedule.past")
        #expect(try refusal(start: nil) == "none")
    }

    @Test func `without a rule no start is planned`() throws {
        #expect(try refusal(start: 60) { _ in } == "schedule.not-allowed")
        #expect(try refusal(start: nil) { _ in } == "none")
    }

    @Test func `a grant is activated from its start on`() throws {
        let start = Organisation.asked + .seconds(3600)
        let holder = try PersonName("anna")
        func grant() throws -> Grant {
            Grant(
                id: try GrantID("7k2p9x"), holder: holder, granted: .seconds(600), activateBefore: start + .seconds(1800), startsAt: start)
        }
        var early = try grant()
        #expect(throws: Refusal.tooEarly(early.id, start)) {
            try early.apply(.activate(by: holder, at: start - .milliseconds(1), maximum: .seconds(600)), at: start)
        }
        #expect(early == (try grant()))
        var onTime = try grant()
        try onTime.apply(.activate(by: holder, at: start, maximum: .seconds(600)), at: start)
        #expect(onTime.notAfter == start + .seconds(600))
    }

    @Test func `a node opens nothing on an activation before the start, and everything on one at the start`() throws {
        let start = Organisation.asked + .seconds(3600)
        let ours = try Organisation(Organisation.entitlement { $0.scheduledWithin = .seconds(86_400) })
        let plain = try Organisation.terms(for: .seconds(600))
        let terms = RequestTerms(
            id: plain.id, person: plain.person, entitlement: plain.entitlement, charterVersion: 1, selector: plain.selector,
            capabilities: plain.capabilities, runAs: plain.runAs, duration: plain.duration, reason: plain.reason, at: plain.at, start: start)
        let votes = try [Organisation.approval(by: "bob", for: .seconds(600)), Organisation.approval(by: "carl", for: .seconds(600))]
        func lease(activatedAt at: Timestamp) throws -> Lease {
            let opening = Opening(
                person: terms.person, device: Organisation.key(1), node: try NodeName("db-1"), capability: .shell, runAs: terms.runAs, at: start)
            return try opening.lease(
                under: terms, votes: votes, activation: Activation(person: terms.person, at: at), in: ours.directory, at: start)
        }
        #expect(throws: Refusal.tooEarly(terms.id.sibling(), start)) { try lease(activatedAt: start - .milliseconds(1)) }
        #expect(try lease(activatedAt: start).notAfter == start + .seconds(600))
    }
}
