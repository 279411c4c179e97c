// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import StrictJSON
import Testing
import Verifier

@testable import Broker
@testable import Storage

/// What a broker that checks nothing wrote into its roll: each entry is signed by somebody, and is not what it had to be.
@Suite struct CharterVerificationTests {
    private func findings(_ entry: (BrokerStory) throws -> SignedText) throws -> [String] {
        let story = try BrokerStory()
        try story.tell()
        try story.appendUnchecked(try entry(story))
        return try Verification(database: story.path).findings.map { "\($0.place): \($0.what)" }
    }

    @Test func `a charter without the consents that are demanded is found`() throws {
        let found = try findings { try $0.charter([]) }
        #expect(found == ["roll 12: 0 agreed, and the charter before demands 2"], "\(found)")
    }

    @Test func `one person's consent twice is one`() throws {
        let found = try findings { story in try story.charter([story.consent("admin", story.admin), story.consent("admin", story.admin)]) }
        #expect(found == ["roll 12: 1 agreed, and the charter before demands 2"], "\(found)")
    }

    @Test func `a consent that another signed, of no administrator, or to another text is found`() throws {
        let forged = try findings { story in try story.charter([story.consent("admin", story.admin), story.consent("lead", story.admin)]) }
        #expect(forged.contains { $0.contains("no device of lead signed the consent") }, "\(forged)")
        let other = try findings { story in
            try story.charter([story.consent("admin", story.admin), story.consent("admin", story.admin, policy: "{}")])
        }
        #expect(other.contains { $0.contains("is to something else") }, "\(other)")
        let stranger = try findings { story in try story.charter([story.consent("admin", story.admin), story.consent("oncall", story.oncall)]) }
        #expect(stranger.contains { $0.contains("was no administrator") }, "\(stranger)")
    }

    @Test func `a statement of a roster under another key, or of an old version, is found`() throws {
        let forged = try findings { try $0.publication(9, signedBy: $0.admin) }
        #expect(forged == ["roll 12: the key of roster dba did not sign it"], "\(forged)")
        let old = try findings { try $0.publication(2, signedBy: $0.roster) }
        #expect(old == ["roll 12: its version does not follow"], "\(old)")
        #expect(try findings { try $0.publication(3, signedBy: $0.roster) }.isEmpty)
    }
}

extension BrokerStory {
    fileprivate func appendUnchecked(_ source: SignedText) throws {
        let entry = try RollEntry(source)
        try verb { workflow in
            try workflow.database.append(entry)
            try workflow.record("roll." + entry.type, "roll-\(entry.place.number)", ["digest": .string(entry.digest.hex)])
        }
    }

    fileprivate var content: CharterContent {
        get throws { CharterContent(administrators: [try PersonName("admin"), try PersonName("lead")], policy: Self.policy) }
    }

    fileprivate func charter(_ consents: [Signed<ConsentStatement>]) throws -> SignedText {
        try CharterStatement(
            place: roll.next, version: 4, administrators: content.administrators, policy: content.policy,
            broker: broker.signing.publicKey, founder: nil, consents: consents, at: Self.start
        ).signed(with: admin.signing).source
    }

    fileprivate func consent(_ person: String, _ key: TestKey, policy: String? = nil) throws -> Signed<ConsentStatement> {
        let content = CharterContent(administrators: try content.administrators, policy: policy ?? Self.policy)
        return try ConsentStatement(
            root: roll.root ?? .none, version: 4, base: roll.charterDigest ?? .none, content: content.digest(), person: PersonName(person),
            reason: "", notAfter: Self.start + .seconds(60), nonce: Evidence.Random.nonce(), at: Self.start
        ).signed(with: key.signing)
    }

    fileprivate func publication(_ version: Int64, signedBy key: TestKey) throws -> SignedText {
        let content = PublishedRoster(version: version, at: Self.start + .seconds(version), shifts: [])
        let statement = try RosterStatement(root: roll.root ?? .none, roster: RosterName("dba"), content: content).signed(with: key.signing)
        return try PublicationStatement(place: roll.next, by: PersonName("admin"), roster: statement, at: Self.start)
            .signed(with: admin.signing).source
    }
}
