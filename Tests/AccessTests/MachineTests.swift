// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// Every state of the three machines with every event.
@Suite struct MachineTests {
    private let asked = Organisation.asked
    private var deadline: Timestamp { asked + .seconds(3600) }
    private var inTime: Timestamp { asked + .seconds(60) }

    // MARK: Requests

    private func request(_ state: AccessRequest.State = .pending, votes: [Vote] = []) throws -> AccessRequest {
        AccessRequest(terms: try Organisation.terms(), decideBefore: deadline, votes: votes, state: state, version: 7)
    }

    /// Applies `event` and demands the refusal and that nothing changed.
    private func expect(
        _ refusal: Refusal, from event: AccessRequest.Event, on given: AccessRequest, in ours: Organisation? = nil,
        at now: Timestamp? = nil, _ location: SourceLocation = #_sourceLocation
    ) throws {
        var request = given
        let directory = try (ours ?? Organisation()).directory
        #expect(throws: refusal, sourceLocation: location) { try request.apply(event, in: directory, at: now ?? inTime) }
        #expect(request == given, sourceLocation: location)
    }

    private var requestEvents: [AccessRequest.Event] {
        get throws {
            [
                .vote(try Organisation.approval(by: "bob")), .vote(try Organisation.denial(by: "bob")),
                .withdraw(by: try PersonName("anna")), .withdraw(by: try PersonName("bob")), .lapse, .directoryChanged,
            ]
        }
    }

    @Test(arguments: AccessRequest.State.allCases.filter(\.isTerminal))
    func `a resolved request absorbs every event at any time`(state: AccessRequest.State) throws {
        var bare = try Organisation()
        bare.directory = Directory()
        for event in try requestEvents {
            for now in [asked, inTime, deadline, deadline + .seconds(1)] {
                let resolved = try request(state)
                try expect(.requestResolved(resolved.terms.id, state), from: event, on: resolved, at: now)
                try expect(.requestResolved(resolved.terms.id, state), from: event, on: resolved, in: bare, at: now)
            }
        }
    }

    @Test func `only a pending request is not resolved`() {
        #expect(AccessRequest.State.allCases.filter { !$0.isTerminal } == [.pending])
    }

    @Test func `the vote that fills the last seat makes the request approved`() throws {
        var request = try request()
        let directory = try Organisation().directory
        #expect(try request.apply(.vote(Organisation.approval(by: "bob")), in: directory, at: inTime) == .none)
        #expect(request.state == .pending && request.version == 8 && request.votes.count == 1)
        let effect = try request.apply(.vote(Organisation.approval(by: "carl", nodes: ["db-1"])), in: directory, at: inTime)
        #expect(effect == .ready(GrantTerms(nodes: [try NodeName("db-1")], duration: .seconds(3600), approvedAt: inTime)))
        #expect(request.state == .approved && request.version == 9 && request.votes.count == 2)
    }

    @Test func `a denial makes the request denied`() throws {
        var request = try request(votes: [Organisation.approval(by: "bob")])
        let effect = try request.apply(.vote(Organisation.denial(by: "carl")), in: Organisation().directory, at: inTime)
        #expect(effect == .none && request.state == .denied && request.version == 8 && request.votes.count == 2)
    }

    @Test func `a vote counts until the moment before the deadline`() throws {
        var request = try request()
        let vote = AccessRequest.Event.vote(try Organisation.approval(by: "bob"))
        for late in [deadline, deadline + .milliseconds(1)] {
            try expect(.decisionDeadlinePassed(request.terms.id, deadline), from: vote, on: request, at: late)
        }
        #expect(throws: Never.self) { try request.apply(vote, in: Organisation().directory, at: deadline - .milliseconds(1)) }
    }

