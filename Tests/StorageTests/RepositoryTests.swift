// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Storage
import StrictJSON
import Testing

/// One request from the question to the receipt, with real statements: what the domain allows, the schema takes.
@Suite struct RepositoryTests {
    private let directory = TemporaryDirectory()
    private let connection: Connection
    private let key: SigningKey
    private let root: Digest

    private let asked = Timestamp(milliseconds: 1_000_000)
    private let later = Timestamp(milliseconds: 1_060_000)

    init() throws {
        connection = try Connection(path: directory.database)
        try Schema.migrator.migrate(connection)
        key = try SigningKey(seed: SecretBytes(random: SigningKey.seedLength))
        root = try Digest(of: [1])
    }

    // MARK: Statements

    private func requestStatement() throws -> Signed<RequestStatement> {
        try RequestStatement(
            root: root, person: PersonName("alice"), entitlement: EntitlementName("prod"), charterVersion: 1,
            selector: Selector("env=prod"), capabilities: [.shell], runAs: RunAsName(user: "deploy"),
            duration: .seconds(600), reason: #"say "person":"bob" and ☃"#, rollNumber: 1, nonce: Random.nonce(), at: asked
        ).signed(with: key)
    }

    private func vote(of person: String, on request: Signed<RequestStatement>) throws -> Signed<VoteStatement> {
        let vote = try Vote(
            person: PersonName(person), verdict: .approve(nodes: [NodeName("web-1")], duration: .seconds(600)), note: "",
            at: asked)
        return try VoteStatement(root: root, request: request.digest, vote: vote, rollNumber: 1, nonce: Random.nonce())
            .signed(with: key)
    }

    private func activation(of request: Signed<RequestStatement>) throws -> Signed<ActivationStatement> {
        try ActivationStatement(
            root: root, request: request.digest, person: PersonName("alice"), nonce: Random.nonce(), at: later
        ).signed(with: key)
    }

    private func opening(under activation: Digest) throws -> Signed<OpeningStatement> {
        try OpeningStatement(
            root: root, activation: activation, person: PersonName("alice"), node: NodeName("web-1"), capability: .exec,
            runAs: RunAsName(user: "deploy"), command: ["echo", #""node":"db-1""#],
            terminal: .init(type: "xterm", columns: 80, rows: 24), language: "C.UTF-8",
            ephemeral: [UInt8](repeating: 7, count: 32), rollNumber: 1, nonce: Random.nonce(), at: later
        ).signed(with: key)
    }

    private func acceptance(of opening: Digest) throws -> Signed<AcceptanceStatement> {
        try AcceptanceStatement(
            root: root, opening: opening, node: NodeName("web-1"), ephemeral: [UInt8](repeating: 8, count: 32),
            leaseVersion: 2, notAfter: later + .seconds(600), at: later
        ).signed(with: key)
    }

    private func receipt(of opening: Digest) throws -> Signed<ReceiptStatement> {
        try ReceiptStatement(
            root: root, opening: opening, node: NodeName("web-1"), reason: .exited, detail: "", outcome: .exited(3),
            startedAt: later, endedAt: later, killed: 2, left: 0, remarks: [], method: "cgroup", inputBytes: 1,
            outputBytes: 2
        ).signed(with: key)
    }

    // MARK: Steps

    /// A pending request that is stored.
    private func ask() throws -> (machine: AccessRequest, statement: Signed<RequestStatement>) {
        let statement = try requestStatement()
        let request = AccessRequest(terms: statement.terms, decideBefore: asked + .seconds(3_600))
        try connection.insert(request, statement, at: asked)
        return (request, statement)
    }

    private func resolve(_ request: AccessRequest, as state: AccessRequest.State) throws {
        let resolved = AccessRequest(
            terms: request.terms, decideBefore: request.decideBefore, state: state, version: request.version + 1)
        try connection.update(resolved, from: request.version, at: later)
    }

    /// An active grant that is stored, with its activation.
    private func activate() throws -> (Grant, Signed<ActivationStatement>) {
        let (request, statement) = try ask()
        try connection.insert(vote(of: "bob", on: statement), on: request.terms.id, at: asked)
        try resolve(request, as: .approved)
        var grant = try Grant(
            id: request.terms.id.sibling(), holder: PersonName("alice"), granted: .seconds(600),
            activateBefore: later + .seconds(1_800))
        try connection.insert(grant, for: request.terms.id, at: later)
        let activation = try activation(of: statement)
        try grant.apply(.activate(by: grant.holder, at: later, maximum: .seconds(86_400)), at: later)
        try connection.update(grant, from: 1, activation: activation, at: later)
        return (grant, activation)
    }

    /// An opening session that is stored.
    private func open() throws -> (Session, Signed<OpeningStatement>) {
        let (grant, activation) = try activate()
        let opening = try opening(under: activation.digest)
        let session = Session(id: opening.id, grant: grant.id)
        try connection.insert(session, opening, at: later)
        return (session, opening)
    }

    private func apply(_ event: Session.Event, to session: inout Session) throws {
        let version = session.version
        try session.apply(event)
        try connection.update(session, from: version, at: later)
    }

    // MARK: Tests

    @Test func `a request comes back with its votes, signed as it was`() throws {
        let (request, statement) = try ask()
        let vote = try vote(of: "bob", on: statement)
        try connection.insert(vote, on: request.terms.id, at: asked)
        let stored = try #require(try connection.request(request.terms.id))
        #expect(stored.statement == statement)
        #expect(stored.votes == [vote])
        #expect(stored.machine.terms == request.terms)
        #expect(try connection.request(votedOnBy: vote.digest) == request.terms.id)
    }

    @Test func `of two transitions from one version the second is refused`() throws {
        let (request, _) = try ask()
        try resolve(request, as: .withdrawn)
        #expect(throws: StorageError.changedMeanwhile("Request \(request.terms.id)")) { try resolve(request, as: .approved) }
        #expect(try connection.request(request.terms.id)?.machine.state == .withdrawn)
    }

    @Test func `the requester's own vote is refused by the database too`() throws {
        let (request, statement) = try ask()
        #expect(throws: StorageError.constraint(.trigger, detail: "nobody votes on their own request")) {
            try connection.insert(vote(of: "alice", on: statement), on: request.terms.id, at: asked)
        }
    }

