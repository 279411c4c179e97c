// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Protocol
import StrictJSON
import Synchronization
import Testing
import Transport

@testable import Agent

/// A WebSocket as a test sees it from the broker's side.
struct Line: Sendable {
    enum Message: Sendable { case control(ControlMessage), frame([UInt8]), garbage(String) }

    let socket: LoopWebSocket
    let path: String
    let messages: AsyncStream<Message>

    /// - Parameter records: whether the broker says that there is a recording when a node has accepted.
    init(_ socket: LoopWebSocket, path: String, records: Bool) {
        self.socket = socket
        self.path = path
        let (stream, continuation) = AsyncStream<Message>.makeStream()
        messages = stream
        socket.onClose = { _ in continuation.finish() }
        socket.onBinary = { continuation.yield(.frame($0)) }
        socket.onText = { text in
            do {
                let message = try ControlMessage(text)
                if records, case .accepted(let source) = message {
                    let opening = try Signed<AcceptanceStatement>(source).value.opening
                    socket.send(text: ControlMessage.recorded(SessionID(digest: opening.bytes), OutputOffsets()).text)
                }
                continuation.yield(.control(message))
            } catch {
                continuation.yield(.garbage(text))
            }
        }
    }

    func send(_ message: ControlMessage) { socket.send(text: message.text) }
}

/// A server with the broker's key that accepts every WebSocket and hands it to the test.
final class FakeBroker: Sendable {
    let endpoint: Endpoint
    /// The WebSockets that were opened, in their order.
    let lines: AsyncStream<Line>
    private let loop: EventLoop
    private let server: HTTPServer

    init(
        _ key: TestKey, records: Bool = true,
        answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse = { _ in HTTPResponse(status: 404) }
    ) throws {
        let (stream, continuation) = AsyncStream<Line>.makeStream()
        lines = stream
        let loop = try EventLoop()
        self.loop = loop
        let handler = Handler { request, responder in
            guard request.path == Route.agent || request.path == Route.attach else {
                return responder.respond(answer(request))
            }
            responder.upgrade { continuation.yield(Line($0, path: request.path, records: records)) }
        }
        server = HTTPServer(loop, context: try TLSContext(serverWith: try key.tls), handler: handler)
        endpoint = try server.listen(Endpoint("127.0.0.1:0"))
        try Thread.start("broker") { loop.run() }
    }

    deinit {
        server.close()
        loop.stop()
    }

    /// The next WebSocket that is opened.
    func nextLine() async throws -> Line {
        var iterator = lines.makeAsyncIterator()
        return try #require(await iterator.next())
    }

    private struct Handler: HTTPHandler {
        let body: @Sendable (HTTPRequest, Responder) -> Void

        func handle(_ request: HTTPRequest, from peer: Peer, _ responder: Responder) { body(request, responder) }
    }
}

/// The client's end of a session, over the fake broker.
final class TestClient {
    /// What a session gave from its acceptance to its receipt.
    struct Record {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var notices: [String] = []
        var credited: UInt64 = 0
        var ending: SessionEnding?
        var receipt: ReceiptStatement?

        var text: String { String(decoding: output, as: UTF8.self) }
    }

    private(set) var record = Record()
    /// Whether output is acknowledged, so that more may come.
    var acknowledges = true
    /// Whether the broker says that it has the receipt.
    var storesReceipts = true
    let line: Line
    private let opening: Signed<OpeningStatement>
    private let nodeKey: PublicKey
    private let ephemeral: EphemeralKey
    private var toNode: FrameAuthenticator?
    private var toClient: FrameAuthenticator?
    private var messages: AsyncStream<Line.Message>.Iterator
    private var sent: UInt64 = 0

    init(_ line: Line, opening: Signed<OpeningStatement>, ephemeral: EphemeralKey, nodeKey: PublicKey) {
        self.line = line
        self.opening = opening
        self.ephemeral = ephemeral
        self.nodeKey = nodeKey
        messages = line.messages.makeAsyncIterator()
    }

    /// Waits for the acceptance, checks it, and agrees on keys.
    func accept() async throws {
        guard case .control(.accepted(let text))? = await messages.next(isolation: #isolation) else {
            throw AgentError.homeDamaged(path: "the session", reason: "it was not accepted")
        }
        let acceptance = try Signed<AcceptanceStatement>(text)
        try #require(acceptance.isSigned(by: nodeKey))
        try #require(acceptance.value.opening == opening.digest)
        let keys = try ephemeral.agree(
            with: acceptance.value.ephemeral, opening: opening.digest, accepted: acceptance.value.ephemeral)
        toNode = try keys.authenticator(.toNode)
        toClient = try keys.authenticator(.toClient)
    }

    func send(_ frame: Frame) throws { line.socket.send(binary: try sealed(Frame.encode(frame))) }

    func type(_ text: String) throws {
        try Array(text.utf8).withUnsafeBytes { try send(.input(offset: sent, $0)) }
        sent += UInt64(text.utf8.count)
    }

    /// A frame with its tag; frames count in the order in which they are sealed.
    func sealed(_ frame: [UInt8]) throws -> [UInt8] {
        var tag = [UInt8](repeating: 0, count: 16)
        let authenticator = try #require(toNode)
        try frame.withUnsafeBytes { bytes in
            try tag.withUnsafeMutableBytes {
                try authenticator.seal(bytes, UnsafeRawBufferPointer(start: nil, count: 0), tag: $0)
            }
        }
        return frame + tag
    }

