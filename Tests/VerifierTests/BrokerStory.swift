// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Foundation
import Posix
import StrictJSON

@testable import Broker
@testable import Storage

/// A key of a person's device, a node or an invitation.
struct TestKey {
    let signing: SigningKey

    init() throws { signing = try SigningKey(seed: try SecretBytes(random: 32)) }
}

/// A broker's database in which the main job was done by the broker's own verbs, without a network: people and a node
/// joined, requests were approved, denied and withdrawn, a session ran and ended.
final class BrokerStory {
    let directory: URL
    var path: String { directory.path + "/stint.db" }
    let connection: Storage.Connection
    let broker: TestKey
    let admin: TestKey
    let roster: TestKey
    private(set) var oncall: TestKey
    private(set) var roll = Roll()
    private let founding: Founding
    static let policy = """
        {entitlements: [{name: "on-call", requesters: ["group:oncall"], nodes: "*", capabilities: ["shell", "exec"],
         runAs: ["root"], seats: [{count: 1, of: ["group:approvers"]}], breakGlass: {perMonth: 3}},
         {name: "look", requesters: ["group:oncall"], nodes: "*", capabilities: ["exec"], runAs: ["nobody"], autoApproval: {perMonth: 9}}]}
        """
    static let start = Timestamp(milliseconds: 1_800_000_000_000)

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("stint-story-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        connection = try Storage.Connection(path: directory.path + "/stint.db")
        try Schema.migrator.migrate(connection)
        (broker, admin, roster) = (try TestKey(), try TestKey(), try TestKey())
        oncall = admin
        let token = try TestKey()
        founding = Founding(
            key: token.signing.publicKey, notAfter: Self.start + .seconds(900), broker: broker.signing.publicKey, address: "x:1")
        let charter = CharterStatement(
            place: .first, version: 1, administrators: [try PersonName("admin")], policy: Self.policy,
            broker: broker.signing.publicKey,
            founder: .init(
                name: try PersonName("admin"), groups: [], key: admin.signing.publicKey, device: "laptop",
                founding: token.signing.publicKey), at: Self.start)
        try append(charter.signed(with: admin.signing, token.signing).source, .unknown(admin.signing.publicKey))
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// Does all of it.
    func tell() throws {
        let node = try enrol(.node(try NodeName("node-1"), try Tags([("env", "test")])))
        oncall = try enrol(.person(try PersonName("oncall"), groups: [try GroupName("oncall")], attributes: [:]))
        let lead = try enrol(.person(try PersonName("lead"), groups: [try GroupName("approvers")], attributes: [:]))
        let worked = try ask("the database is slow", oncall)
        try vote(.approve(nodes: [try NodeName("node-1")], duration: .seconds(600)), on: worked, lead)
        let activation = try activate(worked, oncall)
        try work(under: activation, oncall, on: node)
        try end(.release, (worked.id.sibling() as GrantID).description, oncall)
        try vote(.deny, on: try ask("for no good reason", oncall), lead)
        try end(.withdraw, try ask("not needed after all", oncall).id.description, oncall)
        _ = try ask("still to be decided", oncall)
        _ = try ask("only a look at the load", oncall, under: "look")
        let broken = try ask("nobody answers the phone", oncall, breaksGlass: true)
        try work(under: try activate(broken, oncall), oncall, on: node)
        try review(broken, .accepted, lead)
        try review(try ask("nobody answers, again", oncall, breaksGlass: true), .concern, lead)
        _ = try ask("and nobody has reviewed this", oncall, breaksGlass: true)
        try proposeCharters(lead)
        try publish(1, "oncall", oncall)
        try publish(2, "lead", oncall)
    }

    /// Somebody is on call, by a statement that `key` hands in.
    private func publish(_ version: Int64, _ name: String, _ key: TestKey) throws {
        let shift = PublishedRoster.Shift(person: try PersonName(name), from: Self.start, until: Self.start + .seconds(600))
        let content = PublishedRoster(version: version, at: Self.start + .milliseconds(version), shifts: [shift])
        let statement = try RosterStatement(root: roll.root ?? .none, roster: RosterName("dba"), content: content).signed(with: roster.signing)
        let by = try PersonName("oncall")
        let publication = try PublicationStatement(place: roll.next, by: by, roster: statement, at: Self.start).signed(with: key.signing)
        guard let person = roll.directory.people[by] else { throw Refusal.noCharter }
        try append(publication.source, .person(person, device: key.signing.publicKey))
    }

    /// Two administrators must agree from now on: one charter that they did, one that was overtaken by it, one that was withdrawn,
    /// one that is open.
    private func proposeCharters(_ lead: TestKey) throws {
        try apply(demandingTwo(""), [])
        let (agreed, _) = (try propose(demandingTwo(" "), by: "admin", admin), try propose(demandingTwo("  "), by: "lead", lead))
        let withdrawn = try propose(demandingTwo("   "), by: "lead", lead)
        try end(.withdraw, ProposalID(digest: withdrawn.digest.bytes).description, lead, by: "lead")
        try apply(demandingTwo(" "), [agreed, try consent(to: demandingTwo(" "), by: "lead", lead)])
        _ = try propose(demandingTwo("    "), by: "lead", lead)
    }

    private func demandingTwo(_ end: String) throws -> CharterContent {
        CharterContent(
            administrators: [try PersonName("admin"), try PersonName("lead")],
            policy: "{charter: {administrators: 2}, rosters: [{name: 'dba', key: '\(roster.signing.publicKey.hex)', maximumAge: '1h'}], " + Self.policy.dropFirst() + end)
    }

    private func apply(_ content: CharterContent, _ consents: [Signed<ConsentStatement>]) throws {
        let charter = try CharterStatement(
            place: roll.next, version: Int64(roll.directory.charters.count) + 1, administrators: content.administrators,
            policy: content.policy, broker: broker.signing.publicKey, founder: nil, consents: consents, at: Self.start
        ).signed(with: admin.signing)
        guard let person = roll.directory.people[try PersonName("admin")] else { throw Refusal.noCharter }
        try append(charter.source, .person(person, device: admin.signing.publicKey))
    }

    private func consent(to content: CharterContent, by person: String, _ key: TestKey) throws -> Signed<ConsentStatement> {
        try ConsentStatement(
            root: roll.root ?? .none, version: Int64(roll.directory.charters.count) + 1, base: roll.charterDigest ?? .none,
            content: content.digest(), person: PersonName(person), reason: "tidier", notAfter: Self.start + .seconds(3600),
            nonce: Evidence.Random.nonce(), at: Self.start
        ).signed(with: key.signing)
    }

    private func propose(_ content: CharterContent, by person: String, _ key: TestKey) throws -> Signed<ConsentStatement> {
        let consent = try consent(to: content, by: person, key)
        _ = try verb { try $0.propose(consent, content, from: key.signing.publicKey) }
        return consent
    }

    // MARK: Verbs

    func verb<Value>(_ body: (inout Workflow) throws -> Value) throws -> Value {
        try connection.run("BEGIN IMMEDIATE")
        var workflow = Workflow(connection, roll, at: Self.start)
        let value = try body(&workflow)
        try connection.run("COMMIT")
        return value
    }

    private func append(_ entry: SignedText, _ principal: Broker.Principal) throws {
        roll = try verb { try $0.append(entry, sentBy: principal, founding: founding) }
    }

    private func enrol(_ subject: InvitationStatement.Subject) throws -> TestKey {
        let (secret, key) = (try TestKey(), try TestKey())
        let invitation = try InvitationStatement(
            place: roll.next, subject: subject, by: PersonName("admin"), secret: secret.signing.publicKey,
            notAfter: Self.start + .seconds(900), at: Self.start
        ).signed(with: admin.signing)
        let administrator = try PersonName("admin")
        guard let person = roll.directory.people[administrator] else { throw Refusal.personUnknown(administrator) }
        try append(invitation.source, .person(person, device: admin.signing.publicKey))
        let enrolment = try EnrolmentStatement(
            place: roll.next, invitation: invitation.digest, key: key.signing.publicKey, label: "laptop", at: Self.start
        ).signed(with: secret.signing, key.signing)
        try append(enrolment.source, .unknown(key.signing.publicKey))
        return key
    }

    private func ask(_ reason: String, _ key: TestKey, under rule: String = "on-call", breaksGlass: Bool = false) throws
        -> Signed<RequestStatement>
    {
        let isOnCall = rule == "on-call"
        let statement = try RequestStatement(
            root: roll.root ?? .none, person: PersonName("oncall"), entitlement: EntitlementName(rule), charterVersion: 1,
            selector: .everything, capabilities: isOnCall ? [.shell, .exec] : [.exec], runAs: RunAsName(user: isOnCall ? "root" : "nobody"),
            duration: .seconds(600), reason: reason, isBreakGlass: breaksGlass, rollNumber: roll.number, nonce: Evidence.Random.nonce(), at: Self.start
        ).signed(with: key.signing)
        _ = try verb { try $0.ask(statement, from: key.signing.publicKey) }
        return statement
    }

    private func review(_ request: Signed<RequestStatement>, _ verdict: Review.Verdict, _ key: TestKey) throws {
        let statement = try ReviewStatement(
            root: roll.root ?? .none, request: request.digest, person: PersonName("lead"), verdict: verdict, text: "looked at it",
            rollNumber: roll.number, nonce: Evidence.Random.nonce(), at: Self.start
        ).signed(with: key.signing)
        _ = try verb { try $0.review(statement, from: key.signing.publicKey) }
    }

    private func vote(_ verdict: Vote.Verdict, on request: Signed<RequestStatement>, _ key: TestKey) throws {
        let vote = Vote(person: try PersonName("lead"), verdict: verdict, note: "", at: Self.start)
        let statement = try VoteStatement(
            root: roll.root ?? .none, request: request.digest, vote: vote, rollNumber: roll.number, nonce: Evidence.Random.nonce()
        ).signed(with: key.signing)
        _ = try verb { try $0.vote(statement, from: key.signing.publicKey) }
    }

    private func activate(_ request: Signed<RequestStatement>, _ key: TestKey) throws -> Signed<ActivationStatement> {
        let statement = try ActivationStatement(
            root: roll.root ?? .none, request: request.digest, person: PersonName("oncall"), nonce: Evidence.Random.nonce(),
            at: Self.start
        ).signed(with: key.signing)
        _ = try verb { try $0.activate(statement, from: key.signing.publicKey) }
        return statement
    }

    private func work(under activation: Signed<ActivationStatement>, _ key: TestKey, on node: TestKey) throws {
        let (root, name) = (roll.root ?? .none, try NodeName("node-1"))
        let opening = try OpeningStatement(
            root: root, activation: activation.digest, person: PersonName("oncall"), node: name, capability: .shell,
            runAs: RunAsName(user: "root"), command: [], terminal: nil, language: "C.UTF-8",
            ephemeral: [UInt8](repeating: 9, count: 32), rollNumber: roll.number, nonce: Evidence.Random.nonce(), at: Self.start
        ).signed(with: key.signing)
        _ = try verb { try $0.open(opening, from: key.signing.publicKey) }
        guard let machine = roll.directory.nodes[name] else { throw Refusal.noCharter }
        let acceptance = try AcceptanceStatement(
            root: root, opening: opening.digest, node: name, ephemeral: [UInt8](repeating: 8, count: 32), leaseVersion: 1,
            notAfter: Self.start + .seconds(600), at: Self.start
        ).signed(with: node.signing)
        try verb { try $0.accept(acceptance, for: opening.id, from: machine) }
        let receipt = try ReceiptStatement(
            root: root, opening: opening.digest, node: name, reason: .exited, detail: "", outcome: .exited(0),
            startedAt: Self.start, endedAt: Self.start + .seconds(5), killed: 2, left: 0, remarks: [], method: "tree",
            inputBytes: 1, outputBytes: 2
        ).signed(with: node.signing)
        _ = try verb { try $0.store(receipt, from: machine) }
        let recording = try RecordingEndStatement(
            root: root, opening: opening.digest, bytes: 100, chunks: 2, chain: opening.digest, missing: 0, at: Self.start
        ).signed(with: broker.signing)
        try verb { try $0.endRecording(opening.id, recording) }
    }

    private func end(_ kind: EndingStatement.Kind, _ subject: String, _ key: TestKey, by person: String = "oncall") throws {
        let statement = try EndingStatement(
            root: roll.root ?? .none, kind: kind, subject: subject, person: PersonName(person), reason: "",
            nonce: Evidence.Random.nonce(), at: Self.start
        ).signed(with: key.signing)
        _ = try verb { try $0.end(statement, from: key.signing.publicKey) }
    }

    /// The signed head of the ledger now.
    func head() throws -> Signed<LedgerHeadStatement> {
        let (size, chain) = try connection.ledgerHead()
        return try LedgerHeadStatement(
            root: roll.root ?? .none, size: size, tree: connection.ledgerTree().root(of: size), chain: chain, at: Self.start
        ).signed(with: broker.signing)
    }
}
