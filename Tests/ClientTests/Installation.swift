// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Foundation
import Posix
import StrictJSON

@testable import Client

/// An installation with real signatures: alice founded it, and whoever a test needs has joined.
struct Installation {
    static let policy = """
        { "entitlements": [
          { "name": "databases", "requesters": ["group:ops"], "nodes": "role=db", "capabilities": ["shell", "exec"],
            "runAs": ["postgres", "root"], "seats": [{ "count": 1, "of": ["group:leads"] }], "maximumDuration": "30m" },
          { "name": "everything", "requesters": ["group:ops"], "nodes": "*", "capabilities": ["exec", "copy"],
            "runAs": ["root"], "seats": [{ "count": 1, "of": ["group:ops"] }, { "count": 1, "of": ["group:leads"] }],
            "maximumDuration": "4h" }
        ] }
        """

    private(set) var roll = Roll()
    private(set) var entries: [SignedText] = []
    private(set) var keys: [String: SigningKey] = [:]
    let brokerKey: SigningKey

    var root: Digest { roll.root ?? .none }

    /// bob and carol are of ops, alice and carol of leads; db-1, db-2 and web-1 are nodes.
    init() throws {
        brokerKey = try Self.makeKey()
        try found()
        try add(person: "bob", groups: ["ops"])
        try add(person: "carol", groups: ["ops", "leads"])
        try add(node: "db-1", tags: "role=db,env=prod")
        try add(node: "db-2", tags: "role=db,env=test")
        try add(node: "web-1", tags: "role=web")
    }

    static func makeKey() throws -> SigningKey { try SigningKey(seed: SecretBytes(random: 32)) }

    func key(_ name: String) throws -> SigningKey {
        guard let key = keys[name] else { throw TestFailure("no key of \(name)") }
        return key
    }

    func person(_ name: String) throws -> Person {
        guard let person = roll.directory.people[try PersonName(name)] else { throw TestFailure("no person \(name)") }
        return person
    }

    private mutating func found() throws {
        let (key, founding) = (try Self.makeKey(), try Self.makeKey())
        let name = try PersonName("alice")
        let charter = CharterStatement(
            place: .first, version: 1, administrators: [name], policy: Self.policy, broker: brokerKey.publicKey,
            founder: .init(
                name: name, groups: [try GroupName("leads")], key: key.publicKey, device: "laptop",
                founding: founding.publicKey),
            at: .now())
        keys["alice"] = key
        try append(try charter.signed(with: key, founding).source)
    }

    mutating func add(person name: String, groups: [String]) throws {
        let subject = InvitationStatement.Subject.person(
            try PersonName(name), groups: try groups.map { try GroupName($0) }, attributes: [:])
        try enrol(subject, name)
    }

    mutating func add(node name: String, tags: String) throws {
        try enrol(.node(try NodeName(name), try Tags(parsing: tags)), name)
    }

    private mutating func enrol(_ subject: InvitationStatement.Subject, _ name: String) throws {
        let (secret, key) = (try Self.makeKey(), try Self.makeKey())
        let invitation = try InvitationStatement(
            place: roll.next, subject: subject, by: PersonName("alice"), secret: secret.publicKey,
            notAfter: .now() + .seconds(900), at: .now()
        ).signed(with: self.key("alice"))
        try append(invitation.source)
        let enrolment = try EnrolmentStatement(
            place: roll.next, invitation: invitation.digest, key: key.publicKey, label: name, at: .now()
        ).signed(with: secret, key)
        try append(enrolment.source)
        keys[name] = key
    }

    mutating func disable(person name: String) throws {
        let statement = DisablingStatement(
            place: roll.next, subject: .person(try PersonName(name)), by: try PersonName("alice"), reason: "left us",
            at: .now())
        try append(try statement.signed(with: key("alice")).source)
    }

    private mutating func append(_ entry: SignedText) throws {
        try roll.append(entry)
        entries.append(entry)
    }

    /// A request of bob's, signed by whoever a test says.
    func request(
        on selector: String = "role=db", by signer: String = "bob", root: Digest? = nil, rollNumber: Int64? = nil,
        reason: String = "restore the index", duration: Duration = .seconds(1200)
    ) throws -> Signed<RequestStatement> {
        try RequestStatement(
            root: root ?? self.root, person: PersonName("bob"), entitlement: EntitlementName("databases"),
            charterVersion: 1, selector: Selector(selector), capabilities: [.shell], runAs: RunAsName(user: "postgres"),
            duration: duration, reason: reason, rollNumber: rollNumber ?? roll.number, nonce: Evidence.Random.nonce(),
            at: .now()
        ).signed(with: key(signer))
    }
}

struct TestFailure: Error {
    let what: String
    init(_ what: String) { self.what = what }
}

/// A home of one test, removed with all that is in it.
final class TemporaryHome: Sendable {
    let home: ClientHome

    init() throws {
        home = try ClientHome(given: "/tmp/stint-client-" + Posix.Random.hexadecimal(bytes: 8))
        try home.make()
    }

    deinit {
        // A left-over in /tmp fails no test.
        try? DurableFile.removeDirectory(home.path)
    }
}

/// The code of what was thrown, or `accepted`.
func refusal(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "accepted"
    } catch {
        return Failures.words(of: error).code
    }
}
