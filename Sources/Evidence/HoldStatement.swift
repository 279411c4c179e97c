// SPDX-License-Identifier: Apache-2.0

package import Access
package import StrictJSON

/// An administrator says that recordings must not be deleted, or that they may be again.
package struct HoldStatement: Statement {
    package static let type = "hold"

    package enum Kind: String, Sendable { case add, remove }

    package let root: Digest
    package let kind: Kind
    package let name: HoldName
    package let scope: HoldScope
    package let person: PersonName
    package let reason: String
    package let nonce: String
    package let at: Timestamp

    package init(
        root: Digest, kind: Kind, name: HoldName, scope: HoldScope, person: PersonName, reason: String, nonce: String, at: Timestamp
    ) {
        self.root = root
        self.kind = kind
        self.name = name
        self.scope = scope
        self.person = person
        self.reason = reason
        self.nonce = nonce
        self.at = at
    }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "kind": .string(kind.rawValue), "name": .string(name.text),
            "scope": .string(scope.description), "person": .string(person.text), "reason": .string(reason),
            "nonce": .string(nonce), "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        let text = try reader.string("kind", maximum: 16)
        guard let kind = Kind(rawValue: text) else { throw EvidenceError.typeUnknown("hold " + text) }
        self.kind = kind
        name = try reader.name("name")
        let scope = try reader.string("scope", maximum: Selector.maximumLength)
        self.scope = try HoldScope(scope)
        // One writing of each scope: the schema holds the column against the statement.
        guard self.scope.description == scope else { throw EvidenceError.fieldMalformed("`scope` is not in its shortest form") }
        person = try reader.name("person")
        reason = try reader.string("reason")
        try HumanText.check(reason)
        nonce = try reader.nonce()
        at = try reader.timestamp("at")
    }
}
