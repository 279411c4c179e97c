// SPDX-License-Identifier: Apache-2.0

/// Requests, votes, grants and endings: each state against the statements that must have led to it.
struct WorkflowScan {
    private(set) var findings = Findings()
    private let ledger: LedgerScan
    private let roll: RollScan
    private var requests: [String: Request] = [:]
    private(set) var grants: [String: Grant] = [:]
    private var votes: Set<String> = []
    /// Requests that broke glass, with whether there is a review of each.
    private var reviews: Set<String> = []
    /// What somebody ended.
    private var ended: Set<String> = []

    private struct Request {
        let statement: SignedRow
        let state: String
        let person: String
        let isBreakGlass: Bool
        /// The policy that the requester saw.
        let charter: Int64
        var approvers: Set<String> = []
        var denials = 0
        /// The shortest that anybody agreed to, in seconds.
        var duration: Int64
        var nodes: Set<String>?
        /// In a request for more time: the request whose grant it extends, and the lease it makes.
        let extends: (request: String, lease: Int64)?
    }

    struct Grant {
        let activation: SignedRow?
        let state: String
        let holder: String
        let notBefore: Int64
        let notAfter: Int64
        /// `nil`: the policy approved it, and nobody has looked at a list.
        let nodes: Set<String>?
        let runAs: String
        let capabilities: [String]
    }

    init(_ database: DatabaseReader, _ ledger: LedgerScan, _ roll: RollScan) throws(VerifierError) {
        var scan = Self(ledger: ledger, roll: roll)
        try database.each("SELECT * FROM request") { scan.takeRequest($0) }
        try database.each("SELECT * FROM vote ORDER BY at") { scan.takeVote($0) }
        try database.each("SELECT * FROM review") { scan.takeReview($0) }
        scan.checkRequests()
        try database.each("SELECT * FROM \"grant\"") { scan.takeGrant($0) }
        try scan.checkGrants(database)
        try database.each("SELECT * FROM ending") { scan.takeEnding($0) }
        try database.eachMention("request.withdrawn", "proposal.withdrawn", "grant.released", "grant.revoked") { mention in
            scan.findings.expect(scan.ended.contains(mention.subject), "ending \(mention.subject)", "the ledger has it, and it is gone")
        }
        self = scan
    }

    private init(ledger: LedgerScan, roll: RollScan) {
        self.ledger = ledger
        self.roll = roll
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
        let extends = row.text("extends").map { (request: $0, lease: row.integer("lease") ?? 0) }
        let type = extends == nil ? "request" : "extension"
        findings.expect(statement.text("type") == type, place, "the statement is of another type")
        findings.expect(id == statement.id("r") && row.text("digest") == statement.digest, place, "its id is not its digest's")
        if let extends {
            findings.expect(extends.lease == statement.integer("lease"), place, "`lease` is not what was signed")
        } else {
            findings.expect(row.text("entitlement") == statement.text("entitlement"), place, "`entitlement` is not what was signed")
            findings.expect(row.integer("charter") == statement.integer("charter"), place, "`charter` is not what was signed")
        }
        findings.expect(
            row.integer("break_glass") == (statement.bool("breakGlass") == true ? 1 : 0), place, "`break_glass` is not what was signed")
        checkMention("request.created", id, statement.digest, at: row.integer("created_at"), place: place)
        let state = row.text("state") ?? ""
        if state != "pending" { checkMention("request." + state, id, "", at: row.integer("resolved_at"), place: place) }
        requests[id] = Request(
            statement: statement, state: state, person: row.text("person") ?? "", isBreakGlass: statement.bool("breakGlass") == true,
            charter: statement.integer("charter") ?? 0, duration: statement.integer("duration") ?? 0, extends: extends)
    }

    private mutating func takeVote(_ row: DatabaseRow) {
        let (id, person) = (row.text("request") ?? "?", row.text("person") ?? "?")
        let place = "vote \(id) \(person)"
        guard let statement = SignedRow(row, "statement", "signatures", at: place, &findings),
            var request = requests[id]
        else { return findings.add(place, "there is no statement, or no such request") }
        check(statement, by: person, at: place)
        let verdict = statement.text("verdict")
        findings.expect(statement.text("type") == "vote" && row.text("digest") == statement.digest, place, "it has another digest")
        findings.expect(statement.text("request") == request.statement.digest, place, "it is on another request")
        findings.expect(row.text("verdict") == verdict, place, "the verdict is not what was signed")
        findings.expect(person != request.person, place, "the voter is the requester")
        votes.insert(statement.digest)
        checkMention("vote." + (verdict ?? ""), id, statement.digest, at: row.integer("at"), place: place)
        if verdict == "approve" {
            request.approvers.insert(person)
            request.duration = min(request.duration, statement.integer("duration") ?? 0)
            let nodes = Set(statement.texts("nodes"))
            request.nodes = request.nodes.map { $0.intersection(nodes) } ?? nodes
        } else {
            request.denials += 1
        }
        requests[id] = request
    }

