// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

@Suite struct ApprovalTests {
    private let asked = Organisation.asked

    private func judge(_ votes: [Vote], _ terms: RequestTerms? = nil, in ours: Organisation? = nil) throws -> Approval {
        try Approval.judge(terms ?? Organisation.terms(), votes: votes, in: (ours ?? Organisation()).directory)
    }

    @Test func `one of each group makes a grant`() throws {
        let votes = try [Organisation.approval(by: "bob"), Organisation.approval(by: "carl", after: 90)]
        let grant = GrantTerms(
            nodes: [try NodeName("db-1"), try NodeName("db-2")], duration: .seconds(3600), approvedAt: asked + .seconds(90))
        #expect(try judge(votes) == .approved(grant))
        #expect(try judge(votes.reversed()) == .approved(grant))
    }

    @Test func `nobody's vote leaves both seats open`() throws {
        let seats = try Organisation.entitlement().seats
        #expect(try judge([]) == .pending(missing: seats))
        #expect(try judge([Organisation.approval(by: "bob")]) == .pending(missing: [seats[1]]))
        #expect(try judge([Organisation.approval(by: "carl")]) == .pending(missing: [seats[0]]))
    }

    @Test(arguments: ["anna", "eve", "nobody"])
    func `a vote of the requester, of somebody without a seat or of nobody counts for nothing`(name: String) throws {
        let votes = try [Organisation.approval(by: name), Organisation.approval(by: "carl")]
        #expect(try judge(votes) == .pending(missing: [Organisation.seat(1, "group:ops")]))
        #expect(try judge([Organisation.denial(by: name)]) == .pending(missing: Organisation.entitlement().seats))
    }

    @Test func `a voter who was disabled since is dropped`() throws {
        var ours = try Organisation()
        try ours.disable("carl")
        let votes = try [Organisation.approval(by: "bob"), Organisation.approval(by: "carl")]
        #expect(try judge(votes, in: ours) == .pending(missing: [Organisation.seat(1, "group:security")]))
        #expect(try judge([Organisation.denial(by: "carl")], in: ours) != .denied(by: PersonName("carl")))
    }

    @Test func `a voter who left the group since is dropped`() throws {
        var ours = try Organisation()
        ours.directory.people[try PersonName("carl")]?.groups = []
        let votes = try [Organisation.approval(by: "bob"), Organisation.approval(by: "carl")]
        #expect(try judge(votes, in: ours) == .pending(missing: [Organisation.seat(1, "group:security")]))
    }

    @Test func `one denial outweighs every approval`() throws {
        let approvals = try [Organisation.approval(by: "bob"), Organisation.approval(by: "carl")]
        let denial = try Organisation.denial(by: "dora")
        for votes in [[denial] + approvals, approvals + [denial], [approvals[0], denial, approvals[1]]] {
            #expect(try judge(votes) == .denied(by: PersonName("dora")))
        }
    }

    @Test func `where two denials are needed one person's two are one`() throws {
        let ours = try Organisation(Organisation.entitlement { $0.denyThreshold = 2 })
        let dora = try Organisation.denial(by: "dora")
        #expect(try judge([dora, dora], in: ours) == .pending(missing: Organisation.entitlement().seats))
        #expect(try judge([dora, Organisation.denial(by: "bob")], in: ours) == .denied(by: PersonName("bob")))
    }

    @Test func `the votes together allow only what each of them allows`() throws {
        let votes = try [
            Organisation.approval(by: "bob", nodes: ["db-1", "db-2"], for: .seconds(1800)),
            Organisation.approval(by: "carl", nodes: ["db-2"], for: .seconds(2400), after: 30),
        ]
        let grant = GrantTerms(nodes: [try NodeName("db-2")], duration: .seconds(1800), approvedAt: asked + .seconds(60))
        #expect(try judge(votes) == .approved(grant))
    }

