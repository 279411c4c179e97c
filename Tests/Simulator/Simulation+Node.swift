// SPDX-License-Identifier: Apache-2.0

import Access
import Agent
import Posix

extension Simulation {
    // MARK: The agent

    func dial(_ node: Int) {
        guard nodes[node].isAgentUp, !nodes[node].control.isUp else { return }
        guard broker.isUp, !nodes[node].isCutOff, now >= nodes[node].sleepsUntil else {
            if now < Self.horizon { queue.add(.agentDials(node), at: max(now, nodes[node].sleepsUntil) + random.between(500, 5000)) }
            return
        }
        nodes[node].control.isUp = true
        tellBroker(node, .hello((Array(nodes[node].supervisors.keys) + nodes[node].receipts.keys).sorted()))
        deliverReceipts(node)
    }

    private func deliverReceipts(_ node: Int) {
        for (id, reason) in nodes[node].receipts.sorted(by: { $0.key < $1.key }) { tellBroker(node, .receipt(id, reason)) }
    }

    func tellBroker(_ node: Int, _ message: UpMessage) {
        guard nodes[node].isConnected else { return }
        let at = max(nodes[node].control.lastUp, now + random.between(2, 65))
        nodes[node].control.lastUp = at
        queue.add(.toBroker(node, link: nodes[node].control.number, message), at: at)
    }

    func arrive(_ message: DownMessage, at node: Int, _ link: Int) {
        guard nodes[node].control.number == link, nodes[node].isAgentUp else { return }
        guard now >= nodes[node].sleepsUntil else {
            return queue.add(.toNode(node, link: link, message), at: nodes[node].sleepsUntil + 1)
        }
        switch message {
        case .time: break
        case .roll(let number): take(roll: number, at: node)
        case .open(let id): open(id, at: node)
        case .end(let id, let reason):
            if nodes[node].supervisors[id] != nil { finish(id, on: node, reason) } else { deliverReceipts(node) }
        case .receiptStored(let id): nodes[node].receipts[id] = nil
        }
    }

    private func take(roll number: Int, at node: Int) {
        guard number > nodes[node].roll else { return }
        nodes[node].roll = number
        let directory = broker.rolls[number]
        for (id, _) in nodes[node].supervisors.sorted(by: { $0.key < $1.key }) {
            guard let person = broker.sessions[id]?.opening.person, directory.people[person]?.isEnabled == false else { continue }
            finish(id, on: node, .personDisabled)
        }
    }

    /// The node's own decision, on the evidence, its own roll, clocks and memory.
    private func open(_ id: SessionID, at node: Int) {
        guard let row = broker.sessions[id], nodes[node].supervisors[id] == nil else { return }
        do {
            guard row.roll <= nodes[node].roll, nodes[node].seen.insert(id).inserted else { throw Refusal.sessionOver(id) }
            let record = broker.records[row.record]
            let directory = broker.rolls[nodes[node].roll]
            let lease = try row.opening.lease(
                under: record.terms,
                votes: fault == .nodeTrustsBroker ? madeUp(record.terms, in: directory) : record.request.votes,
                activation: row.activation, in: directory, at: nodes[node].wall(now))
            let request = record.terms.id
            if nodes[node].endedGrants.contains(request) { throw Refusal.grantOver(lease.grant, .ended, .revoked) }
            let known = fault == .anchorForgotten ? nil : nodes[node].anchors[request]
            let anchor = try GrantAnchor(of: lease, after: known, at: nodes[node].moment(now))
            let mayLiveUntil = grantMayLive(request, lease, on: node)
            nodes[node].anchors[request] = anchor
            checkSeats(of: record.request, "session \(id)", in: directory)
            start(id, lease, anchor, request, mayLiveUntil, on: node)
        } catch {
            tellBroker(node, .refused(id))
        }
    }

    /// Votes that nobody signed, as a broker can make them up.
    private func madeUp(_ request: RequestTerms, in directory: Directory) -> [Vote] {
        let nodes = Set(directory.nodes(matching: request.selector).map(\.name))
        return Organisation.people.filter { $0 != request.person }.map {
            Vote(person: $0, verdict: .approve(nodes: nodes, duration: request.duration), note: "", at: request.at)
        }
    }

