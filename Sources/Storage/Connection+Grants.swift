// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
import StrictJSON

/// A grant with the activation that started it.
package struct StoredGrant: Sendable {
    package var machine: Grant
    package let request: RequestID
    fileprivate let activationText: (statement: String, signatures: String)?
    package let createdAt: Timestamp
    package let endedAt: Timestamp?

    package var id: GrantID { machine.id }

    /// Read only when somebody asks for it: who ends a thousand grants does not.
    package var activation: Signed<ActivationStatement>? {
        get throws {
            try activationText.map { try Signed(try SignedText(text: $0.statement, signatures: $0.signatures)) }
        }
    }
}

extension Connection {
    package func grant(_ id: GrantID) throws -> StoredGrant? {
        guard let row = try first("SELECT * FROM grant WHERE id = ?1", .text(id.description)) else { return nil }
        return try storedGrant(row)
    }

    package func grants(limit: Int) throws -> [StoredGrant] {
        try query("SELECT * FROM grant ORDER BY created_at DESC, id LIMIT ?1", .integer(Int64(limit))).map(storedGrant)
    }

    /// Grants made between two moments, the latest first.
    ///
    /// - Parameters:
    ///   - before: the last moment that counts.
    ///   - behind: of the grants made at `before`, only those behind this id.
    package func grants(from since: Timestamp, before: Timestamp, behind: String, limit: Int) throws -> [StoredGrant] {
        try query(
            """
            SELECT * FROM grant WHERE created_at >= ?1 AND created_at <= ?2 AND (created_at < ?2 OR id > ?3)
            ORDER BY created_at DESC, id LIMIT ?4
            """, .integer(since.milliseconds), .integer(before.milliseconds), .text(behind), .integer(Int64(limit))
        ).map(storedGrant)
    }

    /// Grants of `holder` that are not over.
    package func openGrants(of holder: PersonName) throws -> [StoredGrant] {
        try query(
            "SELECT * FROM grant WHERE holder = ?1 AND ended_at IS NULL ORDER BY created_at DESC",
            .text(holder.text)
        ).map(storedGrant)
    }

    package func openGrants() throws -> [StoredGrant] {
        try query("SELECT * FROM grant WHERE ended_at IS NULL ORDER BY created_at DESC")
            .map(storedGrant)
    }

    /// Grants whose next deadline is past: not activated in time, or expired.
    package func grantsDue(at now: Timestamp, limit: Int) throws -> [StoredGrant] {
        let lapsed = try query(
            "SELECT * FROM grant WHERE state = 'ready' AND activate_before <= ?1 ORDER BY activate_before LIMIT ?2",
            .integer(now.milliseconds), .integer(Int64(limit)))
        let expired = try query(
            "SELECT * FROM grant WHERE state = 'active' AND not_after <= ?1 ORDER BY not_after LIMIT ?2",
            .integer(now.milliseconds), .integer(Int64(limit)))
        return try (lapsed + expired).map(storedGrant)
    }

    /// Grants that are ending and have no session left that has not ended.
    package func grantsToSettle(limit: Int) throws -> [StoredGrant] {
        try query(
            """
            SELECT * FROM grant AS g WHERE state = 'ending' AND NOT EXISTS
                (SELECT 1 FROM session AS s WHERE s.grant = g.id AND s.state <> 'ended')
            LIMIT ?1
            """, .integer(Int64(limit))
        ).map(storedGrant)
    }

    /// Grants that ended although their own time does not close them yet.
    package func grantsOverEarly(at now: Timestamp, limit: Int) throws -> [StoredGrant] {
        try query(
            """
            SELECT * FROM grant WHERE end_reason IS NOT NULL
                AND coalesce(not_after, activate_before + granted_seconds * 1000) > ?1
            ORDER BY coalesce(not_after, activate_before + granted_seconds * 1000) LIMIT ?2
            """, .integer(now.milliseconds), .integer(Int64(limit))
        ).map(storedGrant)
    }

    package func insert(_ grant: Grant, for request: RequestID, at now: Timestamp) throws {
        try run(
            """
            INSERT INTO grant (id, request, holder, state, version, granted_seconds, activate_before, created_at,
                               starts_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            """,
            .text(grant.id.description), .text(request.description), .text(grant.holder.text),
            .text(grant.state.rawValue), .integer(grant.version), .integer(grant.granted.wholeSeconds),
            .integer(grant.activateBefore.milliseconds), .integer(now.milliseconds), SQLValue(grant.startsAt?.milliseconds))
    }

    /// Stores a transition; see ``update(_:from:at:)-request``.
    ///
    /// - Parameter activation: the statement, with the transition that it causes.
    package func update(
        _ grant: Grant, from version: Int64, activation: Signed<ActivationStatement>? = nil, at now: Timestamp
    ) throws {
        // What is not in the statement is not checked again: most of a grant is what was signed.
        let changed = if let activation {
            try run(
                """
                UPDATE grant SET state = ?3, version = ?4, not_before = ?5, not_after = ?6, end_reason = ?7, ended_at = ?8,
                    activation = ?9, activation_signatures = ?10, lease = ?11
                WHERE id = ?1 AND version = ?2
                """,
                .text(grant.id.description), .integer(version), .text(grant.state.rawValue), .integer(grant.version),
                SQLValue(grant.notBefore?.milliseconds), SQLValue(grant.notAfter?.milliseconds),
                SQLValue(grant.endReason?.rawValue), SQLValue(grant.state.isTerminal ? now.milliseconds : nil),
                .text(activation.source.text), .text(activation.source.signaturesJSON.text), .integer(grant.lease))
        } else {
            try run(
                """
                UPDATE grant SET state = ?3, version = ?4, not_after = ?5, end_reason = ?6, ended_at = ?7, lease = ?8
                WHERE id = ?1 AND version = ?2
                """,
                .text(grant.id.description), .integer(version), .text(grant.state.rawValue), .integer(grant.version),
                SQLValue(grant.notAfter?.milliseconds), SQLValue(grant.endReason?.rawValue),
                SQLValue(grant.state.isTerminal ? now.milliseconds : nil), .integer(grant.lease))
        }
        guard changed == 1 else { throw StorageError.changedMeanwhile("Grant \(grant.id)") }
    }

    private func storedGrant(_ row: Row) throws -> StoredGrant {
        guard let state = Grant.State(rawValue: try row.text("state")) else {
            throw StorageError.corrupt(detail: "a grant has an unknown state")
        }
        let reason = try row.optionalText("end_reason").flatMap { Grant.EndReason(rawValue: $0) }
        let machine = Grant(
            id: try GrantID(try row.text("id")), holder: try PersonName(try row.text("holder")),
            granted: .seconds(try row.integer("granted_seconds")),
            activateBefore: Timestamp(milliseconds: try row.integer("activate_before")),
            startsAt: try row.optionalInteger("starts_at").map { Timestamp(milliseconds: $0) },
            notBefore: try row.optionalInteger("not_before").map { Timestamp(milliseconds: $0) },
            notAfter: try row.optionalInteger("not_after").map { Timestamp(milliseconds: $0) },
            lease: try row.integer("lease"), endReason: reason, state: state, version: try row.integer("version"))
        let activation = try row.optionalText("activation")
        return StoredGrant(
            machine: machine, request: try RequestID(try row.text("request")),
            activationText: try activation.map { ($0, try row.text("activation_signatures")) },
            createdAt: Timestamp(milliseconds: try row.integer("created_at")),
            endedAt: try row.optionalInteger("ended_at").map { Timestamp(milliseconds: $0) })
    }
}
