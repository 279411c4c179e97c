// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// anna and bob of ops may break glass on production for half an hour, twice a month; carl and dora of security judge it.
@Suite struct BreakGlassTests {
    static let rule = BreakGlass(maximumDuration: .seconds(1800), perMonth: 2, reviewers: [.group(security)])
    private static let security = GroupName.security
    private static let now = Organisation.asked

    static func organisation(
        _ change: (inout Entitlement) throws -> Void = { _ in }, current: ((inout Entitlement) throws -> Void)? = nil
    ) throws -> Organisation {
        let first = try Organisation.entitlement {
            $0.breakGlass = rule
            try change(&$0)
        }
        return try Organisation(
            first, current: try current.map { change in
                var next = first
                try change(&next)
                return next
            })
    }

    static func terms(_ duration: Duration = .seconds(1200), breaksGlass: Bool = true) throws -> RequestTerms {
        let ordinary = try Organisation.terms(for: duration)
        return RequestTerms(
            id: ordinary.id, person: ordinary.person, entitlement: ordinary.entitlement, charterVersion: ordinary.charterVersion,
            selector: ordinary.selector, capabilities: ordinary.capabilities, runAs: ordinary.runAs, duration: ordinary.duration,
            reason: ordinary.reason, isBreakGlass: breaksGlass, at: ordinary.at)
    }

    private func broken(
        _ terms: RequestTerms, spent: Int = 0, overdue: RequestID? = nil, in ours: Organisation
    ) throws -> AccessRequest {
        var request = AccessRequest(terms: terms, decideBefore: Self.now + .seconds(60))
        _ = try request.apply(.breakGlass(spent: spent, overdue: overdue), in: ours.directory, at: Self.now)
        return request
    }

    private func lease(_ terms: RequestTerms, votes: [Vote] = [], in ours: Organisation) throws -> Lease {
        let opening = Opening(
            person: terms.person, device: Organisation.key(1), node: try NodeName("db-1"), capability: .shell, runAs: terms.runAs,
            at: Self.now)
        return try opening.lease(
            under: terms, votes: votes, activation: Activation(person: terms.person, at: Self.now), in: ours.directory, at: Self.now)
    }

    // MARK: Opening

    @Test func `what the requester signed as breaking glass opens without a vote, and says so`() throws {
        let ours = try Self.organisation()
        #expect(try broken(Self.terms(), in: ours).state == .approved)
        let lease = try lease(Self.terms(), in: ours)
        #expect(lease.consent == .breakGlass && lease.notAfter == Self.now + .seconds(1200))
    }

    @Test func `an ordinary request never becomes one that breaks glass`() throws {
        let ours = try Self.organisation()
        let ordinary = try Self.terms(breaksGlass: false)
        let missing = try Refusal.seatsNotFilled(ordinary.id, missing: Organisation.entitlement().seats)
        #expect(throws: missing) { try broken(ordinary, in: ours) }
        #expect(throws: missing) { try lease(ordinary, in: ours) }
    }

    @Test func `a policy without the rule gives nothing, whichever of the two it is`() throws {
        let without: (inout Entitlement) -> Void = { $0.breakGlass = nil }
        for ours in try [Self.organisation(without), Self.organisation(current: without), Self.organisation(without) { $0.breakGlass = Self.rule }] {
            let gone = Refusal.breakGlassGone(try EntitlementName("prod"))
            #expect(throws: gone) { try lease(Self.terms(), in: ours) }
            #expect(throws: gone) { try broken(Self.terms(), in: ours) }
        }
    }

