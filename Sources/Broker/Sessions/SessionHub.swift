// SPDX-License-Identifier: Apache-2.0
// SECURITY: joins the two ends of a session. Each end is known by its key: a session's id alone gives nobody anything
// (SECURITY 1.3, "cross-talk").

import Access
import Evidence
import Posix
import Protocol
import Storage
import StrictJSON
import Synchronization
import Transport

/// The sessions that are being opened or live through this broker process.
final class SessionHub: Sendable {
    private enum Entry {
        /// The client waits for the node's supervisor to dial in.
        case waiting(client: LoopWebSocket, node: NodeName, timer: TimerToken)
        /// Both ends are here and are being taken out of the loop, the node's first.
        case pairing(supervisor: StreamBox?)
        /// The client left while the node's end was being taken.
        case abandoned
        case live(Relay)
    }

    private let core: BrokerCore
    private let interference: RelayInterference?
    private let entries = Mutex<[SessionID: Entry]>([:])

    /// How long a node may take from being asked to dialling in.
    private static let patience: Duration = .seconds(15)

    init(_ core: BrokerCore, interference: RelayInterference?) {
        self.core = core
        self.interference = interference
        core.onConsequence { [weak self] consequence in
            switch consequence {
            case .endSession(let id, let reason, let detail): self?.end(id, reason, detail)
            case .rollGrew: self?.recheckWatchers()
            case .leaseChanged(let grant): LeaseDelivery(core).tell(grant)
            case .requestChanged, .endSessions, .grantOver, .deadlineSet: break
            }
        }
    }

    // MARK: The client's end

    /// A client's WebSocket: its first message is the signed opening.
    func take(client socket: LoopWebSocket, device: PublicKey) {
        let isFirst = Atomic(true)
        let opened = Mutex<SessionID?>(nil)
        socket.onClose = { [weak self] _ in
            if let id = opened.withLock({ $0 }) { self?.clientLeft(id, socket) }
        }
        socket.onText = { [weak self] text in
            guard let self, isFirst.exchange(false, ordering: .relaxed) else { return socket.close(1008, "unexpected message") }
            do {
                switch try ControlMessage(text) {
                case .opening(let source):
                    let opening: Signed<OpeningStatement> = try Signed(source.examined(for: device))
                    opened.withLock { $0 = opening.id }
                    open(opening, from: device, for: socket)
                case .attach(let source):
                    // What follows stays in the socket for the relay.
                    socket.onText = nil
                    attach(try Signed(source), from: device, for: socket)
                default: throw EvidenceError.typeUnexpected("message", expected: "opening or attach")
                }
            } catch {
                Self.refuse(socket, nil, error)
            }
        }
        expectMessage(on: socket) { !isFirst.load(ordering: .relaxed) }
    }

    /// Who is connected and says nothing holds a descriptor of ours.
    private func expectMessage(on socket: LoopWebSocket, _ hasSpoken: @escaping @Sendable () -> Bool) {
        _ = core.loop.schedule(after: Limits.firstMessage) {
            if !hasSpoken() { socket.close(1008, "nothing was said") }
        }
    }

    /// A client that comes back. The node decides; what cannot be is refused here already.
    private func attach(_ attach: Signed<AttachStatement>, from device: PublicKey, for socket: LoopWebSocket) {
        let id = SessionID(digest: attach.value.opening.bytes)
        core.readers.submit { try $0.session(id) } completion: { [self] result in
            do {
                guard let session = try result.get(), session.opening.isSigned(by: device) else {
                    throw BrokerError.notFound(kind: "session", id.description)
                }
                try attach.check(against: session.opening, by: device)
                core.loop.submit { [self] in hand(socket, attach, of: session) }
            } catch {
                Self.refuse(socket, id, error)
            }
        }
    }

    /// How long after its end a session's last bytes may still be waiting on the node.
    private static let lastBytes: Duration = .seconds(10)

    private func hand(_ socket: LoopWebSocket, _ attach: Signed<AttachStatement>, of session: StoredSession) {
        let id = session.id
        if case .live(let relay)? = entries.withLock({ $0[id] }) {
            socket.onClose = nil
            return socket.detach { relay.take(client: StreamBox($0), attach) }
        }
        if session.machine.state == .ended, core.clock.now - (session.endedAt ?? core.clock.now) > Self.lastBytes {
            let reason = session.machine.endReason ?? .failed
            socket.send(text: ControlMessage.end(id, reason, detail: session.detail ?? "").text)
            return socket.close(1000, "the session is over")
        }
        Self.refuse(socket, id, BrokerError.nodeAway(id))
    }

