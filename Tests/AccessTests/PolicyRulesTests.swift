// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// What a rule may say beyond requesters, nodes and seats; and what of it changes while a request lives.
@Suite struct PolicyRulesTests {
    private static let start = """
        {
          rosters: [{ name: "primary", zone: "UTC", start: "2026-01-05 09:00", people: ["anna"] }],
          entitlements: [{ name: "prod", requesters: ["group:ops"], nodes: "env=prod", capabilities: ["shell"], runAs: ["root"],
            seats: [{ count: 1, of: ["group:security"] }],
        """

    private func policy(_ more: String, after: String = "") throws(PolicyError) -> Policy {
        try Policy(parsing: Self.start + "\n" + more + " }],\n" + after + "\n}", file: "p.json5")
    }

    @Test(arguments: [
        ("maximumDuration: '59s'", "p.json5:5:18: ", "is not between 1m and 1d"), ("requesters: []", "p.json5:5:1: ", "second time"),
        ("windows: { zone: 'Mars/Olympus', open: ['mon 08:00-09:00'] }", "p.json5:5:18: ", "time zone"),
        ("windows: { zone: 'UTC', open: ['never'] }", "p.json5:5:32: ", "hours of the week"),
        ("windows: { zone: 'UTC', open: [] }", "p.json5:5:31: ", "empty"), ("windows: { zone: 'UTC' }", "p.json5:5:10: ", "missing"),
        ("windws: {}", "p.json5:5:1: ", "not known"), ("tickets: ['INC']", "p.json5:5:11: ", "form of a ticket"),
        ("tickets: ['#']", "p.json5:5:11: ", "form of a ticket"),
        ("fields: [{ name: 'a', type: 'date' }]", "p.json5:5:29: ", "not possible"),
        ("fields: [{ name: 'a', type: 'choice', choices: [] }]", "p.json5:5:48: ", "nothing to choose"),
        ("fields: [{ name: 'a', type: 'number', minimum: 2, maximum: 1 }]", "p.json5:5:60: ", "no number"),
        ("fields: [{ name: 'a', type: 'yesNo' }, { name: 'a', type: 'yesNo' }]", "p.json5:5:48: ", "two fields"),
        ("fields: [{ name: 'a', type: 'yesNo', choices: ['x'] }]", "p.json5:5:38: ", "not known"),
        ("autoApproval: {}", "p.json5:5:15: ", "missing"), ("autoApproval: { perMonth: 0 }", "p.json5:5:27: ", "outside"),
        ("oneShot: 'yes'", "p.json5:5:10: ", "expected"),
    ])
    func `a rule that could never work is refused where it stands`(more: String, place: String, reason: String) {
        let error = #expect(throws: PolicyError.self) { try policy(more) }
        #expect(error?.message.hasPrefix(place) == true && error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        "forbid: [{ name: 'x' }]", "forbid: [{ nodes: '*' }]", "forbid: [{ name: 'x', nodes: '*' }, { name: 'x', nodes: '*' }]",
        "forbid: [{ name: 'x', nodes: '*', seats: [] }]", "forbid: [{ name: 'x', nodes: '*', requesters: [] }]",
        "forbid: [{ name: 'x', nodes: '*', requesters: ['roster:primary'] }]", "forbid: {}", "forbidden: []",
    ])
    func `a prohibition that is unclear is refused`(after: String) {
        #expect(throws: PolicyError.self) { try policy("", after: after) }
    }

    @Test func `a roster that is not there is refused with those that are`() {
        let text = Self.start.replacing("group:security", with: "roster:secondary") + "}] }"
        let error = #expect(throws: PolicyError.self) { try Policy(parsing: text, file: "p.json5") }
        #expect(error?.message.hasPrefix("p.json5:4:") == true && error?.hint?.contains("primary") == true)
    }

    // MARK: Who and where

    private func organisation(_ change: (inout Entitlement) throws -> Void, _ policy: (inout Policy) throws -> Void = { _ in })
        throws -> Organisation
    {
        var ours = try Organisation()
        var rules = Policy(entitlements: [try Organisation.entitlement(change)])
        try policy(&rules)
        ours.directory.charters = [Charter(version: 1, administrators: [], policy: rules)]
        return ours
    }

    private func refusal(_ ours: Organisation, _ ask: Entitlement.Ask) throws -> Refusal? {
        do throws(Refusal) {
            _ = try ours.directory.charter?.policy.choose(for: ask, wanted: nil, in: ours.directory)
            return nil
        } catch {
            return error
        }
    }

    @Test func `an attribute makes a requester, and its absence or another case of it does not`() throws {
        var ours = try organisation { $0.requesters = [try Principal("attribute:team=blue")] }
        for (value, works) in [("blue", true), ("Blue", false), ("bluer", false)] {
            var anna = try ours.person("anna")
            anna.attributes = ["team": value]
            ours.directory.people[anna.name] = anna
            #expect((try refusal(ours, try Organisation.ask(by: anna)) == nil) == works)
        }
        #expect(try refusal(ours, try Organisation.ask(by: try ours.person("bob"))) == .noEntitlement(try PersonName("bob")))
    }

    @Test func `a variable is the requester's attribute, and matches nothing without it`() throws {
        var ours = try organisation { $0.nodes = try Selector(template: "role=${person.role}") }
        var anna = try ours.person("anna")
        #expect(try refusal(ours, try Organisation.ask(by: anna)) == .noNodeMatches(try Selector("role=db")))
        anna.attributes = ["role": "db"]
        ours.directory.people[anna.name] = anna
        #expect(try refusal(ours, try Organisation.ask(by: anna)) == nil)
        #expect(try refusal(ours, try Organisation.ask(by: anna, on: "role=web")) == .noNodeMatches(try Selector("role=web")))
        anna.attributes = ["role": "db|web"]  // no tag value: not read as syntax
        #expect(try refusal(ours, try Organisation.ask(by: anna)) == .noNodeMatches(try Selector("role=db")))
    }

    @Test(arguments: ["role=${person.role}", "${person.role}", "role=$role"])
    func `a requester writes no variables`(text: String) {
        #expect(throws: Refusal.self) { try Selector(text) }
    }

    @Test func `what is forbidden is left out, and refused where nothing else is left`() throws {
        let ours = try organisation({ _ in }) { $0.forbid = [ForbidRule(name: try RuleName("no-db-2"), nodes: try Selector("db-2"))] }
        let anna = try ours.person("anna")
        let rule = try #require(ours.directory.charter?.policy.entitlements.first)
        #expect(rule.coveredNodes(of: try Organisation.ask(by: anna), in: ours.directory).map(\.name.text) == ["db-1"])
        let expected = Refusal.forbidden(try RuleName("no-db-2"), try NodeName("db-2"))
        #expect(try refusal(ours, try Organisation.ask(by: anna, on: "db-2")) == expected)
    }

    @Test func `a prohibition holds for its people, capabilities and users only`() throws {
        let anna = try Organisation().person("anna")
        let node = try #require(try Organisation().directory.nodes(matching: Selector("db-1")).first)
        let root = try RunAsName(user: "root")
        let everything = try RuleName("x")
        func forbids(_ rule: ForbidRule) -> Bool { rule.forbids(anna, [.shell], as: root, on: node) }
        #expect(forbids(ForbidRule(name: everything, nodes: .everything)))
        #expect(forbids(ForbidRule(name: everything, requesters: [try Principal("group:ops")], nodes: .everything)))
        #expect(!forbids(ForbidRule(name: everything, requesters: [try Principal("group:security")], nodes: .everything)))
        #expect(!forbids(ForbidRule(name: everything, nodes: .everything, capabilities: [.exec])))
        #expect(!forbids(ForbidRule(name: everything, nodes: .everything, runAs: [try RunAsName(user: "deploy")])))
        #expect(!forbids(ForbidRule(name: everything, nodes: try Selector("role=web"))))
    }

    // MARK: Reasons

    @Test(arguments: [
        ("INC-1 disk is full", true), ("disk is full (INC-0042).", true), ("disk is full INC-", false), ("disk inc-42 is full", false),
        ("XINC-42 disk is full", false), ("INC-42x disk is full", false), ("INC-42-7 disk is full", false), ("disk is full", false),
    ])
    func `a ticket is a word of its form`(reason: String, works: Bool) throws {
        let ours = try organisation { $0.tickets = [try TicketPattern("INC-#")] }
        let ask = try Organisation.ask(by: try ours.person("anna"), reason: reason)
        #expect((try refusal(ours, ask) == nil) == works)
    }

    @Test(arguments: [
        (ReasonField.Kind.text(minimumLength: 3), ["abc": true, "ab": false, "a b": false, "": false]),
        (.number(1...10), ["1": true, "10": true, "0": false, "11": false, "01": false, "+1": false, "1.0": false, "": false, "x": false]),
        (.choice(["red", "blue"]), ["red": true, "Red": false, "": false, "green": false]),
        (.yesNo, ["yes": true, "no": true, "Yes": false, "true": false, "": false]),
    ] as [(ReasonField.Kind, [String: Bool])])
    func `a field takes what its type says`(kind: ReasonField.Kind, values: [String: Bool]) throws {
        let field = ReasonField(name: "f", kind: kind)
        for (value, works) in values { #expect(field.accepts(value) == works, "\(value)") }
    }

    @Test func `a field that is missing or unknown is refused, an optional one may be left out`() throws {
        let ours = try organisation {
            $0.fields = [ReasonField(name: "impact", kind: .yesNo), ReasonField(name: "note", kind: .yesNo, isRequired: false)]
        }
        var ask = try Organisation.ask(by: try ours.person("anna"))
        #expect(try refusal(ours, ask) == .fieldMissing("impact", expected: "yes or no"))
        ask.fields = ["impact": "maybe"]
        #expect(try refusal(ours, ask) == .fieldMalformed("impact", expected: "yes or no"))
        ask.fields = ["impact": "no", "more": "x"]
        #expect(try refusal(ours, ask) == .fieldUnknown("more", try EntitlementName("prod")))
        ask.fields = ["impact": "no"]
        #expect(try refusal(ours, ask) == nil)
    }

    // MARK: Automatic approval

    private func automatic(_ perMonth: Int, seats: Bool = true) throws -> Organisation {
        try organisation {
            $0.autoApproval = Entitlement.AutoApproval(perMonth: perMonth)
            if !seats { $0.seats = [] }
        }
    }

    @Test func `the last of the month's count is approved and one more is not`() throws {
        let ours = try automatic(3)
        for (spent, works) in [(0, true), (2, true), (3, false), (4, false)] {
            var request = AccessRequest(terms: try Organisation.terms(), decideBefore: Organisation.asked + .seconds(60))
            do throws(Refusal) {
                let effect = try request.apply(.approveAutomatically(spent: spent), in: ours.directory, at: Organisation.asked)
                guard case .ready(let grant) = effect else { Issue.record("no grant"); continue }
                #expect(works && request.state == .approved && grant.nodes.map(\.text).sorted() == ["db-1", "db-2"])
            } catch {
                #expect(!works && error == .budgetSpent(try EntitlementName("prod"), 3) && error.isKnownToBrokerOnly)
                #expect(request.state == .pending && request.version == 1)
            }
        }
    }

    @Test func `without the rule in both policies nothing is approved by itself`() throws {
        for (first, second) in [(true, false), (false, true), (false, false)] {
            var ours = try Organisation()
            ours.directory.charters = try [first, second].enumerated().map { index, isAutomatic in
                let rule = try Organisation.entitlement { if isAutomatic { $0.autoApproval = Entitlement.AutoApproval(perMonth: 9) } }
                return Charter(version: Int64(index + 1), administrators: [], policy: Policy(entitlements: [rule]))
            }
            var request = AccessRequest(terms: try Organisation.terms(), decideBefore: Organisation.asked + .seconds(60))
            #expect(throws: Refusal.self) {
                try request.apply(.approveAutomatically(spent: 0), in: ours.directory, at: Organisation.asked)
            }
            guard case .pending = try Approval.judge(try Organisation.terms(), votes: [], in: ours.directory) else {
                Issue.record("approved without votes")
                continue
            }
        }
    }

    @Test func `a vote on a request beyond the count does not approve it by itself`() throws {
        let ours = try automatic(1)
        let one = try Organisation.approval(by: "bob")
        guard case .pending = try Approval.judge(try Organisation.terms(), votes: [one], in: ours.directory) else {
            Issue.record("one vote filled two seats")
            return
        }
    }

    @Test func `a denied request is not approved by itself afterwards`() throws {
        let ours = try automatic(5)
        var request = AccessRequest(terms: try Organisation.terms(), decideBefore: Organisation.asked + .seconds(600))
        _ = try request.apply(.vote(try Organisation.denial(by: "bob")), in: ours.directory, at: Organisation.asked)
        #expect(throws: Refusal.requestResolved(request.terms.id, .denied)) {
            try request.apply(.approveAutomatically(spent: 0), in: ours.directory, at: Organisation.asked)
        }
    }

    // MARK: Windows in force

    @Test func `a grant ends with the window, by the narrower of both policies`() throws {
        let asked = Organisation.asked  // 2027-01-15 08:00 UTC, a Friday
        func rule(_ hours: String) throws -> Entitlement {
            try Organisation.entitlement { $0.windows = try Windows(zone: "UTC", hours: [try Windows.Hours(hours)]) }
        }
        let ours = try Organisation(try rule("fri 07:00-10:00"), current: try rule("fri 08:00-08:30"))
        let rules = try EntitlementInForce(for: try Organisation.terms(), in: ours.directory)
        #expect(try rules.maximum(from: asked) == .seconds(1800))
        let closed = Refusal.outsideWindow(try EntitlementName("prod"), opens: asked + .seconds(7 * 86_400))
        #expect(throws: closed) { try rules.maximum(from: asked + .seconds(1800)) }
    }
}
