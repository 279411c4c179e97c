// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Glibc
import Posix
import Storage
import StrictJSON
import Synchronization

/// `stintd measure`: how many approvals a second this machine stores, beside what its disk could do at most with one commit
/// for each. In a directory of its own on the home's disk; nothing else is touched.
package struct Measurement {
    /// One round: commits a second.
    package struct Round: Sendable {
        /// A plain loop that inserts one row a commit, `synchronous=FULL`.
        package let plain: Double
        /// The whole approve verb: statement verified, quorum decided, vote, request, grant and ledger stored.
        package let oneCaller: Double
        package let manyCallers: Double
    }

    package static let callers = 64
    /// Approvals in a round: by one caller, and by many.
    private static let alone = 200
    private static let together = 1800
    /// Below the limit of pending requests of one person.
    private static let requestsOfOne = 40
    private static let policy = """
        {entitlements: [{name: "measured", requesters: ["group:measured"], nodes: "*", capabilities: ["shell"], runAs: ["nobody"],
         seats: [{count: 1, of: ["group:approvers"]}]}]}
        """

    private let directory: String

    package init(_ home: BrokerHome) throws {
        try home.check()
        directory = home.path + "/measure-" + Posix.Random.hexadecimal(bytes: 4)
        try DurableFile.makeDirectory(directory)
    }

    /// Removes what was written.
    package func clean() throws { try DurableFile.removeDirectory(directory) }

    /// Plain loops before, between and after: the disk may be slower for a moment.
    package func round() throws -> Round {
        let scene = try Scene(directory + "/" + Posix.Random.hexadecimal(bytes: 4), votes: Self.alone + Self.together)
        defer { scene.writer.stop() }
        let plains = [try plain()]
        let one = try approve(scene.votes.prefix(Self.alone), in: scene, callers: 1)
        let between = try plain()
        let many = try approve(scene.votes.suffix(Self.together), in: scene, callers: Self.callers)
        let all = plains + [between, try plain()]
        return Round(plain: all.sorted()[1], oneCaller: one, manyCallers: many)
    }

    private func plain() throws -> Double {
        let path = directory + "/" + Posix.Random.hexadecimal(bytes: 4)
        let connection = try Connection(path: path)
        try connection.execute("CREATE TABLE number (value INTEGER PRIMARY KEY, note TEXT) STRICT")
        let count = 500
        return try Self.rate(of: count) {
            for number in 0..<count { try connection.insertMeasured(Int64(number)) }
        }
    }

    private func approve(_ votes: ArraySlice<Scene.Vote>, in scene: Scene, callers: Int) throws -> Double {
        let next = Mutex(votes.startIndex)
        let running = Mutex(callers)
        let failure = Mutex<(any Error)?>(nil)
        let done = try EventCounter()
        return try Self.rate(of: votes.count) {
            for _ in 0..<callers {
                try Thread.start("caller") {
                    do {
                        while let index = next.withLock({ next in next < votes.endIndex ? { next += 1; return next - 1 }() : nil }) {
                            try scene.cast(votes[index])
                        }
                    } catch {
                        failure.withLock { $0 = error }
                    }
                    if running.withLock({ running in running -= 1; return running }) == 0 { done.signal() }
                }
            }
            var entries = [PollEntry(done.number, .input)]
            _ = try Poll.wait(&entries, timeout: .seconds(120))
            if let error = failure.withLock({ $0 }) { throw error }
        }
    }

    private static func rate(of count: Int, _ body: () throws -> Void) rethrows -> Double {
        let begin = BootInstant.now
        try body()
        let (seconds, attoseconds) = (BootInstant.now - begin).components
        return Double(count) / (Double(seconds) + Double(attoseconds) / 1e18)
    }
}

/// An installation with a node, many requesters and one approver, and votes that were signed and not cast.
private final class Scene: Sendable {
    struct Vote: Sendable {
        let statement: SignedText
    }

    let writer: Writer
    let votes: [Vote]
    private let approver: PublicKey
    private let roll: Roll