    @Test func `votes without a common node grant nothing`() throws {
        let votes = try [Organisation.approval(by: "bob", nodes: ["db-1"]), Organisation.approval(by: "carl", nodes: ["db-2"])]
        let terms = try Organisation.terms()
        #expect(throws: Refusal.noCommonNode(terms.id)) { try judge(votes, terms) }
    }

    @Test func `a vote that names more than the request does not widen it`() throws {
        let nodes = ["db-1", "db-2", "web-1", "mail-1"]
        let votes = try ["bob", "carl"].map { try Organisation.approval(by: $0, nodes: nodes, for: .seconds(86_400)) }
        let grant = GrantTerms(
            nodes: [try NodeName("db-1"), try NodeName("db-2")], duration: .seconds(3600), approvedAt: asked + .seconds(60))
        #expect(try judge(votes) == .approved(grant))
    }

    @Test func `a node that was added after the votes is not granted`() throws {
        var ours = try Organisation()
        let node = Node(name: try NodeName("db-3"), key: Organisation.key(99), tags: try Tags(parsing: "env=prod,role=db"))
        ours.directory.nodes[node.name] = node
        let votes = try [Organisation.approval(by: "bob"), Organisation.approval(by: "carl")]
        guard case .approved(let grant) = try judge(votes, in: ours) else { throw Refusal.noCharter }
        #expect(!grant.nodes.contains(node.name) && grant.nodes.count == 2)
    }

    // MARK: The frozen and the current policy

    @Test func `seats that the current policy added must be filled too`() throws {
        let stricter = try Organisation.entitlement { $0.seats = [try Organisation.seat(2, "group:security")] }
        let ours = try Organisation(current: stricter)
        let bobAndCarl = try [Organisation.approval(by: "bob"), Organisation.approval(by: "carl")]
        guard case .pending = try judge(bobAndCarl, in: ours) else { throw Refusal.noCharter }
        let carlAndDora = try [Organisation.approval(by: "carl"), Organisation.approval(by: "dora")]
        guard case .approved = try judge(carlAndDora, in: ours) else { throw Refusal.noCharter }
    }

    @Test func `one more approval in a seat that stood before is demanded too`() throws {
        let stricter = try Organisation.entitlement {
            $0.seats = [try Organisation.seat(1, "group:ops"), try Organisation.seat(2, "group:security")]
        }
        let ours = try Organisation(current: stricter)
        let two = try [Organisation.approval(by: "bob"), Organisation.approval(by: "carl")]
        #expect(try judge(two, in: ours) == .pending(missing: [Organisation.seat(2, "group:security")]))
    }

    @Test func `seats that the current policy dropped must still be filled`() throws {
        let laxer = try Organisation.entitlement { $0.seats = [try Organisation.seat(1, "group:ops")] }
        let ours = try Organisation(current: laxer)
        guard case .pending = try judge([Organisation.approval(by: "bob")], in: ours) else { throw Refusal.noCharter }
    }

    @Test func `every limit is that of the stricter policy, whichever came first`() throws {
        let strict = try Organisation.entitlement {
            $0.maximumDuration = .seconds(3600)
            ($0.pendingFor, $0.activateWithin, $0.sessionMaximum) = (.seconds(60), .seconds(61), .seconds(62))
            ($0.idleLimit, $0.lease, $0.denyThreshold) = (.seconds(63), .seconds(30), 1)
        }
        let lax = try Organisation.entitlement {
            ($0.denyThreshold, $0.idleCounts, $0.withoutBroker, $0.recording) = (3, .inputAndOutput, .untilDeadline, .bestEffort)
        }
        for (frozen, current) in [(strict, lax), (lax, strict)] {
            let rules = try EntitlementInForce(for: Organisation.terms(), in: Organisation(frozen, current: current).directory)
            #expect(rules.maximumDuration == .seconds(3600) && rules.denyThreshold == 1)
            #expect(rules.pendingFor == .seconds(60) && rules.activateWithin == .seconds(61))
            #expect(rules.sessionMaximum == .seconds(62) && rules.idleLimit == .seconds(63) && rules.lease == .seconds(30))
            #expect(rules.idleCounts == .input && rules.withoutBroker == .lease && rules.recording == .required)
        }
        let both = try EntitlementInForce(for: Organisation.terms(), in: Organisation(lax, current: lax).directory)
        #expect(both.idleCounts == .inputAndOutput && both.withoutBroker == .untilDeadline && both.recording == .bestEffort)
        #expect(both.denyThreshold == 3)
    }

