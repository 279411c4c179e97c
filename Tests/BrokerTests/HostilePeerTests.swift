// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Protocol
import StrictJSON
import Testing
import Transport

@testable import Broker

/// Peers that hold a key and do not keep to the protocol.
@Suite(.timeLimit(.minutes(1))) struct HostilePeerTests {
    @Test func `a key that nobody enrolled holds no connection after its answer, and an enrolled one may`() throws {
        let broker = try TestBroker()
        for (key, isKept) in [(try TestKey(), false), (broker.admin, true)] {
            let client = try broker.client(key)
            let answer = try client.send(HTTPRequest(path: Route.status))
            #expect(answer.status == 200 && (answer.headers["Connection"] == "close") != isKept)
        }
    }

    @Test func `a key that stands in for a node carries the node's connections, reads the roll, and nothing else`() throws {
        let broker = try TestBroker()
        let node = try broker.enrolNode("db-1")
        let standIn = try node.standIn()
        let stream = try broker.client(standIn).upgrade(path: Route.agent)
        stream.enqueue(text: ControlMessage.hello(version: "1", rollNumber: try broker.roll().number, sessions: []).text)
        _ = try stream.flush()
        guard case .time = try stream.nextMessage() else { return #expect(Bool(false)) }
        for path in [Route.status, Route.nodes, Route.requests, Route.ledger] {
            #expect(try broker.refusal(path, as: standIn) == "403 authentication.delegated", "\(path)")
        }
        #expect(try broker.client(standIn).send(HTTPRequest(path: Route.roll)).status == 200)
    }

    @Test func `a key that stands in for a person's device is refused everywhere`() throws {
        let broker = try TestBroker()
        let standIn = try broker.admin.standIn()
        for path in [Route.status, Route.roll, Route.requests, Route.open, Route.agent] {
            #expect(try broker.refusal(path, as: standIn) == "403 authentication.delegated", "\(path)")
        }
    }

    @Test func `a key that stands in for nobody who is enrolled is refused everywhere`() throws {
        let broker = try TestBroker()
        let standIn = try TestKey().standIn()
        for path in [Route.roll, Route.agent, Route.attach] {
            #expect(try broker.refusal(path, as: standIn) == "403 authentication.not-enrolled", "\(path)")
        }
        #expect(try broker.refusal(Route.status, as: standIn) == "403 authentication.delegated")
    }

    @Test func `a key that stands in for a node is good in its time only, by the broker's clock`() throws {
        let broker = try TestBroker()
        let node = try broker.enrolNode("db-1")
        for (before, after) in [(-7200, -3600), (3600, 7200), (-3600, 0)] as [(Int64, Int64)] {
            let standIn = try node.standIn(from: before, until: after)
            #expect(try broker.refusal(Route.agent, as: standIn) == "403 authentication.delegation-over", "\(before)")
        }
        try broker.client(try node.standIn(from: -5, until: 60)).upgrade(path: Route.agent).close()
        // The clock of a machine that is about to join is told in the same words.
        #expect(try broker.refusal(Route.roll, as: TestKey().standIn(from: -7200, until: -3600)) == "403 authentication.delegation-over")
    }

    @Test func `waiting for a request that one may not see ends at once, as for one that is not there`() throws {
        let broker = try TestBroker()
        let oncall = try broker.enrol("oncall", ["oncall"])
        _ = try broker.enrol("lead", ["approvers"])
        let stranger = try broker.enrol("stranger", [])
        _ = try broker.enrolNode("db-1")
        let request = try broker.request(by: "oncall", oncall)
        #expect(try broker.call("POST", Route.requests, request.source.json, as: oncall).status == 200)
        let start = ContinuousClock.now
        let query = [("wait", "8"), ("version", "1")]
        #expect(try broker.call("GET", Route.requests + "/\(request.id)", query: query, as: stranger).status == 404)
        #expect(ContinuousClock.now - start < .seconds(4))
    }

    @Test func `a client that leaves while its opening is decided leaves no session behind`() throws {
        let story = try SessionStory()
        let stream = try story.broker.client(story.oncall).upgrade(path: Route.open)
        // Both in one write, so that the broker reads the goodbye before the opening is stored.
        stream.enqueue(text: ControlMessage.opening(story.opening.source).text)
        stream.enqueueClose(1000)
        _ = try stream.flush()
        try story.awaitState("ended")
        stream.close()
    }

    @Test func `an opening that is sent again is refused as taken, and leaves the first alone`() throws {
        let story = try SessionStory()
        let first = try story.openAsClient()
        let second = try story.broker.client(story.oncall).upgrade(path: Route.open)
        second.enqueue(text: ControlMessage.opening(story.opening.source).text)
        _ = try second.flush()
        guard case .refused(_, let problem) = try second.nextMessage() else { return #expect(Bool(false)) }
        #expect(problem.code == "session.id-taken")
        first.enqueueClose(1000)
        _ = try first.flush()
        try story.awaitState("ended")
    }

    @Test func `an opening for a hidden node that is connected is answered as one for a node that there is not`() throws {
        let story = try SessionStory()
        let guest = try story.broker.enrol("guest", ["guests"])
        let answers = try ["db-1", "db-9"].map { name in
            let problem = try story.refusal(of: guest, "guest", on: name)
            return "\(problem.status) \(problem.code) \(problem.message)".replacing(name, with: "NODE")
        }
        #expect(answers[0] == answers[1] && answers[0].contains("node.not-found"), "\(answers)")
    }

    @Test func `a node that accepts and is gone leaves no client waiting`() throws {
        let story = try SessionStory()
        let client = try story.openAsClient()
        let supervisor = try story.broker.client(story.node).upgrade(path: Route.attach, query: [("session", "\(story.opening.id)")])
        supervisor.enqueue(text: ControlMessage.accepted(try story.acceptance().source).text)
        _ = try supervisor.flush()
        supervisor.close()
        let answer = try client.nextMessage()
        guard case .refused = answer else { return #expect(Bool(false), "\(answer)") }
    }

    @Test func `the receipt of another session does not end a recording`() throws {
        let story = try SessionStory()
        let client = try story.openAsClient()
        let supervisor = try story.broker.client(story.node).upgrade(path: Route.attach, query: [("session", "\(story.opening.id)")])
        supervisor.enqueue(text: ControlMessage.accepted(try story.acceptance().source).text)
        _ = try supervisor.flush()
        guard case .accepted = try client.nextMessage() else { return #expect(Bool(false)) }
        guard case .recorded = try supervisor.nextMessage() else { return #expect(Bool(false)) }
        let foreign = try story.receipt(of: Digest(of: [1, 2, 3]))
        supervisor.enqueue(text: ControlMessage.receipt(foreign.source).text)
        _ = try supervisor.flush()
        try story.awaitState("detached")
        #expect(try !story.broker.ledger().contains("recording.ended"))
    }
}

/// A grant that is active, and the node it is for, connected.
private struct SessionStory {
    let broker: TestBroker
    let oncall: TestKey
    let node: TestKey
    let opening: Signed<OpeningStatement>
    private let channel: WebSocketStream

    init() throws {
        broker = try TestBroker()
        oncall = try broker.enrol("oncall", ["oncall"])
        let lead = try broker.enrol("lead", ["approvers"])
        node = try broker.enrolNode("db-1")
        channel = try broker.client(node).upgrade(path: Route.agent)
        channel.enqueue(text: ControlMessage.hello(version: "1", rollNumber: try broker.roll().number, sessions: []).text)
        _ = try channel.flush()
        guard case .time = try channel.nextMessage() else { throw TransportError.closed }
        let request = try broker.request(by: "oncall", oncall)
        let activation: Signed<ActivationStatement>
        try #require(try broker.call("POST", Route.requests, request.source.json, as: oncall).status == 200)
        let vote = try broker.vote(on: request, by: "lead", lead)
        try #require(try broker.call("POST", Route.votes, vote.source.json, as: lead).status == 200)
        activation = try broker.activation(of: request, by: "oncall", oncall)
        try #require(try broker.call("POST", Route.activations, activation.source.json, as: oncall).status == 200)
        opening = try OpeningStatement(
            root: request.value.root, activation: activation.digest, person: try PersonName("oncall"), node: try NodeName("db-1"),
            capability: .exec, runAs: try RunAsName(user: "root"), command: ["true"], terminal: nil, language: "",
            ephemeral: try EphemeralKey().publicBytes, rollNumber: try broker.roll().number, nonce: try Evidence.Random.nonce(),
            at: TestBroker.now
        ).signed(with: oncall.signing)
    }

    /// The client's end, once the node was asked.
    func openAsClient() throws -> WebSocketStream {
        let stream = try broker.client(oncall).upgrade(path: Route.open)
        stream.enqueue(text: ControlMessage.opening(opening.source).text)
        _ = try stream.flush()
        while true {
            if case .open = try channel.nextMessage() { return stream }
        }
    }

    /// Why somebody else may not open a session there, under this grant.
    func refusal(of key: TestKey, _ person: String, on node: String) throws -> Problem {
        let stream = try broker.client(key).upgrade(path: Route.open)
        let wish = try OpeningStatement(
            root: opening.value.root, activation: opening.value.activation, person: PersonName(person), node: NodeName(node),
            capability: .shell, runAs: RunAsName(user: "root"), command: [], terminal: nil, language: "",
            ephemeral: EphemeralKey().publicBytes, rollNumber: broker.roll().number, nonce: Evidence.Random.nonce(), at: TestBroker.now
        ).signed(with: key.signing)
        stream.enqueue(text: ControlMessage.opening(wish.source).text)
        _ = try stream.flush()
        guard case .refused(_, let problem) = try stream.nextMessage() else { throw TransportError.closed }
        return problem
    }

    func acceptance() throws -> Signed<AcceptanceStatement> {
        try AcceptanceStatement(
            root: opening.value.root, opening: opening.digest, node: opening.value.node, ephemeral: try EphemeralKey().publicBytes,
            leaseVersion: 1, notAfter: TestBroker.now + .seconds(300), at: TestBroker.now
        ).signed(with: node.signing)
    }

    func receipt(of opening: Digest) throws -> Signed<ReceiptStatement> {
        try ReceiptStatement(
            root: self.opening.value.root, opening: opening, node: self.opening.value.node, reason: .exited, detail: "",
            outcome: .exited(0), startedAt: TestBroker.now, endedAt: TestBroker.now, killed: 0, left: 0, remarks: [],
            method: "tree", inputBytes: 0, outputBytes: 0
        ).signed(with: node.signing)
    }

    /// Waits until the session is in this state, sooner than the broker's patience with a silent node would end it.
    func awaitState(_ wanted: String) throws {
        var found = ""
        for _ in 0..<100 where found != wanted {
            found = try broker.call("GET", Route.sessions + "/\(opening.id)", as: oncall).body["state"]?.asString ?? ""
            if found != wanted { try Pause.short() }
        }
        #expect(found == wanted)
    }
}

private enum Pause {
    static func short() throws {
        var nothing: [PollEntry] = []
        _ = try Poll.wait(&nothing, timeout: .milliseconds(50))
    }
}

extension TestBroker {
    func client(_ key: TestKey) throws -> HTTPClient {
        HTTPClient(server.endpoint, context: try TLSContext(clientWith: key.identity, expecting: pin.bytes))
    }
}

extension WebSocketStream {
    /// The next control message, within ten seconds.
    fileprivate func nextMessage() throws -> ControlMessage {
        let limit = ContinuousClock.now + .seconds(10)
        while true {
            while let message = try next() {
                if case .text = message.kind { return try ControlMessage(String(decoding: message.bytes, as: UTF8.self)) }
                if case .close = message.kind { throw TransportError.closed }
            }
            var entries = [PollEntry(descriptor, .input)]
            guard try Poll.wait(&entries, timeout: limit - .now) > 0 else { throw TransportError.timedOut(doing: "waiting for a message") }
            if case .ended = try fill() { throw TransportError.closed }
        }
    }
}

extension TestKey {
    /// A key that stands in for this one, between these seconds from now.
    fileprivate func standIn(from before: Int64 = -60, until after: Int64 = 60) throws -> TLSIdentity {
        let now = TestBroker.now.milliseconds / 1000
        return try TLSIdentity(
            identity.delegate(to: Posix.Random.bytes(32), for: DelegatedTime(notBefore: now + before, notAfter: now + after)))
    }
}

extension TestBroker {
    fileprivate func client(_ identity: TLSIdentity) throws -> HTTPClient {
        HTTPClient(server.endpoint, context: try TLSContext(clientWith: identity, expecting: pin.bytes))
    }

    /// Status and code of the answer to a GET.
    fileprivate func refusal(_ path: String, as identity: TLSIdentity) throws -> String {
        let client = try client(identity)
        defer { client.close() }
        let response = try client.send(HTTPRequest(path: path))
        return "\(response.status) \(try JSONValue(parsing: response.body)["code"]?.asString ?? "")"
    }
}