    @Test func `a vote on another request is refused by the database too`() throws {
        let (request, _) = try ask()
        let (_, other) = try ask()
        #expect(throws: StorageError.constraint(.trigger, detail: "a vote is on what was asked")) {
            try connection.insert(vote(of: "bob", on: other), on: request.terms.id, at: asked)
        }
    }

    @Test func `a session lives, ends with its receipt, and its grant after it`() throws {
        var (session, opening) = try open()
        try session.apply(.accept)
        try connection.update(session, from: 1, acceptance: acceptance(of: opening.digest), at: later)
        try apply(.detach, to: &session)
        try apply(.attach, to: &session)
        try apply(.end(.released), to: &session)
        var grant = try #require(try connection.grant(session.grant)).machine
        try grant.apply(.end(.released), at: later)
        try connection.update(grant, from: 2, at: later)
        #expect(try connection.grantsToSettle(limit: 10).isEmpty)
        let version = session.version
        try session.apply(.receipt(.exited))
        let receipt = try receipt(of: opening.digest)
        try connection.store(receipt, for: session, from: version, at: later)
        #expect(try connection.grantsToSettle(limit: 10).map(\.id) == [grant.id])
        try grant.apply(.settle, at: later)
        try connection.update(grant, from: 3, at: later)
        let stored = try #require(try connection.session(session.id))
        #expect(stored.receipt == receipt && stored.isConfirmed && stored.machine.state == .ended)
        #expect(try connection.grant(grant.id)?.machine.state == .ended)
        #expect(try connection.openGrants().isEmpty)
    }

    @Test func `a session that was given up takes its late receipt and keeps its end`() throws {
        var (session, opening) = try open()
        try apply(.giveUp, to: &session)
        #expect(try connection.session(session.id)?.isConfirmed == false)
        let late = Session(
            id: session.id, grant: session.grant, endReason: .unconfirmed, state: .ended, version: session.version + 1)
        try connection.store(receipt(of: opening.digest), for: late, from: session.version, at: later + .seconds(60))
        let stored = try #require(try connection.session(session.id))
        #expect(stored.isConfirmed && stored.endedAt == later && stored.machine.endReason == .unconfirmed)
    }

    @Test func `what is due is found at its moment and not before`() throws {
        let (request, _) = try ask()
        let deadline = request.decideBefore
        #expect(try connection.requestsDue(at: deadline - .milliseconds(1), limit: 10).isEmpty)
        #expect(try connection.requestsDue(at: deadline, limit: 10).map(\.id) == [request.terms.id])
        let (grant, _) = try activate()
        let end = try #require(grant.notAfter)
        #expect(try connection.grantsDue(at: end - .milliseconds(1), limit: 10).isEmpty)
        #expect(try connection.grantsDue(at: end, limit: 10).map(\.id) == [grant.id])
    }

    @Test func `the ledger that was written verifies, and its first changed byte is found`() throws {
        try connection.record("request.created", subject: "r-000001", actor: "alice", body: ["note": "a\nb"], at: asked)
        try connection.record("request.approved", subject: "r-000001", at: later)
        var verifier = LedgerVerifier()
        for row in try connection.ledger(after: 0, limit: 10) { try add(row, to: &verifier) }
        #expect(try verifier.head == connection.ledgerHead().hash)
        var second = LedgerVerifier()
        #expect(throws: EvidenceError.self) {
            for row in try connection.ledger(after: 0, limit: 10) { try add(row, to: &second, actor: "mallory") }
        }
    }

    @Test func `the stored tree has the root and the proofs of its entries`() throws {
        var frontier = MerkleFrontier()
        var roots = [try frontier.root()]
        for _ in 0..<37 {
            let entry = try connection.record("request.created", subject: "r-000001", at: asked)
            try frontier.add(entry.hash.bytes)
            roots.append(try frontier.root())
            let tree = try connection.ledgerTree()
            #expect(try tree.root(of: entry.number) == frontier.root())
            let leaf = try Merkle.leaf(entry.hash.bytes)
            let path = try tree.inclusion(of: entry.number - 1)
            #expect(try Merkle.includes(leaf, at: entry.number - 1, size: entry.number, path: path, root: frontier.root()))
        }
        let tree = try connection.ledgerTree()
        for (size, root) in roots.enumerated() {
            let path = try tree.consistency(with: Int64(size))
            #expect(try Merkle.isConsistent(earlier: Int64(size), root, size: 37, try frontier.root(), path: path))
        }
    }

    private func add(_ row: Row, to verifier: inout LedgerVerifier, actor: String? = nil) throws {
        try verifier.add(
            number: row.integer("number"), at: Timestamp(milliseconds: row.integer("at")), event: row.text("event"),
            subject: row.text("subject"), actor: actor ?? row.text("actor"), body: row.text("body"),
            previous: row.text("previous"), hash: row.text("hash"))
    }

    @Test func `the roll comes back in its order, and an entry is not taken twice`() throws {
        let founding = try CharterStatement(
            place: .first, version: 1, administrators: [PersonName("alice")], policy: #"{ "number": 2, }"#,
            broker: key.publicKey,
            founder: .init(name: PersonName("alice"), groups: [], key: key.publicKey, device: "laptop", founding: key.publicKey),
            at: asked
        ).signed(with: key)
        let entry = try RollEntry(founding.source)
        try connection.append(entry)
        #expect(try connection.roll(after: 0, limit: 10) == [founding.source])
        #expect(try connection.rollNumber(of: founding.digest) == 1)
        #expect(throws: StorageError.self) { try connection.append(entry) }
    }

    @Test func `an ending is stored once`() throws {
        let ending = try EndingStatement(
            root: root, kind: .revoke, subject: "g-000001", person: PersonName("bob"), reason: "enough",
            nonce: Random.nonce(), at: asked
        ).signed(with: key)
        try connection.insert(ending, at: asked)
        #expect(try connection.hasEnding(ending.digest))
        #expect(throws: StorageError.self) { try connection.insert(ending, at: asked) }
    }
}
