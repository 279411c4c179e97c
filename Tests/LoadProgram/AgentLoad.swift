// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Protocol
import Storage
import StrictJSON
import Synchronization
import Transport

/// The memory of a broker with many nodes connected and many sessions live. This process is all the nodes and all the clients:
/// each has a key and a TLS connection of its own, says hello, opens, accepts and answers as the programs do.
struct AgentLoad {
    private let options: Options
    private let stintd: String

    init(_ options: Options) throws {
        self.options = options
        stintd = try options.text("stintd")
    }

    /// Sessions of one person, below the limit.
    private static let sessionsOfOne = 100
    private static let diallers = 4

    func run() throws -> JSONValue {
        let (agents, sessions) = (try options.numbers("agents"), try options.numbers("sessions"))
        guard let nodes = agents.last, let most = sessions.last, most <= nodes else { throw LoadError("there are more sessions than nodes") }
        let people = (most + Self.sessionsOfOne - 1) / Self.sessionsOfOne
        let begin = ContinuousClock.now
        let scene = try Scene(try options.text("home"), requesters: people, approvers: 1, nodes: nodes)
        LoadProgram.tell("\(nodes) nodes have joined after \((ContinuousClock.now - begin).microseconds / 1_000_000) s")
        let startLoad = try MachineLoad.now()
        let first = try BrokerUnderLoad.start(stintd, scene, answering: scene.requesters[0].key)
        let firstStart = first.startTime
        try first.stop()
        let broker = try BrokerUnderLoad.start(stintd, scene, answering: scene.requesters[0].key)
        let far = try FarEnds(scene, broker)
        var points: [JSONValue] = [try point(broker, agents: 0, sessions: 0)]
        var connected = 0
        for count in agents {
            try far.connect(connected..<count, diallers: Self.diallers)
            connected = count
            points.append(try point(broker, agents: count, sessions: 0))
        }
        var opened = 0
        let grants = try scene.requesters.indices.map { try far.grant($0, nodes: Self.nodes(of: $0, below: most)) }
        for count in sessions {
            for number in opened..<count { try far.open(number, under: grants[number / Self.sessionsOfOne]) }
            opened = count
            points.append(try point(broker, agents: connected, sessions: count))
        }
        try verify(scene, far, connected, opened)
        let start: JSONValue = [
            "nodes": .integer(Int64(nodes)), "roll": .integer(scene.roll.number),
            "first": .integer(firstStart.microseconds), "microseconds": .integer(broker.startTime.microseconds), "load": startLoad,
        ]
        far.stop()
        try broker.stop()
        try BrokerUnderLoad.check(stintd, scene)
        return ["points": .array(points), "start": start]
    }

    private static func nodes(of person: Int, below limit: Int) -> Range<Int> {
        person * sessionsOfOne..<min(limit, (person + 1) * sessionsOfOne)
    }

    /// After a while in which nothing happens but signs of life.
    private func point(_ broker: borrowing BrokerUnderLoad, agents: Int, sessions: Int) throws -> JSONValue {
        let load = try MachineLoad.now()
        try Pause.wait(.seconds(5))
        let (begin, before) = (ContinuousClock.now, try broker.processorTime())
        try Pause.wait(.seconds(15))
        let busy = (try broker.processorTime() - before).microseconds
        let memory = try broker.memory()
        LoadProgram.tell("\(agents) agents, \(sessions) sessions: \(memory.proportional) KiB, \(busy / 15) µs of processor time a second")
        return [
            "agents": .integer(Int64(agents)), "sessions": .integer(Int64(sessions)), "memory": memory.json,
            "idleProcessorTime": .integer(busy), "idleFor": .integer((ContinuousClock.now - begin).microseconds), "load": load,
        ]
    }

    /// That the broker has them all, in its own words.
    private func verify(_ scene: Scene, _ far: FarEnds, _ agents: Int, _ sessions: Int) throws {
        let found = far.counts
        guard found.lost == 0, found.open == agents + 2 * sessions else { throw LoadError("of the connections \(found.lost) were lost") }
        let database = try scene.openDatabase(readOnly: true)
        let live = try database.unfinishedSessions().count { $0.machine.state == .live }
        guard live == sessions else { throw LoadError("\(sessions) sessions were opened, and \(live) are live") }
    }
}

