// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
import StrictJSON

/// A request with the statements it rests on.
package struct StoredRequest: Sendable {
    package var machine: AccessRequest
    /// What was asked first: of a request for more time, the request that it extends.
    package let statement: Signed<RequestStatement>
    /// Set in a request for more time.
    package let extending: Signed<ExtensionStatement>?
    package let votes: [Signed<VoteStatement>]
    package let createdAt: Timestamp
    package let resolvedAt: Timestamp?

    package var id: RequestID { machine.terms.id }
    /// The bytes that made this request.
    package var source: SignedText { extending?.source ?? statement.source }
    package var digest: Digest { extending?.digest ?? statement.digest }
    /// Of this request, or of the one that it extends.
    package var grant: GrantID { (machine.terms.extends?.request ?? id).sibling() }
}

extension Connection {
    package func request(_ id: RequestID) throws -> StoredRequest? {
        guard let row = try first("SELECT * FROM request WHERE id = ?1", .text(id.description)) else { return nil }
        return try storedRequest(row)
    }

    /// The request that the statement with this digest made: the answer to a retry.
    package func request(madeBy digest: Digest) throws -> StoredRequest? {
        guard let row = try first("SELECT * FROM request WHERE digest = ?1", .text(digest.hex)) else { return nil }
        return try storedRequest(row)
    }

    /// The newest requests first.
    package func requests(limit: Int) throws -> [StoredRequest] {
        try query("SELECT * FROM request ORDER BY created_at DESC, id LIMIT ?1", .integer(Int64(limit))).map(storedRequest)
    }

    package func requests(of person: PersonName, limit: Int) throws -> [StoredRequest] {
        try query(
            "SELECT * FROM request WHERE person = ?1 ORDER BY created_at DESC, id LIMIT ?2", .text(person.text),
            .integer(Int64(limit))
        ).map(storedRequest)
    }

    package func pendingRequests() throws -> [StoredRequest] {
        try query("SELECT * FROM request WHERE state = 'pending' ORDER BY decide_before").map(storedRequest)
    }

    package func pendingRequests(of person: PersonName) throws -> [StoredRequest] {
        try query("SELECT * FROM request WHERE state = 'pending' AND person = ?1", .text(person.text)).map(storedRequest)
    }

    /// Pending requests whose time to decide is over.
    package func requestsDue(at now: Timestamp, limit: Int) throws -> [StoredRequest] {
        try query(
            "SELECT * FROM request WHERE state = 'pending' AND decide_before <= ?1 ORDER BY decide_before LIMIT ?2",
            .integer(now.milliseconds), .integer(Int64(limit))
        ).map(storedRequest)
    }

    package func insert(_ request: AccessRequest, _ statement: Signed<RequestStatement>, at now: Timestamp) throws {
        try run(
            """
            INSERT INTO request (id, digest, person, state, version, statement, signatures, entitlement, charter,
                                 created_at, decide_before, break_glass)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
            """,
            .text(request.terms.id.description), .text(statement.digest.hex), .text(request.terms.person.text),
            .text(request.state.rawValue), .integer(request.version), .text(statement.source.text),
            .text(statement.source.signaturesJSON.text), .text(request.terms.entitlement.text),
            .integer(request.terms.charterVersion), .integer(now.milliseconds), .integer(request.decideBefore.milliseconds),
            .integer(request.terms.isBreakGlass ? 1 : 0))
    }

    /// Inserts a request for more time.
    package func insert(_ request: AccessRequest, _ extending: Signed<ExtensionStatement>, at now: Timestamp) throws {
        guard let extended = request.terms.extends else { throw StorageError.corrupt(detail: "an extension extends nothing") }
        try run(
            """
            INSERT INTO request (id, digest, person, state, version, statement, signatures, entitlement, charter,
                                 created_at, decide_before, break_glass, extends, lease)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, ?12, ?13)
            """,
            .text(request.terms.id.description), .text(extending.digest.hex), .text(request.terms.person.text),
            .text(request.state.rawValue), .integer(request.version), .text(extending.source.text),
            .text(extending.source.signaturesJSON.text), .text(request.terms.entitlement.text),
            .integer(request.terms.charterVersion), .integer(now.milliseconds), .integer(request.decideBefore.milliseconds),
            .text(extended.request.description), .integer(extended.lease))
    }

