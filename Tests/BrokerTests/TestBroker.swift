// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Foundation
import Posix
import Protocol
import StrictJSON
import Testing
import Transport

@testable import Broker

/// A key of a person's device, a node or an invitation.
final class TestKey: Sendable {
    let signing: SigningKey
    let identity: TLSIdentity

    init() throws {
        let seed = try SecretBytes(random: 32)
        signing = try SigningKey(seed: seed)
        identity = try seed.reveal { try TLSIdentity(ed25519Seed: $0) }
    }

    init(_ seed: borrowing SecretBytes) throws {
        signing = try SigningKey(seed: seed)
        identity = try seed.reveal { try TLSIdentity(ed25519Seed: $0) }
    }
}

/// A broker that serves a home of its own in this process, and what its people would do.
final class TestBroker: Sendable {
    let home: BrokerHome
    let server: BrokerServer
    let pin: PublicKey
    let admin: TestKey
    let directory: URL

    static let policy = """
        {entitlements: [{name: "on-call", requesters: ["group:oncall"], nodes: "*", capabilities: ["shell", "exec"],
         runAs: ["root"], seats: [{count: 1, of: ["group:approvers"]}]}]}
        """

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("stint-broker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        home = BrokerHome(directory.path + "/b")
        let token = try JoinToken(try BrokerSetup.initialise(home, address: "127.0.0.1:7420", policy: Self.policy))
        server = try BrokerServer(home, listening: try Endpoint("127.0.0.1:0"))
        pin = token.pin
        admin = try TestKey()
        let founding = try TestKey(token.secret)
        let running = server
        try Posix.Thread.start("broker", stackSize: 1024 * 1024) { running.run() }
        let charter = CharterStatement(
            place: .first, version: 1, administrators: [try PersonName("admin")], policy: Self.policy, broker: token.pin,
            founder: .init(
                name: try PersonName("admin"), groups: [], key: admin.signing.publicKey, device: "laptop",
                founding: founding.signing.publicKey), at: Self.now)
        let signed = try charter.signed(with: admin.signing, founding.signing)
        try #require(try call("POST", Route.roll, signed.source.json, as: admin).status == 200)
    }

    deinit {
        server.stop()
        try? FileManager.default.removeItem(at: directory)
    }

    static var now: Timestamp { Timestamp(milliseconds: BootClock.wallMilliseconds()) }

    // MARK: Calling

    func call(
        _ method: String, _ path: String, _ body: JSONValue? = nil, query: [(String, String)] = [], as key: TestKey
    ) throws -> (status: Int, body: JSONValue) {
        let context = try TLSContext(clientWith: key.identity, expecting: pin.bytes)
        let client = HTTPClient(server.endpoint, context: context)
        defer { client.close() }
        let response = try client.send(
            HTTPRequest(
                method: method, path: path, query: query.map { (name: $0.0, value: $0.1) },
                body: body.map { Array($0.text.utf8) } ?? []))
        return (response.status, try JSONValue(parsing: response.body, limits: JSONLimits(bytes: 16 * 1024 * 1024)))
    }

    func roll() throws -> Roll {
        var roll = Roll()
        while true {
            let answer = try call("GET", Route.roll, query: [("after", String(roll.number))], as: admin)
            let entries = try #require(answer.body["entries"]?.asArray)
            if entries.isEmpty { return roll }
            for entry in entries { try roll.append(try SignedText(entry)) }
        }
    }

    // MARK: What people do

    func enrol(_ name: String, _ groups: [String]) throws -> TestKey {
        try enrol(.person(try PersonName(name), groups: try groups.map { try GroupName($0) }, attributes: [:]))
    }

    func enrolNode(_ name: String) throws -> TestKey { try enrol(.node(try NodeName(name), try Tags([("env", "test")]))) }

    func enrol(_ subject: InvitationStatement.Subject, by inviter: String = "admin", with signer: TestKey? = nil) throws -> TestKey {
        let secret = try TestKey()
        let key = try TestKey()
        let invitation = try InvitationStatement(
            place: try roll().next, subject: subject, by: try PersonName(inviter), secret: secret.signing.publicKey,
            notAfter: Self.now + .seconds(900), at: Self.now
        ).signed(with: (signer ?? admin).signing)
        try #require(try call("POST", Route.roll, invitation.source.json, as: signer ?? admin).status == 200)
        let enrolment = try EnrolmentStatement(
            place: try roll().next, invitation: invitation.digest, key: key.signing.publicKey, label: "laptop", at: Self.now
        ).signed(with: secret.signing, key.signing)
        try #require(try call("POST", Route.roll, enrolment.source.json, as: key).status == 200)
        return key
    }

    func request(
        by person: String, _ key: TestKey, for duration: Duration = .seconds(600), reason: String = "INC-1 broken replica"
    ) throws -> Signed<RequestStatement> {
        let roll = try roll()
        return try RequestStatement(
            root: try #require(roll.root), person: try PersonName(person), entitlement: try EntitlementName("on-call"),
            charterVersion: 1, selector: .everything, capabilities: [.shell, .exec], runAs: try RunAsName(user: "root"),
            duration: duration, reason: reason, rollNumber: roll.number, nonce: try Evidence.Random.nonce(), at: Self.now
        ).signed(with: key.signing)
    }

    func vote(
        on request: Signed<RequestStatement>, by person: String, _ key: TestKey, verdict: Vote.Verdict? = nil
    ) throws -> Signed<VoteStatement> {
        let roll = try roll()
        let all = Set(roll.directory.nodes.keys)
        let vote = Vote(
            person: try PersonName(person), verdict: verdict ?? .approve(nodes: all, duration: request.value.duration), note: "",
            at: Self.now)
        return try VoteStatement(
            root: try #require(roll.root), request: request.digest, vote: vote, rollNumber: roll.number,
            nonce: try Evidence.Random.nonce()
        ).signed(with: key.signing)
    }

    func activation(of request: Signed<RequestStatement>, by person: String, _ key: TestKey) throws -> Signed<ActivationStatement> {
        try ActivationStatement(
            root: request.value.root, request: request.digest, person: try PersonName(person), nonce: try Evidence.Random.nonce(),
            at: Self.now
        ).signed(with: key.signing)
    }

    func ending(_ kind: EndingStatement.Kind, _ subject: String, by person: String, _ key: TestKey) throws
        -> Signed<EndingStatement>
    {
        try EndingStatement(
            root: try #require(try roll().root), kind: kind, subject: subject, person: try PersonName(person), reason: "",
            nonce: try Evidence.Random.nonce(), at: Self.now
        ).signed(with: key.signing)
    }

    func ledger() throws -> [String] {
        let items = try call("GET", Route.ledger, query: [("limit", "1000")], as: admin).body["items"]?.asArray ?? []
        return items.compactMap { $0["event"]?.asString }
    }
}