/// Every node and client of a load.
final class FarEnds: Sendable {
    /// An active grant and what an opening under it names.
    struct LiveGrant: Sendable {
        let person: Int
        let activation: Digest
    }

    private struct Streams: Sendable {
        var open: [UInt64: WebSocketStream] = [:]
        var next: UInt64 = 1
        var lost = 0
        var isStopped = false
    }

    private let scene: Scene
    private let endpoint: Endpoint
    private let contexts: [TLSContext]
    private let queue: EventQueue
    private let streams = Mutex(Streams())
    /// Sessions that the broker asked a node for.
    private let asked = Mutex<Set<SessionID>>([])
    private let news: EventCounter

    init(_ scene: Scene, _ broker: borrowing BrokerUnderLoad) throws {
        self.scene = scene
        endpoint = broker.endpoint
        contexts = try scene.nodes.map { try TLSContext(clientWith: $0.key.identity, expecting: scene.pin.bytes) }
        queue = try EventQueue()
        news = try EventCounter()
        try Posix.Thread.start("far ends", stackSize: 1024 * 1024) { [self] in serve() }
    }

    var counts: (open: Int, lost: Int) { streams.withLock { ($0.open.count, $0.lost) } }

    func stop() { streams.withLock { $0.isStopped = true } }

    // MARK: Connecting

    func connect(_ nodes: Range<Int>, diallers: Int) throws {
        _ = try Crew.run(diallers) { [self] dialler in
            for number in nodes where number % diallers == dialler { try connect(number) }
        }
    }

    private func connect(_ number: Int) throws {
        let stream = try client(number).upgrade(path: Route.agent)
        stream.enqueue(text: ControlMessage.hello(version: "load", rollNumber: scene.roll.number, sessions: []).text)
        _ = try stream.flush()
        guard case .time = try stream.nextMessage() else { throw LoadError("a node was not greeted") }
        try keep(stream)
    }

    private func client(_ node: Int) -> HTTPClient { HTTPClient(endpoint, context: contexts[node], timeout: .seconds(60)) }

    private func client(_ person: Member) throws -> HTTPClient {
        HTTPClient(endpoint, context: try TLSContext(clientWith: person.key.identity, expecting: scene.pin.bytes), timeout: .seconds(60))
    }

    /// From now on the stream belongs to the thread that serves all.
    private func keep(_ stream: WebSocketStream) throws {
        stream.releaseIdleBuffers()
        let token = streams.withLock { streams in
            streams.next += 1
            streams.open[streams.next] = stream
            return streams.next
        }
        try queue.add(stream.descriptor, .input, token: token)
    }

    private func serve() {
        var events: [EventQueue.Event] = []
        while !streams.withLock({ $0.isStopped }) {
            do {
                try queue.wait(&events, timeout: .milliseconds(200))
            } catch {
                return LoadProgram.tell("\(error)")
            }
            for event in events {
                guard let stream = streams.withLock({ $0.open[event.token] }) else { continue }
                do {
                    try answer(stream)
                } catch {
                    LoadProgram.tell("a connection was lost: \(error)")
                    streams.withLock { streams in
                        streams.open[event.token] = nil
                        streams.lost += 1
                    }
                    stream.close()
                }
            }
        }
        for stream in streams.withLock({ Array($0.open.values) }) { stream.close() }
    }

    /// Takes what has come; pings are answered by the stream itself.
    private func answer(_ stream: WebSocketStream) throws {
        repeat {
            let filled = try stream.fill()
            while let message = try stream.next() {
                switch message.kind {
                case .text:
                    let text = message.withPayload { String(decoding: $0, as: UTF8.self) }
                    if case .open(let evidence) = try ControlMessage(text) {
                        _ = asked.withLock { $0.insert(evidence.opening.id) }
                        news.signal()
                    }
                case .close: throw TransportError.closed
                case .binary, .ping, .pong: break
                }
            }
            _ = try stream.flush()
            if case .ended = filled { throw TransportError.closed }
        } while stream.hasBuffered
        stream.releaseIdleBuffers()
    }

    // MARK: Sessions

