// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import StrictJSON

/// An installation: anna founded it and is its administrator; bob, carl, dora and eve joined, and two nodes.
struct Installation {
    static let begun = Timestamp(milliseconds: 1_800_000_000_000)
    static let policy = """
        { entitlements: [{ name: "prod", requesters: ["group:ops"], nodes: "env=prod", capabilities: ["shell", "exec"],
          runAs: ["deploy", "root"], seats: [{ count: 1, of: ["group:ops"] }, { count: 1, of: ["group:security"] }] }] }
        """

    var roll = Roll()
    private(set) var entries: [SignedText] = []

    init(joined: Bool = true) throws {
        try add(Self.charter().signed(with: Self.key("anna"), Self.key("founding")))
        guard joined else { return }
        for (name, groups) in [("bob", ["ops"]), ("carl", ["security"]), ("dora", ["ops", "security"]), ("eve", [])] {
            try join(.person(PersonName(name), groups: groups.map { try GroupName($0) }, attributes: [:]), as: name)
        }
        for name in ["db-1", "db-2"] { try join(.node(NodeName(name), Tags(parsing: "env=prod,role=db")), as: name) }
    }

    /// The key of a person, node or secret: made from its name, so every run has the same.
    static func key(_ name: String) throws -> SigningKey {
        let seed = try Digest(of: Array(name.utf8)).bytes
        return try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: seed) })
    }

    static func nonce(_ name: String) throws -> String { String(try Digest(of: Array(name.utf8)).hex.prefix(32)) }

    // MARK: Entries of the roll

    /// The founding charter, with what a test changes about it.
    static func charter(
        place: RollPlace = .first, version: Int64 = 1, administrators: [String] = ["anna"], policy: String = policy,
        broker: String = "broker", isFounding: Bool = true, founder: String = "anna", founding: String = "founding", device: String = "laptop"
    ) throws -> CharterStatement {
        CharterStatement(
            place: place, version: version, administrators: try administrators.map { try PersonName($0) }, policy: policy,
            broker: try key(broker).publicKey,
            founder: isFounding
                ? .init(
                    name: try PersonName("anna"), groups: [try GroupName("ops")], key: try key(founder).publicKey, device: device,
                    founding: try key(founding).publicKey) : nil,
            at: begun)
    }

    /// The next charter, before it is signed.
    func nextCharter(administrators: [String] = ["anna"], policy: String = policy, broker: String = "broker", version: Int64? = nil) throws
        -> CharterStatement
    {
        try Self.charter(
            place: roll.next, version: version ?? Int64(roll.directory.charters.count) + 1, administrators: administrators, policy: policy,
            broker: broker, isFounding: false)
    }

    func invitation(
        _ subject: InvitationStatement.Subject, secret: String, by: String = "anna", for duration: Duration = InvitationStatement.lifetime
    ) throws -> InvitationStatement {
        InvitationStatement(
            place: roll.next, subject: subject, by: try PersonName(by), secret: try Self.key(secret).publicKey,
            notAfter: Self.begun + duration, at: Self.begun)
    }

    func enrolment(_ invitation: Digest, key: String, after time: Duration = .zero) throws -> EnrolmentStatement {
        EnrolmentStatement(
            place: roll.next, invitation: invitation, key: try Self.key(key).publicKey, label: "laptop", at: Self.begun + time)
    }

    func disabling(_ subject: DisablingStatement.Subject, by: String = "anna") throws -> DisablingStatement {
        DisablingStatement(place: roll.next, subject: subject, by: try PersonName(by), reason: "left", at: Self.begun)
    }

    mutating func add<Value: Statement>(_ statement: Signed<Value>, at now: Timestamp? = nil) throws {
        try roll.append(statement.source, at: now)
        entries.append(statement.source)
    }

    /// Adds the invitation and gives its digest.
    mutating func invite(_ subject: InvitationStatement.Subject, secret: String, by: String = "anna", device: String? = nil) throws -> Digest {
        let statement = try invitation(subject, secret: secret, by: by).signed(with: Self.key(device ?? by))
        try add(statement)
        return statement.digest
    }

    mutating func enrol(_ invitation: Digest, secret: String, key: String) throws {
        try add(enrolment(invitation, key: key).signed(with: Self.key(secret), Self.key(key)))
    }

    mutating func join(_ subject: InvitationStatement.Subject, as key: String, by: String = "anna") throws {
        try enrol(invite(subject, secret: "secret of " + key, by: by), secret: "secret of " + key, key: key)
    }

    mutating func disable(_ subject: DisablingStatement.Subject, by: String = "anna") throws {
        try add(disabling(subject, by: by).signed(with: Self.key(by)))
    }

    // MARK: Statements about a request

    var root: Digest { roll.root ?? .none }

    func request(by person: String = "anna", root: Digest? = nil, rollNumber: Int64? = nil, nonce: String = "request") throws -> RequestStatement {
        RequestStatement(
            root: root ?? self.root, person: try PersonName(person), entitlement: try EntitlementName("prod"), charterVersion: 1,
            selector: try Selector("role=db"), capabilities: [.shell], runAs: try RunAsName(user: "deploy"), duration: .seconds(3600),
            reason: "the disk is full", rollNumber: rollNumber ?? roll.number, nonce: try Self.nonce(nonce), at: Self.begun)
    }

    func vote(by person: String, on request: Digest, approves: Bool = true, root: Digest? = nil, rollNumber: Int64? = nil) throws
        -> VoteStatement
    {
        let nodes = Set(try ["db-1", "db-2"].map { try NodeName($0) })
        return VoteStatement(
            root: root ?? self.root, request: request,
            vote: Vote(
                person: try PersonName(person), verdict: approves ? .approve(nodes: nodes, duration: .seconds(3600)) : .deny, note: "",
                at: Self.begun + .seconds(10)),
            rollNumber: rollNumber ?? roll.number, nonce: try Self.nonce("vote of " + person))
    }

    func activation(of request: Digest, by person: String = "anna", root: Digest? = nil) throws -> ActivationStatement {
        ActivationStatement(
            root: root ?? self.root, request: request, person: try PersonName(person), nonce: try Self.nonce("activation"),
            at: Self.begun + .seconds(20))
    }

    func opening(under activation: Digest, by person: String = "anna", root: Digest? = nil, rollNumber: Int64? = nil) throws
        -> OpeningStatement
    {
        OpeningStatement(
            root: root ?? self.root, activation: activation, person: try PersonName(person), node: try NodeName("db-1"),
            capability: .shell, runAs: try RunAsName(user: "deploy"), command: [],
            terminal: .init(type: "xterm", columns: 80, rows: 24), language: "C.UTF-8", ephemeral: Array(repeating: 7, count: 32),
            rollNumber: rollNumber ?? roll.number, nonce: try Self.nonce("opening"), at: Self.begun + .seconds(30))
    }
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
