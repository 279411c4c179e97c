// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// Rosters that statements fill.
@Suite struct SignedRosterTests {
    private static let key = String(repeating: "a1", count: 32)
    private static let monday = Timestamp(milliseconds: 1_795_996_800_000)  // 2026-11-30T00:00:00Z
    private static let day: Duration = .seconds(86_400)

    private static func shift(_ person: String, _ from: Duration, _ until: Duration) throws -> PublishedRoster.Shift {
        PublishedRoster.Shift(person: try PersonName(person), from: monday + from, until: monday + until)
    }

    private static func statement(_ version: Int64, at: Duration = .zero, _ shifts: [PublishedRoster.Shift]) -> PublishedRoster {
        PublishedRoster(version: version, at: monday + at, shifts: shifts)
    }

    /// anna and bob may be on call; whoever is asks for the databases, and carl agrees.
    private func directory(
        _ statements: [PublishedRoster], requesters: String = "roster:dba", seat: String = "person:carl"
    ) throws -> Directory {
        let policy = try Policy(
            parsing: """
                { rosters: [{ name: "dba", key: "\(Self.key)", maximumAge: "24h" }], entitlements: [{ name: "db", requesters: ["\(requesters)"],
                  nodes: "*", capabilities: ["shell"], runAs: ["postgres"], seats: [{ count: 1, of: ["\(seat)"] }] }] }
                """, file: "p")
        var directory = Directory(charters: [Charter(version: 1, administrators: [], policy: policy)])
        for name in ["anna", "bob", "carl"] { directory.people[try PersonName(name)] = try Organisation.person(name, []) }
        let node = try NodeName("db-1")
        directory.nodes[node] = Node(name: node, key: Organisation.key(9), tags: try Tags(parsing: "role=db"))
        let key = try #require(PublicKey(hex: Self.key))
        for statement in statements { directory.take(statement, of: try RosterName("dba"), signedBy: key) }
        return directory
    }

    private func ask(_ person: String, at: Duration, in directory: Directory) throws -> Refusal? {
        let ask = Entitlement.Ask(
            person: try #require(directory.people[try PersonName(person)]), selector: .everything, capabilities: [.shell], runAs: nil,
            duration: .seconds(600), reason: "the database is slow", at: Self.monday + at)
        do {
            _ = try directory.charter?.policy.choose(for: ask, wanted: nil, in: directory)
            return nil
        } catch {
            return error
        }
    }

    private func onCall(_ directory: Directory, at: Duration) throws -> String? {
        directory.charter?.policy.roster(try RosterName("dba"))?.onCall(at: Self.monday + at)?.text
    }

    @Test func `a shift begins at its first moment and is over at its last`() throws {
        let directory = try directory([Self.statement(1, [Self.shift("anna", .seconds(60), .seconds(120)), Self.shift("bob", .seconds(120), .seconds(180))])])
        for (at, person) in [(59_999, nil), (60_000, "anna"), (119_999, "anna"), (120_000, "bob"), (179_999, "bob"), (180_000, nil)] as [(Int, String?)] {
            #expect(try onCall(directory, at: .milliseconds(at)) == person, "\(at)")
        }
    }

    @Test func `a statement counts until it is as old as the policy allows`() throws {
        let directory = try directory([Self.statement(1, [Self.shift("anna", .zero, Self.day * 9)])])
        #expect(try onCall(directory, at: .zero - .milliseconds(1)) == nil)
        #expect(try onCall(directory, at: Self.day) == "anna")
        #expect(try onCall(directory, at: Self.day + .milliseconds(1)) == nil)
        #expect(try ask("anna", at: Self.day, in: directory) == nil)
        let old = try ask("anna", at: Self.day + .seconds(1), in: directory)
        #expect(old == .roster(.tooOld(try RosterName("dba"), Self.monday, age: Self.day + .seconds(1), maximum: Self.day)))
        #expect(old?.message.contains("24h") == true || old?.message.contains("1d") == true, "\(old?.message ?? "")")
    }

