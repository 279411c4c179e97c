// SPDX-License-Identifier: Apache-2.0

import Evidence
import StrictJSON

/// Proposed charters: each was signed by a person over the content that stands beside it, and the ledger tells of it.
struct ProposalScan {
    private(set) var findings = Findings()
    private let ledger: LedgerScan
    private let roll: RollScan
    private var ids: Set<String> = []

    init(_ database: DatabaseReader, _ ledger: LedgerScan, _ roll: RollScan) throws(VerifierError) {
        var scan = Self(ledger: ledger, roll: roll)
        try database.each("SELECT * FROM proposal") { scan.take($0) }
        try database.eachMention("proposal.*") { mention in
            scan.findings.expect(scan.ids.contains(mention.subject), "proposal \(mention.subject)", "the ledger has it, and it is gone")
        }
        self = scan
    }

    private init(ledger: LedgerScan, roll: RollScan) { (self.ledger, self.roll) = (ledger, roll) }

    private mutating func take(_ row: DatabaseRow) {
        let id = row.text("id") ?? "?"
        let place = "proposal \(id)"
        ids.insert(id)
        guard let consent = SignedRow(row, "statement", "signatures", at: place, &findings) else {
            return findings.add(place, "there is no statement")
        }
        let keys = consent.signers(at: place, &findings)
        let person = consent.text("person")
        findings.expect(keys.contains { roll.person(withKey: $0) == person && person != nil }, place, "no device of who signed it did")
        findings.expect(
            consent.text("type") == "consent" && consent.text("root") == roll.root && row.text("person") == person
                && row.text("digest") == consent.digest && consent.id("p") == id, place, "it is not what was signed")
        // Without a digest nothing compares equal.
        let content = try? Digest(of: Array("stint charter content 1\n".utf8) + Array((row.text("content") ?? "").utf8))
        findings.expect(content?.hex == consent.text("content"), place, "its content is not what was agreed to")
        findings.expect(
            ledger.mentions[.init(event: "proposal.made", subject: id, digest: consent.digest)] == row.integer("at"), place,
            "the ledger does not tell of it")
        check(row.text("state") ?? "?", of: consent, row, place)
    }

    private mutating func check(_ state: String, of consent: SignedRow, _ row: DatabaseRow, _ place: String) {
        let ends = ["agreed", "withdrawn", "overtaken"]
        findings.expect(
            (ends + ["open"]).contains(state) && (state == "open") == (row.integer("resolved_at") == nil), place,
            "it is in no state that there is")
        for end in ends {
            let told = ledger.mentions[.init(event: "proposal." + end, subject: row.text("id") ?? "", digest: consent.digest)]
            findings.expect(
                told == (state == end ? row.integer("resolved_at") : nil), place, "it is \(state), and the ledger says otherwise of \(end)")
        }
        guard let charter = row.integer("charter") else { return }
        let carries = roll.consents(ofEntry: charter).contains(consent.digest)
        findings.expect(carries == (state == "agreed"), place, "it is \(state), and entry \(charter) of the roll says otherwise")
    }
}
