// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Testing

@Suite struct RollTests {
    private func founding(_ change: CharterStatement, by keys: String...) throws -> Roll {
        var roll = Roll()
        try roll.append(SignedText(signing: change.text, with: keys.map { try Installation.key($0) }))
        return roll
    }

    // MARK: Founding

    @Test func `the founding charter makes its founder the administrator`() throws {
        let roll = try founding(Installation.charter(), by: "anna", "founding")
        let anna = try #require(roll.person(withDevice: Installation.key("anna").publicKey))
        #expect(try anna.groups == [GroupName("ops")])
        #expect(anna.name.text == "anna" && roll.directory.isAdministrator(anna.name))
        #expect(try roll.broker == Installation.key("broker").publicKey)
        #expect(roll.number == 1 && roll.root == roll.head)
        #expect(roll.next == RollPlace(number: 2, previous: roll.head))
    }

    @Test func `an empty roll knows nobody`() throws {
        let roll = Roll()
        #expect(roll.root == nil && roll.number == 0 && roll.next == .first && roll.broker == nil)
        #expect(roll.person(withDevice: try Installation.key("anna").publicKey) == nil)
        #expect(roll.node(withKey: try Installation.key("db-1").publicKey) == nil)
    }

    @Test(arguments: [["anna"], ["founding"], ["bob", "founding"], ["anna", "bob"], ["broker"]])
    func `the founder and the founding token both sign`(keys: [String]) throws {
        var roll = Roll()
        let source = try SignedText(signing: Installation.charter().text, with: keys.map { try Installation.key($0) })
        #expect(throws: EvidenceError.self) { try roll.append(source) }
        #expect(roll.number == 0 && roll.directory == Directory())
    }

    @Test func `a first entry that cannot be the root is refused`() throws {
        let digest = try Digest(of: [1])
        for charter in try [
            Installation.charter(isFounding: false), Installation.charter(version: 2), Installation.charter(administrators: []),
            Installation.charter(administrators: ["anna", "bob"]), Installation.charter(administrators: ["bob"]),
            Installation.charter(founding: "anna"), Installation.charter(place: RollPlace(number: 2, previous: .none)),
            Installation.charter(place: RollPlace(number: 1, previous: digest)), Installation.charter(policy: "{ entitlements: [] }"),
            Installation.charter(policy: ""),
        ] {
            #expect(throws: EvidenceError.self) { try founding(charter, by: "anna", "founding") }
        }
        let empty = try Installation()
        var roll = Roll()
        #expect(throws: EvidenceError.self) { try roll.append(empty.entries[1]) }
    }

    @Test func `a second founding is refused`() throws {
        let ours = try Installation()
        let again = try Installation.charter(place: ours.roll.next, version: 2)
        expect(.rollForked(ours.roll.number + 1), from: try again.signed(with: Installation.key("anna"), Installation.key("founding")), on: ours)
    }

    // MARK: Order

    @Test func `the same entries make the same directory`() throws {
        let ours = try Installation()
        var roll = Roll()
        for entry in ours.entries { try roll.append(entry) }
        #expect(roll.directory == ours.roll.directory && roll.head == ours.roll.head && roll.number == ours.roll.number)
        #expect(roll.directory.people.count == 5 && roll.directory.nodes.count == 2)
    }

    @Test func `no entry can be left out, repeated or moved`() throws {
        let entries = try Installation().entries
        for index in entries.indices.dropLast() {
            var roll = Roll()
            for entry in entries[..<index] { try roll.append(entry) }
            #expect(throws: EvidenceError.rollGap(expected: Int64(index) + 1, found: Int64(index) + 2)) { try roll.append(entries[index + 1]) }
            try roll.append(entries[index])
            #expect(throws: EvidenceError.rollGap(expected: Int64(index) + 2, found: Int64(index) + 1)) { try roll.append(entries[index]) }
        }
    }

