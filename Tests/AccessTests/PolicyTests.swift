// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import StrictJSON
import Testing

@Suite struct PolicyTests {
    private static let rest = """
        requesters: ["group:ops"], nodes: "env=prod", capabilities: ["shell"], runAs: ["root"],
        """
    private static let seats = #"seats: [{ count: 1, of: ["group:security"] }],"#

    private func policy(_ entitlement: String) throws(PolicyError) -> Policy {
        try Policy(parsing: "{ entitlements: [{ \(entitlement) }] }", file: "policy")
    }

    /// A complete entitlement with `more` in it.
    private func policy(with more: String) throws(PolicyError) -> Policy {
        try policy(#"name: "prod", "# + Self.rest + Self.seats + more)
    }

    @Test func `the shipped policy is valid`() throws {
        let repository = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let text = try String(contentsOf: repository.appending(path: "Config/policy.json5"), encoding: .utf8)
        let policy = try Policy(parsing: text, file: "policy.json5")
        #expect(policy.entitlements.isEmpty == false)
    }

    @Test func `what a policy does not say has its default`() throws {
        let entitlement = try #require(try policy(with: "").entitlements.first)
        #expect(entitlement.maximumDuration == .seconds(14_400) && entitlement.sessionMaximum == .seconds(86_400))
        #expect(entitlement.idleLimit == .seconds(900) && entitlement.lease == .seconds(60))
        #expect(entitlement.detachedFor == .seconds(300))
        #expect(entitlement.pendingFor == .seconds(3600) && entitlement.activateWithin == .seconds(1800))
        #expect(entitlement.minimumReasonLength == 10 && entitlement.denyThreshold == 1)
        #expect(entitlement.idleCounts == .input && entitlement.withoutBroker == .lease && entitlement.recording == .required)
    }

    @Test func `what a policy says is taken`() throws {
        let entitlement = try #require(
            try policy(
                with: """
                    maximumDuration: "2h", sessionMaximum: "1h", idleLimit: "10m", pendingFor: "7d", activateWithin: "1h", lease: "30s",
                    detachedFor: "1s",
                    minimumReasonLength: 20, denyThreshold: 2, idleCounts: "inputAndOutput", withoutBroker: "untilDeadline",
                    recording: "bestEffort"
                    """
            ).entitlements.first)
        #expect(entitlement.maximumDuration == .seconds(7200) && entitlement.sessionMaximum == .seconds(3600))
        #expect(entitlement.idleLimit == .seconds(600) && entitlement.lease == .seconds(30))
        #expect(entitlement.detachedFor == .seconds(1))
        #expect(entitlement.pendingFor == .seconds(604_800) && entitlement.activateWithin == .seconds(3600))
        #expect(entitlement.minimumReasonLength == 20 && entitlement.denyThreshold == 2)
        #expect(
            entitlement.idleCounts == .inputAndOutput && entitlement.withoutBroker == .untilDeadline
                && entitlement.recording == .bestEffort)
    }

    @Test func `an unknown key is refused with its place and the nearest known key`() {
        let error = #expect(throws: PolicyError.self) {
            try Policy(parsing: "{\n  entitlements: [\n    { nmae: \"x\" },\n  ],\n}", file: "p.json5")
        }
        #expect(error?.message.contains("p.json5:3:") == true)
        let misspelt = #expect(throws: PolicyError.self) { try policy(with: "\n  maximumDuratoin: \"1h\"") }
        #expect(misspelt?.message.hasPrefix("policy:2:3: ") == true)
        let words = [misspelt?.message, misspelt?.hint].compactMap(\.self).joined(separator: " ")
        #expect(words.contains("maximumDuration\""))
    }

    @Test(arguments: [
        "name", "requesters", "nodes", "capabilities", "runAs", "seats",
    ])
    func `an entitlement needs each of its rules`(key: String) {
        let rules = [
            #"name: "prod""#, #"requesters: ["group:ops"]"#, #"nodes: "env=prod""#, #"capabilities: ["shell"]"#, #"runAs: ["root"]"#,
            #"seats: [{ count: 1, of: ["group:security"] }]"#,
        ]
        #expect(throws: Never.self) { try policy(rules.joined(separator: ", ")) }
        #expect(throws: PolicyError.self) { try policy(rules.filter { !$0.hasPrefix(key) }.joined(separator: ", ")) }
    }

    @Test(arguments: [
        #"name: "other""#, #"lease: "1m", lease: "1m""#, "maximumDuration: 60", #"maximumDuration: """#, #"maximumDuration: "1x""#,
        #"maximumDuration: "59s""#, #"maximumDuration: "86401s""#, #"sessionMaximum: "59s""#, #"sessionMaximum: "86401s""#,
        #"detachedFor: "0s""#, #"detachedFor: "3601s""#, #"idleLimit: "59s""#, #"idleLimit: "3601s""#, #"pendingFor: "59s""#, #"pendingFor: "604801s""#, #"activateWithin: "59s""#,
        #"activateWithin: "604801s""#, #"lease: "29s""#, #"lease: "3601s""#, "minimumReasonLength: 0", "minimumReasonLength: 1001",
        #"minimumReasonLength: "10""#, "denyThreshold: 0", "denyThreshold: 17", "denyThreshold: -1", "denyThreshold: 1.5",
        #"idleCounts: "output""#, #"idleCounts: "Input""#, "idleCounts: null", #"withoutBroker: "forever""#, #"recording: "none""#,
        "recording: false", "unknown: 1", "breakGlass: true", "__proto__: {}",
    ])
    func `a rule of another kind or beyond its limit is refused`(more: String) {
        #expect(throws: PolicyError.self) { try policy(with: more) }
    }

    @Test(arguments: [
        #"maximumDuration: "60s""#, #"maximumDuration: "86400s""#, #"sessionMaximum: "60s""#, #"sessionMaximum: "1d""#,
        #"detachedFor: "1s""#, #"detachedFor: "1h""#, #"idleLimit: "1m""#, #"idleLimit: "1h""#, #"pendingFor: "1m""#, #"pendingFor: "7d""#, #"activateWithin: "60s""#,
        #"activateWithin: "7d""#, #"lease: "30s""#, #"lease: "1h""#, "minimumReasonLength: 1", "minimumReasonLength: 1000",
        "denyThreshold: 1", "denyThreshold: 16",
    ])
    func `a rule at its limit is taken`(more: String) {
        #expect(throws: Never.self) { try policy(with: more) }
    }

    @Test(arguments: [
        "seats: []", "seats: {}", "seats: null", "seats: [{}]", "seats: [{ count: 1 }]", #"seats: [{ of: ["group:a"] }]"#,
        "seats: [{ count: 1, of: [] }]", #"seats: [{ count: 0, of: ["group:a"] }]"#, #"seats: [{ count: -1, of: ["group:a"] }]"#,
        #"seats: [{ count: 17, of: ["group:a"] }]"#, #"seats: [{ count: "1", of: ["group:a"] }]"#, #"seats: [{ count: 1, of: "group:a" }]"#,
        #"seats: [{ count: 1, of: ["a"] }]"#, #"seats: [{ count: 1, of: ["group:A"] }]"#, #"seats: [{ count: 1, of: ["group:a"], any: true }]"#,
        #"seats: [{ count: 1, of: ["group:a"] }, { count: 1, of: [] }]"#,
    ])
    func `seats that nobody or anybody would fill are refused`(seats: String) {
        #expect(throws: PolicyError.self) { try policy(#"name: "prod", "# + Self.rest + seats) }
    }

    @Test(arguments: [
        (#"["group:ops"]"#, "[]"), (#"["group:ops"]"#, #"["ops"]"#), (#"["group:ops"]"#, #""group:ops""#), (#""env=prod""#, "\"\""),
        (#""env=prod""#, #""env=""#), (#""env=prod""#, #"["env=prod"]"#), (#""env=prod""#, #""env=prod,""#), (#"["shell"]"#, "[]"),
        (#"["shell"]"#, #"["Shell"]"#), (#"["shell"]"#, #"["shell", "sudo"]"#), (#"["root"]"#, "[]"), (#"["root"]"#, #"["0"]"#),
        (#"["root"]"#, ##"["#0"]"##), (#"["root"]"#, #"["-1"]"#), (#"["root"]"#, #"["root", "Root"]"#), (#"["root"]"#, "[0]"),
    ] as [(String, String)])
    func `an entitlement for nobody, nothing or a number is refused`(right: String, wrong: String) throws {
        let rules = #"name: "prod", "# + Self.rest + Self.seats
        let broken = rules.replacing(right, with: wrong, maxReplacements: 1)
        #expect(broken != rules)
        #expect(throws: PolicyError.self) { try policy(broken) }
    }

    @Test(arguments: [
        "", "{}", "[]", "null", "{ entitlements: [] }", "{ entitlements: {} }", "{ entitlements: [[]] }", "{ entitlements: [null] }",
        "{ entitlements: [], version: 1 }", "{ version: 1 }", "{ entitlements: [}", "{ entitlements: [] } x", "\u{FEFF}{}",
    ])
    func `a text without an entitlement is no policy`(text: String) {
        #expect(throws: PolicyError.self) { try Policy(parsing: text, file: "policy") }
    }

    @Test func `two entitlements of one name are refused`() {
        let one = #"{ name: "prod", "# + Self.rest + Self.seats + "}"
        let error = #expect(throws: PolicyError.self) {
            try Policy(parsing: "{ entitlements: [\(one), \(one)] }", file: "policy")
        }
        #expect(error?.message.contains("two entitlements are named `prod`") == true && error?.hint == "Rename one of them.")
    }

    @Test func `128 KiB are a policy and one byte more is not`() {
        let policy = "{ entitlements: [{ name: \"prod\", \(Self.rest)\(Self.seats) }] }"
        let filled = policy + String(repeating: " ", count: Policy.maximumLength - policy.utf8.count)
        #expect(throws: Never.self) { try Policy(parsing: filled, file: "policy") }
        #expect(throws: PolicyError.self) { try Policy(parsing: filled + " ", file: "policy") }
    }

    @Test func `a policy with any byte changed does not trap`() {
        let text = Array("{ entitlements: [{ name: \"prod\", \(Self.rest)\(Self.seats) lease: '30s', denyThreshold: 2 }] }".utf8)
        var random = SeededGenerator(seed: 5)
        for index in text.indices {
            var damaged = text
            damaged[index] = UInt8.random(in: 0...127, using: &random)
            _ = try? Policy(parsing: String(decoding: damaged, as: UTF8.self), file: "policy")
        }
    }

    // MARK: Covering

    @Test func `an entitlement covers what it names`() throws {
        let ours = try Organisation()
        let ask = try Organisation.ask(by: ours.person("anna"), runAs: "root")
        #expect(try Organisation.entitlement().refusal(of: ask, in: ours.directory) == nil)
    }

    @Test func `the first missing fact is named`() throws {
        var ours = try Organisation()
        let (anna, eve) = (try ours.person("anna"), try ours.person("eve"))
        let rule = try Organisation.entitlement()
        func refusal(_ ask: Entitlement.Ask, _ rule: Entitlement) -> Refusal? { rule.refusal(of: ask, in: ours.directory) }
        #expect(refusal(try Organisation.ask(by: eve), rule) == .notARequester(rule.name, rule.requesters))
        #expect(refusal(try Organisation.ask(by: anna, on: "role=mail"), rule) == .noNodeMatches(try Selector("role=mail")))
        #expect(refusal(try Organisation.ask(by: anna, capabilities: [.shell, .ssh]), rule) == .capabilityNotAllowed(.ssh, rule.name))
        #expect(
            refusal(try Organisation.ask(by: anna, runAs: "postgres"), rule)
                == .runAsNotAllowed(try RunAsName(user: "postgres"), rule.name, allowed: rule.users(for: anna)))
        #expect(refusal(try Organisation.ask(by: anna, for: .milliseconds(999)), rule) == .durationTooShort(.milliseconds(999)))
        #expect(refusal(try Organisation.ask(by: anna, for: .seconds(1)), rule) == nil)
        #expect(refusal(try Organisation.ask(by: anna, for: rule.maximumDuration), rule) == nil)
        let longer = rule.maximumDuration + .milliseconds(1)
        #expect(
            refusal(try Organisation.ask(by: anna, for: longer), rule)
                == .durationTooLong(longer, maximum: rule.maximumDuration, rule.name))
        #expect(refusal(try Organisation.ask(by: anna, reason: "too short"), rule) == .reasonTooShort(8, minimum: 10))
        let large = try Organisation.entitlement { $0.seats = [try Organisation.seat(3, "group:security")] }
        #expect(refusal(try Organisation.ask(by: anna), large) == .quorumImpossible(rule.name, large.seats[0]))
        try ours.disable("anna")
        #expect(refusal(try Organisation.ask(by: ours.person("anna")), rule) == .personDisabled(anna.name))
    }

    @Test func `the requester does not make a quorum possible`() throws {
        let ours = try Organisation()
        let rule = try Organisation.entitlement { $0.seats = [try Organisation.seat(3, "group:ops")] }
        let ask = try Organisation.ask(by: ours.person("anna"))
        #expect(rule.refusal(of: ask, in: ours.directory) == .quorumImpossible(rule.name, rule.seats[0]))
    }

    @Test func `a disabled person does not make a quorum possible and a disabled node is not covered`() throws {
        var ours = try Organisation()
        let rule = try Organisation.entitlement { $0.seats = [try Organisation.seat(2, "group:security")] }
        let ask = try Organisation.ask(by: ours.person("anna"))
        #expect(rule.refusal(of: ask, in: ours.directory) == nil)
        try ours.disable("carl")
        #expect(rule.refusal(of: ask, in: ours.directory) == .quorumImpossible(rule.name, rule.seats[0]))
        for name in ["db-1", "db-2"] { ours.directory.nodes[try NodeName(name)]?.isEnabled = false }
        #expect(rule.refusal(of: ask, in: ours.directory) == .noNodeMatches(try Selector("role=db")))
    }

    private func named(_ name: String, nodes: String, seats: Int = 1) throws -> Entitlement {
        var rule = try Organisation.entitlement { $0.nodes = try Selector(nodes) }
        rule.name = try EntitlementName(name)
        rule.seats = Array(repeating: try Organisation.seat(1, "group:security", "group:ops"), count: seats)
        return rule
    }

    @Test func `of several entitlements the most specific is used, then the one of fewest seats, then the first`() throws {
        var ours = try Organisation()
        let rules = try [
            named("wide", nodes: "*"), named("two-seats", nodes: "env=prod", seats: 2), named("one-seat", nodes: "env=prod"),
            named("later", nodes: "env=prod"), named("this-node", nodes: "db-1", seats: 2),
        ]
        ours.directory.charters = [Charter(version: 1, administrators: [], policy: Policy(entitlements: rules))]
        let policy = Policy(entitlements: rules)
        let ask = try Organisation.ask(by: ours.person("anna"), on: "db-1")
        let order = policy.entitlements(covering: ask, in: ours.directory).map(\.name.text)
        #expect(order == ["this-node", "one-seat", "later", "two-seats", "wide"])
        #expect(try policy.choose(for: ask, wanted: nil, in: ours.directory).name.text == "this-node")
        #expect(try policy.choose(for: ask, wanted: EntitlementName("wide"), in: ours.directory).name.text == "wide")
    }

    @Test func `an entitlement of others and one that does not exist are refused in the same words`() throws {
        let ours = try Organisation()
        let policy = Policy(entitlements: [try Organisation.entitlement()])
        let ask = try Organisation.ask(by: ours.person("eve"))
        for name in ["prod", "missing"] {
            #expect(throws: Refusal.entitlementUnknown(try EntitlementName(name))) {
                try policy.choose(for: ask, wanted: EntitlementName(name), in: ours.directory)
            }
        }
        #expect(throws: Refusal.noEntitlement(try PersonName("eve"))) { try policy.choose(for: ask, wanted: nil, in: ours.directory) }
    }

    @Test func `a node that is not covered and one that does not exist are refused in the same words`() throws {
        let ours = try Organisation()
        let policy = Policy(entitlements: [try Organisation.entitlement { $0.nodes = try Selector("role=db") }])
        for name in ["web-1", "web-9"] {
            let ask = try Organisation.ask(by: ours.person("anna"), on: name)
            #expect(throws: Refusal.noNodeMatches(try Selector(name))) { try policy.choose(for: ask, wanted: nil, in: ours.directory) }
        }
    }

    @Test func `the refusal of the entitlement that came closest is told`() throws {
        var ours = try Organisation()
        let policy = Policy(entitlements: [try Organisation.entitlement { $0.nodes = try Selector("role=mail") }, try Organisation.entitlement()])
        let ask = try Organisation.ask(by: ours.person("anna"), for: .seconds(86_400))
        #expect(throws: Refusal.durationTooLong(.seconds(86_400), maximum: .seconds(14_400), try EntitlementName("prod"))) {
            try policy.choose(for: ask, wanted: nil, in: ours.directory)
        }
        try ours.disable("anna")
        let late = try Organisation.ask(by: ours.person("anna"))
        #expect(throws: Refusal.personDisabled(try PersonName("anna"))) { try policy.choose(for: late, wanted: nil, in: ours.directory) }
    }

    @Test func `a charter is found by its version and by nothing else`() throws {
        let ours = try Organisation(current: Organisation.entitlement { $0.lease = .seconds(30) })
        #expect(ours.directory.charter(version: 1)?.version == 1 && ours.directory.charter(version: 2)?.version == 2)
        for version in [Int64.min + 1, -1, 0, 3, .max] { #expect(ours.directory.charter(version: version) == nil) }
    }

    @Test func `an administrator is an enabled person whom the charter in force names`() throws {
        var ours = try Organisation()
        #expect(ours.directory.isAdministrator(try PersonName("anna")))
        #expect(!ours.directory.isAdministrator(try PersonName("bob")))
        try ours.disable("anna")
        #expect(!ours.directory.isAdministrator(try PersonName("anna")))
        #expect(!Directory().isAdministrator(try PersonName("anna")))
    }
}
