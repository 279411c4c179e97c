// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Protocol
import StrictJSON
import Testing
import Transport

@testable import Agent

/// A directory of one test, removed with all that is in it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = "/tmp/stint-agent-" + Posix.Random.hexadecimal(bytes: 8)
        try DurableFile.makeDirectory(path)
    }

    deinit {
        // A left-over in /tmp fails no test.
        try? DurableFile.removeDirectory(path)
    }
}

/// The code of the refusal, or what went through.
func refusal(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "accepted"
    } catch {
        return AgentError(error).code
    }
}

/// A small installation with real keys: `alice` and `bob` of group `ops`, `carol` of `guests`, and the node `web-1`.
struct Installation {
    static let start = Timestamp(milliseconds: 1_800_000_000_000)

    let alice: TestKey
    let bob: TestKey
    let carol: TestKey
    let brokerKey: TestKey
    let nodeKey: TestKey
    private(set) var entries: [SignedText] = []
    private(set) var roll = Roll()

    /// The user as whom sessions run: whoever runs the tests.
    let user: String

    init() throws {
        (alice, bob, carol) = (try TestKey(), try TestKey(), try TestKey())
        (brokerKey, nodeKey) = (try TestKey(), try TestKey())
        user = try User.current().name
        let founding = try TestKey()
        let founder = CharterStatement.Founder(
            name: try PersonName("alice"), groups: [try GroupName("ops")], key: alice.publicKey, device: "laptop",
            founding: founding.publicKey)
        let charter = CharterStatement(
            place: roll.next, version: 1, administrators: [founder.name], policy: policy, broker: brokerKey.publicKey,
            founder: founder, at: Self.start)
        try add(charter.signed(with: alice.signing, founding.signing).source)
        try enrol(.person(try PersonName("bob"), groups: [try GroupName("ops")], attributes: [:]), bob)
        try enrol(.person(try PersonName("carol"), groups: [try GroupName("guests")], attributes: [:]), carol)
        try enrol(.node(try NodeName("web-1"), try Tags([(key: "env", value: "prod")])), nodeKey)
    }

    private var policy: String {
        """
        {"entitlements":[{"name":"prod","requesters":["group:ops"],"nodes":"*","capabilities":["shell","exec","copy","forward:127.0.0.1:80"],
        "runAs":["\(user)","surely-nobody-has-this"],"seats":[{"count":1,"of":["group:ops"]}]}]}
        """
    }

    var root: Digest { get throws { try #require(roll.root) } }

    mutating func add(_ entry: SignedText) throws {
        try roll.append(entry)
        entries.append(entry)
    }

    /// An invitation for 15 minutes by alice, with its secret.
    mutating func invite(_ subject: InvitationStatement.Subject, notAfter: Timestamp = start + .seconds(900)) throws -> (
        digest: Digest, secret: TestKey
    ) {
        let secret = try TestKey()
        let invitation = try InvitationStatement(
            place: roll.next, subject: subject, by: PersonName("alice"), secret: secret.publicKey, notAfter: notAfter,
            at: notAfter - .seconds(900)
        ).signed(with: alice.signing)
        try add(invitation.source)
        return (invitation.digest, secret)
    }

    mutating func enrol(_ subject: InvitationStatement.Subject, _ key: TestKey) throws {
        let (invitation, secret) = try invite(subject)
        let enrolment = EnrolmentStatement(
            place: roll.next, invitation: invitation, key: key.publicKey, label: "test", at: Self.start)
        try add(enrolment.signed(with: secret.signing, key.signing).source)
    }

    mutating func replaceAdministrators(_ names: [String]) throws {
        let charter = CharterStatement(
            place: roll.next, version: 2, administrators: try names.map { try PersonName($0) }, policy: policy,
            broker: brokerKey.publicKey, founder: nil, at: Self.start)
        try add(charter.signed(with: alice.signing).source)
    }

    mutating func disable(_ person: String) throws {
        let statement = DisablingStatement(
            place: roll.next, subject: .person(try PersonName(person)), by: try PersonName("alice"), reason: "gone",
            at: Self.start)
        try add(statement.signed(with: alice.signing).source)
    }

    var identity: NodeIdentity {
        get throws {
            NodeIdentity(
                name: try NodeName("web-1"), broker: try Endpoint("127.0.0.1:1"), pin: brokerKey.publicKey, root: try root)
        }
    }

    /// A home that has joined this installation.
    func makeHome(_ directory: TemporaryDirectory, broker: Endpoint? = nil) throws -> AgentHome {
        let home = AgentHome(directory.path + "/home")
        try home.prepare()
        try DurableFile.writeAtomically(Array((Hex.encode(nodeKey.seed) + "\n").utf8), to: home.keyPath)
        var stored = try NodeRoll(home.rollPath, root: try root)
        try stored.append(entries)
        let known = try identity
        try NodeIdentity(name: known.name, broker: broker ?? known.broker, pin: known.pin, root: known.root)
            .save(home.identityPath)
        return home
    }
}

/// A key pair whose seed a test may look at.
struct TestKey {
    let seed: [UInt8]
    let signing: SigningKey

    init() throws {
        let seed = Posix.Random.bytes(32)
        self.seed = seed
        signing = try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: seed) })
    }

    var publicKey: PublicKey { signing.publicKey }

    var tls: TLSIdentity { get throws { try seed.withUnsafeBytes { try TLSIdentity(ed25519Seed: $0) } } }
}