    private func open(_ opening: Signed<OpeningStatement>, from device: PublicKey, for socket: LoopWebSocket) {
        let node = opening.value.node
        if let error = refusal(of: node, to: device) { return Self.refuse(socket, opening.id, error) }
        core.write { [core] workflow in
            try core.clock.checkNotMovedBack()
            try core.checkQuota()
            return try workflow.open(opening, from: device)
        } completion: { [self] result in
            switch result {
            case .success(let evidence): ask(node, evidence, for: opening.id, client: socket)
            case .failure(let error): Self.refuse(socket, opening.id, error)
            }
        }
    }

    /// Why no session can be opened there now. Somebody who may not know of a node is told neither that it is away nor that
    /// it is here: the answer is that of a node that there is not (P7).
    private func refusal(of node: NodeName, to device: PublicKey) -> (any Error)? {
        let roll = core.roll.current
        guard let person = roll.person(withDevice: device), let known = roll.directory.nodes[node], known.isEnabled,
            Visibility(person: person, directory: roll.directory).sees(known)
        else { return BrokerError.notFound(kind: "node", node.text) }
        if core.agents.isConnected(node) { return nil }
        return core.agents.doubt(of: node).map { BrokerError.nodeDistrusts(node, because: $0) } ?? .nodeNotConnected(node)
    }

    private func ask(_ node: NodeName, _ evidence: OpeningEvidence, for id: SessionID, client: LoopWebSocket) {
        core.loop.submit { [self] in
            guard client.isOpen else { return withdraw(id, Self.clientGone) }
            let timer = core.loop.schedule(after: Self.patience) { [self] in giveUp(id, BrokerError.nodeSilent(node)) }
            entries.withLock { $0[id] = .waiting(client: client, node: node, timer: timer) }
            core.agents.bringForward(node, from: core.roll)
            guard core.agents.send(.open(evidence), to: node) else { return giveUp(id, BrokerError.nodeNotConnected(node)) }
        }
    }

    /// The node said no.
    func refused(_ id: SessionID, by node: Node, _ problem: Problem) {
        guard case .waiting(_, node.name, _)? = entries.withLock({ $0[id] }) else { return }
        giveUp(id, problem)
    }

    /// The node has sent a receipt by its agent. Where somebody still waits for that session, it never began: they are told why,
    /// instead of waiting on (P7).
    func endedUnbegun(_ id: SessionID, by node: Node, _ receipt: SignedText) {
        guard case .waiting(_, node.name, _)? = entries.withLock({ $0[id] }),
            let end = try? Signed<ReceiptStatement>(receipt).value  // it was read before it was stored
        else { return }
        let detail = end.detail.isEmpty ? "it ended (\(end.reason.rawValue))" : end.detail
        core.loop.submit { [self] in giveUp(id, BrokerError.sessionNotBegun(node.name, detail: detail)) }
    }

    private func giveUp(_ id: SessionID, _ error: any Error) {
        guard case .waiting(let client, _, let timer)? = entries.withLock({ $0[id] }) else { return }
        entries.withLock { $0[id] = nil }
        core.loop.cancel(timer)
        let problem = Problem(explaining: error)
        withdraw(id, problem) { Self.refuse(client, id, problem) }
    }

    private func withdraw(_ id: SessionID, _ problem: Problem, _ then: @escaping @Sendable () -> Void = {}) {
        core.write { try $0.refuse(id, because: problem) } completion: { result in
            if case .failure(let error) = result { Log.error("session \(id): \(error)") }
            then()
        }
    }

    private static let clientGone = Problem(
        status: 409, code: "session.client-left", message: "The client left before the session began.")

    private func clientLeft(_ id: SessionID, _ socket: LoopWebSocket, of node: Node? = nil) {
        switch entries.withLock({ $0[id] }) {
        case .waiting(let client, _, _) where client === socket:
            giveUp(id, Self.clientGone)
        case .pairing(let supervisor):
            entries.withLock { $0[id] = .abandoned }
            if let supervisor, let node { startRelay(id, .abandoned, node, client: nil, supervisor: supervisor) }
        case .waiting, .abandoned, .live, nil: break
        }
    }