    @Test func `what broke glass is not extended`() throws {
        let extended = try Self.terms().extended(as: RequestID("8k2p9x"), lease: 2, by: .seconds(60), reason: "it takes much longer", at: Self.now)
        #expect(throws: Refusal.breakGlassGone(try EntitlementName("prod"))) {
            try EntitlementInForce(for: extended, in: try Self.organisation().directory)
        }
    }

    @Test func `the shorter maximum of both policies and of the rule holds`() throws {
        let ours = try Self.organisation(current: { $0.breakGlass?.maximumDuration = .seconds(900) })
        #expect(try lease(Self.terms(.seconds(1200)), in: ours).notAfter == Self.now + .seconds(900))
        #expect(try lease(Self.terms(.seconds(900)), in: ours).notAfter == Self.now + .seconds(900))
        #expect(throws: Refusal.self) { try lease(Self.terms(.seconds(1801)), in: Self.organisation()) }
    }

    @Test func `what is forbidden stays forbidden`() throws {
        var ours = try Self.organisation()
        var policy = ours.directory.charters[0].policy
        policy.forbid = [ForbidRule(name: try RuleName("vault"), nodes: try Selector("role=db"))]
        ours.directory.charters[0] = Charter(version: 1, administrators: [], policy: policy)
        #expect(throws: Refusal.self) { try lease(Self.terms(), in: ours) }
    }

    @Test func `hours do not bind whoever breaks glass, and nobody approves it by policy`() throws {
        let closed = Windows.closed(at: Self.now)
        let ours = try Self.organisation {
            $0.windows = closed
            $0.autoApproval = .init(perMonth: 5)
        }
        #expect(throws: Refusal.outsideWindow(try EntitlementName("prod"), opens: closed?.opening(after: Self.now))) {
            try lease(Self.terms(breaksGlass: false), in: ours)
        }
        #expect(try lease(Self.terms(), in: ours).consent == .breakGlass)
        var request = AccessRequest(terms: try Self.terms(), decideBefore: Self.now + .seconds(60))
        #expect(throws: Refusal.self) { try request.apply(.approveAutomatically(spent: 0), in: ours.directory, at: Self.now) }
    }

    @Test func `somebody disabled, or whom the rule does not mean, breaks nothing`() throws {
        var ours = try Self.organisation()
        try ours.disable("anna")
        #expect(throws: Refusal.personDisabled(try PersonName("anna"))) { try lease(Self.terms(), in: ours) }
        let narrow = try Self.organisation { $0.breakGlass?.requesters = [try Principal("person:bob")] }
        #expect(throws: Refusal.notARequester(try EntitlementName("prod"), [try Principal("person:bob")])) {
            try lease(Self.terms(), in: narrow)
        }
    }

    @Test func `nobody votes on what broke glass`() throws {
        let ours = try Self.organisation()
        var request = AccessRequest(terms: try Self.terms(), decideBefore: Self.now + .seconds(600))
        let vote = try Organisation.approval(by: "bob", for: .seconds(60))
        #expect(throws: Refusal.breakGlassHasNoVotes(request.terms.id)) {
            try request.apply(.vote(vote), in: ours.directory, at: Self.now)
        }
        #expect(try lease(Self.terms(), votes: [Organisation.denial(by: "bob")], in: ours).consent == .breakGlass)
    }

    // MARK: What only the broker knows

    @Test func `the count of a month and an overdue review are facts of the broker`() throws {
        let ours = try Self.organisation()
        #expect(try broken(Self.terms(), spent: 1, in: ours).state == .approved)
        let spent = Refusal.breakGlassSpent(try EntitlementName("prod"), 2)
        #expect(throws: spent) { try broken(Self.terms(), spent: 2, in: ours) }
        let overdue = Refusal.reviewOverdue(try RequestID("000000"))
        #expect(throws: overdue) { try broken(Self.terms(), overdue: RequestID("000000"), in: ours) }
        #expect(spent.isKnownToBrokerOnly && overdue.isKnownToBrokerOnly)
    }

    @Test func `the smaller count of both policies holds`() throws {
        let ours = try Self.organisation(current: { $0.breakGlass?.perMonth = 1 })
        #expect(throws: Refusal.breakGlassSpent(try EntitlementName("prod"), 1)) { try broken(Self.terms(), spent: 1, in: ours) }
    }

    // MARK: Asking

    @Test func `whoever has no rule is told that, and how to ask`() throws {
        let ours = try Self.organisation()
        for name in ["carl", "eve"] {
            let ask = try Organisation.ask(by: try ours.person(name), for: .seconds(60))
            let policy = try #require(ours.directory.charter?.policy)
            let refusal = #expect(throws: Refusal.self) { try policy.chooseForBreakGlass(ask, wanted: nil, in: ours.directory) }
            #expect(refusal == .noBreakGlass(try PersonName(name)))
            #expect(refusal?.hint?.contains("stint request") == true)
        }
    }

    @Test func `without anybody to judge it afterwards it is refused beforehand`() throws {
        var ours = try Self.organisation()
        for name in ["carl", "dora"] { try ours.disable(name) }
        let ask = try Organisation.ask(by: try ours.person("anna"), for: .seconds(60))
        let policy = try #require(ours.directory.charter?.policy)
        #expect(throws: Refusal.reviewImpossible(try EntitlementName("prod"), [try Principal("group:security")])) {
            try policy.chooseForBreakGlass(ask, wanted: nil, in: ours.directory)
        }
    }

    @Test func `its own nodes and capabilities replace those of the entitlement`() throws {
        let ours = try Self.organisation {
            $0.breakGlass?.nodes = try Selector("role=web")
            $0.breakGlass?.capabilities = [.exec]
        }
        let policy = try #require(ours.directory.charter?.policy)
        let ask = try Organisation.ask(by: try ours.person("anna"), on: "*", for: .seconds(60), capabilities: [.exec])
        let chosen = try policy.chooseForBreakGlass(ask, wanted: nil, in: ours.directory)
        #expect(chosen.coveredNodes(of: ask, in: ours.directory).map(\.name.text) == ["web-1"])
        let shell = try Organisation.ask(by: try ours.person("anna"), on: "*", for: .seconds(60))
        #expect(throws: Refusal.capabilityNotAllowed(.shell, try EntitlementName("prod"))) {
            try policy.chooseForBreakGlass(shell, wanted: nil, in: ours.directory)
        }
    }

    @Test func `everybody whose seat was skipped is told, and whoever may judge it, but not who did it`() throws {
        let ours = try Self.organisation()
        let rules = try EntitlementInForce(for: Self.terms(), in: ours.directory)
        #expect(rules.toldOfBreakGlass(in: ours.directory).map(\.text) == ["bob", "carl", "dora"])
        #expect(rules.reviewWithin == .seconds(86_400))
    }

    // MARK: Judging

    private func review(_ state: Review.State = .due) throws -> Review {
        Review(request: try Self.terms().id, requester: try PersonName("anna"), dueBefore: Self.now + .seconds(100), state: state)
    }

    private func judge(_ verdict: Review.Verdict, by person: String, _ state: Review.State = .due, in ours: Organisation? = nil) throws -> Review {
        var review = try review(state)
        try review.apply(
            .judge(verdict, by: try PersonName(person)), of: try Self.terms(), in: try (ours ?? Self.organisation()).directory,
            at: Self.now)
        return review
    }

    @Test(arguments: [Review.State.due, .overdue])
    func `another person who is meant accepts or flags it`(state: Review.State) throws {
        #expect(try judge(.accepted, by: "carl", state).state == .accepted)
        let flagged = try judge(.concern, by: "dora", state)
        #expect(flagged.state == .flagged && flagged.reviewer?.text == "dora" && flagged.version == 2)
    }

    @Test func `nobody judges their own`() throws {
        let ours = try Self.organisation { $0.breakGlass?.reviewers = [try Principal("person:anna"), try Principal("group:ops")] }
        #expect(throws: Refusal.reviewerIsRequester(try Self.terms().id)) { try judge(.accepted, by: "anna", in: ours) }
    }

    @Test func `somebody who is not meant, disabled or unknown judges nothing`() throws {
        let security = try Principal("group:security")
        #expect(throws: Refusal.reviewerNotMeant(try Self.terms().id, [security])) { try judge(.accepted, by: "bob") }
        var ours = try Self.organisation()
        try ours.disable("carl")
        #expect(throws: Refusal.personDisabled(try PersonName("carl"))) { try judge(.accepted, by: "carl", in: ours) }
        #expect(throws: Refusal.personUnknown(try PersonName("mallory"))) { try judge(.accepted, by: "mallory") }
    }

    @Test func `the policy in force says who judges; where it lacks the rule, the one at the time`() throws {
        let moved = try Self.organisation(current: { $0.breakGlass?.reviewers = [try Principal("person:eve")] })
        #expect(try judge(.accepted, by: "eve", in: moved).state == .accepted)
        #expect(throws: Refusal.self) { try judge(.accepted, by: "carl", in: moved) }
        let removed = try Self.organisation(current: { $0.breakGlass = nil })
        #expect(try judge(.accepted, by: "carl", in: removed).state == .accepted)
    }

    @Test func `without reviewers of its own whoever may fill a seat judges`() throws {
        let ours = try Self.organisation { $0.breakGlass?.reviewers = nil }
        #expect(try judge(.accepted, by: "bob", in: ours).state == .accepted)
    }

    @Test(arguments: [Review.State.accepted, .flagged])
    func `a judgement stands`(state: Review.State) throws {
        var review = try review(state)
        let before = review
        for event in [Review.Event.judge(.concern, by: try PersonName("carl")), .fallDue] {
            #expect(throws: Refusal.alreadyReviewed(review.request, by: nil)) {
                try review.apply(event, of: try Self.terms(), in: try Self.organisation().directory, at: Self.now + .seconds(1000))
            }
        }
        #expect(review == before && !review.isOverdue(at: Self.now + .seconds(1000)))
    }

    @Test func `a review is overdue at its time and not one millisecond before, swept or not`() throws {
        var review = try review()
        let directory = try Self.organisation().directory
        let due = Self.now + .seconds(100)
        #expect(!review.isOverdue(at: due - .milliseconds(1)) && review.due(at: due - .milliseconds(1)) == nil)
        #expect(throws: Refusal.notYetDue(review.request.description)) {
            try review.apply(.fallDue, of: try Self.terms(), in: directory, at: due - .milliseconds(1))
        }
        #expect(review.isOverdue(at: due) && review.due(at: due) == .fallDue)
        try review.apply(.fallDue, of: try Self.terms(), in: directory, at: due)
        #expect(review.state == .overdue && review.isOverdue(at: due) && review.due(at: due) == nil)
        #expect(throws: Refusal.self) { try review.apply(.fallDue, of: try Self.terms(), in: directory, at: due) }
    }

    @Test func `an ordinary request needs no review`() throws {
        let ordinary = try Self.terms(breaksGlass: false)
        #expect(Review.refusal(of: try PersonName("carl"), on: ordinary, in: try Self.organisation().directory) == .nothingToReview(ordinary.id))
    }

    // MARK: Reading

    private func parse(_ text: String, seats: String = "[{ count: 1, of: ['group:security'] }]") throws(PolicyError) -> Entitlement? {
        try Policy(
            parsing: """
                { entitlements: [{ name: "prod", requesters: ["group:ops"], nodes: "*", capabilities: ["shell"], runAs: ["root"],
                  seats: \(seats), \(text) }] }
                """, file: "p.json5"
        ).entitlements.first
    }

    @Test func `a rule has safe defaults`() throws {
        #expect(try parse("")?.breakGlass == nil)
        #expect(try parse("breakGlass: { perMonth: 1 }")?.breakGlass == BreakGlass(perMonth: 1))
        #expect(BreakGlass(perMonth: 1).maximumDuration == .seconds(3600))
    }

    @Test(arguments: [
        ("breakGlass: {}", "missing"), ("breakGlass: { perMonth: 0 }", "outside"), ("breakGlass: { perMonth: 101 }", "outside"),
        ("breakGlass: { perMonth: 1, maximumDuration: '61m' }", "between 1m and 1h"),
        ("breakGlass: { perMonth: 1, maximumDuration: '59s' }", "between 1m and 1h"),
        ("maximumDuration: '10m', breakGlass: { perMonth: 1, maximumDuration: '11m' }", "more than the 10m"),
        ("breakGlass: { perMonth: 1, reviewWithin: '8d' }", "between 1m and 7d"), ("breakGlass: { perMonth: 1, reviewers: [] }", "empty"),
        ("breakGlass: { perMonth: 1, requesters: ['roster:x'] }", "no roster"), ("breakGlass: true", "expected"),
        ("breakGlass: { perMonth: 1, seats: [] }", "not known"), ("breakglass: { perMonth: 1 }", "not known"),
        ("breakGlass: { perMonth: 1, nodes: 'a=' }", "selector"), ("breakGlass: { perMonth: 1, capabilities: ['sudo'] }", "capability"),
    ])
    func `a rule that is unclear is refused where it stands`(text: String, reason: String) {
        let error = #expect(throws: PolicyError.self) { try parse(text) }
        #expect(error?.message.hasPrefix("p.json5:2:") == true && error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }

    @Test func `where there are no seats, reviewers must be named`() {
        let error = #expect(throws: PolicyError.self) { try parse("autoApproval: { perMonth: 1 }, breakGlass: { perMonth: 1 }", seats: "[]") }
        #expect(error?.message.contains("nobody could review it") == true)
    }

    @Test func `a rule that nobody could ever judge is an error for the people there are, and one that some cannot is a warning`() throws {
        func findings(_ rule: String, without gone: [String]) throws -> [PolicyReview.Finding] {
            var ours = try Organisation()
            for name in gone { try ours.disable(name) }
            let text = """
                { entitlements: [{ name: "prod", requesters: ["group:ops"], nodes: "*", capabilities: ["shell"], runAs: ["root"],
                  seats: [{ count: 1, of: ["group:ops"] }], breakGlass: { perMonth: 1, \(rule) } }] }
                """
            return try PolicyReview(text, file: "p.json5", in: ours.directory).findings
        }
        #expect(try findings("reviewers: ['group:security']", without: []).isEmpty)
        let nobody = try findings("reviewers: ['group:security']", without: ["carl", "dora"])
        #expect(nobody.map(\.isError) == [true] && nobody.first?.message.contains("nobody could review it") == true)
        let some = try findings("reviewers: ['person:dora']", without: [])
        #expect(some.map(\.isError) == [false] && some.first?.message.contains("dora") == true)
        let none = try findings("requesters: ['group:nobody']", without: [])
        #expect(none.map(\.isError) == [false] && none.first?.message.contains("nobody may break glass") == true)
    }
}

extension GroupName {
    fileprivate static var security: GroupName {
        guard let name = try? GroupName("security") else { preconditionFailure("a well-formed name") }
        return name
    }
}

extension Windows {
    /// One minute of the week that is not now.
    fileprivate static func closed(at time: Timestamp) -> Windows? {
        for day in ["mon", "tue"] {
            if let hours = try? Hours("\(day) 00:00-00:01"), let some = try? Windows(zone: "UTC", hours: [hours]), some.end(at: time) == nil {
                return some
            }
        }
        return nil
    }
}
