// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Testing

/// Statements about rosters as entries of the roll.
@Suite struct PublicationTests {
    private static func policy(_ key: String) throws -> String {
        """
        { rosters: [{ name: "dba", key: "\(try Installation.key(key).publicKey.hex)", maximumAge: "24h" },
          { name: "turns", zone: "UTC", start: "2026-01-05 09:00", people: ["anna"] }], \(Installation.policy.dropFirst())
        """
    }

    private func ours() throws -> Installation {
        var ours = try Installation()
        try ours.add(ours.nextCharter(policy: Self.policy("roster")).signed(with: Installation.key("anna")))
        return ours
    }

    private func statement(
        _ ours: Installation, version: Int64 = 1, at: Duration = .zero, by key: String = "roster", of roster: String = "dba",
        root: Digest? = nil, person: String = "bob", from: Duration = .zero, until: Duration = .seconds(3600)
    ) throws -> Signed<RosterStatement> {
        let shift = PublishedRoster.Shift(person: try PersonName(person), from: Installation.begun + from, until: Installation.begun + until)
        return try RosterStatement(
            root: root ?? ours.root, roster: RosterName(roster),
            content: PublishedRoster(version: version, at: Installation.begun + at, shifts: [shift])
        ).signed(with: Installation.key(key))
    }

    private func publication(_ ours: Installation, _ roster: Signed<RosterStatement>, by person: String = "eve", key: String? = nil) throws
        -> Signed<PublicationStatement>
    {
        try PublicationStatement(place: ours.roll.next, by: PersonName(person), roster: roster, at: Installation.begun)
            .signed(with: Installation.key(key ?? person))
    }

    private func onCall(_ ours: Installation, at: Duration = .zero, charter: Int64? = nil) throws -> String? {
        let charter = charter.map { ours.roll.directory.charter(version: $0) } ?? ours.roll.directory.charter
        return charter?.policy.roster(try RosterName("dba"))?.onCall(at: Installation.begun + at)?.text
    }

    private func refused(_ refusal: RosterRefusal, _ entry: Signed<PublicationStatement>, on ours: Installation, _ location: SourceLocation = #_sourceLocation) {
        expect(.refused(.roster(refusal)), from: entry, on: ours, location)
    }

    @Test func `anybody who is enrolled hands a statement in, and everybody knows who is on call`() throws {
        var ours = try ours()
        #expect(try onCall(ours) == nil)
        try ours.add(publication(ours, statement(ours)))
        #expect(try onCall(ours) == "bob")
        try ours.add(publication(ours, statement(ours, version: 2, at: .seconds(60), person: "carl")))
        #expect(try onCall(ours, at: .seconds(59)) == "bob" && onCall(ours, at: .seconds(60)) == "carl")
        var copy = Roll()
        for entry in ours.entries { try copy.append(verifiedBefore: entry) }
        #expect(copy.directory == ours.roll.directory)
    }

    @Test(arguments: ["anna", "eve", "broker", "db-1", "founding", "other"])
    func `only the key that the policy names counts`(key: String) throws {
        let ours = try ours()
        let forged = try publication(ours, statement(ours, by: key))
        expect(.notSigned(type: "roster", by: "the key that the policy names for roster `dba`"), from: forged, on: ours)
    }

    @Test func `nobody hands it in who is not enrolled, or in another's name`() throws {
        var ours = try ours()
        expect(.refused(.personUnknown(try PersonName("zoe"))), from: try publication(ours, statement(ours), by: "zoe"), on: ours)
        expect(.notSigned(type: "publication", by: "a device of `eve`"), from: try publication(ours, statement(ours), key: "bob"), on: ours)
        try ours.disable(.person(PersonName("eve")))
        expect(.refused(.personDisabled(try PersonName("eve"))), from: try publication(ours, statement(ours)), on: ours)
    }

    @Test func `a statement for another installation or another roster counts nowhere`() throws {
        let ours = try ours()
        expect(.otherInstallation(type: "roster"), from: try publication(ours, statement(ours, root: Digest(of: [1]))), on: ours)
        for name in ["turns", "none"] { refused(.notSigned(try RosterName(name)), try publication(ours, statement(ours, of: name)), on: ours) }
    }

    @Test func `an old version, the same again and a fork are refused`() throws {
        var ours = try ours()
        let name = try RosterName("dba")
        let second = try statement(ours, version: 2)
        try ours.add(publication(ours, second))
        refused(.replayed(name, version: 1, newest: 2), try publication(ours, statement(ours, at: .seconds(1))), on: ours)
        refused(.published(name, 2), try publication(ours, second, by: "carl"), on: ours)
        refused(.forked(name, 2), try publication(ours, statement(ours, version: 2, person: "carl")), on: ours)
        refused(.notLater(name, Installation.begun, newest: Installation.begun), try publication(ours, statement(ours, version: 3)), on: ours)
    }

