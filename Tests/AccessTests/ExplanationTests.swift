// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

@Suite struct ExplanationTests {
    private func organisation(_ rules: [Entitlement], forbid: [ForbidRule] = []) throws -> Organisation {
        var ours = try Organisation()
        ours.directory.charters = [
            Charter(version: 1, administrators: [], policy: Policy(entitlements: rules, forbid: forbid))
        ]
        return ours
    }

    private func named(_ name: String, _ change: (inout Entitlement) throws -> Void = { _ in }) throws -> Entitlement {
        try Organisation.entitlement {
            $0.name = try EntitlementName(name)
            try change(&$0)
        }
    }

    private func explain(_ ours: Organisation, _ person: String, on selector: String = "role=db", all: Bool = false) throws -> Explanation {
        let ask = try Organisation.ask(by: try ours.person(person), on: selector, reason: "")
        return try Explanation(ask, in: ours.directory, at: Organisation.asked, showsAll: all)
    }

    @Test func `each entitlement is tried and the first missing fact of each is named`() throws {
        let ours = try organisation([
            try named("web") { $0.nodes = try Selector("role=web") }, try named("exec") { $0.capabilities = [.exec] },
            try named("short") { $0.maximumDuration = .seconds(60) }, try named("works"),
        ])
        let explanation = try explain(ours, "anna")
        #expect(explanation.attempts.map(\.entitlement.name.text) == ["works", "web", "exec", "short"])
        #expect(explanation.attempts.map { $0.refusal?.code } == [nil, "selector.no-node", "policy.capability", "duration.too-long"])
        #expect(explanation.covering.map(\.entitlement.name.text) == ["works"])
    }

    @Test func `a reason that nobody has written yet is not missing`() throws {
        let ours = try organisation([
            try named("strict") {
                $0.minimumReasonLength = 100
                $0.tickets = [try TicketPattern("INC-#")]
                $0.fields = [ReasonField(name: "impact", kind: .yesNo)]
            }
        ])
        #expect(try explain(ours, "anna").covering.count == 1)
    }

    @Test func `rules for other people are told to administrators only`() throws {
        let ours = try organisation([try named("theirs") { $0.requesters = [try Principal("group:security")] }, try named("mine")])
        #expect(try explain(ours, "anna").attempts.map(\.entitlement.name.text) == ["mine"])
        #expect(try explain(ours, "anna", all: true).attempts.map { $0.refusal?.code } == [nil, "policy.not-a-requester"])
        #expect(throws: Refusal.noEntitlement(try PersonName("eve"))) { try explain(ours, "eve") }
    }

    @Test func `a node that is unknown and one that is not covered look the same`() throws {
        let ours = try organisation([try named("web") { $0.nodes = try Selector("role=web") }])
        for name in ["db-1", "nowhere"] {
            let refusal = try explain(ours, "anna", on: name).attempts.first?.refusal
            #expect(refusal?.message.replacing(name, with: "NODE") == "No node that you may ask for matches `name=NODE`.")
        }
    }

    @Test func `a closed window is told with its next opening`() throws {
        let hours = try Windows(zone: "UTC", hours: [try Windows.Hours("sat 10:00-11:00")])
        let attempt = try #require(try explain(try organisation([try named("sat") { $0.windows = hours }]), "anna").attempts.first)
        #expect(attempt.refusal == nil && attempt.opens == Organisation.asked + .seconds(26 * 3600))
    }

    // MARK: Reviewing a policy

    private static let start = """
        { entitlements: [{ name: "prod", requesters: ["group:ops"], nodes: "env=prod", capabilities: ["shell"], runAs: ["root"],

        """

    private func review(_ rest: String) throws -> [PolicyReview.Finding] {
        try PolicyReview(Self.start + rest + "\n}", file: "p.json5", in: try Organisation().directory).findings
    }

    @Test(arguments: [
        ("seats: [{ count: 1, of: ['group:nobody'] }] }]", true, "p.json5:2:9: "),
        ("seats: [{ count: 3, of: ['group:security'] }] }]", true, "p.json5:2:9: "),
        ("seats: [{ count: 1, of: ['person:dora'] }, { count: 1, of: ['person:dora'] }] }]", true, "p.json5:2:8: "),
        ("seats: [{ count: 2, of: ['person:anna', 'person:bob'] }] }]", false, "p.json5:2:8: "),
        ("seats: [{ count: 1, of: ['group:ops'] }] }], rosters: [{ name: 'r', zone: 'UTC', start: '2026-01-05 09:00', people: ['zed'] }]",
         false, "p.json5:2:"),
        ("seats: [{ count: 1, of: ['group:ops'] }] }], forbid: [{ name: 'f', nodes: 'env=prod' }]", false, "p.json5:1:"),
        ("seats: [{ count: 1, of: ['group:ops'] }] }], forbid: [{ name: 'f', nodes: 'env=tset' }]", false, "p.json5:2:"),
    ])
    func `what cannot work with the people there are is found where it stands`(rest: String, isError: Bool, place: String) throws {
        let findings = try review(rest)
        let found = findings.contains { $0.isError == isError && $0.message.hasPrefix(place) }
        #expect(found, "\(findings)")
    }

    @Test func `a policy that works has no finding`() throws {
        #expect(try review("seats: [{ count: 1, of: ['group:security'] }] }]").isEmpty)
    }

    @Test func `without people only the text is looked at`() throws {
        let text = Self.start + "seats: [{ count: 9, of: ['group:nobody'] }] }] }"
        #expect(try PolicyReview(text, file: "p", in: nil).findings.isEmpty)
    }

    // MARK: Differences and replays

    @Test func `a difference names what is added, removed and changed, and nothing else`() throws {
        let old = Policy(entitlements: [try named("a"), try named("b"), try named("c")])
        var new = Policy(entitlements: [try named("a"), try named("b") { $0.maximumDuration = .seconds(7200) }, try named("d")])
        #expect(
            PolicyDifference(from: old, to: new).changes
                == [.removed("entitlement `c`"), .changed("entitlement `b`", ["maximumDuration: 4h → 2h"]), .added("entitlement `d`")])
        #expect(PolicyDifference(from: old, to: old).changes.isEmpty)
        new.entitlements = [old.entitlements[1], old.entitlements[0], old.entitlements[2]]
        #expect(PolicyDifference(from: old, to: new).changes == [.changed("order of the entitlements", ["b, a, c"])])
    }

    @Test func `a past request is decided again under another policy`() throws {
        let ours = try organisation([try named("prod")])
        let votes = [try Organisation.approval(by: "bob"), try Organisation.approval(by: "carl")]
        let replay = Replay(try Organisation.terms(), votes: votes, in: ours.directory)
        func word(_ change: (inout Entitlement) throws -> Void) throws -> String {
            replay.outcome(under: Policy(entitlements: [try named("prod", change)])).word
        }
        #expect(try word { _ in } == "approved")
        #expect(try word { $0.seats = [try Organisation.seat(2, "group:security")] } == "pending")
        #expect(try word { $0.maximumDuration = .seconds(60) } == "duration.too-long")
        #expect(try word { $0.requesters = [try Principal("person:eve")] } == "policy.unknown-entitlement")
        #expect(try word { $0.name = try EntitlementName("renamed") } == "approved")
    }
}
