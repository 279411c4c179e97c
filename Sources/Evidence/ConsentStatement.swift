// SPDX-License-Identifier: Apache-2.0
// SECURITY: a consent names the very content and the charter it follows, so it can neither be carried over to another text
// nor used a second time.

package import Access
package import StrictJSON

/// What a charter decides: all of it but its place.
package struct CharterContent: Sendable, Equatable {
    package let administrators: [PersonName]
    /// The text of the policy with its comments.
    package let policy: String

    private static let label = Array("stint charter content 1\n".utf8)

    package init(administrators: [PersonName], policy: String) {
        self.administrators = administrators.sorted()
        self.policy = policy
    }

    package func digest() throws(EvidenceError) -> Digest {
        do { return try Digest(of: Self.label + Array(json.canonical.utf8)) } catch { throw .cryptography(error) }
    }

    // MARK: As JSON

    package var json: JSONValue { .object(["administrators": .names(administrators), "policy": .string(policy)]) }

    package init(_ value: JSONValue) throws(EvidenceError) {
        do {
            var reader = try ObjectReader(value)
            self.init(
                administrators: try reader.names("administrators", maximum: 100),
                policy: try reader.string("policy", maximum: Policy.maximumLength))
            try reader.finish()
        } catch {
            throw EvidenceError(error)
        }
    }
}

/// An administrator agrees that a content becomes the next charter. The first consent to a content proposes it.
package struct ConsentStatement: Statement {
    package static let type = "consent"

    package let root: Digest
    /// Of the charter to be.
    package let version: Int64
    /// The digest of the charter that it follows.
    package let base: Digest
    /// See ``CharterContent/digest()``.
    package let content: Digest
    package let person: PersonName
    /// Why; others read it.
    package let reason: String
    package let notAfter: Timestamp
    package let nonce: String
    package let at: Timestamp

    package init(
        root: Digest, version: Int64, base: Digest, content: Digest, person: PersonName, reason: String, notAfter: Timestamp,
        nonce: String, at: Timestamp
    ) {
        self.root = root
        self.version = version
        self.base = base
        self.content = content
        self.person = person
        self.reason = reason
        self.notAfter = notAfter
        self.nonce = nonce
        self.at = at
    }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "version": .integer(version), "base": .string(base.hex), "content": .string(content.hex),
            "person": .string(person.text), "reason": .string(reason), "notAfter": .time(notAfter), "nonce": .string(nonce),
            "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        version = try reader.integer("version", in: 2...1_000_000)
        base = try reader.digest("base")
        content = try reader.digest("content")
        person = try reader.name("person")
        reason = try reader.string("reason")
        try HumanText.check(reason)
        notAfter = try reader.timestamp("notAfter")
        nonce = try reader.nonce()
        at = try reader.timestamp("at")
    }
}
