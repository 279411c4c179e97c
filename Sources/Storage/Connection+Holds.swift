// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
import StrictJSON

/// A hold with the statements that made and removed it.
package struct StoredHold: Sendable {
    package let added: Signed<HoldStatement>
    package let addedAt: Timestamp
    package let removed: Signed<HoldStatement>?
    package let removedAt: Timestamp?
}

extension Connection {
    /// Holds in force.
    package func holds() throws -> [StoredHold] {
        try query("SELECT * FROM hold INDEXED BY hold_in_force WHERE removed_at IS NULL ORDER BY name").map(storedHold)
    }

    /// Also those that were removed, the latest first.
    package func allHolds(limit: Int) throws -> [StoredHold] {
        try query("SELECT * FROM hold ORDER BY at DESC, digest LIMIT ?1", .integer(Int64(limit))).map(storedHold)
    }

    package func hold(inForce name: HoldName) throws -> StoredHold? {
        try first("SELECT * FROM hold WHERE name = ?1 AND removed_at IS NULL", .text(name.text)).map(storedHold)
    }

    package func hold(addedBy digest: Digest) throws -> StoredHold? {
        try first("SELECT * FROM hold WHERE digest = ?1", .text(digest.hex)).map(storedHold)
    }

    package func insert(_ hold: Signed<HoldStatement>, at now: Timestamp) throws {
        try run(
            "INSERT INTO hold (digest, name, scope, statement, signatures, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            .text(hold.digest.hex), .text(hold.value.name.text), .text(hold.value.scope.description), .text(hold.source.text),
            .text(hold.source.signaturesJSON.text), .integer(now.milliseconds))
    }

    package func remove(_ hold: StoredHold, by removal: Signed<HoldStatement>, at now: Timestamp) throws {
        let changed = try run(
            """
            UPDATE hold SET removal = ?2, removal_signatures = ?3, removed_at = ?4 WHERE digest = ?1 AND removed_at IS NULL
            """,
            .text(hold.added.digest.hex), .text(removal.source.text), .text(removal.source.signaturesJSON.text),
            .integer(now.milliseconds))
        guard changed == 1 else { throw StorageError.changedMeanwhile("Hold \(hold.added.value.name)") }
    }

    /// What was signed about it stays.
    package func deleteRecording(_ id: SessionID, at now: Timestamp) throws {
        let changed = try run(
            "UPDATE recording SET state = 'deleted', deleted_at = ?2 WHERE session = ?1 AND state IN ('whole', 'truncated')",
            .text(id.description), .integer(now.milliseconds))
        guard changed == 1 else { throw StorageError.changedMeanwhile("The recording of \(id)") }
    }

    private func storedHold(_ row: Row) throws -> StoredHold {
        let isRemoved = try row.optionalText("removal") != nil
        return StoredHold(
            added: try signed(row, HoldStatement.self), addedAt: Timestamp(milliseconds: try row.integer("at")),
            removed: isRemoved ? try signed(row, HoldStatement.self, "removal", "removal_signatures") : nil,
            removedAt: try row.optionalInteger("removed_at").map { Timestamp(milliseconds: $0) })
    }
}
