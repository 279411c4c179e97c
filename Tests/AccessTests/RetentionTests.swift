// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

@Suite struct RetentionTests {
    private static let end = Timestamp(milliseconds: 1_800_000_000_000)

    private func policy(_ retention: String) throws -> Policy {
        try Policy(
            parsing: """
                { entitlements: [{ name: "a", requesters: ["group:a"], nodes: "*", capabilities: ["shell"], runAs: ["root"],
                  seats: [{ count: 1, of: ["group:b"] }] }], retention: [\(retention)] }
                """, file: "policy")
    }

    private func recording(env: String = "prod") throws -> RecordingFacts {
        RecordingFacts(
            session: try SessionID("s-7k2p9x"), grant: try GrantID("g-7k2p9x"), person: try PersonName("alice"),
            node: Node(
                name: try NodeName("db-1"), key: try #require(PublicKey(hex: String(repeating: "0", count: 64))),
                tags: try Tags([("env", env)])),
            endedAt: Self.end)
    }

    private func fate(_ retention: String, env: String = "prod", holds: [String] = [], after: Duration) throws -> RecordingFate {
        let holds = try holds.map { (name: try HoldName("case-1"), scope: try HoldScope($0)) }
        return try policy(retention).fate(of: recording(env: env), holds: holds, at: Self.end + after)
    }

    private static let day: Duration = .seconds(86_400)

    @Test func `a recording is due at its day and not a millisecond before`() throws {
        let rule = #"{ nodes: "env=prod", keepDays: 1 }"#
        #expect(try fate(rule, after: Self.day - .milliseconds(1)) == .kept(until: Self.end + Self.day))
        #expect(try fate(rule, after: Self.day) == .due(keep: Self.day))
    }

    @Test func `what no rule names is kept for ever, and of two rules the longer counts`() throws {
        #expect(try fate(#"{ nodes: "env=test", keepDays: 1 }"#, after: Self.day * 100_000) == .kept(until: nil))
        #expect(try fate("", after: Self.day * 100_000) == .kept(until: nil))
        let both = #"{ nodes: "*", keepDays: 1 }, { nodes: "env=prod", keepDays: 3 }"#
        #expect(try fate(both, after: Self.day * 2) == .kept(until: Self.end + Self.day * 3))
        #expect(try fate(both, env: "test", after: Self.day * 2) == .due(keep: Self.day))
    }

    @Test(arguments: ["s-7k2p9x", "g-7k2p9x", "person:alice", "env=prod", "db-1", "*"])
    func `what is held is not due, whatever its age`(scope: String) throws {
        #expect(try fate(#"{ nodes: "*", keepDays: 1 }"#, holds: [scope], after: Self.day * 1000) == .held(try HoldName("case-1")))
    }

    @Test(arguments: ["s-7k2p9y", "g-000000", "person:bob", "env=test", "db-2"])
    func `a hold on something else holds nothing here`(scope: String) throws {
        #expect(try fate(#"{ nodes: "*", keepDays: 1 }"#, holds: [scope], after: Self.day) == .due(keep: Self.day))
    }

    @Test(arguments: [
        #"{ nodes: "*", keepDays: 0 }"#, #"{ nodes: "*", keepDays: 36526 }"#, #"{ nodes: "*" }"#, #"{ keepDays: 1 }"#,
        #"{ nodes: "*", keepDays: 1, kept: 2 }"#, #"{ nodes: "*", keepDays: 1 }, { nodes: "*", keepDays: 2 }"#,
        #"{ nodes: "team=${person.team}", keepDays: 1 }"#,
    ])
    func `a rule that is not plain is refused`(rule: String) {
        #expect(throws: PolicyError.self) { _ = try policy(rule) }
    }
}
