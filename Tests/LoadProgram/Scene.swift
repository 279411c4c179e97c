// SPDX-License-Identifier: Apache-2.0

import Access
import Broker
import Evidence
import Posix
import Storage
import StrictJSON
import Transport

/// The key of a device or a node.
struct LoadKey: Sendable {
    let signing: SigningKey
    let identity: TLSIdentity

    init() throws {
        let seed = try SecretBytes(random: SigningKey.seedLength)
        signing = try SigningKey(seed: seed)
        identity = try seed.reveal { try TLSIdentity(ed25519Seed: $0) }
    }
}

struct Member: Sendable {
    let name: PersonName
    let key: LoadKey
}

struct LoadNode: Sendable {
    let name: NodeName
    let key: LoadKey
}

/// A broker's home with people and nodes whose keys this process has. The roll is what they signed; it is written before the
/// broker serves, which verifies it as always.
struct Scene: Sendable {
    let path: String
    let pin: PublicKey
    private(set) var roll = Roll()
    private(set) var requesters: [Member] = []
    private(set) var approvers: [Member] = []
    private(set) var nodes: [LoadNode] = []
    private let admin: LoadKey

    static let entitlement = "measured"
    static let user = "nobody"
    /// The longest that a grant of it may last.
    static let longest: Duration = .seconds(86_400)
    private static let policy = """
        {entitlements: [{name: "measured", requesters: ["group:measured"], nodes: "*", capabilities: ["shell", "exec"],
         runAs: ["nobody"], maximumDuration: "24h", seats: [{count: 1, of: ["group:approvers"]}]}]}
        """

    static var now: Timestamp { Timestamp(milliseconds: BootClock.wallMilliseconds()) }

    /// - Parameters:
    ///   - path: a directory that does not exist.
    ///   - now: when everybody joined.
    init(_ path: String, requesters: Int, approvers: Int, nodes: Int, at now: Timestamp = Scene.now) throws {
        self.path = path
        admin = try LoadKey()
        let token = try JoinToken(try BrokerSetup.initialise(BrokerHome(path), address: "127.0.0.1:7420", policy: Self.policy))
        pin = token.pin
        let founding = try SigningKey(seed: token.secret)
        let database = try openDatabase()
        try database.run("BEGIN IMMEDIATE")
        let name = try PersonName("admin")
        let charter = CharterStatement(
            place: .first, version: 1, administrators: [name], policy: Self.policy, broker: pin,
            founder: .init(
                name: name, groups: [], key: admin.signing.publicKey, device: "", founding: founding.publicKey),
            at: now)
        try append(try charter.signed(with: admin.signing, founding).source, database, now)
        for number in 0..<requesters {
            self.requesters.append(try person("requester-\(number)", in: "measured", database, now))
        }
        for number in 0..<approvers {
            self.approvers.append(try person("approver-\(number)", in: "approvers", database, now))
        }
        for number in 0..<nodes {
            let name = try NodeName("node-\(number)")
            let tags = try Tags([("env", "measured"), ("rack", "r\(number / 40)")])
            self.nodes.append(LoadNode(name: name, key: try join(.node(name, tags), database, now)))
        }
        try database.run("COMMIT")
    }

    func openDatabase(readOnly: Bool = false) throws -> Connection {
        try Connection(path: databasePath, mode: readOnly ? .readOnly : .readWrite)
    }

    var databasePath: String { path + "/stint.db" }

    // MARK: Joining

    private mutating func person(_ name: String, in group: String, _ database: Connection, _ now: Timestamp) throws -> Member {
        let name = try PersonName(name)
        return Member(name: name, key: try join(.person(name, groups: [try GroupName(group)], attributes: [:]), database, now))
    }

    private mutating func join(_ subject: InvitationStatement.Subject, _ database: Connection, _ now: Timestamp) throws -> LoadKey {
        let (secret, key) = (try LoadKey(), try LoadKey())
        let invitation = try InvitationStatement(
            place: roll.next, subject: subject, by: PersonName("admin"), secret: secret.signing.publicKey,
            notAfter: now + .seconds(600), at: now
        ).signed(with: admin.signing)
        try append(invitation.source, database, now)
        let enrolment = try EnrolmentStatement(
            place: roll.next, invitation: invitation.digest, key: key.signing.publicKey, label: "", at: now
        ).signed(with: secret.signing, key.signing)
        try append(enrolment.source, database, now)
        return key
    }

    /// As the broker does it.
    private mutating func append(_ source: SignedText, _ database: Connection, _ now: Timestamp) throws {
        let entry = try roll.append(source, at: now)
        try database.append(entry)
        let number = entry.place.number
        try database.record(
            "roll." + entry.type, subject: "roll-\(number)",
            body: ["number": .integer(number), "digest": .string(entry.digest.hex)], at: now)
    }

    // MARK: What people sign

    func request(by person: Member, for duration: Duration, reason: String, at now: Timestamp) throws -> Signed<RequestStatement> {
        try RequestStatement(
            root: roll.root ?? .none, person: person.name, entitlement: EntitlementName(Self.entitlement), charterVersion: 1,
            selector: .everything, capabilities: [.shell, .exec], runAs: RunAsName(user: Self.user), duration: duration,
            reason: reason, rollNumber: roll.number, nonce: Evidence.Random.nonce(), at: now
        ).signed(with: person.key.signing)
    }

    func vote(
        on request: Signed<RequestStatement>, by person: Member, for nodes: Set<NodeName>, at now: Timestamp
    ) throws -> Signed<VoteStatement> {
        let vote = Vote(
            person: person.name, verdict: .approve(nodes: nodes, duration: request.value.duration), note: "", at: now)
        return try VoteStatement(
            root: roll.root ?? .none, request: request.digest, vote: vote, rollNumber: roll.number, nonce: Evidence.Random.nonce()
        ).signed(with: person.key.signing)
    }

    func activation(of request: Signed<RequestStatement>, by person: Member, at now: Timestamp) throws -> Signed<ActivationStatement> {
        try ActivationStatement(
            root: roll.root ?? .none, request: request.digest, person: person.name, nonce: Evidence.Random.nonce(), at: now
        ).signed(with: person.key.signing)
    }
}
