// SPDX-License-Identifier: Apache-2.0
// SECURITY: what may be read by whom; see `Visibility`. What one may not see does not exist.

import Access
import Evidence
import Posix
import Protocol
import Storage
import StrictJSON
import Synchronization
import Transport

extension API {
    func status(_ call: Call) throws {
        let roll = core.roll.current
        let you: JSONValue =
            switch call.principal {
            case .person(let person, _): .object(["kind": "person", "name": .string(person.name.text)])
            case .node(let node): .object(["kind": "node", "name": .string(node.name.text)])
            case .unknown: .object(["kind": "unknown", "name": .null])
            }
        let seen = try call.number("ledger", in: 0...Int64.max) ?? 0
        let isEnrolled = call.principal.isEnrolled
        read(call) { [core] database in
            let head = try database.ledgerHead()
            let now = core.clock.now
            let news = isEnrolled ? try core.heads.news(after: seen, from: database).json : .null
            return .object([
                "version": .string(Version.text), "broker": .string(core.key.publicKey.hex),
                "root": (roll.root?.hex).map { .string($0) } ?? .null, "roll": .integer(roll.number),
                "rollHead": .string(roll.head.hex), "ledger": .integer(head.number), "ledgerHead": .string(head.hash.hex),
                "ledgerNews": news, "time": Presentation.time(now), "timeMilliseconds": .integer(now.milliseconds), "you": you,
            ])
        }
    }

    /// Enrolled parties copy the roll; somebody about to join does with the digest of the invitation, and the founder
    /// gets the policy to sign.
    func roll(_ call: Call) throws {
        let after = try call.number("after", in: 0...1_000_000_000) ?? 0
        let roll = core.roll.current
        let isInvited = call.parameter("invitation").flatMap { Digest(hex: $0) }.map(roll.hasOpenInvitation) ?? false
        guard call.principal.isEnrolled || isInvited || roll.number == 0 else { throw BrokerError.notEnrolled }
        let entries = core.roll.entries(after: after, limit: Limits.rollBatch)
        var object: JSONObject = ["entries": .array(entries.map(\.json))]
        if roll.number == 0 {
            let policy = try DurableFile.read(core.home.policy, maximumBytes: Policy.maximumLength)
            object["policy"] = .string(String(decoding: policy, as: UTF8.self))
        }
        call.responder.respond(.json(.object(object)))
    }

    // MARK: Requests

    /// - Parameter isLook: whether the person reads it; that an approver has is told to whoever waits.
    func requestObject(_ id: RequestID, for person: Person, isLook: Bool = false, in database: Connection) throws -> JSONValue {
        let roll = core.roll.current
        let visibility = Visibility(person: person, directory: roll.directory)
        guard let request = try database.request(id), visibility.sees(request)
        else { throw BrokerError.notFound(kind: "request", id.description) }
        if isLook, request.machine.state == .pending, visibility.mayDecide(request.machine.terms),
            core.looks.note(person.name, at: id, core.clock.now)
        {
            core.waiters.changed(id)
        }
        let shown = try Presentation(database: database, roll: roll).request(request)
        guard var object = shown.asObject else { return shown }
        object["looked"] = .array(
            core.looks.of(id).map { .object(["person": .string($0.person.text), "at": Presentation.time($0.at)]) })
        return .object(object)
    }

    func listRequests(_ call: Call) throws {
        let (person, _) = try call.principal.person()
        let scope = call.parameter("scope") ?? "all"
        let state = call.parameter("state")
        guard ["mine", "to-decide", "all"].contains(scope) else { throw BrokerError.parameterMalformed("scope") }
        guard state == nil || state.flatMap({ AccessRequest.State(rawValue: $0) }) != nil else {
            throw BrokerError.parameterMalformed("state")
        }
        read(call) { [core] database in
            let roll = core.roll.current
            let visibility = Visibility(person: person, directory: roll.directory)
            let found =
                switch scope {
                case "mine": try database.requests(of: person.name, limit: Limits.listRows)
                case "to-decide":
                    try database.pendingRequests().filter { request in
                        visibility.mayDecide(request.machine.terms)
                            && !request.machine.votes.contains { $0.person == person.name }
                    }
                default: try database.requests(limit: Limits.listRows).filter(visibility.sees)
                }
            let presentation = Presentation(database: database, roll: roll)
            return .items(
                try found.filter { state == nil || $0.machine.state.rawValue == state }.map(presentation.request))
        }
    }

