// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import Testing

/// The table of `Sources/Access/ChangingFacts.md`, cell by cell: what each moment makes of a fact that changed since the request.
///
/// A request of anna's for half an hour on db-1 and db-2; bob and carl agree after a minute, she begins after 100 s and asks
/// for a quarter of an hour more, to which both agree. Each fact changes behind the request.
@Suite struct ChangingFactsTests {
    private typealias Scene = ExtensionTests.Scene

    /// What a moment makes of it: `full` is what was asked for.
    struct Row: Sendable {
        let fact: String
        let vote: String
        let completion: String
        let activation: String
        let opening: String
        let living: String
        let extending: String
        let change: @Sendable (inout ExtensionTests.Scene) throws -> Void
    }

    /// A policy in force that differs from the one that the requester saw.
    private static func now(_ change: @escaping @Sendable (inout Entitlement) throws -> Void) -> @Sendable (inout ExtensionTests.Scene) throws -> Void {
        { scene in scene.ours = try Organisation(current: Organisation.entitlement(change)) }
    }

    private static let gone = "policy.entitlement-gone"

    static let rows: [Row] = [
        Row(
            fact: "requester disabled", vote: "person.disabled", completion: "person.disabled", activation: "person.disabled",
            opening: "person.disabled", living: "ends: person.disabled", extending: "person.disabled"
        ) { try $0.ours.disable("anna") },
        Row(
            fact: "requester lost the group", vote: "policy.not-a-requester", completion: "policy.not-a-requester",
            activation: "policy.not-a-requester", opening: "policy.not-a-requester", living: "ends: policy.not-a-requester",
            extending: "policy.not-a-requester"
        ) { $0.ours.directory.people[try PersonName("anna")]?.groups = [] },
        Row(
            fact: "approver disabled", vote: "person.disabled", completion: "pending", activation: "full",
            opening: "request.seats-not-filled", living: "goes on", extending: "request.seats-not-filled"
        ) { try $0.ours.disable("carl") },
        Row(
            fact: "approver lost the group", vote: "vote.no-seat", completion: "pending", activation: "full",
            opening: "request.seats-not-filled", living: "goes on", extending: "request.seats-not-filled"
        ) { $0.ours.directory.people[try PersonName("carl")]?.groups = [] },
        Row(
            fact: "rule removed, or requester no longer meant", vote: gone, completion: gone, activation: gone, opening: gone,
            living: "ends: \(gone)", extending: gone, change: now { $0.name = try EntitlementName("other") }),
        Row(
            fact: "maximum lowered", vote: "counts", completion: "1200 s", activation: "1200 s", opening: "1200 s", living: "goes on",
            extending: "1200 s", change: now { $0.maximumDuration = .seconds(1200) }),
        Row(
            fact: "maximum raised", vote: "counts", completion: "full", activation: "full", opening: "full", living: "goes on",
            extending: "full", change: now { $0.maximumDuration = .seconds(86_400) }),
        Row(
            fact: "more or other seats", vote: "vote.no-seat", completion: "pending", activation: "full",
            opening: "request.seats-not-filled", living: "goes on", extending: "request.seats-not-filled",
            change: now { $0.seats = try [Organisation.seat(1, "person:dora")] }),
        Row(
            fact: "fewer seats", vote: "counts", completion: "full", activation: "full", opening: "full", living: "goes on",
            extending: "full", change: now { $0.seats = [try Organisation.seat(1, "group:ops", "group:security")] }),
        Row(
            fact: "reason rules stricter", vote: "reason.too-short", completion: "reason.too-short", activation: "reason.too-short",
            opening: "reason.too-short", living: "ends: reason.too-short", extending: "reason.too-short",
            change: now { $0.minimumReasonLength = 100 }),
        Row(
            fact: "extensions fewer, or total lowered", vote: "counts", completion: "full", activation: "full", opening: "full",
            living: "goes on", extending: "extension.no-more", change: now { $0.extending.count = 0 }),
        Row(
            fact: "node re-tagged or disabled", vote: "vote.widens-nodes", completion: "full on db-2", activation: "full on db-2",
            opening: "grant.node-not-covered", living: "goes on", extending: "grant.node-not-covered"
        ) { $0.ours.directory.nodes[try NodeName("db-1")]?.tags = try Tags(parsing: "env=test") },
        Row(
            fact: "node added", vote: "counts", completion: "full", activation: "full", opening: "full", living: "goes on", extending: "full"
        ) { scene in
            let node = Node(name: try NodeName("db-3"), key: Organisation.key(120), tags: try Tags(parsing: "env=prod,role=db"))
            scene.ours.directory.nodes[node.name] = node
        },
        Row(
            fact: "forbid rule added", vote: "vote.widens-nodes", completion: "full on db-2", activation: "full on db-2",
            opening: "policy.forbidden", living: "goes on", extending: "policy.forbidden"
        ) { try $0.forbid("name=db-1") },
        Row(
            fact: "window closes", vote: "counts", completion: "full", activation: "policy.outside-window",
            opening: "policy.outside-window", living: "goes on", extending: "policy.outside-window",
            // The request is of Friday 08:00 UTC.
            change: now { $0.windows = try Windows(zone: "UTC", hours: [try Windows.Hours("sat 08:00-18:00")]) }),
    ]

    @Test(arguments: rows) func `each moment looks at it as the table says`(_ row: Row) throws {
        var scene = try Scene()
        try row.change(&scene)
        #expect(Self.vote(scene) == row.vote, "\(row.fact): vote")
        #expect(Self.completion(scene) == row.completion, "\(row.fact): completion")
        #expect(Self.activation(scene) == row.activation, "\(row.fact): activation")
        #expect(Self.opening(scene) == row.opening, "\(row.fact): opening")
        #expect(Self.living(scene) == row.living, "\(row.fact): while a session lives")
        #expect(Self.extending(scene) == row.extending, "\(row.fact): extension")
    }

