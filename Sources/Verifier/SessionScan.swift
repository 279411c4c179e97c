// SPDX-License-Identifier: Apache-2.0

/// Sessions: opened under a grant and within its time, on a node that everybody agreed to, by what was signed.
struct SessionScan {
    private(set) var findings = Findings()
    private let ledger: LedgerScan
    private let roll: RollScan
    private let facts: WorkflowFacts
    private(set) var count = 0

    /// How far clocks of node, client and broker may be apart, in milliseconds.
    private static let tolerance: Int64 = 60_000

    init(_ database: DatabaseReader, _ ledger: LedgerScan, _ roll: RollScan, _ facts: WorkflowFacts) throws(VerifierError) {
        var scan = Self(ledger: ledger, roll: roll, facts: facts)
        let sessions = try database.lookup("SELECT 1 FROM session WHERE id = ?1")
        try database.each("SELECT * FROM session ORDER BY \"grant\"") { scan.take($0) }
        try database.eachMention("session.opening") { mention in
            scan.findings.expect(sessions.isThere(.text(mention.subject)), "session \(mention.subject)", "the ledger has it, and it is gone")
        }
        self = scan
    }

    private init(ledger: LedgerScan, roll: RollScan, facts: WorkflowFacts) {
        (self.ledger, self.roll, self.facts) = (ledger, roll, facts)
    }

    private mutating func take(_ row: DatabaseRow) {
        let id = row.text("id") ?? "?"
        let place = "session \(id)"
        count += 1
        guard let opening = SignedRow(row, "opening", "opening_signatures", at: place, &findings) else {
            return findings.add(place, "there is no opening")
        }
        guard let grant = facts.grant(row.text("grant") ?? "") else { return findings.add(place, "there is no grant for it") }
        findings.expect(id == opening.id("s") && opening.text("type") == "opening", place, "its id is not its opening's")
        findings.expect(opening.text("root") == roll.root, place, "the opening belongs to another installation")
        let keys = opening.signers(at: place, &findings)
        findings.expect(keys.contains { roll.person(withKey: $0) == grant.holder }, place, "no device of the holder signed the opening")
        for column in ["node", "person", "capability"] {
            findings.expect(row.text(column) == opening.text(column), place, "`\(column)` is not what was signed")
        }
        checkUnder(grant, opening, row, place)
        checkNodesWord(row, opening, grant, place)
        checkState(row, grant, place)
        mention("session.opening", id, opening.digest, at: row.integer("opened_at"), place)
    }

    private mutating func checkUnder(_ grant: WorkflowFacts.Grant, _ opening: SignedRow, _ row: DatabaseRow, _ place: String) {
        findings.expect(opening.text("activation") == grant.activation?.digest, place, "it was opened under another activation")
        findings.expect(opening.text("person") == grant.holder, place, "it was opened by another than the holder")
        let node = opening.text("node") ?? ""
        let isMeant = grant.nodes.map { $0.contains(node) } ?? roll.isMeant(node, by: grant.selector)
        findings.expect(isMeant, place, "nobody agreed to its node")
        findings.expect(opening.text("runAs") == grant.runAs, place, "nobody agreed to the user it ran as")
        findings.expect(grant.capabilities.contains(opening.text("capability") ?? ""), place, "nobody agreed to its capability")
        let at = row.integer("opened_at") ?? 0
        findings.expect(
            at >= grant.notBefore - Self.tolerance && at < grant.notAfter, place, "it was opened outside its grant's time")
    }

    private mutating func checkNodesWord(_ row: DatabaseRow, _ opening: SignedRow, _ grant: WorkflowFacts.Grant, _ place: String) {
        let id = row.text("id") ?? ""
        for (column, event) in [("acceptance", "session.live"), ("receipt", "session.ended")] {
            guard let statement = SignedRow(row, column, column + "_signatures", at: place, &findings) else { continue }
            let keys = statement.signers(at: place, &findings)
            findings.expect(
                statement.text("type") == column && statement.text("root") == roll.root
                    && statement.text("opening") == opening.digest && statement.text("node") == row.text("node"),
                place, "the \(column) is of something else")
            findings.expect(keys.contains { roll.node(withKey: $0) == row.text("node") }, place, "its node did not sign the \(column)")
            mention(event, id, statement.digest, at: nil, place)
            if column == "acceptance" {
                findings.expect((statement.integer("notAfter") ?? .max) <= grant.notAfter, place, "its node accepted more than was granted")
            } else {
                let limit = grant.notAfter + Self.tolerance
                findings.expect((statement.integer("endedAt") ?? .max) <= limit, place, "it ended after its grant")
                findings.expect(
                    statement.integer("killed") == row.integer("killed_count") && statement.integer("left") == row.integer("left_count"),
                    place, "the counts are not what its node signed")
            }
        }
    }

    private mutating func checkState(_ row: DatabaseRow, _ grant: WorkflowFacts.Grant, _ place: String) {
        switch row.text("state") {
        case "opening", "live", "detached": findings.expect(grant.state == "active", place, "it lives, and its grant does not")
        case "ending": findings.expect(["active", "ending"].contains(grant.state), place, "its grant ended before it")
        case "ended": findings.expect(row.integer("ended_at") != nil, place, "it ended at no time")
        default: findings.add(place, "its state is unknown")
        }
        if row.text("state") != "opening", row.text("acceptance") == nil, row.text("state") != "ended", row.text("state") != "ending" {
            findings.add(place, "it lives, and its node did not accept it")
        }
    }

    private mutating func mention(_ event: String, _ subject: String, _ digest: String, at time: Int64?, _ place: String) {
        guard let written = ledger.mentions[.init(event: event, subject: subject, digest: digest)] else {
            return findings.add(place, "the ledger has no `\(event)` for it")
        }
        if let time { findings.expect(time == written, place, "the ledger has another time for it") }
    }
}
