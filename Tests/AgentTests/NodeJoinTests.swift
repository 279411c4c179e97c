// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Glibc
import Posix
import Protocol
import StrictJSON
import Synchronization
import Testing
import Transport

@testable import Agent

/// The roll of a broker, served and extended as the real one does.
final class RollServer: Sendable {
    struct State {
        var entries: [SignedText]
        var roll: Roll
        /// Entries that somebody else adds just before the next post.
        var rivals: [SignedText] = []
        var posts = 0
    }

    let state: Mutex<State>

    init(_ installation: Installation) {
        state = Mutex(State(entries: installation.entries, roll: installation.roll))
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        state.withLock { state in
            guard request.method == "POST" else {
                let after = request.query.first { $0.name == "after" }.flatMap { Int($0.value) } ?? 0
                // Two at a time, so that the client has to come again.
                let batch = state.entries.dropFirst(after).prefix(2).map(\.json)
                return HTTPResponse(status: 200, body: Array(JSONValue.object(["entries": .array(Array(batch))]).text.utf8))
            }
            state.posts += 1
            do {
                if !state.rivals.isEmpty {
                    let rival = state.rivals.removeFirst()
                    try state.roll.append(rival)
                    state.entries.append(rival)
                }
                let entry = try SignedText(try JSONValue(parsing: request.body))
                try state.roll.append(entry, at: .now)
                state.entries.append(entry)
                return HTTPResponse(status: 200, body: Array("{}".utf8))
            } catch {
                let problem = Problem(EvidenceError(error))
                return HTTPResponse(status: problem.status, body: Array(problem.json.text.utf8))
            }
        }
    }
}

/// A machine that is about to join as `web-9`.
struct Newcomer {
    let directory: TemporaryDirectory
    var installation: Installation
    let server: RollServer
    let broker: FakeBroker
    let home: AgentHome
    let invitation: Digest
    let secret: TestKey

    /// - Parameter answer: what the broker says instead of what a broker says.
    init(answer: (@Sendable (HTTPRequest) -> HTTPResponse)? = nil) throws {
        directory = try TemporaryDirectory()
        installation = try Installation()
        (invitation, secret) = try installation.invite(
            .node(try NodeName("web-9"), try Tags([])), notAfter: Timestamp.now + .seconds(900))
        let server = RollServer(installation)
        self.server = server
        broker = try FakeBroker(installation.brokerKey) { answer?($0) ?? server.answer($0) }
        home = AgentHome(directory.path + "/new")
    }

    func token(
        kind: JoinToken.Kind = .node, broker other: Endpoint? = nil, pin: PublicKey? = nil, root: Digest? = nil,
        notAfter: Timestamp = .now + .seconds(900)
    ) throws -> String {
        let token = JoinToken(
            kind: kind, name: "web-9", broker: (other ?? broker.endpoint).description, pin: pin ?? installation.brokerKey.publicKey,
            root: try root ?? installation.root, invitation: invitation, notAfter: notAfter,
            secret: SecretBytes(count: 32) { $0.copyBytes(from: secret.seed) })
        return try token.text()
    }
}

extension Newcomer {
    /// - Parameters:
    ///   - other: another machine, by its home.
    ///   - text: the token; else its own.
    func join(_ other: AgentHome? = nil, with text: String? = nil) throws -> NodeName {
        try NodeJoin.join(other ?? home, token: try text ?? token(), executable: try TestSession.executable())
    }
}

@Suite(.timeLimit(.minutes(1))) struct NodeJoinTests {
    @Test func `a machine joins, and its home is complete`() throws {
        let newcomer = try Newcomer()
        #expect(try newcomer.join().text == "web-9")
        let identity = try newcomer.home.identity()
        let roll = try NodeRoll(newcomer.home.rollPath, root: identity.root).roll
        #expect(roll.node(withKey: try NodeKey.load(newcomer.home.keyPath).publicKey)?.name.text == "web-9")
        #expect(roll.number == newcomer.installation.roll.number + 1)
    }

    @Test func `a machine that has joined does not join again`() throws {
        let newcomer = try Newcomer()
        _ = try newcomer.join()
        #expect(refusal { _ = try newcomer.join() } == "agent.already-joined")
    }

    @Test func `a join that was interrupted after the broker stored it is finished by the next`() throws {
        let newcomer = try Newcomer()
        _ = try newcomer.join()
        try DurableFile.remove(newcomer.home.identityPath)
        #expect(try newcomer.join().text == "web-9")
        #expect(newcomer.server.state.withLock(\.posts) == 1)
    }

    @Test func `a used token is refused to another machine`() throws {
        let newcomer = try Newcomer()
        _ = try newcomer.join()
        let other = AgentHome(newcomer.directory.path + "/other")
        #expect(refusal { _ = try newcomer.join(other) } == "invitation.used")
    }

    @Test func `a roll that changes under the enrolment is fetched again, four times`() throws {
        var newcomer = try Newcomer()
        let count = newcomer.installation.entries.count
        for name in ["web-a", "web-b"] { try newcomer.installation.enrol(.node(try NodeName(name), try Tags([])), try TestKey()) }
        let rivals = Array(newcomer.installation.entries[count...])
        newcomer.server.state.withLock { $0.rivals = rivals }
        #expect(try newcomer.join().text == "web-9")
        #expect(newcomer.server.state.withLock(\.posts) == 5)
    }

    @Test func `a roll that changes five times under the enrolment is given up`() throws {
        var newcomer = try Newcomer()
        let count = newcomer.installation.entries.count
        for name in ["web-a", "web-b", "web-c"] {
            try newcomer.installation.enrol(.node(try NodeName(name), try Tags([])), try TestKey())
        }
        let rivals = Array(newcomer.installation.entries[count...])
        newcomer.server.state.withLock { $0.rivals = rivals }
        #expect(refusal { _ = try newcomer.join() } == "agent.roll-unsettled")
    }

    @Test func `a broker with another key than the token's is not spoken to`() throws {
        let newcomer = try Newcomer()
        let text = try newcomer.token(pin: TestKey().publicKey)
        #expect(refusal { _ = try newcomer.join(with: text) } == "transport.wrong-key")
        #expect(newcomer.server.state.withLock(\.posts) == 0)
    }

    @Test func `a roll that begins with another root than the token's is refused before anything is said`() throws {
        let newcomer = try Newcomer()
        let text = try newcomer.token(root: try Installation().root)
        #expect(refusal { _ = try newcomer.join(with: text) } == "agent.other-root")
        #expect(newcomer.server.state.withLock(\.posts) == 0)
        #expect(!newcomer.home.isJoined)
    }

    @Test func `a token that is over, of another kind, or damaged is refused`() throws {
        let newcomer = try Newcomer()
        let over = try newcomer.token(notAfter: .now - .seconds(1))
        #expect(refusal { _ = try newcomer.join(with: over) } == "token.expired")
        let device = try newcomer.token(kind: .device)
        #expect(refusal { _ = try newcomer.join(with: device) } == "token.wrong-kind")
        let damaged = String(try newcomer.token().dropLast(3)) + "AAA"
        #expect(refusal { _ = try newcomer.join(with: damaged) } == "token.damaged")
        #expect(refusal { _ = try NodeJoin.join(newcomer.home, token: "hello") } == "token.malformed")
    }

    @Test func `a broker that does not answer is unreachable`() throws {
        var newcomer = try Newcomer()
        let text = try newcomer.token()
        newcomer = try Newcomer()  // the first one's broker is gone
        do {
            _ = try newcomer.join(with: text)
            Issue.record("it joined")
        } catch {
            #expect(AgentError(error).exitStatus == 6)
        }
    }
}
