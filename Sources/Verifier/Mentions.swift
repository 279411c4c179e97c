// SPDX-License-Identifier: Apache-2.0

import Evidence

/// When the ledger tells of what. A million entries fit into some 40 MB: of each mention its digest is kept, and its time.
struct Mentions {
    private struct Key: Hashable {
        let high: UInt64
        let low: UInt64

        init?(_ mention: LedgerScan.Mention) {
            // With lengths, so that no two mentions have the same bytes.
            let parts = [mention.event, mention.subject, mention.digest].map { Array($0.utf8) }
            let bytes = parts.flatMap { Array("\($0.count):".utf8) + $0 }
            guard let digest = try? Digest(of: bytes) else { return nil }  // without a digest nothing is found
            high = digest.bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
            low = digest.bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
        }
    }

    private var times: [Key: Int64] = [:]

    mutating func add(_ mention: LedgerScan.Mention, at time: Int64) {
        if let key = Key(mention) { times[key] = time }
    }

    subscript(mention: LedgerScan.Mention) -> Int64? { Key(mention).flatMap { times[$0] } }
}
