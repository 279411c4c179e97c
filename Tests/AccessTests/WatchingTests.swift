// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// Who may look on at a live session of anna, of ops, whose entitlement needs one of ops and one of security.
@Suite struct WatchingTests {
    private func watch(
        by person: String, _ frozen: Watching = Watching(), current: Watching? = nil, change: (inout Organisation) throws -> Void = { _ in }
    ) throws -> WatchTerms {
        var ours = try Organisation(
            Organisation.entitlement { $0.watching = frozen },
            current: try current.map { watching in try Organisation.entitlement { $0.watching = watching } })
        try change(&ours)
        let rules = try EntitlementInForce(for: Organisation.terms(), in: ours.directory)
        return try rules.watch(by: try PersonName(person), in: ours.directory)
    }

    @Test(arguments: ["bob", "carl", "dora"])
    func `whoever holds a seat may look on, and the operator is told`(name: String) throws {
        #expect(try watch(by: name) == WatchTerms(isOperatorTold: true))
    }

    @Test func `the operator may look on at the own session`() throws {
        #expect(try watch(by: "anna", Watching(mode: .silent, by: [try Principal("person:carl")])).isOperatorTold == false)
    }

    @Test func `an administrator may look on only where the policy names nobody`() throws {
        let makeEveAdministrator = { (ours: inout Organisation) throws in
            let charter = ours.directory.charters[0]
            ours.directory.charters[0] = Charter(version: 1, administrators: [try PersonName("eve")], policy: charter.policy)
        }
        #expect(try watch(by: "eve", change: makeEveAdministrator).isOperatorTold)
        let named = Watching(by: [try Principal("group:security")])
        #expect(throws: Refusal.mayNotWatch(try EntitlementName("prod"), [try Principal("group:security")])) {
            try watch(by: "eve", named, change: makeEveAdministrator)
        }
    }

    @Test func `somebody without a seat may not look on`() throws {
        #expect(throws: Refusal.mayNotWatch(try EntitlementName("prod"), [try Principal("group:ops"), try Principal("group:security")])) {
            try watch(by: "eve")
        }
    }

    @Test func `those whom the policy names replace those who hold a seat`() throws {
        let named = Watching(mode: .silent, by: [try Principal("person:eve")])
        #expect(try watch(by: "eve", named) == WatchTerms(isOperatorTold: false))
        #expect(throws: Refusal.mayNotWatch(try EntitlementName("prod"), [try Principal("person:eve")])) { try watch(by: "bob", named) }
    }

    @Test func `the stricter of both policies decides who looks on, and who is told`() throws {
        #expect(throws: Refusal.watchingOff(try EntitlementName("prod"))) {
            try watch(by: "bob", Watching(), current: Watching(mode: .off))
        }
        #expect(throws: Refusal.watchingOff(try EntitlementName("prod"))) {
            try watch(by: "anna", Watching(mode: .off), current: Watching())
        }
        #expect(try watch(by: "bob", Watching(), current: Watching(mode: .silent)).isOperatorTold)
        #expect(try watch(by: "bob", Watching(mode: .silent), current: Watching(mode: .open)).isOperatorTold)
        #expect(throws: Refusal.self) {
            try watch(by: "bob", Watching(by: [try Principal("group:ops")]), current: Watching(by: [try Principal("group:security")]))
        }
    }

    @Test func `somebody disabled or unknown looks on at nothing`() throws {
        #expect(throws: Refusal.personDisabled(try PersonName("bob"))) { try watch(by: "bob") { try $0.disable("bob") } }
        #expect(throws: Refusal.personUnknown(try PersonName("mallory"))) { try watch(by: "mallory") }
    }

    // MARK: Reading

    private func parse(_ watching: String) throws(PolicyError) -> Watching? {
        try Policy(
            parsing: """
                { entitlements: [{ name: "prod", requesters: ["group:ops"], nodes: "*", capabilities: ["shell"], runAs: ["root"],
                  seats: [{ count: 1, of: ["group:security"] }], \(watching) }] }
                """, file: "p.json5"
        ).entitlements.first?.watching
    }

    @Test func `what a policy leaves out is decided for the operator`() throws {
        #expect(try parse("") == Watching(mode: .open, by: nil))
        #expect(try parse("watching: {}") == Watching(mode: .open, by: nil))
        #expect(try parse("watching: { mode: 'silent', by: ['person:eve'] }") == Watching(mode: .silent, by: [try Principal("person:eve")]))
    }

    @Test(arguments: [
        ("watching: { mode: 'secret' }", "`secret` is not possible"), ("watching: { mode: 'off', by: ['group:ops'] }", "nobody may look on"),
        ("watching: { by: [] }", "empty"), ("watching: { by: ['ops'] }", "neither a group"), ("watching: 'off'", "expected"),
        ("watching: { who: [] }", "not known"), ("watching: { by: ['roster:primary'] }", "no roster"),
    ])
    func `a rule about looking on that is unclear is refused where it stands`(text: String, reason: String) {
        let error = #expect(throws: PolicyError.self) { try parse(text) }
        #expect(error?.message.hasPrefix("p.json5:2:") == true && error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }
}
