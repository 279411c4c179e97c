// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Glibc
import Posix
import Protocol
import Testing
import Transport

@testable import Agent

/// A running agent of its own process, and the broker's end of its control channel.
private final class TestAgent {
    let directory: TemporaryDirectory
    var installation: Installation
    let broker: FakeBroker
    let home: AgentHome
    private var process: Running?
    private var lines: AsyncStream<Line>.Iterator
    private(set) var channel: Line?
    private var messages: AsyncStream<Line.Message>.Iterator?

    private final class Running {
        let child: ChildProcess
        init(_ child: consuming ChildProcess) { self.child = child }
    }

    init() throws {
        directory = try TemporaryDirectory()
        installation = try Installation()
        broker = try FakeBroker(installation.brokerKey)
        home = try installation.makeHome(directory, broker: broker.endpoint)
        lines = broker.lines.makeAsyncIterator()
    }

    deinit {
        // The test is over, and so is the agent.
        try? process?.child.signal(.kill)
        _ = try? process?.child.wait()
    }

    /// Starts the agent and gives its hello.
    func start() async throws -> ControlMessage {
        var request = SpawnRequest(try TestSession.executable(), ["stint-agent", "serve", "--home", home.path])
        request.descriptors = [.null, .null, .descriptor(2)]
        process = Running(try request.start())
        return try await accept()
    }

    /// Takes the agent's next control channel and gives its hello.
    func accept() async throws -> ControlMessage {
        let line = try await nextLine(to: Route.agent)
        channel = line
        messages = line.messages.makeAsyncIterator()
        return try await next()
    }

    func nextLine(to path: String) async throws -> Line {
        while let line = await lines.next(isolation: #isolation) {
            if line.path == path { return line }
        }
        throw TransportError.closed
    }

    func send(_ message: ControlMessage) { channel?.send(message) }

