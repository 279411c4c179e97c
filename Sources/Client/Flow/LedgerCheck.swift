// SPDX-License-Identifier: Apache-2.0
// SECURITY: the ledger is believed for its hashes and the broker's signature over its head only, and the highest head that
// was ever seen here must stay a part of it (P5).

package import Access
package import Evidence
import Posix
import Protocol
import StrictJSON

/// Verifies a ledger that comes in pieces against the head that the broker signed for it, and against what was seen before.
package struct LedgerCheck {
    private var verifier = LedgerVerifier()
    private var tree = MerkleFrontier()
    private let head: LedgerHeadStatement
    private let seen: LedgerHeadStatement?

    package init(head: LedgerHeadStatement, seen: LedgerHeadStatement?) {
        self.head = head
        self.seen = seen
    }

    /// The entry up to which all holds.
    package var number: Int64 { verifier.number }

    /// Whether more entries belong to the head.
    package var isComplete: Bool { verifier.number >= head.size }

    /// - Throws: `ledger.broken` naming the entry, `ledger.forked` for another history than the one seen before.
    package mutating func add(_ entry: Answer) throws {
        guard !isComplete else { return }  // written after the head was signed
        try verifier.add(
            number: try entry.integer("number"), at: Timestamp(milliseconds: try entry.integer("atMilliseconds")),
            event: try entry.text("event"), subject: try entry.text("subject"), actor: entry.optionalText("actor") ?? "",
            body: try entry.text("body"), previous: try entry.text("previous"), hash: try entry.text("hash"))
        try tree.add(verifier.head.bytes)
        guard let seen, seen.size == verifier.number else { return }
        guard seen.chain == verifier.head, seen.tree == (try tree.root()) else { throw EvidenceError.ledgerForked(seen.size) }
    }

    /// - Throws: `ledger.head-wrong` where the entries are not those of the head.
    package func finish() throws {
        guard verifier.number == head.size, verifier.head == head.chain, try tree.root() == head.tree else {
            throw EvidenceError.ledgerHeadWrong(size: head.size)
        }
    }
}

extension ClientHome {
    /// The highest head that was seen here.
    package func seenLedger(root: Digest, broker: PublicKey) throws -> SeenLedger {
        guard let bytes = try read(ledgerHeadPath, maximumBytes: 16 * 1024) else {
            return try SeenLedger(root: root, broker: broker)
        }
        do {
            return try SeenLedger(root: root, broker: broker, stored: try SignedText(try JSONValue(parsing: bytes)))
        } catch {
            throw ClientError.fileDamaged(ledgerHeadPath, what: Failures.message(of: error))
        }
    }

    /// Remembers a head, unless another command of the same person has seen a later one meanwhile.
    package func remember(_ head: Signed<LedgerHeadStatement>, root: Digest, broker: PublicKey) throws {
        guard try seenLedger(root: root, broker: broker).size < head.value.size else { return }
        try DurableFile.writeAtomically(Array(head.source.json.text.utf8), to: ledgerHeadPath)
    }
}

extension Operator {
    /// The broker's status, and its ledger's head, which must continue what was seen here.
    ///
    /// - Returns: the head now, and the one that was the highest before. ``saveHead()`` puts the one now on disk.
    /// - Throws: `ledger.behind`, `ledger.forked`.
    func lookAtLedger() throws -> (status: Answer, head: LedgerHeadStatement?, before: LedgerHeadStatement?) {
        var seen = try home.seenLedger(root: identity.root, broker: identity.pin)
        let before = seen.head?.value
        let status = Answer(try broker.get(Route.status, [("ledger", String(seen.size))]))
        guard let news = status.json["ledgerNews"], news != .null else {
            // A device that was taken away is shown nothing, and is told so by the next call.
            return (status, nil, before)
        }
        let isNew = try seen.take(try LedgerNews(news))
        if isNew { unsavedHead = seen.head }
        return (status, seen.head?.value, before)
    }

    /// Remembers the head that was seen last.
    func saveHead() throws {
        guard let head = unsavedHead else { return }
        try home.remember(head, root: identity.root, broker: identity.pin)
        unsavedHead = nil
    }

    /// Fetches and verifies the whole ledger.
    ///
    /// - Returns: the head that it was verified against.
    package func verifyLedger() throws -> LedgerHeadStatement {
        let (_, shown, before) = try lookAtLedger()
        try saveHead()
        guard let head = shown else { throw ClientError.unclearAnswer("the head of the ledger is missing") }
        var check = LedgerCheck(head: head, seen: before)
        while !check.isComplete {
            let entries = try ledger(after: check.number)
            if entries.isEmpty { break }
            for entry in entries { try check.add(entry) }
        }
        try check.finish()
        return head
    }

    /// The entries behind `number`, as many as one answer holds.
    func ledger(after number: Int64) throws -> [Answer] {
        try Answer(try broker.get(Route.ledger, [("after", String(number)), ("limit", String(Limits.listRows))])).items()
    }
}
