// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
import Posix
import StrictJSON

/// A roster as people write it, JSON5: `{ roster, version, at, shifts: [{ person, from, until }] }`, times in RFC 3339.
/// `version` and `at` may be left out.
package struct RosterFile: Sendable {
    package let roster: RosterName
    package let version: Int64?
    package let at: Timestamp?
    package let shifts: [PublishedRoster.Shift]

    private static let maximumBytes = 256 * 1024

    /// - Throws: with line and column.
    package init(_ path: String) throws {
        let document = try JSON5Document(
            parsing: try DurableFile.read(path, maximumBytes: Self.maximumBytes), file: path, limits: JSONLimits(bytes: Self.maximumBytes))
        self = try document.read { reader throws(JSONError) in try RosterFile(&reader) }
    }

    private init(_ reader: inout ObjectReader) throws(JSONError) {
        roster = try Self.name("roster", &reader)
        version = try reader.optionalInteger("version", in: 1...1_000_000_000_000)
        at = try reader.optionalString("at") == nil ? nil : Self.time("at", &reader)
        var shifts: [PublishedRoster.Shift] = []
        for item in try reader.objects("shifts", maximum: SignedRoster.maximumShifts) {
            var shift = item
            shifts.append(
                PublishedRoster.Shift(
                    person: try Self.name("person", &shift), from: try Self.time("from", &shift), until: try Self.time("until", &shift)))
            try shift.finish()
        }
        self.shifts = shifts
    }

    private static func name<Kind: NamedKind>(_ key: String, _ reader: inout ObjectReader) throws(JSONError) -> Name<Kind> {
        let text = try reader.string(key, maximum: 63)
        do throws(Refusal) { return try Name<Kind>(text) } catch { throw reader.unacceptable(key, because: error) }
    }

    private static func time(_ key: String, _ reader: inout ObjectReader) throws(JSONError) -> Timestamp {
        let text = try reader.string(key, maximum: 40)
        guard let time = Timestamp(rfc3339: text) else {
            throw reader.unacceptable(key, "`\(text)` is not a time", hint: "Write it in UTC, as 2026-11-21T08:00:00Z.")
        }
        return time
    }

    /// The statement to be signed.
    ///
    /// - Parameters:
    ///   - known: the roster as it is published now; a version that is left out follows its last.
    ///   - now: when the statement is made, where the file does not say.
    package func statement(root: Digest, after known: SignedRoster?, now: Timestamp) -> RosterStatement {
        RosterStatement(
            root: root, roster: roster,
            content: PublishedRoster(version: version ?? (known?.published.last?.version ?? 0) + 1, at: at ?? now, shifts: shifts))
    }
}

extension Operator {
    /// The roster that statements fill, by the policy in force.
    package func signedRoster(_ name: RosterName) throws(Refusal) -> SignedRoster {
        guard case .statements(let roster)? = directory.charter?.policy.roster(name)?.source else { throw .roster(.notSigned(name)) }
        return roster
    }

    /// Puts a signed statement into the roll, unless it is there.
    ///
    /// - Returns: whether it is new.
    package func publish(_ statement: Signed<RosterStatement>) throws -> Bool {
        let name = try me().name
        let known = try signedRoster(statement.value.roster).published
        if known.last == statement.value.content { return false }
        _ = try append { place in PublicationStatement(place: place, by: name, roster: statement, at: .now()) }
        return true
    }
}
