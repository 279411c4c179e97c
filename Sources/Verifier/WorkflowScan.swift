// SPDX-License-Identifier: Apache-2.0

/// Requests, votes, grants and endings: each state against the statements that must have led to it.
struct WorkflowScan {
    private(set) var findings = Findings()
    private let ledger: LedgerScan
    private let roll: RollScan
    private let facts: WorkflowFacts
    private let grants: DatabaseLookup
    private let reviews: DatabaseLookup

    init(_ database: DatabaseReader, _ ledger: LedgerScan, _ roll: RollScan, _ facts: WorkflowFacts) throws(VerifierError) {
        var scan = Self(
            ledger, roll, facts, grants: try database.lookup("SELECT 1 FROM \"grant\" WHERE id = ?1"),
            reviews: try database.lookup("SELECT 1 FROM review WHERE request = ?1"))
        try database.each("SELECT * FROM request ORDER BY id") { scan.takeRequest($0) }
        try database.each("SELECT * FROM vote ORDER BY request, person") { scan.takeVote($0) }
        try database.each("SELECT * FROM review ORDER BY request") { scan.takeReview($0) }
        try database.each("SELECT * FROM \"grant\" ORDER BY id") { scan.takeGrant($0) }
        try scan.checkNothingIsGone(database)
        try database.each("SELECT * FROM ending") { scan.takeEnding($0) }
        self = scan
    }

    private init(_ ledger: LedgerScan, _ roll: RollScan, _ facts: WorkflowFacts, grants: DatabaseLookup, reviews: DatabaseLookup) {
        (self.ledger, self.roll, self.facts, self.grants, self.reviews) = (ledger, roll, facts, grants, reviews)
    }

    // MARK: What every statement must hold

    /// - Parameter at: the row's time, which is that of the ledger entry.
    mutating func check(_ statement: SignedRow, by person: String?, at place: String) {
        findings.expect(statement.text("root") == roll.root, place, "it belongs to another installation")
        findings.expect(statement.text("person") == person, place, "it names another person")
        let keys = statement.signers(at: place, &findings)
        findings.expect(keys.contains { roll.person(withKey: $0) == person }, place, "no device of `\(person ?? "")` signed it")
    }

    private mutating func checkMention(_ event: String, _ subject: String, _ digest: String, at time: Int64?, place: String) {
        guard let written = ledger.mentions[.init(event: event, subject: subject, digest: digest)] else {
            return findings.add(place, "the ledger has no `\(event)` for it")
        }
        if let time { findings.expect(time == written, place, "the ledger has another time for it") }
    }

    // MARK: Requests and votes

    private mutating func takeRequest(_ row: DatabaseRow) {
        let id = row.text("id") ?? "?"
        let place = "request \(id)"
        guard let statement = SignedRow(row, "statement", "signatures", at: place, &findings) else {
            return findings.add(place, "there is no statement")
        }
        check(statement, by: row.text("person"), at: place)
        findings.expect(id == statement.id("r") && row.text("digest") == statement.digest, place, "its id is not its digest's")
        let asked = row.text("extends").map { checkExtension(statement, of: $0, row, place) } ?? statement
        let type = row.text("extends") == nil ? "request" : "extension"
        findings.expect(statement.text("type") == type, place, "the statement is of another type")
        findings.expect(row.text("entitlement") == asked?.text("entitlement"), place, "`entitlement` is not what was signed")
        findings.expect(row.integer("charter") == asked?.integer("charter"), place, "`charter` is not what was signed")
        findings.expect(
            row.integer("break_glass") == (statement.bool("breakGlass") == true ? 1 : 0), place, "`break_glass` is not what was signed")
        checkMention("request.created", id, statement.digest, at: row.integer("created_at"), place: place)
        let state = row.text("state") ?? ""
        if state != "pending" { checkMention("request." + state, id, "", at: row.integer("resolved_at"), place: place) }
        if let request = facts.request(id) { checkState(request, id, place) }
    }

