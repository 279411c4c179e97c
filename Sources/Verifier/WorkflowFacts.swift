// SPDX-License-Identifier: Apache-2.0

/// What was signed about one request or one grant, asked for when it is needed: a million of them are never held at once.
///
/// Who walks the rows in the order of requests asks for the same one again and again, so the last of each is kept.
final class WorkflowFacts {
    struct Request {
        let statement: SignedRow
        let state: String
        let person: String
        let isBreakGlass: Bool
        let entitlement: String
        /// The policy that the requester saw.
        let charter: Int64
        /// In a request for more time: the request whose grant it extends, and the lease it makes.
        let extends: (request: String, lease: Int64)?
        var approvers: Set<String> = []
        var denials = 0
        /// The shortest that anybody agreed to, in seconds.
        var duration: Int64
        var nodes: Set<String>?
    }

    struct Grant {
        let activation: SignedRow?
        let state: String
        let holder: String
        let notBefore: Int64
        let notAfter: Int64
        /// What all votes named; nil where nobody voted: then the nodes are those that the requester's selector means.
        let nodes: Set<String>?
        let selector: String
        let runAs: String
        let capabilities: [String]
    }

    private let requests: DatabaseLookup
    private let extensions: DatabaseLookup
    private let votes: DatabaseLookup
    private let grants: DatabaseLookup
    private var lastRequest: (id: String, request: Request?)?
    private var lastGrant: (id: String, grant: Grant?)?

    init(_ database: DatabaseReader) throws(VerifierError) {
        requests = try database.lookup("SELECT * FROM request WHERE id = ?1")
        extensions = try database.lookup("SELECT id FROM request WHERE extends = ?1 AND state = 'approved' ORDER BY lease")
        votes = try database.lookup("SELECT * FROM vote WHERE request = ?1")
        grants = try database.lookup("SELECT * FROM \"grant\" WHERE id = ?1")
    }

    /// `nil` for one that is not there, or whose statement cannot be read, which is found where its row is looked at.
    func request(_ id: String) -> Request? {
        if let lastRequest, lastRequest.id == id { return lastRequest.request }
        let request = requests.row(.text(id)).flatMap(read)
        lastRequest = (id, request)
        return request
    }

    /// Those that were agreed to, in the order of their leases.
    func extensions(of request: String) -> [Request] {
        extensions.rows(.text(request)).compactMap { self.request($0.text("id") ?? "") }
    }

    func grant(_ id: String) -> Grant? {
        if let lastGrant, lastGrant.id == id { return lastGrant.grant }
        let grant = grants.row(.text(id)).flatMap(grant)
        lastGrant = (id, grant)
        return grant
    }

    /// Findings are made where the rows are looked at one by one, not here.
    private func read(_ row: DatabaseRow) -> Request? {
        var unused = Findings()
        guard let statement = SignedRow(row, "statement", "signatures", at: "", &unused) else { return nil }
        var request = Request(
            statement: statement, state: row.text("state") ?? "", person: row.text("person") ?? "",
            isBreakGlass: statement.bool("breakGlass") == true, entitlement: row.text("entitlement") ?? "",
            charter: row.integer("charter") ?? 0, extends: row.text("extends").map { ($0, row.integer("lease") ?? 0) },
            duration: statement.integer("duration") ?? 0)
        for row in votes.rows(.text(row.text("id") ?? "")) {
            guard let vote = SignedRow(row, "statement", "signatures", at: "", &unused) else { continue }
            guard vote.text("verdict") == "approve" else {
                request.denials += 1
                continue
            }
            request.approvers.insert(row.text("person") ?? "")
            request.duration = min(request.duration, vote.integer("duration") ?? 0)
            let nodes = Set(vote.texts("nodes"))
            request.nodes = request.nodes.map { $0.intersection(nodes) } ?? nodes
        }
        return request
    }

    private func grant(_ row: DatabaseRow) -> Grant? {
        guard let request = request(row.text("request") ?? "") else { return nil }
        var unused = Findings()
        return Grant(
            activation: SignedRow(row, "activation", "activation_signatures", at: "", &unused), state: row.text("state") ?? "",
            holder: request.person, notBefore: row.integer("not_before") ?? 0, notAfter: row.integer("not_after") ?? 0,
            nodes: request.nodes, selector: request.statement.text("selector") ?? "",
            runAs: request.statement.text("runAs") ?? "",
            capabilities: request.statement.texts("capabilities"))
    }
}
