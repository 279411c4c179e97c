// SPDX-License-Identifier: Apache-2.0
// SECURITY: a name is plain ASCII and compared byte for byte. Nothing is folded, trimmed or normalised: what does not
// fit the pattern does not become a name, so no two spellings of one name exist (SECURITY 1.2).

/// A kind of thing that has a name; names of different kinds do not mix.
package protocol NamedKind: Sendable { static var label: String { get } }

package enum PersonKind: NamedKind { package static let label = "person" }
package enum GroupKind: NamedKind { package static let label = "group" }
package enum NodeKind: NamedKind { package static let label = "node" }
package enum EntitlementKind: NamedKind { package static let label = "entitlement" }
package enum RosterKind: NamedKind { package static let label = "roster" }
package enum RuleKind: NamedKind { package static let label = "rule" }
package enum RunAsKind: NamedKind { package static let label = "run-as user" }

/// A name that an administrator gave: `[a-z0-9][a-z0-9._-]{0,62}`.
package struct Name<Kind: NamedKind>: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let text: String

    package static var maximumLength: Int { 63 }

    /// - Throws: ``Refusal/nameMalformed(kind:_:)``; a name is refused, never repaired.
    package init(_ text: String) throws(Refusal) {
        guard Self.isWellFormed(text.utf8) else { throw .nameMalformed(kind: Kind.label, text) }
        self.text = text
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }

    private static func isWellFormed(_ bytes: String.UTF8View) -> Bool {
        guard (1...maximumLength).contains(bytes.count), let first = bytes.first, isLetterOrDigit(first) else {
            return false
        }
        return bytes.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

package typealias PersonName = Name<PersonKind>
package typealias GroupName = Name<GroupKind>
package typealias NodeName = Name<NodeKind>
package typealias EntitlementName = Name<EntitlementKind>
package typealias RosterName = Name<RosterKind>
package typealias RuleName = Name<RuleKind>
/// A user of a node's operating system. Digits alone are a number and not a name: sudo's `-1` and `#0` must not pass
/// (CVE-2019-14287).
package typealias RunAsName = Name<RunAsKind>

extension RunAsName {
    package init(user text: String) throws(Refusal) {
        try self.init(text)
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            throw .nameMalformed(kind: RunAsKind.label, text)
        }
    }
}
