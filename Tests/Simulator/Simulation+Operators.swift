// SPDX-License-Identifier: Apache-2.0

import Access
import Broker

extension Simulation {
    /// What an operator does next. Requests are named by their place among those made.
    enum Act {
        case ask(person: Int)
        case vote(record: Int, person: Int, approves: Bool)
        case withdraw(record: Int)
        case activate(record: Int)
        case open(record: Int, node: Int)
        case type(SessionID)
        case end(record: Int, Grant.EndReason)
        case disable(person: Int)
        case signCharter
    }

    /// Up to three requests, their votes, and what their requesters do with them.
    func planActs() {
        for record in 0...Int(random.between(0, 2)) {
            var time = random.between(500, 60_000) + Int64(record) * 90_000
            queue.add(.operatorActs(.ask(person: random.pick([0, 0, 1, 3, 2, 4]))), at: time)
            for _ in 0..<random.between(2, 8) {
                time += random.between(0, 20_000)
                let person = Int(random.between(0, 4))
                queue.add(.operatorActs(.vote(record: record, person: person, approves: random.chance(96))), at: time)
            }
            if random.chance(5) { queue.add(.operatorActs(.withdraw(record: record)), at: time + random.between(-5000, 5000)) }
            for _ in 0..<random.between(1, 6) {
                time += random.between(0, random.chance(70) ? 30_000 : 400_000)
                queue.add(.operatorActs(.open(record: record, node: Int(random.between(0, 1)))), at: time)
            }
            if random.chance(40) {
                let reason: Grant.EndReason = random.chance(70) ? .revoked : .released
                queue.add(.operatorActs(.end(record: record, reason)), at: time + random.between(-60_000, 300_000))
            }
        }
        if random.chance(20) { queue.add(.operatorActs(.disable(person: Int(random.between(0, 4)))), at: random.between(0, 600_000)) }
        if random.chance(20) { queue.add(.operatorActs(.signCharter), at: random.between(0, 600_000)) }
    }

    func perform(_ act: Act) {
        guard broker.isUp else {
            // The client tries once more when the broker answers again.
            if now < Self.horizon / 2 { queue.add(.operatorActs(act), at: now + random.between(500, 5000)) }
            return
        }
        broker.wall.tick(now)
        do {
            switch act {
            case .ask(let person): try ask(Organisation.people[person])
            case .vote(let record, let person, let approves): try vote(record, Organisation.people[person], approves)
            case .withdraw(let record): try withdraw(record)
            case .activate(let record): try activate(record)
            case .open(let record, let node): try open(record, node)
            case .type(let id): type(id)
            case .end(let record, let reason): try endGrant(record, reason)
            case .disable(let person): try disable(Organisation.people[person])
            case .signCharter: signCharter()
            }
        } catch {
            return  // a refusal changes nothing; that is what the invariants look at
        }
        // A repeated message, or the broker dies after the commit and before it answered.
        if random.chance(5), case .vote = act { queue.add(.operatorActs(act), at: now + random.between(1, 2000)) }
        if random.chance(2) { crashBroker() }
    }

    private func ask(_ person: PersonName) throws {
        try broker.clock.checkNotMovedBack()
        let time = operatorTime
        try checkFresh(time)
        let directory = broker.directory
        guard let charter = directory.charter, let asker = directory.people[person] else { throw Refusal.noCharter }
        let selector = random.pick(Organisation.selectors)
        let question = Entitlement.Ask(
            person: asker, selector: selector, capabilities: [.shell], runAs: Organisation.runAs,
            duration: .seconds(random.between(30, 900)), reason: "the disk is full")
        let entitlement = try charter.policy.choose(for: question, wanted: random.pick(Organisation.entitlements), in: directory)
        let terms = RequestTerms(
            id: RequestID(digest: broker.nextDigest()), person: person, entitlement: entitlement.name,
            charterVersion: charter.version, selector: selector, capabilities: [.shell], runAs: Organisation.runAs,
            duration: question.duration, reason: question.reason, at: time)
        let request = AccessRequest(terms: terms, decideBefore: broker.clock.now + entitlement.pendingFor)
        broker.records.append(SimulatedBroker.Record(terms: terms, request: request))
        noteCommit()
    }

    private func vote(_ record: Int, _ person: PersonName, _ approves: Bool) throws {
        guard broker.records.indices.contains(record) else { return }
        try broker.clock.checkNotMovedBack()
        let time = operatorTime
        try checkFresh(time)
        let terms = broker.records[record].terms
        var seen = Set(broker.directory.nodes(matching: terms.selector).map(\.name))
        if seen.count > 1, random.chance(20) { seen.remove(random.pick(seen.sorted())) }
        let duration: Duration = random.chance(80) ? terms.duration : .seconds(random.between(10, terms.duration.wholeSeconds))
        let vote = Vote(person: person, verdict: approves ? .approve(nodes: seen, duration: duration) : .deny, note: "", at: time)
        var request = broker.records[record].request
        var effect = try request.apply(.vote(vote), in: broker.directory, at: broker.clock.now)
        if fault == .votesCounted, case .none = effect { effect = countedEffect(request) }
        store(request, at: record)
        if case .ready(let grant) = effect { try makeGrant(grant, at: record) }
    }

    /// What a broker would do that counts approvals.
    private func countedEffect(_ request: AccessRequest) -> AccessRequest.Effect {
        let rule = broker.directory.charter?.policy.entitlement(request.terms.entitlement)
        guard let rule, request.votes.count(where: \.approves) >= rule.seatCount else { return .none }
        return .ready(
            GrantTerms(nodes: Set(Organisation.nodeNames), duration: request.terms.duration, approvedAt: operatorTime))
    }