    @Test func `no policy exceeds the absolute cap`() throws {
        let endless = try Organisation.entitlement { $0.maximumDuration = .seconds(1_000_000) }
        let rules = try EntitlementInForce(for: Organisation.terms(), in: Organisation(endless).directory)
        #expect(rules.maximumDuration == .seconds(86_400))
    }

    @Test func `a node counts only where both policies cover it`() throws {
        let narrow = try Organisation.entitlement { $0.nodes = try Selector("db-1") }
        for ours in try [Organisation(narrow, current: Organisation.entitlement()), Organisation(current: narrow)] {
            let votes = try [Organisation.approval(by: "bob"), Organisation.approval(by: "carl")]
            guard case .approved(let grant) = try judge(votes, in: ours) else { throw Refusal.noCharter }
            #expect(grant.nodes == [try NodeName("db-1")])
        }
    }

    @Test func `what either policy no longer allows is refused`() throws {
        let votes = try [Organisation.approval(by: "bob"), Organisation.approval(by: "carl")]
        let changes: [(String, (inout Entitlement) throws -> Void, Refusal)] = [
            ("requesters", { $0.requesters = [try Principal("group:dba")] }, .notARequester(try EntitlementName("prod"), [try Principal("group:dba")])),
            ("capabilities", { $0.capabilities = [.exec] }, .capabilityNotAllowed(.shell, try EntitlementName("prod"))),
            (
                "runAs", { $0.runAs = [try RunAsRule("root")] },
                .runAsNotAllowed(try RunAsName(user: "deploy"), try EntitlementName("prod"), allowed: [try RunAsName(user: "root")])
            ),
            ("minimumReasonLength", { $0.minimumReasonLength = 100 }, .reasonTooShort(15, minimum: 100)),
            ("name", { $0.name = try EntitlementName("other") }, .entitlementGone(try EntitlementName("prod"))),
        ]
        for (name, change, refusal) in changes {
            let changed = try Organisation.entitlement(change)
            for ours in try [Organisation(changed, current: Organisation.entitlement()), Organisation(current: changed)] {
                #expect(throws: refusal, "\(name)") { try judge(votes, in: ours) }
            }
        }
    }

    @Test func `a maximum that was lowered since shortens the grant, and one that was lower then refuses it`() throws {
        let votes = try [Organisation.approval(by: "bob"), Organisation.approval(by: "carl")]
        let shorter = try Organisation.entitlement { $0.maximumDuration = .seconds(3599) }
        guard case .approved(let grant) = try judge(votes, in: Organisation(current: shorter)) else { throw Refusal.noCharter }
        #expect(grant.duration == .seconds(3599))
        #expect(throws: Refusal.durationTooLong(.seconds(3600), maximum: .seconds(3599), try EntitlementName("prod"))) {
            try judge(votes, in: Organisation(shorter, current: Organisation.entitlement()))
        }
    }

    @Test func `without a charter, its version or the requester nothing is judged`() throws {
        let terms = try Organisation.terms()
        var ours = try Organisation()
        #expect(throws: Refusal.noCharter) { try Approval.judge(terms, votes: [], in: Directory()) }
        for version in [Int64(0), 2, -1, .max] {
            #expect(throws: Refusal.charterUnknown(version)) { try judge([], Organisation.terms(charter: version)) }
        }
        #expect(throws: Refusal.personUnknown(try PersonName("zoe"))) { try judge([], Organisation.terms(by: "zoe")) }
        try ours.disable("anna")
        #expect(throws: Refusal.personDisabled(try PersonName("anna"))) { try judge([], in: ours) }
    }
}
