// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
import StrictJSON

/// What the database knows of a recording.
package struct StoredRecording: Sendable {
    package enum State: String, Sendable {
        /// Its session lives, or its end was not seen yet.
        case growing
        case whole
        /// Something that the session put out is missing.
        case truncated
        /// By the policy's retention. What was signed about it stays.
        case deleted
    }

    package let session: SessionID
    package let state: State
    package let begunAt: Timestamp
    package let end: Signed<RecordingEndStatement>?
    package let deletedAt: Timestamp?
}

extension Connection {
    package func recording(_ id: SessionID) throws -> StoredRecording? {
        try first("SELECT * FROM recording WHERE session = ?1", .text(id.description)).map(storedRecording)
    }

    /// Recordings whose end is not known.
    package func growingRecordings() throws -> [SessionID] {
        try query("SELECT session FROM recording WHERE state = 'growing'").map { try SessionID(try $0.text("session")) }
    }

    /// Recordings that have ended and are not deleted.
    package func keptRecordingCount() throws -> Int64 {
        try first("SELECT count(*) AS n FROM recording WHERE state IN ('whole', 'truncated')")?.integer("n") ?? 0
    }

    package func beginRecording(_ id: SessionID, at now: Timestamp) throws {
        try run(
            "INSERT INTO recording (session, state, begun_at) VALUES (?1, 'growing', ?2)", .text(id.description),
            .integer(now.milliseconds))
    }

    package func endRecording(_ id: SessionID, _ end: Signed<RecordingEndStatement>, at now: Timestamp) throws {
        let state: StoredRecording.State = end.value.isWhole ? .whole : .truncated
        let changed = try run(
            """
            UPDATE recording SET state = ?2, ended_at = ?3, bytes = ?4, statement = ?5, signatures = ?6
            WHERE session = ?1 AND state = 'growing'
            """,
            .text(id.description), .text(state.rawValue), .integer(now.milliseconds), .integer(end.value.bytes),
            .text(end.source.text), .text(end.source.signaturesJSON.text))
        guard changed == 1 else { throw StorageError.changedMeanwhile("The recording of \(id)") }
    }

    private func storedRecording(_ row: Row) throws -> StoredRecording {
        guard let state = StoredRecording.State(rawValue: try row.text("state")) else {
            throw StorageError.corrupt(detail: "a recording has an unknown state")
        }
        let hasEnded = try row.optionalText("statement") != nil
        return StoredRecording(
            session: try SessionID(try row.text("session")), state: state,
            begunAt: Timestamp(milliseconds: try row.integer("begun_at")),
            end: hasEnded ? try signed(row, RecordingEndStatement.self) : nil,
            deletedAt: try row.optionalInteger("deleted_at").map { Timestamp(milliseconds: $0) })
    }
}

extension Connection {
    /// Recordings that have ended and are kept, in the order of their ends, behind one of them.
    package func keptRecordings(after endedAt: Timestamp, _ session: String, limit: Int) throws -> [(session: SessionID, endedAt: Timestamp)] {
        try query(
            """
            SELECT session, ended_at FROM recording
            WHERE state IN ('whole', 'truncated') AND (ended_at, session) > (?1, ?2) ORDER BY ended_at, session LIMIT ?3
            """, .integer(endedAt.milliseconds), .text(session), .integer(Int64(limit))
        ).map { (try SessionID(try $0.text("session")), Timestamp(milliseconds: try $0.integer("ended_at"))) }
    }
}