    /// With `wait` and `version`, answers when the request has another version, when more than `looked` have looked at it,
    /// or when the time is over.
    func showRequest(_ call: Call, _ id: RequestID) throws {
        let (person, _) = try call.principal.person()
        let version = try call.number("version", in: 0...Int64.max)
        guard let seconds = try call.number("wait", in: 0...Limits.longPoll.wholeSeconds), let version else {
            return read(call) { [self] database in try requestObject(id, for: person, isLook: true, in: database) }
        }
        let looked = try call.number("looked", in: 0...1000)
        waitForChange(call, id, of: version, looked: looked.map(Int.init), for: .seconds(seconds), person)
    }

    private func waitForChange(
        _ call: Call, _ id: RequestID, of version: Int64, looked: Int?, for time: Duration, _ person: Person
    ) {
        let answer: @Sendable () -> Void = { [self] in
            read(call) { [self] database in try requestObject(id, for: person, in: database) }
        }
        // Registered before reading, so that no change falls between.
        let token = core.waiters.add(id, answer)
        core.readers.submit { [self] database in
            // What one may not see is answered at once, like what is not there.
            _ = try requestObject(id, for: person, in: database)
            return try database.request(id)?.machine.version
        } completion: { [core] result in
            guard case .success(version?) = result, looked.map({ $0 == core.looks.of(id).count }) ?? true else {
                if core.waiters.remove(token, of: id) { answer() }
                return
            }
            _ = core.loop.schedule(after: time) {
                if core.waiters.remove(token, of: id) { answer() }
            }
        }
    }

    // MARK: Grants

    func grantObject(_ id: GrantID, for person: Person, in database: Connection) throws -> JSONValue {
        let roll = core.roll.current
        guard let grant = try database.grant(id), let request = try database.request(grant.request),
            Visibility(person: person, directory: roll.directory).sees(request)
        else { throw BrokerError.notFound(kind: "grant", id.description) }
        return try Presentation(database: database, roll: roll).grant(grant, of: request)
    }

    func showGrant(_ call: Call, _ id: GrantID) throws {
        let (person, _) = try call.principal.person()
        read(call) { [self] database in try grantObject(id, for: person, in: database) }
    }

    func listGrants(_ call: Call) throws {
        let (person, _) = try call.principal.person()
        let isMine = call.parameter("scope") == "mine"
        let state = call.parameter("state")
        read(call) { [core] database in
            let roll = core.roll.current
            let visibility = Visibility(person: person, directory: roll.directory)
            let presentation = Presentation(database: database, roll: roll)
            let found = isMine ? try database.openGrants(of: person.name) : try database.grants(limit: Limits.listRows)
            var items: [JSONValue] = []
            for grant in found where state == nil || grant.machine.state.rawValue == state {
                guard let request = try database.request(grant.request), visibility.sees(request) else { continue }
                items.append(try presentation.grant(grant, of: request))
            }
            return .items(items)
        }
    }

    // MARK: Sessions

    private func visibleSession(_ id: SessionID, for person: Person, in database: Connection) throws -> StoredSession {
        let directory = core.roll.current.directory
        guard let session = try database.session(id),
            let request = try database.request(session.machine.grant.sibling() as RequestID),
            Visibility(person: person, directory: directory).sees(request)
        else { throw BrokerError.notFound(kind: "session", id.description) }
        return session
    }

    private func sessionObject(_ session: StoredSession, in database: Connection) throws -> JSONValue {
        // A recording that is not there is shown as not there.
        let exists = (try? PrivateFile.check(core.home.recording(of: session.id))) != nil
        return Presentation.session(session, hasRecording: exists, try database.recording(session.id))
    }

    func showSession(_ call: Call, _ id: SessionID) throws {
        let (person, _) = try call.principal.person()
        read(call) { [self] database in try sessionObject(try visibleSession(id, for: person, in: database), in: database) }
    }