    @Test func `a rule that leaves no node ends what lives`() throws {
        for selector in ["env=prod", "*"] {
            var scene = try Scene()
            try scene.forbid(selector)
            #expect(Self.living(scene) == "ends: selector.no-node")
        }
    }

    @Test func `a window that closes within the grant is its end, also of an extension`() throws {
        var scene = try Scene()
        scene.ours = try Organisation(
            current: Organisation.entitlement { $0.windows = try Windows(zone: "UTC", hours: [try Windows.Hours("fri 07:00-08:20")]) })
        #expect(Self.opening(scene) == "1100 s" && Self.extending(scene) == "1100 s")
    }

    @Test func `the roster that counts is that of the moment of asking`() throws {
        let week: Int64 = 604_800
        let asked = Organisation.asked
        let roster = "rosters: [{ name: 'duty', zone: 'UTC', start: '2027-01-11 00:00', people: ['bob', 'carl'] }]"
        let rule = "{ name: 'prod', requesters: ['group:ops'], nodes: '*', capabilities: ['shell'], runAs: ['deploy'], maximumDuration: '8h', seats: [{ count: 1, of: ['roster:duty'] }] }"
        var ours = try Organisation()
        let policy = try Policy(parsing: "{ entitlements: [\(rule)], \(roster) }", file: "p")
        ours.directory.charters = [Charter(version: 1, administrators: [try PersonName("anna")], policy: policy)]
        let first = try Organisation.terms(for: .seconds(1800))
        let later = try first.extended(as: RequestID("8k2p9x"), lease: 2, by: .seconds(900), reason: "it takes much longer", at: asked + .seconds(week))
        for (terms, holder, other) in [(first, "bob", "carl"), (later, "carl", "bob")] {
            let rules = try EntitlementInForce(for: terms, in: ours.directory)
            #expect(rules.voteRefusal(of: try PersonName(holder), on: terms, in: ours.directory) == nil)
            #expect(rules.voteRefusal(of: try PersonName(other), on: terms, in: ours.directory)?.code == "vote.no-seat")
        }
    }

    @Test func `the table has these facts, and no other`() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Sources/Access/ChangingFacts.md")
        let facts = try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
            .filter { $0.hasPrefix("| ") && !$0.hasPrefix("| ---") }.dropFirst()
            .map { $0.split(separator: "|")[0].trimmingCharacters(in: .whitespaces) }
        #expect(facts == Self.rows.map(\.fact) + ["roster turns"])
    }

    // MARK: The moments

    /// In one word: a refusal's code, or what `body` says.
    private static func word(_ body: () throws -> String) -> String {
        do {
            return try body()
        } catch {
            return (error as? Refusal)?.code ?? "\(error)"
        }
    }

    private static func length(_ duration: Duration, _ nodes: Set<NodeName>? = nil) -> String {
        let time = duration == .seconds(1800) ? "full" : "\(duration.components.seconds) s"
        guard let nodes, nodes.count < 2 else { return time }
        return "\(time) on \(nodes.sorted().map(\.text).joined(separator: ","))"
    }

    /// Of carl, who holds the second seat, on both nodes.
    private static func vote(_ scene: Scene) -> String {
        word {
            var request = AccessRequest(terms: scene.request, decideBefore: Organisation.asked + .seconds(3600))
            _ = try request.apply(.vote(Organisation.approval(by: "carl", for: .seconds(1800))), in: scene.ours.directory, at: Organisation.asked + .seconds(60))
            return "counts"
        }
    }

    private static func completion(_ scene: Scene) -> String {
        word {
            switch try Approval.judge(scene.request, votes: scene.votes, in: scene.ours.directory) {
            case .approved(let grant): length(grant.duration, grant.nodes)
            case .pending: "pending"
            case .denied: "denied"
            }
        }
    }

    /// As the broker does: on the rules of now, and the nodes that were agreed to and are covered still.
    private static func activation(_ scene: Scene) -> String {
        word {
            let rules = try EntitlementInForce(for: scene.request, in: scene.ours.directory)
            let agreed = Set(try ["db-1", "db-2"].map { try NodeName($0) })
            let nodes = scene.ours.directory.nodes(matching: scene.request.selector).filter(rules.covers).map(\.name)
            return length(min(scene.request.duration, try rules.maximum(from: Scene.begin)), agreed.intersection(nodes))
        }
    }

    private static func opening(_ scene: Scene) -> String {
        word { length(try scene.lease([]).notAfter - Scene.begin) }
    }

    private static func living(_ scene: Scene) -> String {
        EntitlementInForce.end(of: scene.request, in: scene.ours.directory).map { "ends: \($0.code)" } ?? "goes on"
    }

    private static func extending(_ scene: Scene) -> String {
        word {
            let length = try scene.lease().notAfter - Scene.begin
            return length == .seconds(2700) ? "full" : "\(length.components.seconds) s"
        }
    }
}

extension ExtensionTests.Scene {
    /// The policy of now forbids these nodes to everybody.
    fileprivate mutating func forbid(_ selector: String) throws {
        let rule = ForbidRule(name: try RuleName("closed"), nodes: try Selector(selector))
        ours.directory.charters.append(
            Charter(
                version: 2, administrators: [try PersonName("anna")],
                policy: Policy(entitlements: [try Organisation.entitlement()], forbid: [rule])))
    }
}