    /// - Returns: the statement that it rests on.
    private mutating func checkExtension(_ statement: SignedRow, of extended: String, _ row: DatabaseRow, _ place: String) -> SignedRow? {
        guard let first = facts.request(extended), first.extends == nil else {
            findings.add(place, "there is no request that it extends")
            return nil
        }
        findings.expect(first.statement.digest == statement.text("request"), place, "it extends another request than was signed")
        findings.expect(first.person == row.text("person"), place, "it extends another person's grant")
        findings.expect(row.integer("lease") == statement.integer("lease"), place, "`lease` is not what was signed")
        return first.statement
    }

    private mutating func takeVote(_ row: DatabaseRow) {
        let (id, person) = (row.text("request") ?? "?", row.text("person") ?? "?")
        let place = "vote \(id) \(person)"
        guard let statement = SignedRow(row, "statement", "signatures", at: place, &findings),
            let request = facts.request(id)
        else { return findings.add(place, "there is no statement, or no such request") }
        check(statement, by: person, at: place)
        let verdict = statement.text("verdict")
        findings.expect(statement.text("type") == "vote" && row.text("digest") == statement.digest, place, "it has another digest")
        findings.expect(statement.text("request") == request.statement.digest, place, "it is on another request")
        findings.expect(row.text("verdict") == verdict, place, "the verdict is not what was signed")
        findings.expect(person != request.person, place, "the voter is the requester")
        checkMention("vote." + (verdict ?? ""), id, statement.digest, at: row.integer("at"), place: place)
    }

    private mutating func checkState(_ request: WorkflowFacts.Request, _ id: String, _ place: String) {
        switch request.state {
        case "approved":
            checkConsent(request, id, place)
            findings.expect(grants.isThere(.text("g-" + (request.extends?.request ?? id).dropFirst(2))), place, "it is approved, and there is no grant")
        case "denied": findings.expect(request.denials > 0, place, "it is denied, and nobody said no")
        case "pending", "withdrawn", "lapsed", "invalidated": break
        default: findings.add(place, "its state is unknown")
        }
    }

    /// Somebody agreed; or it broke glass, and owes a review; or the policy that was in force then agrees by itself.
    private mutating func checkConsent(_ request: WorkflowFacts.Request, _ id: String, _ place: String) {
        if request.isBreakGlass {
            findings.expect(reviews.isThere(.text(id)), place, "it broke glass, and there is no review of it")
            findings.expect(request.approvers.isEmpty, place, "it broke glass, and somebody voted on it")
        } else if request.approvers.isEmpty {
            let isAutomatic = roll.isAutomatic(request.entitlement, charter: request.charter, isExtension: request.extends != nil)
            findings.expect(isAutomatic, place, "it is approved, and nobody agreed")
        }
    }

    private mutating func takeReview(_ row: DatabaseRow) {
        let id = row.text("request") ?? "?"
        let place = "review \(id)"
        guard let request = facts.request(id) else { return findings.add(place, "there is no request for it") }
        findings.expect(request.isBreakGlass, place, "its request did not break glass")
        findings.expect(row.text("requester") == request.person, place, "it names another requester")
        checkMention("review.due", id, request.statement.digest, at: row.integer("created_at"), place: place)
        let state = row.text("state") ?? ""
        if state == "overdue" { checkMention("review.overdue", id, "", at: nil, place: place) }
        guard ["accepted", "flagged"].contains(state) else {
            return findings.expect(["due", "overdue"].contains(state), place, "its state is unknown")
        }
        guard let statement = SignedRow(row, "statement", "signatures", at: place, &findings) else {
            return findings.add(place, "it is judged, and there is no statement")
        }
        check(statement, by: row.text("reviewer"), at: place)
        findings.expect(statement.text("type") == "review" && row.text("digest") == statement.digest, place, "it has another digest")
        findings.expect(statement.text("request") == request.statement.digest, place, "it is of another request")
        findings.expect(row.text("reviewer") != request.person, place, "the reviewer is the requester")
        findings.expect(
            state == (statement.text("verdict") == "accepted" ? "accepted" : "flagged"), place, "the verdict is not what was signed")
        checkMention("review." + state, id, statement.digest, at: row.integer("reviewed_at"), place: place)
    }

    // MARK: Grants