/// What a request, its votes and its use say; a test changes one thing of it.
struct EvidencePlan {
    var node = "web-1"
    var nodesApproved = ["web-1"]
    var capability = Capability.exec
    var runAs: String
    var command = ["true"]
    var terminal: OpeningStatement.Terminal?
    var voters: [(name: String, key: TestKey)]
    var openedBy: TestKey
    var ephemeral = [UInt8](repeating: 9, count: 32)
    var rollNumber: Int64
    var duration: Duration = .seconds(600)
    /// When everything was signed.
    var at: Timestamp
    /// When the opening was signed, if later.
    var openedAt: Timestamp?
    var activatedAt: Timestamp?
    private let installation: Installation
    private let nonce: String

    init(_ installation: Installation, at: Timestamp = Installation.start) throws {
        self.installation = installation
        self.at = at
        runAs = installation.user
        voters = [("bob", installation.bob)]
        openedBy = installation.alice
        rollNumber = installation.roll.number
        nonce = try Evidence.Random.nonce()
    }

    func evidence() throws -> OpeningEvidence {
        let root = try installation.root
        let alice = try PersonName("alice")
        let request = try RequestStatement(
            root: root, person: alice, entitlement: EntitlementName("prod"), charterVersion: 1,
            selector: Selector("env=prod"), capabilities: [.shell, .exec, .copy, Capability("forward:127.0.0.1:80")], runAs: RunAsName(user: runAs),
            duration: duration, reason: "the disk of web-1 is full", rollNumber: rollNumber, nonce: nonce, at: at
        ).signed(with: installation.alice.signing)
        let votes = try voters.map { voter in
            let vote = Vote(
                person: try PersonName(voter.name),
                verdict: .approve(nodes: Set(try nodesApproved.map { try NodeName($0) }), duration: duration), note: "", at: at)
            return try VoteStatement(root: root, request: request.digest, vote: vote, rollNumber: 1, nonce: nonce)
                .signed(with: voter.key.signing)
        }
        let activation = try ActivationStatement(
            root: root, request: request.digest, person: alice, nonce: nonce, at: activatedAt ?? at
        ).signed(with: installation.alice.signing)
        let opening = try OpeningStatement(
            root: root, activation: activation.digest, person: alice, node: NodeName(node), capability: capability,
            runAs: RunAsName(user: runAs), command: command, terminal: terminal, language: "C.UTF-8",
            ephemeral: ephemeral, rollNumber: rollNumber, nonce: Evidence.Random.nonce(), at: openedAt ?? at
        ).signed(with: openedBy.signing)
        return OpeningEvidence(request: request, votes: votes, activation: activation, opening: opening)
    }
}