    private func makeGrant(_ terms: GrantTerms, at record: Int) throws {
        let request = broker.records[record].request
        let rules = try EntitlementInForce(for: request.terms, in: broker.directory)
        broker.records[record].grant = Grant(
            id: request.terms.id.sibling(), holder: request.terms.person, granted: terms.duration,
            activateBefore: terms.approvedAt + rules.activateWithin)
        statistics.grants += 1
        checkSeats(of: request, "grant \(request.terms.id)")
        noteCommit()
    }

    private func withdraw(_ record: Int) throws {
        guard broker.records.indices.contains(record) else { return }
        var request = broker.records[record].request
        _ = try request.apply(.withdraw(by: request.terms.person), in: broker.directory, at: broker.clock.now)
        store(request, at: record)
    }

    private func activate(_ record: Int) throws {
        guard broker.records.indices.contains(record), var grant = broker.records[record].grant else { return }
        try broker.clock.checkNotMovedBack()
        let time = operatorTime
        try checkFresh(time)
        let terms = broker.records[record].terms
        let rules = try EntitlementInForce(for: terms, in: broker.directory)
        try grant.apply(.activate(by: terms.person, at: time, maximum: rules.maximumDuration), at: broker.clock.now)
        store(grant, at: record)
        broker.records[record].activation = Activation(person: terms.person, at: time)
    }

    private func endGrant(_ record: Int, _ reason: Grant.EndReason) throws {
        guard broker.records.indices.contains(record) else { return }
        try endGrant(at: record, reason)
    }

    private func disable(_ person: PersonName) throws {
        var directory = broker.directory
        directory.people[person]?.isEnabled = false
        directory.people[person]?.devices = []
        broker.rolls.append(directory)
        for record in broker.records.indices where broker.records[record].terms.person == person {
            switch broker.records[record].grant?.state {
            case .ready, .active: try endGrant(at: record, .personDisabled)
            case .ending, .ended, .lapsed, .cancelled, nil: break
            }
        }
        rollGrew()
    }

    private func signCharter() {
        var directory = broker.directory
        directory.charters.append(Organisation.charter(Int64(directory.charters.count + 1), &random))
        broker.rolls.append(directory)
        rollGrew()
    }

    private func rollGrew() {
        for record in broker.records.indices {
            var request = broker.records[record].request
            do {
                _ = try request.apply(.directoryChanged, in: broker.directory, at: broker.clock.now)
                store(request, at: record)
            } catch {
                continue  // it stands
            }
        }
        noteCommit()
        for node in nodes.indices { tell(node, .roll(broker.rolls.count - 1)) }
    }

    private func checkFresh(_ time: Timestamp) throws {
        let age = broker.clock.now - time
        guard age <= Opening.freshness, age >= .zero - Opening.freshness else {
            throw Refusal.clockDisagrees(signed: time, here: broker.clock.now)
        }
    }

    private func type(_ id: SessionID) {
        guard let node = broker.sessions[id]?.node, isReachable(id, on: node) else { return }
        let boot = nodes[node].boot(now)
        nodes[node].supervisors[id]?.inputArrived(at: boot)
        if random.chance(60) { queue.add(.operatorActs(.type(id)), at: now + random.between(1000, 200_000)) }
    }

    // MARK: Opening

    private func open(_ record: Int, _ node: Int) throws {
        guard broker.records.indices.contains(record) else { return }
        // Whoever owns the broker may skip what it checks, together with a requester who signs anything.
        let isOwned = random.chance(10)
        if !isOwned { try checkOpening(record, node) }
        let row = broker.records[record]
        let another = Activation(person: row.terms.person, at: operatorTime)
        let activation = isOwned && random.chance(50) ? another : row.activation ?? another
        let id = SessionID(digest: broker.nextDigest())
        broker.sessions[id] = SimulatedBroker.SessionRow(
            record: record, node: node, opening: opening(record, node), activation: activation, roll: broker.rolls.count - 1,
            machine: Session(id: id, grant: row.terms.id.sibling()))
        broker.records[record].sessions.append(id)
        noteCommit()
        tell(node, .roll(broker.rolls.count - 1))
        tell(node, .open(id))
        if random.chance(3) { tell(node, .open(id)) }
    }

    private func opening(_ record: Int, _ node: Int) -> Opening {
        let person = broker.records[record].terms.person
        let device = Organisation.people.firstIndex(of: person) ?? 0
        return Opening(
            person: person, device: Organisation.key(UInt8(device)), node: nodes[node].name, capability: .shell,
            runAs: Organisation.runAs, at: operatorTime)
    }

    /// What the honest broker asks before it stores an opening.
    private func checkOpening(_ record: Int, _ node: Int) throws {
        if broker.records[record].grant?.state == .ready { try activate(record) }
        try broker.clock.checkNotMovedBack()
        let row = broker.records[record]
        guard let grant = row.grant, let activation = row.activation, nodes[node].isConnected else {
            throw Refusal.notTheHolder(row.terms.id.sibling())
        }
        guard grant.state == .active else { throw Refusal.grantOver(grant.id, grant.state, grant.endReason) }
        if let notAfter = grant.notAfter, broker.clock.now >= notAfter { throw Refusal.grantOver(grant.id, .ending, .expired) }
        guard fault != .votesCounted else { return }
        _ = try opening(record, node).lease(
            under: row.terms, votes: row.request.votes.filter(\.approves), activation: activation, in: broker.directory,
            at: broker.clock.now)
    }
}