    private mutating func takeGrant(_ row: DatabaseRow) {
        let id = row.text("id") ?? "?"
        let place = "grant \(id)"
        guard let request = facts.request(row.text("request") ?? "") else { return findings.add(place, "there is no request for it") }
        findings.expect(request.state == "approved", place, "its request is not approved")
        findings.expect(id.dropFirst(2) == request.statement.id("r").dropFirst(2), place, "its id is not its request's")
        findings.expect(row.text("holder") == request.person, place, "its holder is not the requester")
        let (granted, state) = (row.integer("granted_seconds") ?? .max, row.text("state") ?? "")
        findings.expect(granted <= request.duration, place, "it is longer than anybody agreed to")
        checkMention("grant.ready", id, "", at: row.integer("created_at"), place: place)
        checkState(state, row, id, place)
        let activation = SignedRow(row, "activation", "activation_signatures", at: place, &findings)
        let (begin, end) = (row.integer("not_before") ?? 0, row.integer("not_after") ?? 0)
        let extended = facts.extensions(of: row.text("request") ?? "")
        let added = extended.reduce(0) { $0 + $1.duration }
        findings.expect(row.integer("lease") == Int64(extended.count) + 1, place, "its lease is not that of its extensions")
        for one in extended { checkMention("grant.extended", id, one.statement.digest, at: nil, place: place) }
        if let activation {
            check(activation, by: request.person, at: place)
            findings.expect(activation.text("type") == "activation", place, "the activation is of another type")
            findings.expect(activation.text("request") == request.statement.digest, place, "the activation is of another request")
            findings.expect(activation.integer("at") == begin, place, "it does not begin when it was activated")
            findings.expect(end > begin && (end - begin) / 1000 <= granted + added, place, "it lasts longer than was granted")
            checkMention("grant.active", id, activation.digest, at: nil, place: place)
        }
    }

    private mutating func checkState(_ state: String, _ row: DatabaseRow, _ id: String, _ place: String) {
        let reason = row.text("end_reason") ?? ""
        let time = row.integer("ended_at")
        switch state {
        case "ready", "active": break
        case "lapsed": checkMention("grant.lapsed", id, "", at: time, place: place)
        case "cancelled": checkMention("grant." + reason, id, "", at: time, place: place)
        case "ending": checkMention("grant." + reason, id, "", at: nil, place: place)
        case "ended":
            checkMention("grant." + reason, id, "", at: nil, place: place)
            checkMention("grant.ended", id, "", at: time, place: place)
        default: findings.add(place, "its state is unknown")
        }
    }

    /// Nothing that the ledger tells of is gone.
    private mutating func checkNothingIsGone(_ database: DatabaseReader) throws(VerifierError) {
        let requests = try database.lookup("SELECT 1 FROM request WHERE id = ?1")
        let votes = try database.lookup("SELECT 1 FROM vote WHERE digest = ?1")
        let endings = try database.lookup("SELECT 1 FROM ending WHERE subject = ?1")
        var findings = findings
        try database.eachMention("request.*", "grant.*", "review.due", "vote.*", "proposal.withdrawn") { [grants, reviews] mention in
            let subject = DatabaseLookup.Value.text(mention.subject)
            let (isThere, kind) =
                switch mention.event {
                case "request.created": (requests.isThere(subject), "request")
                case "grant.ready": (grants.isThere(subject), "grant")
                case "review.due": (reviews.isThere(subject), "review")
                case "vote.approve", "vote.deny": (votes.isThere(.text(mention.digest)), "vote")
                case "request.withdrawn", "proposal.withdrawn", "grant.released", "grant.revoked": (endings.isThere(subject), "ending")
                default: (true, "")
                }
            findings.expect(isThere, "\(kind) \(mention.subject)", "the ledger has it, and it is gone")
        }
        self.findings = findings
    }

    private mutating func takeEnding(_ row: DatabaseRow) {
        let place = "ending \(row.text("subject") ?? "?") \(row.text("digest")?.prefix(8) ?? "?")"
        guard let statement = SignedRow(row, "statement", "signatures", at: place, &findings) else {
            return findings.add(place, "there is no statement")
        }
        check(statement, by: row.text("person"), at: place)
        findings.expect(statement.text("type") == "ending" && row.text("digest") == statement.digest, place, "it has another digest")
        for column in ["kind", "subject"] {
            findings.expect(row.text(column) == statement.text(column), place, "`\(column)` is not what was signed")
        }
    }
}