    private mutating func checkRequests() {
        for (id, request) in requests {
            let place = "request \(id)"
            switch request.state {
            case "approved": checkConsent(request, id, place)
            case "denied": findings.expect(request.denials > 0, place, "it is denied, and nobody said no")
            case "pending", "withdrawn", "lapsed", "invalidated": break
            default: findings.add(place, "its state is unknown")
            }
            if let extends = request.extends { checkExtension(request, of: extends.request, place) }
        }
    }

    /// Somebody agreed; or it broke glass, and owes a review; or the policy that was in force then agrees by itself.
    private mutating func checkConsent(_ request: Request, _ id: String, _ place: String) {
        if request.isBreakGlass {
            findings.expect(reviews.contains(id), place, "it broke glass, and there is no review of it")
            findings.expect(request.approvers.isEmpty, place, "it broke glass, and somebody voted on it")
        } else if request.approvers.isEmpty {
            let isAutomatic = roll.isAutomatic(request.statement.text("entitlement") ?? "", charter: request.charter)
            findings.expect(isAutomatic, place, "it is approved, and nobody agreed")
        }
    }

    private mutating func takeReview(_ row: DatabaseRow) {
        let id = row.text("request") ?? "?"
        let place = "review \(id)"
        guard let request = requests[id] else { return findings.add(place, "there is no request for it") }
        reviews.insert(id)
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

    private mutating func checkExtension(_ request: Request, of extended: String, _ place: String) {
        guard let first = requests[extended], first.extends == nil else { return findings.add(place, "there is no request that it extends") }
        findings.expect(first.statement.digest == request.statement.text("request"), place, "it extends another request than was signed")
        findings.expect(first.person == request.person, place, "it extends another person's grant")
    }

    /// Those of a grant that were agreed to.
    private func extensions(of request: String) -> [Request] {
        requests.values.filter { $0.extends?.request == request && $0.state == "approved" }
    }

    // MARK: Grants

    private mutating func takeGrant(_ row: DatabaseRow) {
        let id = row.text("id") ?? "?"
        let place = "grant \(id)"
        guard let request = requests[row.text("request") ?? ""] else { return findings.add(place, "there is no request for it") }
        findings.expect(request.state == "approved", place, "its request is not approved")
        findings.expect(id.dropFirst(2) == request.statement.id("r").dropFirst(2), place, "its id is not its request's")
        findings.expect(row.text("holder") == request.person, place, "its holder is not the requester")
        let (granted, state) = (row.integer("granted_seconds") ?? .max, row.text("state") ?? "")
        findings.expect(granted <= request.duration, place, "it is longer than anybody agreed to")
        checkMention("grant.ready", id, "", at: row.integer("created_at"), place: place)
        checkState(state, row, id, place)
        let activation = SignedRow(row, "activation", "activation_signatures", at: place, &findings)
        let (begin, end) = (row.integer("not_before") ?? 0, row.integer("not_after") ?? 0)
        let extended = extensions(of: row.text("request") ?? "")
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
        grants[id] = Grant(
            activation: activation, state: state, holder: request.person, notBefore: begin, notAfter: end,
            nodes: request.nodes, runAs: request.statement.text("runAs") ?? "",
            capabilities: request.statement.texts("capabilities"))
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
    private mutating func checkGrants(_ database: DatabaseReader) throws(VerifierError) {
        try database.eachMention("request.created", "grant.ready", "review.due", "vote.*") { mention in
            switch mention.event {
            case "request.created":
                findings.expect(requests[mention.subject] != nil, "request \(mention.subject)", "the ledger has it, and it is gone")
            case "grant.ready":
                findings.expect(grants[mention.subject] != nil, "grant \(mention.subject)", "the ledger has it, and it is gone")
            case "review.due":
                findings.expect(reviews.contains(mention.subject), "review \(mention.subject)", "the ledger has it, and it is gone")
            case "vote.approve", "vote.deny":
                findings.expect(votes.contains(mention.digest), "vote \(mention.subject)", "the ledger has it, and it is gone")
            default: break
            }
        }
        for (id, request) in requests where request.state == "approved" && request.extends == nil {
            findings.expect(grants["g-" + id.dropFirst(2)] != nil, "request \(id)", "it is approved, and there is no grant")
        }
    }

    private mutating func takeEnding(_ row: DatabaseRow) {
        let place = "ending \(row.text("subject") ?? "?") \(row.text("digest")?.prefix(8) ?? "?")"
        guard let statement = SignedRow(row, "statement", "signatures", at: place, &findings) else {
            return findings.add(place, "there is no statement")
        }
        ended.insert(row.text("subject") ?? "")
        check(statement, by: row.text("person"), at: place)
        findings.expect(statement.text("type") == "ending" && row.text("digest") == statement.digest, place, "it has another digest")
        for column in ["kind", "subject"] {
            findings.expect(row.text(column) == statement.text(column), place, "`\(column)` is not what was signed")
        }
    }
}
