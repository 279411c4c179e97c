// SPDX-License-Identifier: Apache-2.0

/// Holds on recordings: each was signed by a person, and the ledger tells of it.
struct HoldScan {
    private(set) var findings = Findings()
    private let ledger: LedgerScan
    private let roll: RollScan
    /// Digests of what was added and removed.
    private var digests: Set<String> = []

    init(_ database: DatabaseReader, _ ledger: LedgerScan, _ roll: RollScan) throws(VerifierError) {
        var scan = Self(ledger: ledger, roll: roll)
        try database.each("SELECT * FROM hold") { scan.take($0) }
        try database.eachMention("hold.*") { mention in
            scan.findings.expect(scan.digests.contains(mention.digest), "hold \(mention.subject)", "the ledger has it, and it is gone")
        }
        self = scan
    }

    private init(ledger: LedgerScan, roll: RollScan) { (self.ledger, self.roll) = (ledger, roll) }

    private mutating func take(_ row: DatabaseRow) {
        let name = row.text("name") ?? "?"
        let place = "hold \(name)"
        guard let added = SignedRow(row, "statement", "signatures", at: place, &findings) else {
            return findings.add(place, "there is no statement")
        }
        findings.expect(row.text("digest") == added.digest, place, "it has another digest")
        check(added, "add", row, place)
        findings.expect(
            ledger.mentions[.init(event: "hold.added", subject: name, digest: added.digest)] == row.integer("at"), place,
            "the ledger does not tell of it")
        let removal = SignedRow(row, "removal", "removal_signatures", at: place, &findings)
        findings.expect((removal == nil) == (row.integer("removed_at") == nil), place, "it was removed by nobody's word")
        guard let removal else { return }
        check(removal, "remove", row, place)
        findings.expect(
            ledger.mentions[.init(event: "hold.removed", subject: name, digest: removal.digest)] == row.integer("removed_at"), place,
            "the ledger does not tell of its end")
    }

    private mutating func check(_ statement: SignedRow, _ kind: String, _ row: DatabaseRow, _ place: String) {
        digests.insert(statement.digest)
        let keys = statement.signers(at: place, &findings)
        let person = statement.text("person")
        findings.expect(keys.contains { roll.person(withKey: $0) == person && person != nil }, place, "no device of who signed it did")
        findings.expect(
            statement.text("type") == "hold" && statement.text("kind") == kind && statement.text("root") == roll.root
                && statement.text("name") == row.text("name") && statement.text("scope") == row.text("scope"),
            place, "it is not what was signed")
    }
}