    @Test func `an entry of another history is a fork`() throws {
        let ours = try Installation(joined: false)
        var other = ours
        _ = try other.invite(Installation.bob(), secret: "one")
        var mine = ours
        _ = try mine.invite(Installation.bob(), secret: "two")
        let next = try other.disabling(.node(NodeName("db-1"))).signed(with: Installation.key("anna"))
        expect(.rollForked(3), from: next, on: mine)
    }

    @Test func `a changed entry is refused at every byte`() throws {
        let ours = try Installation(joined: false)
        let entry = try ours.invitation(Installation.bob(), secret: "s").signed(with: Installation.key("anna")).source
        let bytes = Array(entry.text.utf8)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            var roll = ours.roll
            let text = SignedText(text: String(decoding: changed, as: UTF8.self), signatures: entry.signatures)
            #expect(throws: EvidenceError.self, "byte \(index)") { try roll.append(text) }
        }
    }

    @Test func `what is no entry of the roll is refused`() throws {
        let ours = try Installation()
        expect(.typeUnknown("request"), from: try ours.request().signed(with: Installation.key("anna")), on: ours)
        for text in ["", "{}", "[]", "null", "{\"type\":1}", "{\"type\":\"\"}"] {
            var roll = ours.roll
            #expect(throws: EvidenceError.self) { try roll.append(SignedText(signing: text, with: [Installation.key("anna")])) }
        }
    }

    // MARK: Charters

    @Test func `an administrator changes the charter`() throws {
        var ours = try Installation()
        try ours.add(ours.nextCharter(administrators: ["bob", "carl"]).signed(with: Installation.key("anna")))
        #expect(ours.roll.directory.charters.map(\.version) == [1, 2])
        #expect(!ours.roll.directory.isAdministrator(try PersonName("anna")))
        #expect(ours.roll.directory.isAdministrator(try PersonName("bob")))
    }

    @Test(arguments: ["bob", "db-1", "broker", "founding", "secret of bob", "stranger"])
    func `nobody else does`(key: String) throws {
        let ours = try Installation()
        expect(.notSigned(type: "charter", by: "an administrator"), from: try ours.nextCharter().signed(with: Installation.key(key)), on: ours)
    }

    @Test func `who was administrator before is none now`() throws {
        var ours = try Installation()
        try ours.add(ours.nextCharter(administrators: ["bob"]).signed(with: Installation.key("anna")))
        expect(.notSigned(type: "charter", by: "an administrator"), from: try ours.nextCharter().signed(with: Installation.key("anna")), on: ours)
        let invitation = try ours.invitation(.node(NodeName("db-9"), Tags()), secret: "s").signed(with: Installation.key("anna"))
        expect(.refused(.notAnAdministrator(try PersonName("anna"))), from: invitation, on: ours)
    }

    @Test func `a charter that cannot be is refused`() throws {
        let ours = try Installation()
        func next(_ charter: CharterStatement) throws -> Signed<CharterStatement> { try charter.signed(with: Installation.key("anna")) }
        let number = ours.roll.number + 1
        for version in [Int64(1), 3] { expect(.rollForked(number), from: try next(ours.nextCharter(version: version)), on: ours) }
        expect(.rollForked(number), from: try next(ours.nextCharter(broker: "other")), on: ours)
        expect(.subjectUnknown(kind: "person", "zoe"), from: try next(ours.nextCharter(administrators: ["anna", "zoe"])), on: ours)
        expect(.policyInvalid("A charter without an administrator is not possible."), from: try next(ours.nextCharter(administrators: [])), on: ours)
        expect(.policyInvalid("policy:1:17: \"entitlements\": the policy has no entitlement."), from: try next(ours.nextCharter(policy: "{ entitlements: [] }")), on: ours)
        var without = ours
        try without.disable(.person(PersonName("bob")))
        expect(.subjectUnknown(kind: "person", "bob"), from: try next(without.nextCharter(administrators: ["anna", "bob"])), on: without)
    }
}