    init(_ path: String, votes count: Int) throws {
        writer = try Writer(path: path, migrator: Schema.migrator)
        var members = try Members()
        let approver = try members.join(.person(try PersonName("approver"), groups: [try GroupName("approvers")], attributes: [:]))
        _ = try members.join(.node(try NodeName("node-1"), try Tags([])))
        var requests: [Signed<RequestStatement>] = []
        while requests.count < count {
            let name = try PersonName("requester-\(requests.count)")
            let key = try members.join(.person(name, groups: [try GroupName("measured")], attributes: [:]))
            for number in 0..<min(Measurement.requestCount, count - requests.count) {
                requests.append(try members.request(by: name, key, "measurement number \(number)"))
            }
        }
        let roll = members.roll
        (self.roll, self.approver) = (roll, approver.publicKey)
        for start in stride(from: 0, to: requests.count, by: 100) {
            let some = requests[start..<min(start + 100, requests.count)]
            try writer.perform { connection in
                for request in some {
                    var workflow = Workflow(connection, roll, at: Timestamp(milliseconds: BootClock.wallMilliseconds()))
                    guard let device = request.source.signatures.first?.key else { continue }
                    _ = try workflow.ask(request, from: device)
                }
            }
        }
        votes = try requests.map { Vote(statement: try members.vote(on: $0, approver).source) }
    }

    /// As the API does it: what was received is read and its signature verified before the writer is asked.
    func cast(_ vote: Vote) throws {
        let statement = try Signed<VoteStatement>(vote.statement.examined(for: approver))
        try writer.perform { [roll, approver] connection in
            var workflow = Workflow(connection, roll, at: Timestamp(milliseconds: BootClock.wallMilliseconds()))
            _ = try workflow.vote(statement, from: approver)
        }
    }
}

extension Measurement {
    fileprivate static var requestCount: Int { requestsOfOne }
    fileprivate static var policyText: String { policy }
}

/// Makes people and what they sign.
private struct Members {
    private(set) var roll = Roll()
    private let administrator: SigningKey

    init() throws {
        administrator = try Self.key()
        let founding = try Self.key()
        let charter = CharterStatement(
            place: .first, version: 1, administrators: [try PersonName("admin")], policy: Measurement.policyText,
            broker: administrator.publicKey,
            founder: .init(
                name: try PersonName("admin"), groups: [], key: administrator.publicKey, device: "", founding: founding.publicKey),
            at: Self.now)
        try roll.append(try charter.signed(with: administrator, founding).source)
    }

    private static func key() throws -> SigningKey { try SigningKey(seed: try SecretBytes(random: SigningKey.seedLength)) }
    private static var now: Timestamp { Timestamp(milliseconds: BootClock.wallMilliseconds()) }

    mutating func join(_ subject: InvitationStatement.Subject) throws -> SigningKey {
        let (secret, key) = (try Self.key(), try Self.key())
        let invitation = try InvitationStatement(
            place: roll.next, subject: subject, by: PersonName("admin"), secret: secret.publicKey, notAfter: Self.now + .seconds(600),
            at: Self.now
        ).signed(with: administrator)
        try roll.append(invitation.source)
        let enrolment = try EnrolmentStatement(
            place: roll.next, invitation: invitation.digest, key: key.publicKey, label: "", at: Self.now
        ).signed(with: secret, key)
        try roll.append(enrolment.source)
        return key
    }

    func request(by person: PersonName, _ key: SigningKey, _ reason: String) throws -> Signed<RequestStatement> {
        try RequestStatement(
            root: roll.root ?? .none, person: person, entitlement: EntitlementName("measured"), charterVersion: 1,
            selector: .everything, capabilities: [.shell], runAs: RunAsName(user: "nobody"), duration: .seconds(600), reason: reason,
            rollNumber: roll.number, nonce: Evidence.Random.nonce(), at: Self.now
        ).signed(with: key)
    }

    func vote(on request: Signed<RequestStatement>, _ key: SigningKey) throws -> Signed<VoteStatement> {
        let vote = Vote(
            person: try PersonName("approver"), verdict: .approve(nodes: [try NodeName("node-1")], duration: .seconds(600)), note: "",
            at: Self.now)
        return try VoteStatement(
            root: roll.root ?? .none, request: request.digest, vote: vote, rollNumber: roll.number, nonce: Evidence.Random.nonce()
        ).signed(with: key)
    }
}
