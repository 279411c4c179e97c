// SPDX-License-Identifier: Apache-2.0

import StrictJSON

/// When the ledger tells of what. It is asked each time: the index over subjects answers, which `integrity_check` has held
/// against the entries, and no entry is kept in memory.
final class Mentions {
    private let entries: DatabaseLookup

    init(_ database: DatabaseReader) throws(VerifierError) {
        entries = try database.lookup("SELECT at, body FROM ledger WHERE subject = ?1 AND event = ?2 ORDER BY number")
    }

    subscript(mention: LedgerScan.Mention) -> Int64? {
        let told = entries.rows(.text(mention.subject), .text(mention.event)).last { row in
            // What is not JSON names no statement; the chain says so already.
            let body = row.text("body").flatMap { try? JSONValue(parsing: $0) }
            return (body?["digest"]?.asString ?? "") == mention.digest
        }
        return told?.integer("at")
    }
}
