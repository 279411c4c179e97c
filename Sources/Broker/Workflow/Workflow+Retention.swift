// SPDX-License-Identifier: Apache-2.0
// SECURITY: recordings go by the signed policy only, never while an administrator's hold is on them, and each leaves its
// signed end and a ledger entry behind (P5).

import Access
import Evidence
import Storage
import StrictJSON

extension Workflow {
    /// Puts a hold on recordings, or takes it away.
    func hold(_ statement: Signed<HoldStatement>, from device: PublicKey) throws -> HoldName {
        let value = statement.value
        try verify(statement, by: value.person, root: value.root, sentFrom: device)
        guard directory.isAdministrator(value.person) else { throw Refusal.notAnAdministrator(value.person) }
        let present = try database.hold(inForce: value.name)
        switch value.kind {
        case .add:
            if try database.hold(addedBy: statement.digest) != nil { return value.name }
            try checkFresh(value.at)
            guard present == nil else { throw BrokerError.holdExists(value.name) }
            try database.insert(statement, at: now)
        case .remove:
            guard let present else {
                // A retry finds that it is done.
                throw BrokerError.notFound(kind: "hold", "`\(value.name)` in force")
            }
            try checkFresh(value.at)
            guard present.added.value.scope == value.scope else { throw BrokerError.holdExists(value.name) }
            try database.remove(present, by: statement, at: now)
        }
        try record(
            value.kind == .add ? "hold.added" : "hold.removed", value.name, by: value.person,
            [
                "digest": .string(statement.digest.hex), "scope": .string(value.scope.description), "reason": .string(value.reason),
            ])
        return value.name
    }

    /// What the policy in force and the holds say about a recording; `nil` for one that has not ended or is gone.
    func fate(of id: SessionID) throws -> RecordingFate? {
        guard let policy = directory.charter?.policy, let recording = try database.recording(id), let end = recording.end,
            recording.state != .deleted, let session = try database.session(id),
            let node = directory.nodes[session.opening.value.node]
        else { return nil }
        let facts = RecordingFacts(
            session: id, grant: session.machine.grant, person: session.opening.value.person, node: node, endedAt: end.value.at)
        return policy.fate(of: facts, holds: try database.holds().map { ($0.added.value.name, $0.added.value.scope) }, at: now)
    }

    /// Deletes a recording if it is due, here and now.
    ///
    /// - Returns: whether it was; its file is to be removed after the commit.
    func deleteIfDue(_ id: SessionID) throws -> Bool {
        guard case .due(let keep)? = try fate(of: id), let end = try database.recording(id)?.end else { return false }
        try database.deleteRecording(id, at: now)
        try record(
            "recording.deleted", id,
            [
                "recording": .string(end.digest.hex), "bytes": .integer(end.value.bytes),
                "keepDays": .integer(keep.wholeSeconds / 86_400),
            ])
        return true
    }
}