    @Test func `a request goes by the newest statement of before it, and a later one takes nothing back`() throws {
        let first = Self.statement(1, [try Self.shift("anna", .zero, Self.day)])
        let second = Self.statement(2, at: .seconds(3600), [try Self.shift("bob", .zero, Self.day)])
        let before = try directory([first])
        let after = try directory([first, second])
        for directory in [before, after] { #expect(try onCall(directory, at: .seconds(3600) - .milliseconds(1)) == "anna") }
        #expect(try onCall(before, at: .seconds(3600)) == "anna")
        #expect(try onCall(after, at: .seconds(3600)) == "bob")
        #expect(try ask("anna", at: .seconds(3599), in: after) == nil)
        #expect(try ask("anna", at: .seconds(3601), in: after) == .roster(.somebodyElseOnCall(try RosterName("dba"), try PersonName("bob"))))
    }

    @Test func `the first missing fact is told`() throws {
        let name = try RosterName("dba")
        let never = try directory([], requesters: "person:carl", seat: "roster:dba")
        #expect(try ask("carl", at: .zero, in: never) == .roster(.neverPublished(name)))
        let nobody = try directory([Self.statement(1, [Self.shift("anna", .zero, .seconds(60))])], requesters: "person:carl", seat: "roster:dba")
        #expect(try ask("carl", at: .zero, in: nobody) == nil)
        #expect(try ask("carl", at: .seconds(60), in: nobody) == .roster(.nobodyOnCall(name)))
        let requester = try directory([Self.statement(1, [Self.shift("anna", .zero, .seconds(60))])])
        #expect(try ask("anna", at: .seconds(60), in: requester) == .roster(.nobodyOnCall(name)))
        #expect(try ask("bob", at: .seconds(60), in: requester) == .noEntitlement(try PersonName("bob")))
    }

    @Test func `whoever is on call fills the seat, and nobody else`() throws {
        let directory = try directory([Self.statement(1, [Self.shift("anna", .zero, Self.day)])], requesters: "person:carl", seat: "roster:dba")
        let terms = RequestTerms(
            id: try RequestID("7k2p9x"), person: try PersonName("carl"), entitlement: try EntitlementName("db"), charterVersion: 1,
            selector: .everything, capabilities: [.shell], runAs: try RunAsName(user: "postgres"), duration: .seconds(600),
            reason: "the database is slow", at: Self.monday)
        let rules = try EntitlementInForce(for: terms, in: directory)
        #expect(rules.voteRefusal(of: try PersonName("anna"), on: terms, in: directory) == nil)
        #expect(rules.voteRefusal(of: try PersonName("bob"), on: terms, in: directory)?.code == "vote.no-seat")
    }

    @Test func `what was published stays under the next policy with the same key, and goes with another`() throws {
        let directory = try directory([Self.statement(1, [Self.shift("anna", .zero, Self.day)])])
        let text = { (key: String) in
            """
            { rosters: [{ name: "dba", key: "\(key)", maximumAge: "1h" }], entitlements: [{ name: "db", requesters: ["roster:dba"],
              nodes: "*", capabilities: ["shell"], runAs: ["postgres"], seats: [{ count: 1, of: ["person:carl"] }] }] }
            """
        }
        let same = try Policy(parsing: text(Self.key), file: "p").withStatements(of: directory)
        #expect(same.roster(try RosterName("dba"))?.onCall(at: Self.monday) == (try PersonName("anna")))
        let other = try Policy(parsing: text(String(repeating: "b2", count: 32)), file: "p").withStatements(of: directory)
        #expect(other.roster(try RosterName("dba"))?.onCall(at: Self.monday) == nil)
    }

    // MARK: What may follow

    private func refusal(_ next: PublishedRoster, after: [PublishedRoster] = []) throws -> RosterRefusal? {
        let directory = try directory(after)
        let name = try RosterName("dba")
        guard case .statements(let roster)? = directory.charter?.policy.roster(name)?.source else { return nil }
        do {
            try roster.check(next, of: name) { directory.people[$0] != nil }
            return nil
        } catch .roster(let refusal) {
            return refusal
        }
    }

    @Test func `versions and times only grow`() throws {
        let name = try RosterName("dba")
        let shifts = [try Self.shift("anna", .zero, Self.day)]
        let last = Self.statement(5, shifts)
        #expect(try refusal(Self.statement(4, at: .seconds(1), shifts), after: [last]) == .replayed(name, version: 4, newest: 5))
        #expect(try refusal(last, after: [last]) == .published(name, 5))
        #expect(try refusal(Self.statement(5, []), after: [last]) == .forked(name, 5))
        #expect(try refusal(Self.statement(5, at: .seconds(1), shifts), after: [last]) == .forked(name, 5))
        #expect(try refusal(Self.statement(6, shifts), after: [last]) == .notLater(name, Self.monday, newest: Self.monday))
        #expect(try refusal(Self.statement(6, at: .milliseconds(1), shifts), after: [last]) == nil)
        #expect(try refusal(Self.statement(900, at: .milliseconds(1), []), after: [last]) == nil)
    }

    @Test func `shifts that overlap, are reversed or empty, are too many, or of nobody are refused`() throws {
        let name = try RosterName("dba")
        let (one, touching) = (try Self.shift("anna", .zero, .seconds(60)), try Self.shift("bob", .seconds(60), .seconds(90)))
        let overlapping = try Self.shift("bob", .seconds(60) - .milliseconds(1), .seconds(90))
        #expect(try refusal(Self.statement(1, [touching, one])) == nil)
        #expect(try refusal(Self.statement(1, [overlapping, one])) == .shiftsOverlap(name, one, overlapping))
        #expect(try refusal(Self.statement(1, [one, one])) == .shiftsOverlap(name, one, one))
        for reversed in [try Self.shift("anna", .seconds(60), .zero), try Self.shift("anna", .zero, .zero)] {
            #expect(try refusal(Self.statement(1, [reversed])) == .shiftReversed(name, reversed))
        }
        #expect(try refusal(Self.statement(1, [Self.shift("zoe", .zero, .seconds(1))])) == .personUnknown(name, try PersonName("zoe")))
        let many = try (0...SignedRoster.maximumShifts).map { try Self.shift("anna", .seconds($0), .seconds($0 + 1)) }
        #expect(try refusal(Self.statement(1, Array(many.dropLast()))) == nil)
        #expect(try refusal(Self.statement(1, many)) == .tooManyShifts(name, SignedRoster.maximumShifts + 1))
    }

    @Test(arguments: [
        (#"key: "a1", maximumAge: "24h""#, "64 hexadecimal digits"), (#"key: "KEY""#, "missing"), (#"maximumAge: "24h""#, "zone"),
        (#"key: "KEY", maximumAge: "59s""#, "between"), (#"key: "KEY", maximumAge: "32d""#, "between"),
        (#"key: "KEY", maximumAge: "24h", people: ["anna"]"#, "people"), (#"key: "KEY", maximumAge: "24h", zone: "UTC""#, "zone"),
    ])
    func `a roster in the policy that says too little or too much is refused with its place`(members: String, words: String) {
        let text = "{ rosters: [{ name: \"dba\", \(members.replacing("KEY", with: Self.key)) }],\n entitlements: [] }"
        let error = #expect(throws: PolicyError.self) { try Policy(parsing: text, file: "p") }
        #expect(error?.message.hasPrefix("p:1:") == true && error?.message.contains(words) == true, "\(error?.message ?? "")")
    }
}
