// SPDX-License-Identifier: Apache-2.0
// SECURITY: the one choke point of the API. Every path is in one table; who asks is known by the key of the connection;
// GET changes nothing; there are verbs and no records (SECURITY 1.1, 1.3).

import Access
import Evidence
import Posix
import Protocol
import Storage
import StrictJSON
import Synchronization
import Transport

/// Answers requests of people and nodes.
final class API: HTTPHandler {
    let core: BrokerCore
    let hub: SessionHub

    init(_ core: BrokerCore, _ hub: SessionHub) {
        self.core = core
        self.hub = hub
    }

    func handle(_ request: HTTPRequest, from peer: Peer, _ responder: Responder) {
        do {
            let principal = try Principal(peer, in: core.roll.current, at: core.clock.now)
            if peer.delegation != nil { try Self.checkDelegable(request.path) }
            // Any key can do a handshake: who is nobody here holds no connection between two requests.
            if !principal.isEnrolled { responder.endConnection() }
            try dispatch(Call(request: request, principal: principal, peer: peer, responder: responder))
        } catch {
            responder.fail(error)
        }
    }

    /// Who stands in for a node carries its connections, and asks for nothing in its name but for the roll, to which a node that
    /// joins adds its own signed entry.
    private static func checkDelegable(_ path: String) throws(BrokerError) {
        guard path == Route.agent || path == Route.attach || path == Route.roll else { throw .delegationElsewhere }
    }

    /// One request and who makes it.
    struct Call: Sendable {
        let request: HTTPRequest
        let principal: Principal
        let peer: Peer
        let responder: Responder

        func parameter(_ name: String) -> String? { request.query.first { $0.name == name }?.value }

        func number(_ name: String, in range: ClosedRange<Int64>) throws(BrokerError) -> Int64? {
            guard let text = parameter(name) else { return nil }
            guard (1...18).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int64(text), range.contains(number)
            else { throw .parameterMalformed(name) }
            return number
        }
    }

    private func dispatch(_ call: Call) throws {
        let path = call.request.path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
        let under = path.dropFirst(2).map { $0 }
        let collection = path.prefix(2).reduce("") { $0 + "/" + $1 }
        switch (call.request.method, collection, under.count) {
        case ("GET", Route.status, 0): try status(call)
        case ("GET", Route.roll, 0): try roll(call)
        case ("POST", Route.roll, 0): try appendToRoll(call)
        case ("POST", Route.requests, 0): try ask(call)
        case ("POST", Route.votes, 0): try vote(call)
        case ("POST", Route.activations, 0): try activate(call)
        case ("POST", Route.extensions, 0): try extend(call)
        case ("POST", Route.endings, 0): try end(call)
        case ("POST", Route.reviews, 0): try review(call)
        case ("GET", Route.reviews, 0): try listReviews(call)
        case ("POST", Route.proposals, 0): try propose(call)
        case ("GET", Route.proposals, 0): try listProposals(call)
        case ("GET", Route.proposals, 1): try showProposal(call, try ProposalID(under[0]))
        case ("GET", Route.requests, 0): try listRequests(call)
        case ("GET", Route.requests, 1): try showRequest(call, try RequestID(under[0]))
        case ("GET", Route.grants, 0): try listGrants(call)
        case ("GET", Route.grants, 1): try showGrant(call, try GrantID(under[0]))
        case ("GET", Route.grants, 2) where under[1] == "evidence": try showEvidence(call, try GrantID(under[0]))
        case ("GET", Route.sessions, 0): try listSessions(call)
        case ("GET", Route.sessions, 1): try showSession(call, try SessionID(under[0]))
        case ("GET", Route.sessions, 2) where under[1] == "recording": try recording(call, try SessionID(under[0]))
        case ("GET", Route.search, 0): try search(call)
        case ("GET", Route.report, 0): try report(call)
        case ("GET", Route.holds, 0): try listHolds(call)
        case ("POST", Route.holds, 0): try hold(call)
        case ("GET", Route.nodes, 0): try listNodes(call)
        case ("GET", Route.nodes, 1): try showNode(call, try NodeName(under[0]))
        case ("GET", Route.people, 0): try listPeople(call)
        case ("GET", Route.ledger, 0): try listLedger(call)
        case ("GET", Route.agent, 0): try connectAgent(call)
        case ("GET", Route.attach, 0): try attach(call)
        case ("GET", Route.open, 0): try openSession(call)
        case ("GET", Route.watch, 0): try watch(call)
        case (_, Route.status, _), (_, Route.roll, _), (_, Route.requests, _), (_, Route.votes, _),
            (_, Route.activations, _), (_, Route.extensions, _), (_, Route.endings, _), (_, Route.grants, _), (_, Route.sessions, _),
            (_, Route.reviews, _), (_, Route.nodes, _), (_, Route.people, _), (_, Route.ledger, _), (_, Route.search, _),
            (_, Route.holds, _), (_, Route.report, _), (_, Route.proposals, _):
            throw BrokerError.wrongMethod(call.request.method)
        default: throw BrokerError.noSuchPath(call.request.path)
        }
    }

    // MARK: Verbs

    private func ask(_ call: Call) throws {
        let (person, device) = try call.principal.person()
        let statement: Signed<RequestStatement> = try call.statement(of: device)
        core.write { try $0.ask(statement, from: device) } completion: { [self] result in
            answerRequest(call, person, result)
        }
    }

    private func extend(_ call: Call) throws {
        let (person, device) = try call.principal.person()
        let statement: Signed<ExtensionStatement> = try call.statement(of: device)
        core.write { [core] workflow in
            try core.clock.checkNotMovedBack()
            return try workflow.extend(statement, from: device)
        } completion: { [self] result in
            answerRequest(call, person, result)
        }
    }

