// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Protocol
import Storage
import StrictJSON
import Synchronization
import Transport

/// Complete cycles, request → vote → activation, by many callers at once over the API of a broker that serves; each caller
/// with two devices of its own, one that asks and one that agrees. Beside it a plain SQLite loop on the same disk.
struct WorkflowLoad {
    private let options: Options
    private let stintd: String

    init(_ options: Options) throws {
        self.options = options
        stintd = try options.text("stintd")
    }

    /// What one caller, or many together, took for each verb.
    private struct Times: Sendable {
        var request = Sample()
        var vote = Sample()
        var activation = Sample()

        mutating func add(_ other: Times) {
            request.add(other.request)
            vote.add(other.vote)
            activation.add(other.activation)
        }

        var json: JSONValue { ["request": request.json, "vote": vote.json, "activation": activation.json] }
    }

    func run() throws -> JSONValue {
        let (callers, cycles, rounds) = (try options.numbers("callers"), try options.number("cycles"), try options.number("rounds"))
        let most = callers.last ?? 1
        let scene = try Scene(try options.text("home"), requesters: most, approvers: most, nodes: 1)
        let broker = try BrokerUnderLoad.start(stintd, scene, answering: scene.requesters[0].key)
        let lines = try (0..<most).map { try Caller($0, scene, broker.client(scene.requesters[$0].key), broker.client(scene.approvers[$0].key)) }
        var results: [JSONValue] = []
        var granted = 0
        for round in 0..<rounds {
            for count in callers {
                let load = try MachineLoad.now()
                let before = try plain(scene, "\(round)-\(count)-before")
                let each = max(10, cycles / max(8, count))
                let begin = ContinuousClock.now
                let processorTime = try broker.processorTime()
                let times = try Crew.run(count) { number in try lines[number].run(each) }
                let spent = (ContinuousClock.now - begin).microseconds
                let brokerTime = (try broker.processorTime() - processorTime).microseconds
                let after = try plain(scene, "\(round)-\(count)-after")
                granted += count * each
                var all = Times()
                for time in times { all.add(time) }
                let rate = Int64(count * each) * 1_000_000_000 / max(1, spent)
                LoadProgram.tell("round \(round + 1): \(count) callers, \(rate / 1000) cycles/s, plain \((before + after) / 2000)/s")
                results.append([
                    "callers": .integer(Int64(count)), "cycles": .integer(Int64(count * each)), "microseconds": .integer(spent),
                    "milliCyclesPerSecond": .integer(rate), "milliPlainPerSecond": .integer((before + after) / 2),
                    "brokerProcessorTime": .integer(brokerTime), "verbs": all.json, "load": load,
                ])
            }
        }
        try broker.stop()
        try verify(scene, granted)
        try BrokerUnderLoad.check(stintd, scene)
        return ["cycles": .array(results), "granted": .integer(Int64(granted))]
    }

    /// Rows a thousand seconds: one row a commit, `synchronous=FULL`.
    private func plain(_ scene: Scene, _ name: String) throws -> Int64 {
        let database = try Connection(path: scene.path + "/plain-" + name)
        try database.execute("CREATE TABLE number (value INTEGER PRIMARY KEY, note TEXT) STRICT")
        let count: Int64 = 300
        let begin = ContinuousClock.now
        for number in 0..<count { try database.insertMeasured(number) }
        return count * 1_000_000_000 / max(1, (ContinuousClock.now - begin).microseconds)
    }

    /// That every cycle left an active grant, and nothing else is there.
    private func verify(_ scene: Scene, _ granted: Int) throws {
        let database = try scene.openDatabase(readOnly: true)
        let open = try database.openGrants()
        guard open.count == granted, open.allSatisfy({ $0.machine.state == .active }) else {
            throw LoadError("\(granted) cycles were answered, and \(open.count) grants are there")
        }
    }

    /// One caller: two connections that stay open. Owned by one thread at a time.
    private final class Caller: @unchecked Sendable {
        private let scene: Scene
        private let number: Int
        private let asking: HTTPClient
        private let agreeing: HTTPClient
        private var count = 0

        init(_ number: Int, _ scene: Scene, _ asking: HTTPClient, _ agreeing: HTTPClient) throws {
            self.number = number
            self.scene = scene
            self.asking = asking
            self.agreeing = agreeing
            // Handshakes are not what is measured, and a broker takes a limited number at once from one address.
            for client in [asking, agreeing] { _ = try client.send(HTTPRequest(path: Route.status)) }
        }

        func run(_ cycles: Int) throws -> Times {
            var times = Times()
            for _ in 0..<cycles { try cycle(&times) }
            return times
        }

        private func cycle(_ times: inout Times) throws {
            count += 1
            let (requester, approver) = (scene.requesters[number], scene.approvers[number])
            let request = try scene.request(
                by: requester, for: .seconds(36_000), reason: "measurement \(number) of cycle \(count)", at: Scene.now)
            try post(Route.requests, request.source, by: asking, expecting: "pending", &times.request)
            let vote = try scene.vote(on: request, by: approver, for: [scene.nodes[0].name], at: Scene.now)
            try post(Route.votes, vote.source, by: agreeing, expecting: "approved", &times.vote)
            let activation = try scene.activation(of: request, by: requester, at: Scene.now)
            try post(Route.activations, activation.source, by: asking, expecting: "active", &times.activation)
        }

        private func post(
            _ path: String, _ statement: SignedText, by client: HTTPClient, expecting state: String, _ sample: inout Sample
        ) throws {
            let request = HTTPRequest(
                method: "POST", path: path, headers: ["Content-Type": "application/json"], body: Array(statement.json.text.utf8))
            let begin = ContinuousClock.now
            let response = try client.send(request)
            sample.add(ContinuousClock.now - begin)
            let answer = try JSONValue(parsing: response.body)
            guard response.status == 200, answer["state"]?.asString == state else {
                throw LoadError("\(path) was answered with \(response.status) \(answer.text)")
            }
        }
    }
}
