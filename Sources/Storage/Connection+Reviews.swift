// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
import StrictJSON

/// A review with the judgement that ended it.
package struct StoredReview: Sendable {
    package var machine: Review
    package let createdAt: Timestamp
    /// Who was told when the glass was broken.
    package let told: [String]
    package let statement: Signed<ReviewStatement>?
    package let reviewedAt: Timestamp?

    package var request: RequestID { machine.request }
}

extension Connection {
    package func review(of id: RequestID) throws -> StoredReview? {
        guard let row = try first("SELECT * FROM review WHERE request = ?1", .text(id.description)) else { return nil }
        return try storedReview(row)
    }

    /// The request whose review the statement with this digest was: the answer to a retry.
    package func request(reviewedBy digest: Digest) throws -> RequestID? {
        guard let row = try first("SELECT request FROM review WHERE digest = ?1", .text(digest.hex)) else { return nil }
        return try RequestID(try row.text("request"))
    }

    /// The newest reviews first.
    package func reviews(limit: Int) throws -> [StoredReview] {
        try query("SELECT * FROM review ORDER BY created_at DESC, request LIMIT ?1", .integer(Int64(limit))).map(storedReview)
    }

    /// What nobody has judged yet, the nearest deadline first.
    package func openReviews() throws -> [StoredReview] {
        try query("SELECT * FROM review WHERE state IN ('due', 'overdue') ORDER BY due_before").map(storedReview)
    }

    package func openReviews(of requester: PersonName) throws -> [StoredReview] {
        try query(
            "SELECT * FROM review WHERE state IN ('due', 'overdue') AND requester = ?1 ORDER BY due_before", .text(requester.text)
        ).map(storedReview)
    }

    /// Reviews that nobody gave in time, and that are not marked so yet.
    package func reviewsDue(at now: Timestamp, limit: Int) throws -> [StoredReview] {
        try query(
            "SELECT * FROM review WHERE state = 'due' AND due_before <= ?1 ORDER BY due_before LIMIT ?2",
            .integer(now.milliseconds), .integer(Int64(limit))
        ).map(storedReview)
    }

    /// How often a person broke glass.
    package func brokenGlass(by person: PersonName, under entitlement: EntitlementName, since: Timestamp) throws -> Int {
        let row = try first(
            """
            SELECT count(*) AS n FROM request
            WHERE person = ?1 AND created_at >= ?2 AND entitlement = ?3 AND state = 'approved' AND break_glass = 1
            """, .text(person.text), .integer(since.milliseconds), .text(entitlement.text))
        return Int(try row?.integer("n") ?? 0)
    }

    package func insert(_ review: Review, told: [PersonName], at now: Timestamp) throws {
        try run(
            """
            INSERT INTO review (request, requester, state, version, due_before, told, created_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            """,
            .text(review.request.description), .text(review.requester.text), .text(review.state.rawValue),
            .integer(review.version), .integer(review.dueBefore.milliseconds),
            .text(JSONValue.array(told.map { .string($0.text) }).text), .integer(now.milliseconds))
    }

    /// Stores a transition; see ``update(_:from:at:)-request``.
    ///
    /// - Parameter statement: the judgement, with the transition that it causes.
    package func update(
        _ review: Review, from version: Int64, statement: Signed<ReviewStatement>? = nil, at now: Timestamp
    ) throws {
        let changed = try run(
            """
            UPDATE review SET state = ?3, version = ?4, reviewer = ?5, digest = ?6, statement = ?7, signatures = ?8, reviewed_at = ?9
            WHERE request = ?1 AND version = ?2
            """,
            .text(review.request.description), .integer(version), .text(review.state.rawValue), .integer(review.version),
            SQLValue(review.reviewer?.text), SQLValue(statement?.digest.hex), SQLValue(statement?.source.text),
            SQLValue(statement?.source.signaturesJSON.text), SQLValue(review.state.isTerminal ? now.milliseconds : nil))
        guard changed == 1 else { throw StorageError.changedMeanwhile("The review of \(review.request)") }
    }

    private func storedReview(_ row: Row) throws -> StoredReview {
        guard let state = Review.State(rawValue: try row.text("state")) else {
            throw StorageError.corrupt(detail: "a review has an unknown state")
        }
        let statement: Signed<ReviewStatement>? = try row.optionalText("statement") == nil ? nil : try signed(row, ReviewStatement.self)
        let machine = Review(
            request: try RequestID(try row.text("request")), requester: try PersonName(try row.text("requester")),
            dueBefore: Timestamp(milliseconds: try row.integer("due_before")),
            reviewer: try row.optionalText("reviewer").map { try PersonName($0) }, state: state, version: try row.integer("version"))
        return StoredReview(
            machine: machine, createdAt: Timestamp(milliseconds: try row.integer("created_at")),
            told: (try JSONValue(parsing: try row.text("told")).asArray ?? []).compactMap(\.asString), statement: statement,
            reviewedAt: try row.optionalInteger("reviewed_at").map { Timestamp(milliseconds: $0) })
    }
}