    /// Takes what comes until `isEnough`, or the end of the session.
    func listen(until isEnough: (Record) -> Bool = { $0.receipt != nil }) async throws {
        while !isEnough(record), let message = await messages.next(isolation: #isolation) { try take(message) }
    }

    private func take(_ message: Line.Message) throws {
        switch message {
        case .frame(let bytes): try take(frame: bytes)
        case .control(.receipt(let text)):
            let receipt = try Signed<ReceiptStatement>(text)
            try #require(receipt.isSigned(by: nodeKey))
            record.receipt = receipt.value
            if storesReceipts { line.send(.receiptStored(opening.id)) }
        case .control, .garbage: Issue.record("an unexpected message: \(message)")
        }
    }

    /// As the client that has consumed it, and as the broker that has it on disk.
    private func acknowledge(_ stream: Frame.Stream, _ offset: UInt64) throws {
        guard acknowledges else { return }
        let recorded = OutputOffsets(output: UInt64(record.output.count), errorOutput: UInt64(record.errors.count))
        line.send(.recorded(opening.id, recorded))
        try send(.credit(stream, offset: offset))
    }

    private func take(frame message: [UInt8]) throws {
        let authenticator = try #require(toClient)
        try message.withUnsafeBytes { bytes in
            let end = bytes.count - Frame.tagLength
            let frame = UnsafeRawBufferPointer(rebasing: bytes[..<end])
            try #require(try authenticator.opens(frame, tag: UnsafeRawBufferPointer(rebasing: bytes[end...])))
            switch try Frame(decoding: frame) {
            case .output(let offset, let payload):
                #expect(offset == UInt64(record.output.count))
                record.output += payload
                try acknowledge(.output, UInt64(record.output.count))
            case .errorOutput(let offset, let payload):
                #expect(offset == UInt64(record.errors.count))
                record.errors += payload
                try acknowledge(.errorOutput, UInt64(record.errors.count))
            case .notice(let text): record.notices.append(text)
            case .credit(.input, let offset): record.credited = offset
            case .lease: break
            case .end(let text):
                record.ending = try SessionEnding(text)
                try send(.close)
            case .input, .resize, .credit, .endOfInput, .close: Issue.record("a node does not send that")
            }
        }
    }
}

/// One session with its supervisor, started as the agent starts it.
final class TestSession {
    let directory: TemporaryDirectory
    let installation: Installation
    let home: AgentHome
    let broker: FakeBroker
    let terms: SessionTerms
    let client: TestClient
    let supervisors: Supervisors

    /// - Parameters:
    ///   - command: run by `/bin/sh -c`; `nil` for the user's shell.
    ///   - change: changes the JSON of the terms, to shorten its times.
    init(
        _ command: String?, terminal: Bool = false, capability: Capability = .exec, records: Bool = true,
        change: (inout JSONObject) -> Void = { _ in }
    ) async throws {
        directory = try TemporaryDirectory()
        installation = try Installation()
        broker = try FakeBroker(installation.brokerKey, records: records)
        home = try installation.makeHome(directory, broker: broker.endpoint)
        let ephemeral = try EphemeralKey()
        var plan = try EvidencePlan(installation, at: .now)
        plan.ephemeral = ephemeral.publicBytes
        plan.command = command.map { ["/bin/sh", "-c", $0] } ?? []
        plan.capability = capability
        plan.terminal = terminal ? OpeningStatement.Terminal(type: "xterm", columns: 80, rows: 24) : nil
        terms = try Self.terms(of: plan, in: installation, home, change)
        supervisors = Supervisors(
            home: home, identity: try home.identity(), key: try NodeKey.load(home.keyPath), executable: try Self.executable(),
            grants: GrantMemory(home.grantsPath))
        try supervisors.start(terms)
        client = TestClient(
            try await broker.nextLine(), opening: terms.opening, ephemeral: ephemeral,
            nodeKey: installation.nodeKey.publicKey)
        try await client.accept()
    }

    private static func terms(
        of plan: EvidencePlan, in installation: Installation, _ home: AgentHome, _ change: (inout JSONObject) -> Void
    ) throws -> SessionTerms {
        var gatekeeper = Gatekeeper(
            node: try NodeName("web-1"), agentUser: try User.current(), openings: try OpeningMemory(home.openingsPath),
            grants: GrantMemory(home.grantsPath))
        let terms = try gatekeeper.decide(try plan.evidence(), with: installation.roll, at: try .now(), sessions: 0)
        guard var object = terms.json.asObject else { return terms }
        change(&object)
        return try SessionTerms(.object(object))
    }

    /// The program under test lies beside the tests.
    static func executable() throws -> String {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        let path = DurableFile.directory(of: bundle) + "/stint-agent"
        _ = try #require(try? DurableFile.read(path, maximumBytes: 1 << 30).first, "stint-agent is not built: \(path)")
        return path
    }

    /// Waits until the session is over, and gives all that came.
    func finish() async throws -> TestClient.Record {
        try await client.listen()
        return client.record
    }
}
