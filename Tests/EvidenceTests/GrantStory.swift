// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import StrictJSON

/// A small installation in which alice asked, bob agreed, and one session on node `web-1` ended; all with real keys.
struct GrantStory {
    static let start = Timestamp(milliseconds: 1_800_000_000_000)
    static let policy = """
        {"entitlements":[{"name":"prod","requesters":["group:ops"],"nodes":"*","capabilities":["shell","exec"],
        "runAs":["root"],"seats":[{"count":1,"of":["group:ops"]}]}]}
        """

    let (alice, bob, broker, node): (SigningKey, SigningKey, SigningKey, SigningKey)
    private(set) var roll = Roll()
    private(set) var entries: [SignedText] = []
    private(set) var ledger: [LedgerEntry] = []

    init() throws {
        func key() throws -> SigningKey { try SigningKey(seed: try SecretBytes(random: 32)) }
        (alice, bob, broker, node) = (try key(), try key(), try key(), try key())
        let token = try key()
        let charter = CharterStatement(
            place: .first, version: 1, administrators: [try PersonName("alice")], policy: Self.policy, broker: broker.publicKey,
            founder: .init(
                name: try PersonName("alice"), groups: [try GroupName("ops")], key: alice.publicKey, device: "laptop",
                founding: token.publicKey), at: Self.start)
        try add(charter.signed(with: alice, token).source)
        try enrol(.person(try PersonName("bob"), groups: [try GroupName("ops")], attributes: [:]), bob)
        try enrol(.node(try NodeName("web-1"), try Tags([(key: "env", value: "prod")])), node)
    }

    var root: Digest { roll.root ?? .none }

    private mutating func add(_ entry: SignedText) throws {
        try roll.append(entry)
        entries.append(entry)
        try record("roll.entry", "roll-\(entries.count)", try entry.digest())
    }

    private mutating func enrol(_ subject: InvitationStatement.Subject, _ key: SigningKey) throws {
        let secret = try SigningKey(seed: try SecretBytes(random: 32))
        let invitation = try InvitationStatement(
            place: roll.next, subject: subject, by: PersonName("alice"), secret: secret.publicKey,
            notAfter: Self.start + .seconds(900), at: Self.start
        ).signed(with: alice)
        try add(invitation.source)
        let enrolment = EnrolmentStatement(
            place: roll.next, invitation: invitation.digest, key: key.publicKey, label: "test", at: Self.start)
        try add(enrolment.signed(with: secret, key).source)
    }

    private mutating func record(_ event: String, _ subject: some CustomStringConvertible, _ digest: Digest) throws {
        ledger.append(
            try LedgerEntry(
                after: Int64(ledger.count), ledger.last?.hash ?? .none, at: Self.start, event: event,
                subject: subject.description, actor: "", body: ["digest": .string(digest.hex)]))
    }

    /// - Parameters:
    ///   - voter: who agrees; alice cannot.
    ///   - leavesOut: the event that is not written into the ledger.
    mutating func evidence(voter: String = "bob", leavesOut: String = "") throws -> GrantEvidence {
        let (number, nonce, alices) = (roll.number, try Random.nonce(), try PersonName("alice"))
        let request = try RequestStatement(
            root: root, person: alices, entitlement: EntitlementName("prod"), charterVersion: 1, selector: Selector("env=prod"),
            capabilities: [.shell], runAs: RunAsName(user: "root"), duration: .seconds(600), reason: "the disk is full",
            rollNumber: number, nonce: nonce, at: Self.start
        ).signed(with: alice)
        let agreed = Vote(
            person: try PersonName(voter), verdict: .approve(nodes: [try NodeName("web-1")], duration: .seconds(600)), note: "",
            at: Self.start)
        let vote = try VoteStatement(root: root, request: request.digest, vote: agreed, rollNumber: number, nonce: nonce)
            .signed(with: voter == "bob" ? bob : alice)
        let activation = try ActivationStatement(root: root, request: request.digest, person: alices, nonce: nonce, at: Self.start)
            .signed(with: alice)
        let session = try session(activation.digest, nonce)
        let grant: GrantID = request.id.sibling()
        let mentions: [(String, String, Digest?)] = [
            ("request.created", request.id.description, request.digest), ("vote.approve", request.id.description, vote.digest),
            ("grant.active", grant.description, activation.digest),
            ("session.opening", session.opening.id.description, session.opening.digest),
            ("session.live", session.opening.id.description, session.acceptance?.digest),
            ("session.ended", session.opening.id.description, session.receipt?.digest),
        ]
        for (event, subject, digest) in mentions where event != leavesOut { try record(event, subject, digest ?? .none) }
        return GrantEvidence(
            roll: entries, request: request, votes: [vote], activation: activation, endings: [], sessions: [session],
            entries: try proven(Set(mentions.map(\.1))), head: try head().signed(with: broker))
    }

    private func session(_ activation: Digest, _ nonce: String) throws -> GrantEvidence.SessionPart {
        let name = try NodeName("web-1")
        let opening = try OpeningStatement(
            root: root, activation: activation, person: PersonName("alice"), node: name, capability: .shell,
            runAs: RunAsName(user: "root"), command: [], terminal: nil, language: "C.UTF-8",
            ephemeral: [UInt8](repeating: 9, count: 32), rollNumber: roll.number, nonce: nonce, at: Self.start
        ).signed(with: alice)
        let acceptance = try AcceptanceStatement(
            root: root, opening: opening.digest, node: name, ephemeral: [UInt8](repeating: 8, count: 32), leaseVersion: 1,
            notAfter: Self.start + .seconds(600), at: Self.start
        ).signed(with: node)
        let receipt = try ReceiptStatement(
            root: root, opening: opening.digest, node: name, reason: .exited, detail: "", outcome: .exited(0),
            startedAt: Self.start, endedAt: Self.start + .seconds(5), killed: 2, left: 0, remarks: [], method: "tree",
            inputBytes: 1, outputBytes: 2
        ).signed(with: node)
        return .init(opening: opening, acceptance: acceptance, receipt: receipt)
    }

    private func head() throws -> LedgerHeadStatement {
        var frontier = MerkleFrontier()
        for entry in ledger { try frontier.add(entry.hash.bytes) }
        return LedgerHeadStatement(
            root: root, size: Int64(ledger.count), tree: try frontier.root(), chain: ledger.last?.hash ?? .none, at: Self.start)
    }

    private func proven(_ subjects: Set<String>) throws -> [ProvenEntry] {
        let hashes = ledger.map(\.hash)
        let tree = MerkleTree(size: Int64(hashes.count)) { level, place in
            var frontier = MerkleFrontier()
            for hash in hashes[Int(place << Int64(level))..<Int((place + 1) << Int64(level))] { try frontier.add(hash.bytes) }
            return try frontier.root()
        }
        return try ledger.filter { subjects.contains($0.subject) }.map { entry in
            ProvenEntry(entry, path: try tree.inclusion(of: entry.number - 1))
        }
    }
}