    private func start(
        _ id: SessionID, _ lease: Lease, _ anchor: GrantAnchor, _ request: RequestID, _ mayLiveUntil: Int64, on node: Int
    ) {
        let boot = nodes[node].boot(now)
        let renews = lease.withoutBroker == .lease && fault != .noLease
        let end: SessionDeadlines.Instant
        switch fault {
        case .deadlineAtBrokerOnly, .deadlineOnWallClock: end = SimulatedSupervisor.instant(boot + 86_400_000)
        default: end = SessionDeadlines.Instant(nanoseconds: anchor.deadline)
        }
        let deadlines = SessionDeadlines(
            grantEnd: end, sessionMaximum: lease.sessionMaximum, idleLimit: lease.idleLimit, idleCounts: lease.idleCounts,
            renewWithin: renews ? lease.renewWithin : nil, start: SimulatedSupervisor.instant(boot))
        nodes[node].supervisors[id] = SimulatedSupervisor(
            request: request, terms: lease, link: SimulatedNode.Link(), deadlines: deadlines,
            mayLiveUntil: min(mayLiveUntil, boot + lease.sessionMaximum.wholeMilliseconds), idleFrom: boot,
            wallDeadline: lease.notAfter)
        statistics.sessions += 1
        // What the broker decided while the opening was under way counts from now on for this session.
        if let state = broker.sessions[id]?.machine.state, state == .ending { expectEnd(id, node) }
        dialSession(id)
        queue.add(.supervisorLooks(id), at: now)
        if random.chance(70) { queue.add(.operatorActs(.type(id)), at: now + random.between(1000, 100_000)) }
    }

    // MARK: The supervisor

    func dialSession(_ id: SessionID) {
        guard let node = broker.sessions[id]?.node, nodes[node].supervisors[id]?.link.isUp == false else { return }
        guard now >= nodes[node].sleepsUntil, broker.isUp, !nodes[node].isCutOff else {
            if dialsAgain { queue.add(.supervisorDials(id), at: max(now, nodes[node].sleepsUntil) + random.between(500, 3000)) }
            return
        }
        nodes[node].supervisors[id]?.link.isUp = true
        let at = now + random.between(2, 65)
        nodes[node].supervisors[id]?.link.lastUp = at
        queue.add(.toBroker(node, link: nodes[node].supervisors[id]?.link.number ?? 0, .accepted(id)), at: at)
    }

    func arrive(_ message: DownMessage, for id: SessionID, _ link: Int) {
        guard let node = broker.sessions[id]?.node, let supervisor = nodes[node].supervisors[id], supervisor.link.number == link
        else { return }
        guard now >= nodes[node].sleepsUntil else {
            return queue.add(.toSupervisor(id, link: link, message), at: nodes[node].sleepsUntil + 1)
        }
        let instant = SimulatedSupervisor.instant(nodes[node].boot(now))
        nodes[node].supervisors[id]?.deadlines.heardBroker(at: instant)
        switch message {
        case .time(let time):
            if SessionDeadlines.isOver(supervisor.terms.notAfter, byBroker: time) { finish(id, on: node, .expired) }
        case .end(_, let reason): finish(id, on: node, reason)
        case .roll, .open, .receiptStored: break
        }
    }

    /// The supervisor's timer: does what is due, and sets the timer again.
    func look(_ id: SessionID) {
        guard let node = broker.sessions[id]?.node, var supervisor = nodes[node].supervisors[id] else { return }
        guard now >= nodes[node].sleepsUntil else {
            return queue.add(.supervisorLooks(id), at: nodes[node].sleepsUntil + random.between(0, 5))
        }
        let instant = SimulatedSupervisor.instant(nodes[node].boot(now))
        if fault == .deadlineOnWallClock, nodes[node].wall(now) >= supervisor.wallDeadline {
            return finish(id, on: node, .expired)
        }
        while let event = supervisor.deadlines.next(at: instant) {
            if case .end(let reason) = event { return finish(id, on: node, reason) }
        }
        nodes[node].supervisors[id]?.deadlines = supervisor.deadlines
        var wait = instant.duration(to: supervisor.deadlines.due).wholeMilliseconds
        if fault == .deadlineOnWallClock { wait = min(wait, max(0, (supervisor.wallDeadline - nodes[node].wall(now)).wholeMilliseconds)) }
        // A timer fires late by a little, never early. It is looked at again soon: activity moves what is due.
        queue.add(.supervisorLooks(id), at: now + min(max(wait, 0) + random.between(1, 5), 30_000))
    }

    func finish(_ id: SessionID, on node: Int, _ reason: Session.EndReason) {
        guard let supervisor = nodes[node].supervisors[id] else { return }
        judgeEnd(of: id, supervisor, on: node, reason)
        nodes[node].supervisors[id] = nil
        statistics.ends[reason, default: 0] += 1
        switch reason {
        case .expired, .revoked, .released, .personDisabled: nodes[node].endedGrants.insert(supervisor.request)
        default: break
        }
        nodes[node].receipts[id] = reason
        tellBroker(node, .receipt(id, reason))
    }
}