    private static func refuse(_ socket: LoopWebSocket, _ id: SessionID?, _ error: any Error) {
        let known = id ?? SessionID(digest: [0, 0, 0, 0])
        socket.send(text: ControlMessage.refused(known, Problem(explaining: error)).text)
        socket.close(1008, "refused")
    }

    // MARK: The node's end

    /// A supervisor's WebSocket: its first message is the node's acceptance, or says that it is back.
    func take(supervisor socket: LoopWebSocket, of node: Node, for id: SessionID) {
        let isFirst = Atomic(true)
        socket.onText = { [weak self] text in
            guard let self, isFirst.exchange(false, ordering: .relaxed) else { return socket.close(1008, "unexpected message") }
            do {
                switch try ControlMessage(text) {
                case .accepted(let source):
                    guard case .waiting(_, node.name, _)? = entries.withLock({ $0[id] }) else {
                        socket.send(text: ControlMessage.end(id, .failed, detail: "nobody waits for this session").text)
                        return takeReceiptOnly(socket, of: node, for: id)
                    }
                    // What follows stays in the socket for the relay.
                    socket.onText = nil
                    accept(try Signed(source), for: id, from: node, socket)
                case .rejoin(id):
                    socket.onText = nil
                    rejoin(id, node, socket)
                default: throw EvidenceError.typeUnexpected("message", expected: "accepted or rejoin")
                }
            } catch {
                // Another node than the one that was asked has no say in it.
                if case .waiting(_, node.name, _)? = entries.withLock({ $0[id] }) { giveUp(id, error) }
                socket.close(1008, "not an acceptance")
            }
        }
        expectMessage(on: socket) { !isFirst.load(ordering: .relaxed) }
    }

    /// A supervisor whose connection was lost is back, with this broker process or an earlier one.
    private func rejoin(_ id: SessionID, _ node: Node, _ socket: LoopWebSocket) {
        core.readers.submit { try $0.session(id) } completion: { [self] result in
            guard case .success(let session?) = result, session.opening.value.node == node.name else {
                if case .failure(let error) = result { Log.error("session \(id): \(error)") }
                socket.send(text: ControlMessage.end(id, .failed, detail: "the session is not known").text)
                return takeReceiptOnly(socket, of: node, for: id)
            }
            socket.detach { [self] stream in
                let supervisor = StreamBox(stream)
                switch entries.withLock({ $0[id] }) {
                case .live(let relay): relay.take(supervisor: supervisor)
                case .waiting, .pairing, .abandoned: supervisor.stream.close()  // its first connection is on its way
                case nil: startRelay(id, .rejoined, node, client: nil, supervisor: supervisor)
                }
            }
        }
    }

    private func accept(_ acceptance: Signed<AcceptanceStatement>, for id: SessionID, from node: Node, _ socket: LoopWebSocket) {
        core.write { try $0.accept(acceptance, for: id, from: node) } completion: { [self] result in
            if case .failure(let error) = result {
                giveUp(id, error)
                socket.send(text: ControlMessage.end(id, .failed, detail: Problem(explaining: error).message).text)
                return takeReceiptOnly(socket, of: node, for: id)
            }
            pair(id, acceptance, node, socket)
        }
    }

    private func pair(_ id: SessionID, _ acceptance: Signed<AcceptanceStatement>, _ node: Node, _ socket: LoopWebSocket) {
        core.loop.submit { [self] in
            guard case .waiting(let client, _, let timer)? = entries.withLock({ $0[id] }) else {
                socket.send(text: ControlMessage.end(id, .clientClosed, detail: "the client left").text)
                return takeReceiptOnly(socket, of: node, for: id)
            }
            core.loop.cancel(timer)
            entries.withLock { $0[id] = .pairing(supervisor: nil) }
            guard socket.isOpen else { return supervisorLeft(id, node, client) }
            socket.onClose = { [weak self] _ in self?.supervisorLeft(id, node, client) }
            client.onClose = { [weak self] _ in self?.clientLeft(id, client, of: node) }
            socket.detach { [self] stream in
                let supervisor = StreamBox(stream)
                guard case .pairing? = entries.withLock({ $0[id] }) else {
                    return startRelay(id, .abandoned, node, client: nil, supervisor: supervisor)
                }
                entries.withLock { $0[id] = .pairing(supervisor: supervisor) }
                client.detach { [self] stream in
                    startRelay(id, .accepted(acceptance), node, client: StreamBox(stream), supervisor: supervisor)
                }
            }
        }
    }

