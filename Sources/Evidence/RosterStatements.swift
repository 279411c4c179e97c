// SPDX-License-Identifier: Apache-2.0
// SECURITY: what a roster's key signs, and the entry of the roll that carries it. The key decides nothing else.

package import Access
package import StrictJSON

/// Who is on call, as another program may say it. docs/rosters.md has the bytes.
package struct RosterStatement: Statement {
    package static let type = "roster"

    package let root: Digest
    package let roster: RosterName
    package let content: PublishedRoster

    package init(root: Digest, roster: RosterName, content: PublishedRoster) {
        self.root = root
        self.roster = roster
        self.content = content
    }

    package var fields: JSONObject {
        let shifts = content.shifts.map { shift in
            JSONValue.object(["person": .string(shift.person.text), "from": .time(shift.from), "until": .time(shift.until)])
        }
        return [
            "root": .string(root.hex), "roster": .string(roster.text), "version": .integer(content.version), "at": .time(content.at),
            "shifts": .array(shifts),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        roster = try reader.name("roster")
        let shifts = try reader.array("shifts", maximum: SignedRoster.maximumShifts).map { value in
            var shift = try ObjectReader(value)
            let read = PublishedRoster.Shift(
                person: try shift.name("person"), from: try shift.timestamp("from"), until: try shift.timestamp("until"))
            try shift.finish()
            return read
        }
        content = PublishedRoster(
            version: try reader.integer("version", in: 1...1_000_000_000_000), at: try reader.timestamp("at"), shifts: shifts)
    }
}

/// Somebody hands in a statement about a roster. Who that is does not matter: the key of the roster counts.
package struct PublicationStatement: Statement {
    package static let type = "publication"

    package let place: RollPlace
    package let by: PersonName
    package let roster: Signed<RosterStatement>
    package let at: Timestamp

    package init(place: RollPlace, by: PersonName, roster: Signed<RosterStatement>, at: Timestamp) {
        self.place = place
        self.by = by
        self.roster = roster
        self.at = at
    }

    package var fields: JSONObject {
        var object: JSONObject = ["by": .string(by.text), "roster": roster.source.json, "at": .time(at)]
        place.write(to: &object)
        return object
    }

    package init(fields reader: inout ObjectReader) throws {
        place = try RollPlace(&reader)
        by = try reader.name("by")
        roster = try Signed(try SignedText(try reader.value("roster")))
        at = try reader.timestamp("at")
    }
}
