// SPDX-License-Identifier: Apache-2.0

import Access
import Client
import Evidence

/// What a dishonest broker with one administrator's key makes of the roll.
enum Forgery: String, CaseIterable {
    /// A charter with one signature, where two are demanded, which demands one from now on.
    case charterAlone = "charter-alone"
    /// The same with the consents of both, one of which the thief signed.
    case charterForged = "charter-forged"

    /// A statement about a roster under a key that is not the roster's.
    case rosterForged = "roster-forged"

    func entry(after roll: Roll, by thief: Operator) throws -> SignedText {
        self == .rosterForged ? try roster(after: roll, by: thief) : try charter(after: roll, by: thief)
    }

    private func roster(after roll: Roll, by thief: Operator) throws -> SignedText {
        guard let name = roll.directory.charter?.policy.rosters.first?.name else { throw Refusal.noCharter }
        let shift = PublishedRoster.Shift(person: thief.identity.person, from: .now(), until: .now() + .seconds(3600))
        let statement = try RosterStatement(
            root: roll.root ?? .none, roster: name, content: PublishedRoster(version: 1_000_000, at: .now(), shifts: [shift])
        ).signed(with: thief.key.signing)
        return try PublicationStatement(place: roll.next, by: thief.identity.person, roster: statement, at: .now())
            .signed(with: thief.key.signing).source
    }

    private func charter(after roll: Roll, by thief: Operator) throws -> SignedText {
        guard let charter = roll.directory.charter, let broker = roll.broker else { throw Refusal.noCharter }
        let content = CharterContent(
            administrators: charter.administrators.sorted(),
            policy: String(charter.text.split(separator: "charter: { administrators: 2 },").joined()))
        let consents = self == .charterAlone ? [] : try content.administrators.map { try consent(to: content, by: $0, roll, thief) }
        return try CharterStatement(
            place: roll.next, version: charter.version + 1, administrators: content.administrators, policy: content.policy,
            broker: broker, founder: nil, consents: consents, at: .now()
        ).signed(with: thief.key.signing).source
    }

    private func consent(to content: CharterContent, by person: PersonName, _ roll: Roll, _ thief: Operator) throws
        -> Signed<ConsentStatement>
    {
        try ConsentStatement(
            root: roll.root ?? .none, version: Int64(roll.directory.charters.count) + 1, base: roll.charterDigest ?? .none,
            content: content.digest(), person: person, reason: "", notAfter: .now() + .seconds(3600),
            nonce: String(repeating: "0", count: 32), at: .now()
        ).signed(with: thief.key.signing)
    }
}