    private func supervisorLeft(_ id: SessionID, _ node: Node, _ client: LoopWebSocket) {
        guard case .pairing? = entries.withLock({ $0[id] }) else { return }
        entries.withLock { $0[id] = nil }
        core.write { try $0.detach(id, lost: "node") } completion: { result in
            if case .failure(let error) = result { Log.error("session \(id): \(error)") }
        }
        Self.refuse(client, id, BrokerError.nodeSilent(node.name))
    }

    private func startRelay(
        _ id: SessionID, _ beginning: Relay.Beginning, _ node: Node, client: StreamBox?, supervisor: StreamBox
    ) {
        do {
            let relay = try Relay(
                id, node: node, client: client, supervisor: supervisor, core: core, interference: interference
            ) { [weak self] in
                self?.entries.withLock { $0[id] = nil }
            }
            entries.withLock { $0[id] = .live(relay) }
            try relay.start(beginning)
        } catch {
            Log.error("session \(id): \(error)")
            entries.withLock { $0[id] = nil }
            client?.stream.close()
            supervisor.stream.close()
        }
    }

    /// A supervisor that was told to end delivers its receipt here.
    private func takeReceiptOnly(_ socket: LoopWebSocket, of node: Node, for id: SessionID) {
        socket.onText = { [core] text in
            guard case .receipt(let source)? = try? ControlMessage(text) else { return }  // anything else is ignored now
            ReceiptIntake.store(source, from: node, in: core) { stored in
                socket.send(text: ControlMessage.receiptStored(stored).text)
            }
        }
    }

    // MARK: Looking on

    func isLive(_ id: SessionID) -> Bool {
        if case .live? = entries.withLock({ $0[id] }) { true } else { false }
    }

    func take(_ watcher: Watcher, _ socket: LoopWebSocket, of id: SessionID) {
        guard case .live(let relay)? = entries.withLock({ $0[id] }) else { return watcher.end("The session is over.") }
        // What somebody who looks on sends is read, so that the end of the connection is noticed, and dropped.
        socket.onText = { _ in socket.close(1008, "nothing is taken here") }
        socket.onBinary = { _ in socket.close(1008, "nothing is taken here") }
        socket.onClose = { _ in relay.command(.unwatch(watcher)) }
        relay.command(.watch(watcher))
    }

    private func recheckWatchers() {
        for case .live(let relay) in entries.withLock({ Array($0.values) }) { relay.command(.recheckWatchers) }
    }

    // MARK: Ending

    /// Ends a session on every way there is: through its relay and through its node's agent.
    private func end(_ id: SessionID, _ reason: Session.EndReason, _ detail: String) {
        switch entries.withLock({ $0[id] }) {
        case .live(let relay): relay.end(reason, detail)
        case .waiting: giveUp(id, Problem(status: 409, code: "session.over", message: "The session was ended: \(detail)"))
        case .pairing, .abandoned, nil: break
        }
        core.readers.submit { try $0.session(id)?.opening.value.node } completion: { [core] result in
            if case .success(let node?) = result { core.agents.send(.end(id, reason, detail: detail), to: node) }
        }
    }
}

/// Carries a stream from the loop's thread to its relay's.
struct StreamBox: @unchecked Sendable {
    let stream: WebSocketStream

    init(_ stream: sending WebSocketStream) { self.stream = stream }
}

/// Takes receipts, whichever way they come.
enum ReceiptIntake {
    /// - Parameter stored: called after the commit; also for a receipt that is stored already.
    static func store(
        _ source: SignedText, from node: Node, in core: BrokerCore, stored: @escaping @Sendable (SessionID) -> Void
    ) {
        let receipt: Signed<ReceiptStatement>
        do {
            receipt = try Signed(source)
        } catch {
            return Log.error("node \(node.name): a receipt is malformed: \(error.message)")
        }
        core.write { try $0.store(receipt, from: node) } completion: { result in
            switch result {
            case .success(let id):
                core.recordings.look(at: id)
                stored(id)
            case .failure(let error): Log.error("node \(node.name): a receipt was not stored: \(Problem(explaining: error).message)")
            }
        }
    }
}