    private func vote(_ call: Call) throws {
        let (person, device) = try call.principal.person()
        let statement: Signed<VoteStatement> = try call.statement(of: device)
        core.write { [core] workflow in
            if statement.value.vote.approves { try core.clock.checkNotMovedBack() }
            return try workflow.vote(statement, from: device)
        } completion: { [self] result in
            answerRequest(call, person, result)
        }
    }

    private func answerRequest(_ call: Call, _ person: Person, _ result: Result<RequestID, any Error>) {
        switch result {
        case .success(let id):
            read(call) { [self] database in try requestObject(id, for: person, in: database) }
        case .failure(let error): call.responder.fail(error)
        }
    }

    private func activate(_ call: Call) throws {
        let (person, device) = try call.principal.person()
        let statement: Signed<ActivationStatement> = try call.statement(of: device)
        core.write { [core] workflow in
            try core.clock.checkNotMovedBack()
            return try workflow.activate(statement, from: device)
        } completion: { [self] result in
            switch result {
            case .success(let id): read(call) { [self] database in try grantObject(id, for: person, in: database) }
            case .failure(let error): call.responder.fail(error)
            }
        }
    }

    private func end(_ call: Call) throws {
        let (_, device) = try call.principal.person()
        let statement: Signed<EndingStatement> = try call.statement(of: device)
        core.write { workflow in
            let (id, state) = try workflow.end(statement, from: device)
            return JSONValue.object(["id": .string(id), "state": .string(state)])
        } completion: { call.responder.finish($0) }
    }

    private func appendToRoll(_ call: Call) throws {
        let source = try SignedText(try JSONValue(parsing: call.request.body))
        core.append(source, sentBy: call.principal) { result in
            call.responder.finish(
                result.map { .object(["number": .integer($0.number), "head": .string($0.head.hex)]) })
        }
    }

    // MARK: Sessions

    private func openSession(_ call: Call) throws {
        let (_, device) = try call.principal.person()
        call.responder.upgrade { [hub] socket in hub.take(client: socket, device: device) }
    }

    private func attach(_ call: Call) throws {
        guard case .node(let node) = call.principal else { throw BrokerError.notEnrolled }
        guard let text = call.parameter("session") else { throw BrokerError.parameterMalformed("session") }
        let id = try SessionID(text)
        call.responder.upgrade { [hub] socket in hub.take(supervisor: socket, of: node, for: id) }
    }

    /// Looking on. Each time it is written down (P5).
    private func watch(_ call: Call) throws {
        let (person, device) = try call.principal.person()
        guard let text = call.parameter("session") else { throw BrokerError.parameterMalformed("session") }
        let id = try SessionID(text)
        core.write { [self] workflow in
            let (terms, request) = try watchTerms(of: id, for: person, in: workflow)
            guard hub.isLive(id) else { throw BrokerError.nothingToWatch(id) }
            try workflow.record("session.watched", id, by: person.name, ["told": .bool(terms.isOperatorTold)])
            return (terms, request)
        } completion: { [hub] result in
            switch result {
            case .success((let terms, let request)):
                call.responder.upgrade { socket in
                    hub.take(Watcher(person.name, device: device, terms, of: request, on: socket), socket, of: id)
                }
            case .failure(let error): call.responder.fail(error)
            }
        }
    }

    /// Whoever may look on need not see the request. To others the session does not exist.
    func watchTerms(of id: SessionID, for person: Person, in workflow: Workflow) throws -> (WatchTerms, RequestTerms) {
        guard let session = try workflow.database.session(id),
            let request = try workflow.database.request(session.machine.grant.sibling() as RequestID)
        else { throw BrokerError.notFound(kind: "session", id.description) }
        let terms = request.machine.terms
        do {
            let rules = try EntitlementInForce(for: terms, in: workflow.directory)
            return (try rules.watch(by: person.name, in: workflow.directory), terms)
        } catch {
            guard Visibility(person: person, directory: workflow.directory).sees(request) else {
                throw BrokerError.notFound(kind: "session", id.description)
            }
            throw error
        }
    }

    private func connectAgent(_ call: Call) throws {
        guard case .node(let node) = call.principal else { throw BrokerError.notEnrolled }
        call.responder.upgrade { [core, hub] socket in
            AgentChannel(core, hub, node, socket).start()
        }
    }

    // MARK: Reading

    /// Reads on one snapshot and answers with what `body` returns.
    func read(_ call: Call, _ body: @escaping @Sendable (Connection) throws -> JSONValue) {
        core.readers.submit { try body($0) } completion: { call.responder.finish($0) }
    }
}

extension API.Call {
    /// The statement in the body. Whether `device` signed it is computed here, so that nobody waits for it in the writer.
    func statement<Value: Statement>(of device: PublicKey) throws -> Signed<Value> {
        try Signed(try SignedText(try JSONValue(parsing: request.body)).examined(for: device))
    }
}

extension Responder {
    func finish(_ result: Result<JSONValue, any Error>) {
        switch result {
        case .success(let value): respond(.json(value))
        case .failure(let error): fail(error)
        }
    }

    func fail(_ error: any Error) {
        let problem = Problem(explaining: error)
        respond(
            HTTPResponse(
                status: problem.status, headers: ["Content-Type": Problem.contentType], body: Array(problem.json.text.utf8)))
    }
}

extension HTTPResponse {
    static func json(_ value: JSONValue) -> HTTPResponse {
        HTTPResponse(status: 200, headers: ["Content-Type": "application/json"], body: Array(value.text.utf8))
    }
}