    /// The next message but what the node says of itself, which comes when it comes.
    func next() async throws -> ControlMessage {
        while true {
            guard case .control(let message)? = await messages?.next(isolation: #isolation) else { throw TransportError.closed }
            if case .facts = message { continue }
            return message
        }
    }

    /// The supervisors that this agent has started and that live.
    private func children() throws -> [Int32] {
        var children: [Int32] = []
        try ProcessList.forEach { pid in
            guard let record = ProcessRecord(of: pid), record.isAlive, record.parent == process?.child.pid else { return }
            // Another process may be gone by now.
            let words = (try? DurableFile.readKernelFile("/proc/\(pid)/cmdline", maximumBytes: 4096)) ?? []
            guard words.starts(with: "stint-agent\0supervise\0".utf8) else { return }
            children.append(pid)
        }
        return children
    }

    /// Waits for the supervisor that is started ahead.
    func spare() async throws -> Int32 {
        while true {
            if let pid = try children().first { return pid }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    func stop() throws -> Posix.ExitStatus? {
        try process?.child.signal(.terminate)
        return try process?.child.wait()
    }

    /// Opens a session and gives the client's end of it.
    func open(_ command: String) async throws -> (TestClient, OpeningEvidence) {
        let ephemeral = try EphemeralKey()
        var plan = try EvidencePlan(installation, at: .now)
        plan.ephemeral = ephemeral.publicBytes
        plan.command = ["/bin/sh", "-c", command]
        let evidence = try plan.evidence()
        send(.open(evidence))
        let client = TestClient(
            try await nextLine(to: Route.attach), opening: evidence.opening, ephemeral: ephemeral,
            nodeKey: installation.nodeKey.publicKey)
        try await client.accept()
        return (client, evidence)
    }
}

private enum Unexpected: Error { case message }

@Suite(.timeLimit(.minutes(1)), .serialized) struct AgentServiceTests {
    @Test func `an agent says hello and opens sessions`() async throws {
        let agent = try TestAgent()
        guard case .hello(_, let number, let sessions) = try await agent.start() else { throw Unexpected.message }
        #expect(number == agent.installation.roll.number)
        #expect(sessions.isEmpty)
        let (client, _) = try await agent.open("echo hello")
        try await client.listen()
        #expect(client.record.text == "hello\n")
        #expect(try agent.stop() == .exited(0))
    }

    @Test func `a session gets the supervisor that was started ahead, and the next one another`() async throws {
        let agent = try TestAgent()
        _ = try await agent.start()
        let spare = try await agent.spare()
        let (client, _) = try await agent.open("echo $PPID")
        try await client.listen()
        #expect(client.record.text == "\(spare)\n")
        let (other, _) = try await agent.open("echo $PPID")
        try await other.listen()
        #expect(other.record.text != "\(spare)\n" && other.record.text != "1\n")
    }

    @Test func `a session starts where the supervisor that was started ahead is gone`() async throws {
        let agent = try TestAgent()
        _ = try await agent.start()
        #expect(kill(try await agent.spare(), SIGKILL) == 0)
        let (client, _) = try await agent.open("echo hello")
        try await client.listen()
        #expect(client.record.text == "hello\n")
    }

    @Test func `a supervisor without a session ends with its agent`() async throws {
        let agent = try TestAgent()
        _ = try await agent.start()
        let spare = try await agent.spare()
        #expect(try agent.stop() == .exited(0))
        while ProcessRecord(of: spare)?.isAlive == true { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test func `an agent refuses with a reason, and goes on`() async throws {
        let agent = try TestAgent()
        _ = try await agent.start()
        let (client, evidence) = try await agent.open("true")
        try await client.listen()
        agent.send(.open(evidence))
        guard case .refused(let id, let problem) = try await agent.next() else { throw Unexpected.message }
        #expect(id == evidence.opening.id)
        #expect(problem.code == "opening.replayed")
        _ = try await agent.open("true")
    }

    @Test func `entries of the roll are taken over before an opening that needs them`() async throws {
        let agent = try TestAgent()
        _ = try await agent.start()
        try agent.installation.disable("carol")
        agent.send(.roll([try #require(agent.installation.entries.last)]))
        let (client, _) = try await agent.open("echo hello")
        try await client.listen()
        #expect(client.record.text == "hello\n")
    }

    @Test func `a session survives its agent and is adopted by the next`() async throws {
        let agent = try TestAgent()
        _ = try await agent.start()
        let (client, evidence) = try await agent.open("read line; echo got $line")
        #expect(try agent.stop() == .exited(0))
        guard case .hello(_, _, let sessions) = try await agent.start() else { throw Unexpected.message }
        #expect(sessions == [evidence.opening.id])
        try client.type("it\n")
        try await client.listen()
        #expect(client.record.text == "got it\n")
    }

    @Test func `an agent that was restarted ends a session that it did not start`() async throws {
        let agent = try TestAgent()
        _ = try await agent.start()
        let (client, evidence) = try await agent.open("exec sleep 300")
        #expect(try agent.stop() == .exited(0))
        _ = try await agent.start()
        agent.send(.end(evidence.opening.id, .revoked, detail: "by bob"))
        try await client.listen()
        #expect(client.record.receipt?.reason == .revoked)
    }

    @Test func `a grant that was revoked in a session opens none any more`() async throws {
        let agent = try TestAgent()
        _ = try await agent.start()
        let (client, evidence) = try await agent.open("exec sleep 300")
        client.line.send(.end(evidence.opening.id, .revoked, detail: ""))
        try await client.listen()
        let again = try OpeningEvidence(
            request: evidence.request, votes: evidence.votes, activation: evidence.activation,
            opening: evidence.opening.value.again(signedBy: agent.installation.alice))
        agent.send(.open(again))
        guard case .refused(_, let problem) = try await agent.next() else { throw Unexpected.message }
        #expect(problem.code == "grant.over")
    }

    @Test func `a receipt that could not be delivered is delivered over the control channel`() async throws {
        let agent = try TestAgent()
        _ = try await agent.start()
        let (client, evidence) = try await agent.open("exec sleep 300")
        client.line.socket.close()
        try await client.listen { _ in false }
        agent.send(.end(evidence.opening.id, .ended, detail: "by bob"))
        guard case .receipt(let text) = try await agent.next() else { throw Unexpected.message }
        let receipt = try Signed<ReceiptStatement>(text)
        #expect(receipt.value.reason == .ended)
        #expect(receipt.isSigned(by: agent.installation.nodeKey.publicKey))
        agent.send(.receiptStored(evidence.opening.id))
        agent.channel?.socket.close()
        guard case .hello(_, _, let sessions) = try await agent.accept() else { throw Unexpected.message }
        #expect(sessions.isEmpty)
    }

    @Test func `a person who is disabled on the roll loses their sessions without the broker's help`() async throws {
        let agent = try TestAgent()
        // Alice cannot be disabled as long as she is the only administrator.
        try agent.installation.replaceAdministrators(["alice", "bob"])
        _ = try await agent.start()
        let known = Int(agent.installation.roll.number) - 1
        agent.send(.roll(Array(agent.installation.entries[known...])))
        let (client, _) = try await agent.open("exec sleep 300")
        try agent.installation.disable("alice")
        agent.send(.roll([try #require(agent.installation.entries.last)]))
        try await client.listen()
        #expect(client.record.receipt?.reason == .personDisabled)
    }

    @Test func `a broker with a forked roll changes nothing`() async throws {
        let agent = try TestAgent()
        _ = try await agent.start()
        var fork = try Installation()
        try fork.disable("carol")
        agent.send(.roll([try #require(fork.entries.last)]))
        guard case .hello(_, let number, _) = try await agent.accept() else { throw Unexpected.message }
        #expect(number == agent.installation.roll.number)
    }
}

extension OpeningStatement {
    /// Another opening under the same grant.
    fileprivate func again(signedBy key: TestKey) throws -> Signed<OpeningStatement> {
        try OpeningStatement(
            root: root, activation: activation, person: person, node: node, capability: capability, runAs: runAs,
            command: command, terminal: terminal, language: language, ephemeral: ephemeral, rollNumber: rollNumber,
            nonce: Evidence.Random.nonce(), at: .now
        ).signed(with: key.signing)
    }
}
