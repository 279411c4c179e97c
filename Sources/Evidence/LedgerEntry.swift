// SPDX-License-Identifier: Apache-2.0
// SECURITY: the ledger is a chain of hashes: an entry names the hash of the one before, so that no byte changes, no entry
// goes missing and none moves without the chain breaking at that place (P5).

package import Access
package import StrictJSON

/// One thing that happened.
package struct LedgerEntry: Sendable, Equatable {
    package let number: Int64
    package let at: Timestamp
    /// What happened, as `request.created`.
    package let event: String
    /// The id or name of what it happened to.
    package let subject: String
    /// Who did it; empty for the broker itself.
    package let actor: String
    /// More about it, in canonical JSON.
    package let body: String
    package let previous: Digest
    package let hash: Digest

    private static let label = Array("stint ledger 1\n".utf8)

    /// The entry that follows the one with `number` and `hash`; 0 and ``Digest/none`` before the first.
    package init(
        after number: Int64, _ hash: Digest, at: Timestamp, event: String, subject: String, actor: String, body: JSONObject
    ) throws(EvidenceError) {
        try self.init(
            number: number + 1, at: at, event: event, subject: subject, actor: actor,
            body: JSONValue.object(body).canonical, previous: hash)
    }

    package init(
        number: Int64, at: Timestamp, event: String, subject: String, actor: String, body: String, previous: Digest
    ) throws(EvidenceError) {
        self.number = number
        self.at = at
        self.event = event
        self.subject = subject
        self.actor = actor
        self.body = body
        self.previous = previous
        let content: JSONValue = .object([
            "number": .integer(number), "at": .time(at), "event": .string(event), "subject": .string(subject),
            "actor": .string(actor), "body": .string(body), "previous": .string(previous.hex),
        ])
        do { hash = try Digest(of: Self.label + Array(content.canonical.utf8)) } catch { throw .cryptography(error) }
    }
}

/// Checks a ledger entry by entry.
package struct LedgerVerifier: Sendable {
    package private(set) var number: Int64 = 0
    package private(set) var head: Digest = .none

    package init() {}

    /// - Throws: ``EvidenceError/ledgerBroken(number:what:)`` naming the place.
    package mutating func add(
        number: Int64, at: Timestamp, event: String, subject: String, actor: String, body: String, previous: String,
        hash: String
    ) throws(EvidenceError) {
        guard number == self.number + 1 else {
            throw .ledgerBroken(number: self.number + 1, what: "it is missing; entry \(number) follows")
        }
        guard previous == head.hex else {
            throw .ledgerBroken(number: number, what: "it does not follow from entry \(number - 1)")
        }
        let entry = try LedgerEntry(
            number: number, at: at, event: event, subject: subject, actor: actor, body: body, previous: head)
        guard entry.hash.hex == hash else { throw .ledgerBroken(number: number, what: "its content was changed") }
        self.number = number
        head = entry.hash
    }
}