    func listSessions(_ call: Call) throws {
        let (person, _) = try call.principal.person()
        let isMine = call.parameter("scope") == "mine"
        let isLive = call.parameter("state") == "live"
        read(call) { [self] database in
            let visibility = Visibility(person: person, directory: core.roll.current.directory)
            let found = isLive ? try database.unfinishedSessions() : try database.sessions(limit: Limits.listRows)
            var items: [JSONValue] = []
            for session in found where !isMine || session.opening.value.person == person.name {
                let id: RequestID = session.machine.grant.sibling()
                guard let request = try database.request(id), visibility.sees(request) else { continue }
                items.append(try sessionObject(session, in: database))
            }
            return .items(items)
        }
    }

    /// While a session lives, its recording is what looking on shows: who may look on in secret, and the operator, read it.
    private func checkReadable(_ session: StoredSession, for person: Person, in workflow: Workflow) throws {
        guard session.machine.state != .ended, session.opening.value.person != person.name else { return }
        guard try !watchTerms(of: session.id, for: person, in: workflow).0.isOperatorTold else {
            throw BrokerError.recordingGrows(session.id)
        }
    }

    /// A part of a recording. Reading it is written down (P5).
    func recording(_ call: Call, _ id: SessionID) throws {
        let (person, _) = try call.principal.person()
        let offset = try call.number("offset", in: 0...Int64.max) ?? 0
        let path = core.home.recording(of: id)
        core.write { [self] workflow in
            let session = try visibleSession(id, for: person, in: workflow.database)
            try checkReadable(session, for: person, in: workflow)
            if offset == 0 { try workflow.record("recording.read", id, by: person.name) }
        } completion: { result in
            do {
                try result.get()
                let (bytes, size) = try RecordingFile.read(path, from: offset, maximum: Limits.recordingChunk)
                let headers: HTTPHeaders = ["Content-Type": "application/x-asciicast", "X-Recording-Size": String(size)]
                call.responder.respond(HTTPResponse(status: 200, headers: headers, body: bytes))
            } catch {
                call.responder.fail(error)
            }
        }
    }

    // MARK: Nodes, people, ledger

    func listNodes(_ call: Call) throws {
        let (person, _) = try call.principal.person()
        read(call) { [self] database in
            let directory = core.roll.current.directory
            let visibility = Visibility(person: person, directory: directory)
            let presence = try database.presence()
            return .items(
                directory.nodes.values.filter(visibility.sees).sorted { $0.name < $1.name }.map { node -> JSONValue in
                    nodeObject(node, presence, wholeFacts: false)
                })
        }
    }

    /// One node with all that it says of itself. Whoever may not see it is told that there is none (P7).
    func showNode(_ call: Call, _ name: NodeName) throws {
        let (person, _) = try call.principal.person()
        read(call) { [self] database in
            let directory = core.roll.current.directory
            guard let node = directory.nodes[name], Visibility(person: person, directory: directory).sees(node) else {
                throw BrokerError.notFound(kind: "node", name.text)
            }
            return nodeObject(node, try database.presence(), wholeFacts: true)
        }
    }

    private func nodeObject(_ node: Node, _ presence: [String: Presence], wholeFacts: Bool) -> JSONValue {
        Presentation.node(
            node, version: core.agents.version(of: node.name), doubt: core.agents.doubt(of: node.name),
            presence: presence[node.name.text], at: core.clock.now, wholeFacts: wholeFacts)
    }

    func listPeople(_ call: Call) throws {
        _ = try call.principal.person()
        read(call) { [core] database in
            let roll = core.roll.current
            let presentation = Presentation(database: database, roll: roll)
            return .items(roll.directory.people.values.sorted { $0.name < $1.name }.map(presentation.person))
        }
    }

    func listLedger(_ call: Call) throws {
        _ = try call.principal.person()
        let after = try call.number("after", in: 0...Int64.max) ?? 0
        let limit = try call.number("limit", in: 1...Int64(Limits.listRows)) ?? 100
        read(call) { database in .items(try database.ledger(after: after, limit: Int(limit)).map(Presentation.ledgerEntry)) }
    }
}

extension JSONValue {
    static func items(_ items: [JSONValue]) -> JSONValue { .object(["items": .array(items)]) }
}
