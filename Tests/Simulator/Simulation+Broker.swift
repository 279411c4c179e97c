// SPDX-License-Identifier: Apache-2.0

import Access
import Broker

extension Simulation {
    // MARK: Storing

    /// Stores a transition as the database does: over the version it was made from, and never over an end.
    func store(_ request: AccessRequest, at record: Int) {
        let stored = broker.records[record].request
        if stored.state.isTerminal { violate("an end is final", "request \(stored.terms.id): \(stored.state) became \(request.state)") }
        broker.records[record].request = request
        noteCommit()
    }

    func store(_ grant: Grant, at record: Int) {
        if let stored = broker.records[record].grant, stored.state.isTerminal {
            violate("an end is final", "grant \(stored.id): \(stored.state) became \(grant.state)")
        }
        broker.records[record].grant = grant
        noteCommit()
    }

    func store(_ machine: Session) {
        guard let stored = broker.sessions[machine.id]?.machine else { return }
        if stored.state == .ended { violate("an end is final", "session \(stored.id): ended became \(machine.state)") }
        broker.sessions[machine.id]?.machine = machine
        noteCommit()
    }

    func noteCommit() {
        broker.wall.tick(now)
        broker.latest = max(broker.latest, broker.clock.now)
    }

    // MARK: Ending

    func endGrant(at record: Int, _ reason: Grant.EndReason) throws {
        guard var grant = broker.records[record].grant else { return }
        try grant.apply(.end(reason), at: broker.clock.now)
        store(grant, at: record)
        try endSessions(of: record, reason == .personDisabled ? .personDisabled : reason == .released ? .released : .revoked)
        settle(record)
    }

    private func endSessions(of record: Int, _ reason: Session.EndReason) throws {
        for id in broker.records[record].sessions {
            guard var row = broker.sessions[id], row.machine.state != .ended, row.machine.state != .ending else { continue }
            try row.machine.apply(.end(reason))
            store(row.machine)
            tellEnd(id, reason)
        }
    }

    /// Tells on every way there is, after the commit.
    private func tellEnd(_ id: SessionID, _ reason: Session.EndReason) {
        guard let row = broker.sessions[id] else { return }
        expectEnd(id, row.node)
        guard fault != .endsNotTold else { return }
        tell(row.node, .end(id, reason))
        tellSupervisor(id, .end(id, reason))
    }

    private func settle(_ record: Int) {
        guard var grant = broker.records[record].grant else { return }
        let unfinished = broker.records[record].sessions.count { broker.sessions[$0]?.machine.state != .ended }
        guard grant.state == .ending, let event = grant.due(at: broker.clock.now, unfinished: unfinished) else { return }
        do {
            try grant.apply(event, at: broker.clock.now)
            store(grant, at: record)
        } catch {
            violate("what is due is possible", "\(grant.id): \(error.code)")
        }
    }

    // MARK: Sweeper

    func planSweep() { queue.add(.sweep, at: random.between(100, 1000)) }

    func sweep() {
        if now < Self.horizon { queue.add(.sweep, at: now + random.between(200, 20_000)) }
        guard broker.isUp else { return }
        broker.wall.tick(now)
        do {
            for record in broker.records.indices { try sweep(record) }
        } catch {
            violate("what is due is possible", "\(error)")
        }
    }

    private func sweep(_ record: Int) throws {
        let time = broker.clock.now
        var request = broker.records[record].request
        if let event = request.due(at: time) {
            _ = try request.apply(event, in: broker.directory, at: time)
            if fault == .versionIgnored {
                // Read in one transaction, stored in another, whatever happened between.
                queue.add(.sweepStores(record, request), at: now + 20_000)
            } else {
                store(request, at: record)
            }
        }
        if var grant = broker.records[record].grant, grant.state != .ending, let event = grant.due(at: time, unfinished: 0) {
            try grant.apply(event, at: time)
            store(grant, at: record)
            if grant.state == .ending { try endSessions(of: record, .expired) }
        }
        for id in broker.records[record].sessions {
            guard var row = broker.sessions[id],
                let event = row.machine.due(at: time, grantEnd: broker.records[record].grant?.notAfter)
            else { continue }
            try row.machine.apply(event)
            store(row.machine)
        }
        settle(record)
    }

    func storeSwept(_ record: Int, _ machine: AccessRequest) { store(machine, at: record) }

    // MARK: Messages

    func heartbeat() {
        if now < Self.horizon { queue.add(.heartbeat, at: now + 15_000) }
        guard broker.isUp else { return }
        broker.wall.tick(now)
        for node in nodes.indices {
            tell(node, .time(broker.clock.now))
            for id in nodes[node].supervisors.keys.sorted() { tellSupervisor(id, .time(broker.clock.now)) }
        }
    }

    func tell(_ node: Int, _ message: DownMessage) {
        guard let at = send(over: nodes[node].control) else { return }
        nodes[node].control.lastDown = at
        queue.add(.toNode(node, link: nodes[node].control.number, message), at: at)
    }

    func tellSupervisor(_ id: SessionID, _ message: DownMessage) {
        guard let node = broker.sessions[id]?.node, let supervisor = nodes[node].supervisors[id],
            let at = send(over: supervisor.link)
        else { return }
        nodes[node].supervisors[id]?.link.lastDown = at
        queue.add(.toSupervisor(id, link: supervisor.link.number, message), at: at)
    }

    /// When a message over `link` arrives: in order. `nil` where there is no connection.
    func send(over link: SimulatedNode.Link) -> Int64? {
        link.isUp ? max(link.lastDown, now + random.between(2, 65)) : nil
    }

    func arrive(_ message: UpMessage, from node: Int, _ link: Int) {
        guard broker.isUp else { return }
        broker.wall.tick(now)
        switch message {
        case .hello(let sessions):
            tell(node, .roll(broker.rolls.count - 1))
            tell(node, .time(broker.clock.now))
            for id in sessions { reconcile(id, node) }
        case .accepted(let id): accepted(id)
        case .refused(let id): receive(id, .receipt(.refused), onlyIn: .opening)
        case .receipt(let id, let reason):
            receive(id, .receipt(reason), onlyIn: nil)
            tell(node, .receiptStored(id))
            tellSupervisor(id, .receiptStored(id))
        }
    }

    /// What is over here and lives there is ended: a revocation is a state, not a message that may be lost.
    private func reconcile(_ id: SessionID, _ node: Int) {
        guard fault != .endsNotTold, let machine = broker.sessions[id]?.machine else { return }
        guard machine.state == .ending || machine.state == .ended else { return }
        tell(node, .end(id, machine.endReason ?? .failed))
    }

    private func accepted(_ id: SessionID) {
        guard var machine = broker.sessions[id]?.machine else { return }
        do {
            try machine.apply(machine.state == .detached ? .attach : .accept)
            store(machine)
        } catch {
            if fault != .endsNotTold, machine.state == .ending || machine.state == .ended {
                tellSupervisor(id, .end(id, machine.endReason ?? .failed))
            }
        }
    }

    private func receive(_ id: SessionID, _ event: Session.Event, onlyIn state: Session.State?) {
        guard var row = broker.sessions[id], row.machine.state != .ended else { return }
        if let state, row.machine.state != state { return }
        do {
            try row.machine.apply(event)
            store(row.machine)
            settle(row.record)
        } catch {
            violate("a receipt is taken", "\(id): \(error.code)")
        }
    }
}
