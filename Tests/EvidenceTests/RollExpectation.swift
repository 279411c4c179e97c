// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Testing

extension Installation {
    static func bob() throws -> InvitationStatement.Subject { .person(try PersonName("bob"), groups: [try GroupName("ops")], attributes: [:]) }
}

/// Appends `entry` and demands `error` and that the roll is as before.
func expect<Value: Statement>(
    _ error: EvidenceError, from entry: Signed<Value>, on ours: Installation, at now: Timestamp? = nil,
    _ location: SourceLocation = #_sourceLocation
) {
    var roll = ours.roll
    #expect(throws: error, sourceLocation: location) { try roll.append(entry.source, at: now) }
    #expect(roll.number == ours.roll.number && roll.head == ours.roll.head, sourceLocation: location)
    #expect(roll.directory == ours.roll.directory, sourceLocation: location)
}
