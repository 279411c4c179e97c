// SPDX-License-Identifier: Apache-2.0
// SECURITY: a node speaks for itself only: what it says about a session counts if the session was opened on that node.

import Access
import Evidence
import Protocol
import Storage
import Synchronization
import Transport

/// One node's control channel.
final class AgentChannel: Sendable {
    private let core: BrokerCore
    private let hub: SessionHub
    private let node: Node
    private let socket: LoopWebSocket
    private let isGreeted = Atomic(false)
    /// Whether the node was shown a head of the ledger on this channel.
    private let isShown = Atomic(false)

    init(_ core: BrokerCore, _ hub: SessionHub, _ node: Node, _ socket: LoopWebSocket) {
        self.core = core
        self.hub = hub
        self.node = node
        self.socket = socket
    }

    /// On the loop's thread.
    func start() {
        // The callbacks keep the channel alive as long as the socket lives.
        socket.onClose = { [self] _ in
            if core.agents.disconnect(node.name, socket) { seen() }
            socket.onText = nil
        }
        socket.onText = { [self] text in
            do {
                try take(try ControlMessage(text))
            } catch {
                Log.error("node \(node.name): \(Problem(explaining: error).message)")
                socket.close(1008, "message not understood")
            }
        }
        expectHello()
    }

    /// Who is connected and says nothing holds a descriptor of ours.
    private func expectHello() {
        _ = core.loop.schedule(after: Limits.firstMessage) { [weak self] in
            guard let self, !isGreeted.load(ordering: .relaxed) else { return }
            socket.close(1008, "no hello")
        }
    }

    private func take(_ message: ControlMessage) throws {
        guard isGreeted.load(ordering: .relaxed) else {
            guard case .hello(let version, let number, let sessions) = message else {
                throw EvidenceError.typeUnexpected("message", expected: "hello")
            }
            isGreeted.store(true, ordering: .relaxed)
            return greet(version, number, sessions)
        }
        switch message {
        case .refused(let id, let problem): hub.refused(id, by: node, problem)
        case .leaseRefused(let id, let problem): leaseRefused(id, problem)
        case .receipt(let source):
            ReceiptIntake.store(source, from: node, in: core) { [socket, hub, node] id in
                socket.send(text: ControlMessage.receiptStored(id).text)
                hub.endedUnbegun(id, by: node, source)
            }
        case .ledgerSeen(let size): showLedger(after: size)
        case .facts(let facts):
            core.write { [node] workflow in try workflow.database.markFacts(of: node.name, facts.json, at: workflow.now) } completion: {
                [node] result in
                if case .failure(let error) = result { Log.error("node \(node.name): \(error)") }
            }
        case .distrusts(let problem):
            Log.error("node \(node.name) does not work with this broker: \(problem.message)")
            core.agents.distrusts(node.name, because: problem)
        case .time: break  // a sign of life
        case .hello, .roll, .open, .lease, .leaseMoved, .end, .grantsOver, .receiptStored, .ledgerHead, .accepted, .opening,
            .rejoin, .recorded, .watched, .clientLost, .attach, .attached:
            throw EvidenceError.typeUnexpected("message", expected: "refused or receipt")
        }
    }

    private func greet(_ version: String, _ rollNumber: Int64, _ sessions: [SessionID]) {
        // It may have been disabled since it connected, and nobody expels a channel that has not said hello.
        guard core.roll.current.node(withKey: node.key) != nil else { return socket.close(1008, "disabled") }
        core.agents.connect(node.name, socket, rollNumber: rollNumber, version: version, at: core.clock.now)
        core.agents.bringForward(node.name, from: core.roll)
        socket.send(text: ControlMessage.time(core.clock.now).text)
        seen(version)
        reconcile(sessions)
        tellGrantsOver()
        LeaseDelivery(core).tell(node.name, about: sessions)
        heartbeat()
    }

    /// What is over here and lives there is ended: revocation is a state, not a message that may be lost.
    private func reconcile(_ sessions: [SessionID]) {
        core.readers.submit { database in try sessions.map { ($0, try database.session($0)) } } completion: { [self] result in
            guard case .success(let found) = result else { return }
            for (id, session) in found {
                guard let session, session.opening.value.node == node.name else {
                    socket.send(text: ControlMessage.end(id, .failed, detail: "the session is not known").text)
                    continue
                }
                guard session.machine.state == .ending || session.machine.state == .ended else { continue }
                let reason = session.machine.endReason ?? .failed
                socket.send(text: ControlMessage.end(id, reason, detail: session.detail ?? "").text)
            }
        }
    }

    /// What a node missed while it was away; what it knows already changes nothing there.
    private func tellGrantsOver() {
        core.readers.submit { [core, node] database in
            try database.grantsOverEarly(at: core.clock.now, limit: Limits.grantsOver).compactMap { grant in
                guard let request = try database.request(grant.request) else { return nil }
                return request.machine.terms.selector.matches(node) ? GrantOver(grant, from: request) : nil
            }
        } completion: { [node, socket] (result: Result<[GrantOver], any Error>) in
            switch result {
            case .success(let grants): if !grants.isEmpty { socket.send(text: ControlMessage.grantsOver(grants).text) }
            case .failure(let error): Log.error("node \(node.name): \(error)")
            }
        }
    }

    private func leaseRefused(_ id: SessionID, _ problem: Problem) {
        core.write { [node] workflow in
            guard try workflow.find(id).opening.value.node == node.name else { return }
            try workflow.recordRefusedLease(id, because: problem)
        } completion: { [node] result in
            if case .failure(let error) = result { Log.error("node \(node.name): \(error)") }
        }
        Log.error("node \(node.name) does not extend session \(id): \(problem.message)")
    }

    private func showLedger(after size: Int64) {
        core.readers.submit { [core, isShown = isShown.load(ordering: .relaxed)] database in
            // A head that the node has seen on this channel is no news, and would wake it.
            guard try !isShown || core.heads.head(of: database).value.size != size else { return nil }
            return try core.heads.news(after: size, from: database)
        } completion: { [self] (result: Result<LedgerNews?, any Error>) in
            switch result {
            case .success(nil): break
            case .success(let news?):
                isShown.store(true, ordering: .relaxed)
                socket.send(text: ControlMessage.ledgerHead(news).text)
            case .failure(let error): Log.error("node \(node.name): \(error)")
            }
        }
    }

    private func heartbeat() {
        _ = core.loop.schedule(after: Limits.heartbeat) { [weak self] in
            guard let self, socket.send(text: ControlMessage.time(core.clock.now).text) else { return }
            heartbeat()
        }
    }

    private func seen(_ version: String? = nil) {
        core.write { [node, socket] workflow in
            try workflow.database.markSeen(node.name, from: socket.peer.address, version: version, at: workflow.now)
        } completion: { [node] result in
            if case .failure(let error) = result { Log.error("node \(node.name): \(error)") }
        }
    }
}