    /// Asks, agrees and activates over the API.
    func grant(_ person: Int, nodes: Range<Int>) throws -> LiveGrant {
        let (requester, approver) = (scene.requesters[person], scene.approvers[0])
        let request = try scene.request(by: requester, for: .seconds(36_000), reason: "sessions to be measured", at: Scene.now)
        try post(Route.requests, request.source, as: requester)
        let vote = try scene.vote(on: request, by: approver, for: Set(nodes.map { scene.nodes[$0].name }), at: Scene.now)
        try post(Route.votes, vote.source, as: approver)
        let activation = try scene.activation(of: request, by: requester, at: Scene.now)
        try post(Route.activations, activation.source, as: requester)
        return LiveGrant(person: person, activation: activation.digest)
    }

    private func post(_ path: String, _ statement: SignedText, as person: Member) throws {
        let response = try client(person).send(HTTPRequest(method: "POST", path: path, body: Array(statement.json.text.utf8)))
        guard response.status == 200 else {
            throw LoadError("\(path) was answered with \(response.status) \(String(decoding: response.body, as: UTF8.self))")
        }
    }

    /// Opens a shell on the node with this number, accepts it there, and waits until it is recorded.
    func open(_ number: Int, under grant: LiveGrant) throws {
        let (person, node) = (scene.requesters[grant.person], scene.nodes[number])
        let opening = try OpeningStatement(
            root: scene.roll.root ?? .none, activation: grant.activation, person: person.name, node: node.name, capability: .shell,
            runAs: RunAsName(user: Scene.user), command: [], terminal: .init(type: "xterm", columns: 80, rows: 24), language: "",
            ephemeral: EphemeralKey().publicBytes, rollNumber: scene.roll.number, nonce: Evidence.Random.nonce(), at: Scene.now
        ).signed(with: person.key.signing)
        let client = try client(person).upgrade(path: Route.open)
        client.enqueue(text: ControlMessage.opening(opening.source).text)
        _ = try client.flush()
        try awaitAsking(for: opening.id, client)
        let supervisor = try self.client(number).upgrade(path: Route.attach, query: [(name: "session", value: opening.id.description)])
        let acceptance = try AcceptanceStatement(
            root: opening.value.root, opening: opening.digest, node: node.name, ephemeral: EphemeralKey().publicBytes, leaseVersion: 1,
            notAfter: Scene.now + .seconds(30_000), at: Scene.now
        ).signed(with: node.key.signing)
        supervisor.enqueue(text: ControlMessage.accepted(acceptance.source).text)
        _ = try supervisor.flush()
        guard case .recorded = try supervisor.nextMessage() else { throw LoadError("session \(opening.id) is not recorded") }
        guard case .accepted = try client.nextMessage() else { throw LoadError("session \(opening.id) was not accepted") }
        try keep(supervisor)
        try keep(client)
    }

    private func awaitAsking(for id: SessionID, _ client: WebSocketStream) throws {
        let limit = ContinuousClock.now + .seconds(30)
        var entries = [PollEntry(news.number, .input), PollEntry(client.descriptor, .input)]
        while asked.withLock({ $0.remove(id) }) == nil {
            guard try Poll.wait(&entries, timeout: limit - .now) > 0 else { throw LoadError("no node was asked for session \(id)") }
            // Before the acceptance a client hears refusals only.
            if entries[1].isReadable { throw LoadError("session \(id): \(try client.nextMessage())") }
            news.clear()
        }
    }
}

extension WebSocketStream {
    /// The next control message, within a minute.
    fileprivate func nextMessage() throws -> ControlMessage {
        let limit = ContinuousClock.now + .seconds(60)
        while true {
            while let message = try next() {
                if case .text = message.kind { return try ControlMessage(String(decoding: message.bytes, as: UTF8.self)) }
                if case .close = message.kind { throw TransportError.closed }
            }
            _ = try flush()
            var entries = [PollEntry(descriptor, .input)]
            guard try hasBuffered || Poll.wait(&entries, timeout: limit - .now) > 0 else { throw TransportError.timedOut(doing: "waiting for a message") }
            if case .ended = try fill() { throw TransportError.closed }
        }
    }
}