    @Test func `shifts that cannot be are refused`() throws {
        let ours = try ours()
        let name = try RosterName("dba")
        refused(.personUnknown(name, try PersonName("zoe")), try publication(ours, statement(ours, person: "zoe")), on: ours)
        let shift = PublishedRoster.Shift(person: try PersonName("bob"), from: Installation.begun, until: Installation.begun)
        refused(.shiftReversed(name, shift), try publication(ours, statement(ours, until: .zero)), on: ours)
    }

    @Test func `a statement of the future is refused where the time is known`() throws {
        let ours = try ours()
        let ahead = try publication(ours, statement(ours, at: Opening.freshness + .milliseconds(1)))
        let at = Installation.begun + Opening.freshness + .milliseconds(1)
        expect(.refused(.clockDisagrees(signed: at, here: Installation.begun)), from: ahead, on: ours, at: Installation.begun)
        var roll = ours.roll
        try roll.append(publication(ours, statement(ours, at: Opening.freshness)).source, at: Installation.begun)
    }

    @Test func `with another key the versions begin anew, and the old key says nothing more`() throws {
        var ours = try ours()
        try ours.add(publication(ours, statement(ours, version: 7)))
        try ours.add(ours.nextCharter(policy: Self.policy("second roster")).signed(with: Installation.key("anna")))
        #expect(try onCall(ours) == nil && onCall(ours, charter: 2) == "bob")
        let old = try publication(ours, statement(ours, version: 8, at: .seconds(1)))
        expect(.notSigned(type: "roster", by: "the key that the policy names for roster `dba`"), from: old, on: ours)
        try ours.add(publication(ours, statement(ours, version: 1, by: "second roster", person: "carl")))
        #expect(try onCall(ours) == "carl" && onCall(ours, charter: 2) == "bob")
        try ours.add(ours.nextCharter(policy: Self.policy("roster")).signed(with: Installation.key("anna")))
        #expect(try onCall(ours) == "bob")
    }

    @Test func `a changed statement is refused at every byte`() throws {
        let ours = try ours()
        let good = try statement(ours)
        let bytes = Array(good.source.text.utf8)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            let text = SignedText(text: String(decoding: changed, as: UTF8.self), signatures: good.source.signatures)
            guard let forged = try? Signed<RosterStatement>(text) else { continue }
            var roll = ours.roll
            #expect(throws: EvidenceError.self, "byte \(index)") { try roll.append(publication(ours, forged).source) }
        }
    }

    @Test func `the statement has the bytes that docs say`() throws {
        let content = PublishedRoster(
            version: 7, at: Timestamp(milliseconds: 1_795_248_000_000),
            shifts: [.init(person: try PersonName("nora"), from: Timestamp(milliseconds: 1_795_248_000_000), until: Timestamp(milliseconds: 1_795_852_800_000))])
        let statement = RosterStatement(root: .none, roster: try RosterName("db-oncall"), content: content)
        #expect(
            statement.text == #"{"at":1795248000000,"root":"\#(String(repeating: "0", count: 64))","roster":"db-oncall","shifts":["#
                + #"{"from":1795248000000,"person":"nora","until":1795852800000}],"type":"roster","version":7}"#)
        let signed = try statement.signed(with: Installation.key("roster"))
        let message = Array("stint statement 1\n".utf8) + Array(statement.text.utf8)
        #expect(try Installation.key("roster").publicKey.verifies(#require(signed.source.signatures.first).bytes, over: message))
    }

    // MARK: The key

    @Test func `a key is read back as it was written, and nothing else is a key`() throws {
        let seed = try SecretBytes(random: 32)
        let text = try PlainKey.text(seed)
        #expect(text.starts(with: Array("-----BEGIN PRIVATE KEY-----\n".utf8)))
        #expect(try PlainKey.read(text)?.publicKey == (try SigningKey(seed: seed).publicKey))
        for length in [0, 1, 27, text.count / 2, text.count - 30] { #expect(try PlainKey.read(Array(text[..<length])) == nil) }
        #expect(try PlainKey.read(text + [UInt8](repeating: 10, count: PlainKey.maximumBytes)) == nil)
        // `openssl genpkey -algorithm X25519`: a key, but not of signatures.
        let other = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIHgfnZrJvvVWsXYY4iQ2zVb2IYUGDBTG2qPEzFpzbn1c\n-----END PRIVATE KEY-----\n"
        #expect(try PlainKey.read(Array(other.utf8)) == nil)
    }
}
