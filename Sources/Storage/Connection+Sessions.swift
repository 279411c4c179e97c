// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
import StrictJSON

/// A session with its statements.
package struct StoredSession: Sendable {
    package var machine: Session
    package let opening: Signed<OpeningStatement>
    package let acceptance: Signed<AcceptanceStatement>?
    package let receipt: Signed<ReceiptStatement>?
    package let openedAt: Timestamp
    package let startedAt: Timestamp?
    package let endedAt: Timestamp?
    package let detail: String?
    package let isConfirmed: Bool

    package var id: SessionID { machine.id }
}

extension Connection {
    package func session(_ id: SessionID) throws -> StoredSession? {
        guard let row = try first("SELECT * FROM session WHERE id = ?1", .text(id.description)) else { return nil }
        return try storedSession(row)
    }

    package func sessions(limit: Int) throws -> [StoredSession] {
        try query("SELECT * FROM session ORDER BY opened_at DESC, id LIMIT ?1", .integer(Int64(limit))).map(storedSession)
    }

    package func sessions(of grant: GrantID) throws -> [StoredSession] {
        try query("SELECT * FROM session WHERE grant = ?1 ORDER BY opened_at", .text(grant.description)).map(storedSession)
    }

    package func unfinishedSessions() throws -> [StoredSession] {
        try query("SELECT * FROM session WHERE state <> 'ended'").map(storedSession)
    }

    package func unfinishedSessions(of person: PersonName) throws -> Int {
        let row = try first(
            "SELECT count(*) AS n FROM session WHERE state <> 'ended' AND person = ?1", .text(person.text))
        return Int(try row?.integer("n") ?? 0)
    }

    package func unfinishedSessions(on node: NodeName) throws -> [StoredSession] {
        try query("SELECT * FROM session WHERE state <> 'ended' AND node = ?1", .text(node.text)).map(storedSession)
    }

    package func insert(_ session: Session, _ opening: Signed<OpeningStatement>, at now: Timestamp) throws {
        try run(
            """
            INSERT INTO session (id, grant, node, person, capability, state, version, opening, opening_signatures,
                                 opened_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
            """,
            .text(session.id.description), .text(session.grant.description), .text(opening.value.node.text),
            .text(opening.value.person.text), .text(opening.value.capability.rawValue), .text(session.state.rawValue),
            .integer(session.version), .text(opening.source.text), .text(opening.source.signaturesJSON.text),
            .integer(now.milliseconds))
    }

    /// Stores a transition; of two from one version exactly one changes the row.
    package func update(
        _ session: Session, from version: Int64, acceptance: Signed<AcceptanceStatement>? = nil, detail: String? = nil,
        at now: Timestamp
    ) throws {
        let changed = try run(
            """
            UPDATE session SET state = ?3, version = ?4, end_reason = ?5, end_detail = coalesce(?6, end_detail),
                started_at = CASE WHEN ?3 = 'live' THEN coalesce(started_at, ?7) ELSE started_at END,
                ended_at = CASE WHEN ?3 = 'ended' THEN ?7 ELSE NULL END,
                acceptance = coalesce(?8, acceptance), acceptance_signatures = coalesce(?9, acceptance_signatures)
            WHERE id = ?1 AND version = ?2
            """,
            .text(session.id.description), .integer(version), .text(session.state.rawValue), .integer(session.version),
            SQLValue(session.endReason?.rawValue), SQLValue(detail), .integer(now.milliseconds),
            SQLValue(acceptance?.source.text), SQLValue(acceptance?.source.signaturesJSON.text))
        guard changed == 1 else { throw StorageError.changedMeanwhile("Session \(session.id)") }
    }