    @Test func `a vote of who may not vote is refused with the reason`() throws {
        let request = try request(votes: [Organisation.approval(by: "bob")])
        let (id, seats) = (request.terms.id, try Organisation.entitlement().seats)
        for vote in [{ try Organisation.approval(by: $0) }, { try Organisation.denial(by: $0) }] as [(String) throws -> Vote] {
            try expect(.voterIsRequester(id), from: .vote(vote("anna")), on: request)
            try expect(.voterHoldsNoSeat(id, seats), from: .vote(vote("eve")), on: request)
            try expect(.personUnknown(PersonName("zoe")), from: .vote(vote("zoe")), on: request)
            try expect(.alreadyVoted(id), from: .vote(vote("bob")), on: request)
        }
        var ours = try Organisation()
        try ours.disable("carl")
        try expect(.personDisabled(PersonName("carl")), from: .vote(Organisation.approval(by: "carl")), on: request, in: ours)
        try ours.disable("anna")
        try expect(.personDisabled(PersonName("anna")), from: .vote(Organisation.approval(by: "dora")), on: request, in: ours)
    }

    @Test func `a voter needs a seat in the frozen and in the current policy`() throws {
        let other = try Organisation.entitlement { $0.seats = [try Organisation.seat(1, "group:security")] }
        let request = try request()
        let bob = AccessRequest.Event.vote(try Organisation.approval(by: "bob"))
        try expect(.voterHoldsNoSeat(request.terms.id, other.seats), from: bob, on: request, in: Organisation(current: other))
        try expect(
            .voterHoldsNoSeat(request.terms.id, other.seats), from: bob, on: request,
            in: Organisation(other, current: Organisation.entitlement()))
    }

