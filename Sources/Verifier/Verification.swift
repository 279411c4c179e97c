// SPDX-License-Identifier: Apache-2.0
// SECURITY: this target decides nothing and shares no code with what decides. It reads what a broker left and says what
// must not be there.

import Access
package import Evidence

/// Checks a broker's database against everything that must be true of it.
package struct Verification: Sendable {
    package let findings: [Finding]
    /// How much was looked at.
    package let ledgerEntries: Int64
    package let rollEntries: Int64
    package let sessions: Int
    /// The key of the broker whose database it is; empty where nobody has joined.
    package let broker: String

    /// Triggers that guard what must never change; one that is gone lets others go unnoticed.
    private static let guardians = [
        "roll_insert", "roll_update", "roll_delete", "request_insert", "request_update", "request_delete", "vote_insert",
        "vote_update", "vote_delete", "review_insert", "review_update", "review_delete", "grant_insert", "grant_update", "grant_delete", "grant_settle", "ending_insert",
        "ending_update", "ending_delete", "session_insert", "session_update", "session_update_ended", "session_update_opening",
        "session_delete", "ledger_insert", "ledger_update", "ledger_delete", "ledger_tree_insert", "ledger_tree_update",
        "ledger_tree_delete", "recording_insert", "recording_update", "recording_delete",
        "recording_held", "hold_insert", "hold_update", "hold_delete", "proposal_insert", "proposal_update", "proposal_delete",
    ]

    /// - Parameters:
    ///   - recordings: the directory of the recordings, to be held against what was signed about them.
    ///   - head: of the ledger as somebody else saw it once; the ledger must contain it.
    /// - Throws: where the file cannot be read at all; everything else is a finding.
    package init(database path: String, recordings: String? = nil, head: Signed<LedgerHeadStatement>? = nil) throws(VerifierError) {
        let database = try DatabaseReader(path)
        var findings = Findings()
        for row in try database.rows("PRAGMA integrity_check(20)") where row.text("integrity_check") != "ok" {
            findings.add("database", row.text("integrity_check") ?? "its check gave no answer")
        }
        for row in try database.rows("PRAGMA foreign_key_check") {
            findings.add(row.text("table") ?? "database", "a row names another that is not there")
        }
        let names = Set(try database.rows("SELECT name FROM sqlite_schema WHERE type = 'trigger'").compactMap { $0.text("name") })
        for name in Self.guardians where !names.contains(name) { findings.add("schema", "the trigger `\(name)` is gone") }
        let ledger = try LedgerScan(database)
        let roll = try RollScan(database, ledger)
        let facts = try WorkflowFacts(database)
        let workflow = try WorkflowScan(database, ledger, roll, facts)
        let sessions = try SessionScan(database, ledger, roll, facts)
        if let head { try Self.check(head, roll, ledger, database, &findings) }
        let kept = try RecordingScan(database, recordings, ledger, roll)
        let holds = try HoldScan(database, ledger, roll)
        let proposals = try ProposalScan(database, ledger, roll)
        self.findings =
            findings.all + ledger.findings.all + roll.findings.all + workflow.findings.all + sessions.findings.all
            + kept.findings.all + holds.findings.all + proposals.findings.all
        (ledgerEntries, rollEntries, self.sessions, broker) = (ledger.count, roll.count, sessions.count, roll.broker)
    }

    private static func check(
        _ head: Signed<LedgerHeadStatement>, _ roll: RollScan, _ ledger: LedgerScan, _ database: DatabaseReader,
        _ findings: inout Findings
    ) throws(VerifierError) {
        let seen = head.value
        guard head.source.signatures.contains(where: { $0.key.hex == roll.broker && head.source.isSigned(by: $0.key) }) else {
            return findings.add("head", "the broker of this database did not sign it")
        }
        guard ledger.count >= seen.size else {
            return findings.add(
                "ledger \(ledger.count + 1)", "the ledger ends here, and \(seen.size) entries were signed for at \(seen.at): it was set back")
        }
        let row = try database.rows("SELECT hash FROM ledger WHERE number = \(seen.size)").first
        findings.expect(seen.size == 0 || row?.text("hash") == seen.chain.hex, "ledger \(seen.size)", "it is another than was signed for")
    }
}
