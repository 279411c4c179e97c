// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Storage
import StrictJSON

/// What three people sign for one grant.
struct GrantStory: Sendable {
    let request: Signed<RequestStatement>
    let vote: Signed<VoteStatement>
    let activation: Signed<ActivationStatement>
}

/// Grants as a broker of long standing has them, written with the calls that the verbs use: every row, signature and ledger
/// entry is what `stintd check` wants to see. Only the signatures are not verified once more, and one transaction holds many.
struct StoredGrants {
    private let scene: Scene
    private let database: Connection
    /// Ids are 30 bits of a digest: with a million of them some meet. A client would ask anew.
    private var taken: Set<RequestID> = []

    /// So many in one transaction.
    private static let slice = 25_000
    private static let decidedWithin: Duration = .seconds(3600)
    private static let activatedWithin: Duration = .seconds(1800)
    /// How long those are granted that end.
    static let short: Duration = .seconds(60)

    /// How many are stored.
    var count: Int { taken.count }

    init(_ scene: Scene) throws {
        self.scene = scene
        database = try scene.openDatabase()
        // A power failure would end the measurement, not cost anybody anything.
        try database.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000; PRAGMA wal_autocheckpoint = 200000")
    }

    /// Adds so many: every second one has ended, the others live for a day. It is `now` when the first is asked for, and
    /// afterwards when the last has ended.
    mutating func addHistory(_ count: Int, from now: inout Timestamp) throws {
        var left = count
        var next = try sign(min(left, Self.slice), at: now) { $0 % 2 == 0 ? Self.short : Scene.longest }
        while left > 0 {
            let stories = try next.value()
            left -= stories.count
            let over = now + Self.short
            let following = over + .seconds(1)
            if left > 0 { next = try sign(min(left, Self.slice), at: following) { $0 % 2 == 0 ? Self.short : Scene.longest } }
            try transaction {
                var grants: [Grant] = []
                for story in stories { grants += try grant(story, at: now).map { [$0] } ?? [] }
                for grant in grants where grant.granted == Self.short { try end(grant, at: over) }
            }
            now = following
        }
    }

    /// Adds so many that are all due ``short`` later. Returns how many there are: ids that were taken are left out.
    mutating func addDue(_ count: Int, at now: Timestamp) throws -> Int {
        var made = 0
        let stories = try sign(count, at: now) { _ in Self.short }.value()
        try transaction {
            for story in stories where try grant(story, at: now) != nil { made += 1 }
        }
        return made
    }

    /// What is in the log goes to the file, as a broker that stops leaves it.
    func finish() throws { try database.execute("PRAGMA wal_checkpoint(TRUNCATE)") }

    private func transaction(_ body: () throws -> Void) throws {
        try database.run("BEGIN IMMEDIATE")
        try body()
        try database.run("COMMIT")
    }

    /// Signs on another thread, while this one writes.
    private func sign(_ count: Int, at now: Timestamp, for duration: @escaping @Sendable (Int) -> Duration) throws -> Later<[GrantStory]> {
        try Later { [scene] in
            let nodes: Set<NodeName> = [scene.nodes[0].name]
            return try (0..<count).map { number in
                let requester = scene.requesters[number % scene.requesters.count]
                let request = try scene.request(by: requester, for: duration(number), reason: "stored to be measured, \(number)", at: now)
                let approver = scene.approvers[number % scene.approvers.count]
                return GrantStory(
                    request: request, vote: try scene.vote(on: request, by: approver, for: nodes, at: now),
                    activation: try scene.activation(of: request, by: requester, at: now))
            }
        }
    }

    /// Asked, agreed to and activated at `now`.
    private mutating func grant(_ story: GrantStory, at now: Timestamp) throws -> Grant? {
        let terms = story.request.terms
        guard taken.insert(terms.id).inserted else { return nil }
        var request = AccessRequest(terms: terms, decideBefore: now + Self.decidedWithin)
        try database.insert(request, story.request, at: now)
        try record(
            "request.created", terms.id, by: terms.person,
            [
                "digest": .string(story.request.digest.hex), "entitlement": .string(terms.entitlement.text),
                "selector": .string(terms.selector.description), "duration": .integer(terms.duration.components.seconds),
                "breakGlass": false,
            ], at: now)
        let vote = story.vote.value.vote
        guard case .ready(let agreed) = try request.apply(.vote(vote), in: scene.roll.directory, at: now) else {
            throw LoadError("a vote did not approve")
        }
        try database.insert(story.vote, on: terms.id, at: now)
        try database.update(request, from: 1, at: now)
        try record("vote.approve", terms.id, by: vote.person, ["digest": .string(story.vote.digest.hex)], at: now)
        try record("request.approved", terms.id, at: now)
        var grant = Grant(
            id: terms.id.sibling(), holder: terms.person, granted: agreed.duration,
            activateBefore: agreed.approvedAt + Self.activatedWithin)
        try database.insert(grant, for: terms.id, at: now)
        try record("grant.ready", grant.id, ["activateBefore": .integer(grant.activateBefore.milliseconds)], at: now)
        try grant.apply(.activate(by: terms.person, at: now, maximum: Scene.longest), at: now)
        try database.update(grant, from: 1, activation: story.activation, at: now)
        try record("grant.active", grant.id, by: terms.person, ["digest": .string(story.activation.digest.hex)], at: now)
        return grant
    }

    private func end(_ active: Grant, at now: Timestamp) throws {
        var grant = active
        try grant.apply(.expire, at: now)
        try database.update(grant, from: grant.version - 1, at: now)
        try record("grant.expired", grant.id, at: now)
        try grant.apply(.settle, at: now)
        try database.update(grant, from: grant.version - 1, at: now)
        try record("grant.ended", grant.id, ["reason": "expired"], at: now)
    }

    private func record(
        _ event: String, _ subject: some CustomStringConvertible, by actor: PersonName? = nil, _ body: JSONObject = [:], at now: Timestamp
    ) throws {
        try database.record(event, subject: subject.description, actor: actor?.text ?? "", body: body, at: now)
    }
}