    /// Stores the node's receipt with the session's last state.
    ///
    /// A session that was given up keeps its end as it was told then; the late receipt confirms it.
    package func store(_ receipt: Signed<ReceiptStatement>, for session: Session, from version: Int64, at now: Timestamp) throws {
        let status: Int64? =
            switch receipt.value.outcome {
            case .exited(let status): Int64(status)
            case .signalled(let number): 128 + Int64(number)
            case .none: nil
            }
        let changed = try run(
            """
            UPDATE session SET state = 'ended', version = ?3,
                end_reason = CASE WHEN state = 'ended' THEN end_reason ELSE ?4 END,
                end_detail = CASE WHEN state = 'ended' THEN end_detail ELSE ?5 END,
                ended_at = coalesce(ended_at, ?6),
                receipt = ?7, receipt_signatures = ?8, killed_count = ?9, left_count = ?10, confirmed = 1,
                exit_status = ?11
            WHERE id = ?1 AND version = ?2
            """,
            .text(session.id.description), .integer(version), .integer(session.version),
            .text(receipt.value.reason.rawValue), .text(receipt.value.detail), .integer(now.milliseconds),
            .text(receipt.source.text), .text(receipt.source.signaturesJSON.text), .integer(Int64(receipt.value.killed)),
            .integer(Int64(receipt.value.left)), SQLValue(status))
        guard changed == 1 else { throw StorageError.changedMeanwhile("Session \(session.id)") }
    }

    private func storedSession(_ row: Row) throws -> StoredSession {
        guard let state = Session.State(rawValue: try row.text("state")) else {
            throw StorageError.corrupt(detail: "a session has an unknown state")
        }
        let reason = try row.optionalText("end_reason").flatMap { Session.EndReason(rawValue: $0) }
        let machine = Session(
            id: try SessionID(try row.text("id")), grant: try GrantID(try row.text("grant")), endReason: reason,
            state: state, version: try row.integer("version"))
        let hasReceipt = try row.optionalText("receipt") != nil
        let isAccepted = try row.optionalText("acceptance") != nil
        return StoredSession(
            machine: machine, opening: try signed(row, OpeningStatement.self, "opening", "opening_signatures"),
            acceptance: isAccepted
                ? try signed(row, AcceptanceStatement.self, "acceptance", "acceptance_signatures") : nil,
            receipt: hasReceipt ? try signed(row, ReceiptStatement.self, "receipt", "receipt_signatures") : nil,
            openedAt: Timestamp(milliseconds: try row.integer("opened_at")),
            startedAt: try row.optionalInteger("started_at").map { Timestamp(milliseconds: $0) },
            endedAt: try row.optionalInteger("ended_at").map { Timestamp(milliseconds: $0) },
            detail: try row.optionalText("end_detail"), isConfirmed: try row.integer("confirmed") == 1)
    }
}

extension Connection {
    /// Sessions that have not ended although their grant's end is before `limit`.
    package func sessionsToGiveUp(before limit: Timestamp, limit count: Int) throws -> [StoredSession] {
        try unfinishedSessionIDs(before: limit, limit: count).compactMap { try session($0) }
    }

    /// From the sessions to their grants. A join may go the other way, over every grant, once somebody has let SQLite count.
    private func unfinishedSessionIDs(before limit: Timestamp, limit count: Int) throws -> [SessionID] {
        try query(
            """
            SELECT id FROM session AS s
            WHERE state <> 'ended' AND (SELECT not_after FROM grant AS g WHERE g.id = s.grant) < ?1 LIMIT ?2
            """, .integer(limit.milliseconds), .integer(Int64(count))
        ).map { try SessionID(try $0.text("id")) }
    }

    /// The nearest moment at which the sweeper has something to do.
    package func nextDeadline() throws -> Timestamp? {
        let row = try first(
            """
            SELECT min(at) AS at FROM (
                SELECT min(decide_before) AS at FROM request WHERE state = 'pending'
                UNION ALL SELECT min(activate_before) FROM grant WHERE state = 'ready'
                UNION ALL SELECT min(not_after) FROM grant WHERE state = 'active'
                UNION ALL SELECT min(due_before) FROM review WHERE state = 'due')
            """)
        return try row?.optionalInteger("at").map { Timestamp(milliseconds: $0) }
    }
}