    /// The requests for more time on the grant of `request`, in the order of their leases.
    package func extensions(of request: RequestID) throws -> [StoredRequest] {
        try query("SELECT * FROM request WHERE extends = ?1 ORDER BY lease, created_at, id", .text(request.description)).map(storedRequest)
    }

    /// Stores a transition. Of two from one version exactly one changes the row.
    ///
    /// - Throws: ``X for the other.
    package func update(_ request: AccessRequest, from version: Int64, at now: Timestamp) throws {
        let changed = try run(
            "UPDATE request SET state = ?3, version = ?4, resolved_at = ?5 WHERE id = ?1 AND version = ?2",
            .text(request.terms.id.description), .integer(version), .text(request.state.rawValue),
            .integer(request.version), SQLValue(request.state.isTerminal ? now.milliseconds : nil))
        guard changed == 1 else { throw StorageError.changedMeanwhile("Request \(request.terms.id)") }
    }

    package func insert(_ vote: Signed<VoteStatement>, on id: RequestID, at now: Timestamp) throws {
        try run(
            """
            INSERT INTO vote (request, person, digest, verdict, statement, signatures, at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            """,
            .text(id.description), .text(vote.value.vote.person.text), .text(vote.digest.hex),
            .text(vote.value.vote.approves ? "approve" : "deny"), .text(vote.source.text),
            .text(vote.source.signaturesJSON.text), .integer(now.milliseconds))
    }

    /// The request that a stored vote belongs to: the answer to a retry.
    package func request(votedOnBy digest: Digest) throws -> RequestID? {
        guard let row = try first("SELECT request FROM vote WHERE digest = ?1", .text(digest.hex)) else { return nil }
        return try RequestID(try row.text("request"))
    }

    /// How many requests were approved without a vote.
    package func automaticApprovals(of person: PersonName, under entitlement: EntitlementName, since: Timestamp) throws -> Int {
        let row = try first(
            """
            SELECT count(*) AS n FROM request
            WHERE person = ?1 AND created_at >= ?2 AND entitlement = ?3 AND state = 'approved' AND break_glass = 0 AND extends IS NULL
                AND NOT EXISTS (SELECT 1 FROM vote WHERE vote.request = request.id)
            """, .text(person.text), .integer(since.milliseconds), .text(entitlement.text))
        return Int(try row?.integer("n") ?? 0)
    }

    // MARK: Reading

    private func storedRequest(_ row: Row) throws -> StoredRequest {
        let (statement, extending) = try statements(row)
        let votes = try query("SELECT statement, signatures FROM vote WHERE request = ?1 ORDER BY at, person", .text(try row.text("id")))
            .map { try signed($0, VoteStatement.self) }
        guard let state = AccessRequest.State(rawValue: try row.text("state")) else {
            throw StorageError.corrupt(detail: "a request has an unknown state")
        }
        let machine = AccessRequest(
            terms: try extending?.terms(extending: statement) ?? statement.terms, decideBefore: Timestamp(milliseconds: try row.integer("decide_before")),
            votes: votes.map(\.value.vote), state: state, version: try row.integer("version"))
        return StoredRequest(
            machine: machine, statement: statement, extending: extending, votes: votes,
            createdAt: Timestamp(milliseconds: try row.integer("created_at")),
            resolvedAt: try row.optionalInteger("resolved_at").map { Timestamp(milliseconds: $0) })
    }

    private func statements(_ row: Row) throws -> (Signed<RequestStatement>, Signed<ExtensionStatement>?) {
        guard let extended = try row.optionalText("extends") else { return (try signed(row, RequestStatement.self), nil) }
        guard let first = try first("SELECT * FROM request WHERE id = ?1", .text(extended)) else {
            throw StorageError.corrupt(detail: "an extension extends a request that is not there")
        }
        return (try signed(first, RequestStatement.self), try signed(row, ExtensionStatement.self))
    }

    /// A statement from its two columns.
    func signed<Value: Evidence.Statement>(_ row: Row, _ type: Value.Type, _ column: String = "statement", _ signatures: String = "signatures")
        throws -> Signed<Value>
    {
        try Signed(try SignedText(text: try row.text(column), signatures: try row.text(signatures)))
    }
}
