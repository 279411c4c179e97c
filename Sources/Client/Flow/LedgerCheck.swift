// SPDX-License-Identifier: Apache-2.0
// SECURITY: the ledger is believed for its hashes only, and the highest end that was ever seen here must stay a part of it
// (P5).

import Access
package import Evidence
import Posix
import Protocol
import StrictJSON

/// The end of the ledger as it was once verified here.
package struct LedgerHead: Sendable, Equatable {
    package let number: Int64
    package let head: Digest

    package init(number: Int64, head: Digest) {
        self.number = number
        self.head = head
    }
}

/// Verifies a ledger that comes in pieces, and holds it against the end that was seen before.
package struct LedgerCheck {
    private var verifier = LedgerVerifier()
    private let seen: LedgerHead?

    package init(seen: LedgerHead?) { self.seen = seen }

    /// The entry up to which all holds.
    package var number: Int64 { verifier.number }

    /// - Throws: `ledger.broken` naming the entry, `ledger.forked` for another history than the one seen before.
    package mutating func add(_ entry: Answer) throws {
        try verifier.add(
            number: try entry.integer("number"), at: Timestamp(milliseconds: try entry.integer("atMilliseconds")),
            event: try entry.text("event"), subject: try entry.text("subject"), actor: entry.optionalText("actor") ?? "",
            body: try entry.text("body"), previous: try entry.text("previous"), hash: try entry.text("hash"))
        if let seen, seen.number == verifier.number, seen.head != verifier.head {
            throw ClientError.ledgerForked(seen.number)
        }
    }

    /// - Throws: `ledger.behind` for a ledger that ends before what was seen.
    package func finish() throws(ClientError) -> LedgerHead {
        if let seen, verifier.number < seen.number { throw .ledgerBehind(here: verifier.number, seen: seen.number) }
        return LedgerHead(number: verifier.number, head: verifier.head)
    }
}

extension ClientHome {
    package func ledgerHead() throws -> LedgerHead? {
        guard let bytes = try read(ledgerHeadPath, maximumBytes: 4096) else { return nil }
        let value = try JSONValue(parsing: bytes)
        guard let number = value["number"]?.asInteger, let head = value["head"]?.asString.flatMap({ Digest(hex: $0) }) else {
            throw ClientError.fileDamaged(ledgerHeadPath, what: "it does not name an entry and its hash.")
        }
        return LedgerHead(number: number, head: head)
    }

    package func save(_ head: LedgerHead) throws {
        let value: JSONValue = ["number": .integer(head.number), "head": .string(head.head.hex)]
        try DurableFile.writeAtomically(Array((value.pretty + "\n").utf8), to: ledgerHeadPath)
    }
}

extension Operator {
    /// Fetches and verifies the whole ledger, and remembers its end.
    package func verifyLedger() throws -> LedgerHead {
        var check = LedgerCheck(seen: try home.ledgerHead())
        while true {
            let query: [(name: String, value: String)] = [
                ("after", String(check.number)), ("limit", String(Limits.listRows)),
            ]
            let entries = try Answer(try broker.get(Route.ledger, query)).items()
            if entries.isEmpty { break }
            for entry in entries { try check.add(entry) }
        }
        let end = try check.finish()
        if end.number > 0 { try home.save(end) }
        return end
    }
}