    @Test func `a vote narrows and never widens`() throws {
        let request = try request()
        let id = request.terms.id
        let longer = Duration.milliseconds(3_600_001)
        try expect(
            .voteWidensDuration(id, longer, asked: .seconds(3600)), from: .vote(Organisation.approval(by: "bob", for: longer)), on: request)
        try expect(
            .durationTooShort(.milliseconds(999)), from: .vote(Organisation.approval(by: "bob", for: .milliseconds(999))), on: request)
        for node in ["web-1", "db-9"] {
            try expect(
                .voteWidensNodes(id, NodeName(node)), from: .vote(Organisation.approval(by: "bob", nodes: ["db-1", node])), on: request)
        }
        try expect(.noCommonNode(id), from: .vote(Organisation.approval(by: "bob", nodes: [])), on: request)
        let many = (0...Vote.maximumNodes).map { "n\($0)" }
        try expect(.tooManyNodes(501), from: .vote(Organisation.approval(by: "bob", nodes: many)), on: request)
        try expect(
            .voteWidensNodes(id, NodeName("n0")), from: .vote(Organisation.approval(by: "bob", nodes: Array(many.prefix(500)))), on: request)
        for (nodes, duration) in [(["db-1"], Duration.seconds(1)), (["db-1", "db-2"], .seconds(3600))] {
            var narrowed = request
            #expect(throws: Never.self) {
                try narrowed.apply(
                    .vote(Organisation.approval(by: "bob", nodes: nodes, for: duration)), in: Organisation().directory, at: inTime)
            }
        }
    }

    @Test func `a completing vote that leaves no common node is refused and not kept`() throws {
        let request = try request(votes: [Organisation.approval(by: "bob", nodes: ["db-1"])])
        try expect(.noCommonNode(request.terms.id), from: .vote(Organisation.approval(by: "carl", nodes: ["db-2"])), on: request)
    }

    @Test func `only the requester withdraws`() throws {
        var request = try request()
        for name in ["bob", "carl", "eve"] {
            try expect(.onlyRequesterMayWithdraw(request.terms.id), from: .withdraw(by: PersonName(name)), on: request)
        }
        #expect(try request.apply(.withdraw(by: PersonName("anna")), in: Directory(), at: deadline + .seconds(9)) == .none)
        #expect(request.state == .withdrawn && request.version == 8)
    }

    @Test func `a request lapses at its deadline and not before`() throws {
        var request = try request()
        try expect(.notYetDue("r-7k2p9x"), from: .lapse, on: request, at: deadline - .milliseconds(1))
        _ = try request.apply(.lapse, in: Directory(), at: deadline)
        #expect(request.state == .lapsed && request.version == 8)
    }

    @Test func `a request becomes invalid when what it rests on is gone and not otherwise`() throws {
        let pending = try request()
        try expect(.notYetDue("r-7k2p9x"), from: .directoryChanged, on: pending)
        var disabled = try Organisation()
        try disabled.disable("anna")
        var nodeless = try Organisation()
        for name in ["db-1", "db-2"] { nodeless.directory.nodes[try NodeName(name)]?.isEnabled = false }
        let elsewhere = try Organisation(current: Organisation.entitlement { $0.nodes = try Selector("web-1") })
        let shorter = try Organisation(current: Organisation.entitlement { $0.maximumDuration = .seconds(60) })
        try expect(.notYetDue("r-7k2p9x"), from: .directoryChanged, on: pending, in: shorter)
        let stricter = try Organisation(current: Organisation.entitlement { $0.minimumReasonLength = 100 })
        for ours in [disabled, nodeless, elsewhere, stricter] {
            var request = pending
            _ = try request.apply(.directoryChanged, in: ours.directory, at: inTime)
            #expect(request.state == .invalidated && request.version == 8)
        }
    }

    // MARK: Grants

    private func grant(_ state: Grant.State, granted: Duration = .seconds(3600), reason: Grant.EndReason? = nil) throws -> Grant {
        Grant(
            id: try GrantID("7k2p9x"), holder: try PersonName("anna"), granted: granted, activateBefore: deadline,
            notBefore: state == .active ? asked : nil, notAfter: state == .active ? deadline : nil, endReason: reason, state: state,
            version: 3)
    }

    private func expect(
        _ refusal: Refusal, from event: Grant.Event, on given: Grant, at now: Timestamp? = nil,
        _ location: SourceLocation = #_sourceLocation
    ) {
        var grant = given
        #expect(throws: refusal, sourceLocation: location) { try grant.apply(event, at: now ?? inTime) }
        #expect(grant == given, sourceLocation: location)
    }

    private func activate(by name: String = "anna", maximum: Duration = .seconds(14_400)) throws -> Grant.Event {
        .activate(by: try PersonName(name), at: inTime, maximum: maximum)
    }

    private var grantEvents: [Grant.Event] { get throws { [try activate(), .end(.revoked), .expire, .lapse, .settle] } }

    @Test(arguments: [Grant.State.ended, .lapsed, .cancelled])
    func `a grant that is over absorbs every event at any time`(state: Grant.State) throws {
        #expect(state.isTerminal)
        let over = try grant(state, reason: .released)
        for event in try grantEvents {
            for now in [asked, inTime, deadline, deadline + .seconds(1)] {
                expect(.grantOver(over.id, state, .released), from: event, on: over, at: now)
            }
        }
    }

    @Test func `a grant that is ending takes nothing but its settlement`() throws {
        var ending = try grant(.ending, reason: .expired)
        for event in try grantEvents where event != .settle {
            expect(.grantOver(ending.id, .ending, .expired), from: event, on: ending, at: deadline)
        }
        try ending.apply(.settle, at: inTime)
        #expect(ending.state == .ended && ending.endReason == .expired && ending.version == 4)
    }

    @Test func `the holder activates a ready grant`() throws {
        var ready = try grant(.ready)
        try ready.apply(activate(), at: inTime)
        #expect(ready.state == .active && ready.notBefore == inTime && ready.notAfter == inTime + .seconds(3600) && ready.version == 4)
    }

    @Test func `nobody else activates it, nor the holder at the deadline`() throws {
        let ready = try grant(.ready)
        expect(.notTheHolder(ready.id), from: try activate(by: "bob"), on: ready)
        for late in [deadline, deadline + .milliseconds(1)] {
            expect(.activationDeadlinePassed(ready.id, deadline), from: try activate(), on: ready, at: late)
        }
        var atLast = ready
        #expect(throws: Never.self) { try atLast.apply(activate(), at: deadline - .milliseconds(1)) }
    }

    @Test(arguments: [(3600, 14_400, 3600), (14_400, 3600, 3600), (1_000_000, 1_000_000, 86_400)] as [(Int64, Int64, Int64)])
    func `a grant lasts as long as the shortest of what was granted, the policy and the cap`(
        granted: Int64, maximum: Int64, lasts: Int64
    ) throws {
        var ready = try grant(.ready, granted: .seconds(granted))
        try ready.apply(activate(maximum: .seconds(maximum)), at: inTime)
        #expect(ready.notAfter == inTime + .seconds(lasts))
    }

    @Test func `a ready grant lapses at its deadline and not before`() throws {
        var ready = try grant(.ready)
        expect(.notYetDue("g-7k2p9x"), from: .lapse, on: ready, at: deadline - .milliseconds(1))
        try ready.apply(.lapse, at: deadline)
        #expect(ready.state == .lapsed && ready.version == 4)
    }

    @Test(arguments: Grant.EndReason.allCases)
    func `ending cancels a ready grant and ends an active one`(reason: Grant.EndReason) throws {
        for (before, after) in [(Grant.State.ready, Grant.State.cancelled), (.active, .ending)] {
            var grant = try grant(before)
            try grant.apply(.end(reason), at: inTime)
            #expect(grant.state == after && grant.endReason == reason && grant.version == 4)
        }
    }

    @Test func `an active grant expires at its end and not before`() throws {
        var active = try grant(.active)
        expect(.notYetDue("g-7k2p9x"), from: .expire, on: active, at: deadline - .milliseconds(1))
        try active.apply(.expire, at: deadline)
        #expect(active.state == .ending && active.endReason == .expired && active.version == 4)
    }

    @Test func `what does not fit the state is refused`() throws {
        let (ready, active) = (try grant(.ready), try grant(.active))
        for event in [Grant.Event.expire, .settle] { expect(.notYetDue("g-7k2p9x"), from: event, on: ready, at: deadline) }
        for event in [Grant.Event.lapse, .settle] { expect(.notYetDue("g-7k2p9x"), from: event, on: active, at: deadline) }
        expect(.grantAlreadyActive(active.id), from: try activate(), on: active)
        let endless = Grant(id: active.id, holder: active.holder, granted: .zero, activateBefore: deadline, state: .active)
        expect(.notYetDue("g-7k2p9x"), from: .expire, on: endless, at: Timestamp(milliseconds: .max))
        #expect(Grant.State.allCases.filter { !$0.isTerminal } == [.ready, .active, .ending])
    }

    // MARK: Sessions

    private static let events: [Session.Event] = [.accept, .detach, .attach, .end(.revoked), .receipt(.exited), .giveUp]

    /// What each state becomes by each of ``events``; `nil` where that is refused.
    private static let table: [(Session.State, [Session.State?])] = [
        (.opening, [.live, nil, nil, .ending, .ended, .ended]), (.live, [nil, .detached, nil, .ending, .ended, .ended]),
        (.detached, [nil, nil, .live, .ending, .ended, .ended]), (.ending, [nil, nil, nil, nil, .ended, .ended]),
        (.ended, [nil, nil, nil, nil, nil, nil]),
    ]

    @Test func `every state of a session knows every event`() throws {
        #expect(Self.table.map(\.0) == Session.State.allCases)
        for (state, row) in Self.table {
            for (event, next) in zip(Self.events, row) {
                let before: Session.EndReason? = state == .ending || state == .ended ? .idle : nil
                let given = Session(
                    id: try SessionID("abcdef"), grant: try GrantID("7k2p9x"), endReason: before, state: state, version: 5)
                var session = given
                if let next {
                    try session.apply(event)
                    #expect(session.state == next && session.version == 6, "\(state) \(event)")
                } else {
                    let refusal: Refusal = state == .ended ? .sessionOver(given.id) : .sessionNotOpen(given.id)
                    #expect(throws: refusal, "\(state) \(event)") { try session.apply(event) }
                    #expect(session == given, "\(state) \(event)")
                }
            }
        }
    }

    @Test(arguments: Session.EndReason.allCases)
    func `the reason of the node wins over what the broker expected`(reason: Session.EndReason) throws {
        var session = Session(id: try SessionID("abcdef"), grant: try GrantID("7k2p9x"), state: .live)
        try session.apply(.end(.revoked))
        #expect(session.endReason == .revoked)
        try session.apply(.receipt(reason))
        #expect(session.endReason == reason)
    }

    @Test func `a session that nobody heard of is unconfirmed`() throws {
        for state in Session.State.allCases where state != .ended {
            var session = Session(id: try SessionID("abcdef"), grant: try GrantID("7k2p9x"), endReason: .expired, state: state)
            try session.apply(.giveUp)
            #expect(session.state == .ended && session.endReason == .unconfirmed)
        }
    }
}
