// SPDX-License-Identifier: Apache-2.0
// SECURITY: computes the chain and the tree of the ledger anew, from the rows and RFC 6962 alone.

import Evidence
import StrictJSON

/// The ledger, read once from its first entry to its last.
struct LedgerScan {
    /// What one entry says happened, and when.
    struct Mention: Hashable {
        let event: String
        let subject: String
        /// The statement that made it happen; empty for entries without.
        let digest: String
    }

    private(set) var findings = Findings()
    let mentions: Mentions
    private(set) var count: Int64 = 0
    private(set) var chain = String(repeating: "0", count: 64)
    /// Hashes of complete subtrees, the largest first.
    private var peaks: [(level: Int64, hash: Digest)] = []
    init(_ database: DatabaseReader) throws(VerifierError) {
        var scan = Self(mentions: try Mentions(database))
        let nodes = try database.lookup("SELECT hash FROM ledger_tree WHERE level = ?1 AND place = ?2")
        try database.each("SELECT * FROM ledger ORDER BY number") { scan.take($0, nodes) }
        // What was looked up stands over entries that are there. Nothing else may stand there.
        try database.each("SELECT level, place FROM ledger_tree WHERE level < 1 OR place < 0 OR (place + 1) << level > \(scan.count)") { row in
            let name = "\(row.integer("level") ?? -1)/\(row.integer("place") ?? -1)"
            scan.findings.add("ledger_tree \(name)", "it stands over entries that do not exist")
        }
        self = scan
    }

    private init(mentions: Mentions) { self.mentions = mentions }

    private mutating func take(_ row: DatabaseRow, _ nodes: DatabaseLookup) {
        count += 1
        guard let number = row.integer("number"), let at = row.integer("at"), let event = row.text("event"),
            let subject = row.text("subject"), let actor = row.text("actor"), let body = row.text("body"),
            let previous = row.text("previous"), let hash = row.text("hash")
        else { return findings.add("ledger \(count)", "a column is missing or of another type") }
        if number != count {
            findings.add("ledger \(count)", "it is missing; entry \(number) follows")
            count = number
        }
        findings.expect(previous == chain, "ledger \(number)", "it does not follow from the entry before")
        let content: JSONValue = [
            "number": .integer(number), "at": .integer(at), "event": .string(event), "subject": .string(subject),
            "actor": .string(actor), "body": .string(body), "previous": .string(previous),
        ]
        let computed = Self.hash(Array("stint ledger 1\n".utf8) + Array(content.canonical.utf8))
        findings.expect(computed?.hex == hash, "ledger \(number)", "its content was changed")
        chain = hash
        // What is not JSON names no statement.
        let value = try? JSONValue(parsing: body)
        findings.expect(value?.canonical == body, "ledger \(number)", "its body is not canonical JSON")
        grow(Digest(hex: hash), nodes)
    }

    /// RFC 6962 §2.1, with 0x00 before a leaf and 0x01 before a pair.
    private mutating func grow(_ leaf: Digest?, _ nodes: DatabaseLookup) {
        guard let leaf, var hash = Self.hash([0] + leaf.bytes) else { return }
        var level: Int64 = 0
        while let left = peaks.last, left.level == level {
            peaks.removeLast()
            guard let pair = Self.hash([1] + left.hash.bytes + hash.bytes) else { return }
            (hash, level) = (pair, level + 1)
            check(hash, level, (count - 1) >> level, nodes)
        }
        peaks.append((level, hash))
    }

    /// What is stored is what was computed.
    private mutating func check(_ hash: Digest, _ level: Int64, _ place: Int64, _ nodes: DatabaseLookup) {
        guard let stored = nodes.row(.integer(level), .integer(place))?.bytes("hash") else {
            return findings.add("ledger_tree \(level)/\(place)", "it is missing")
        }
        findings.expect(stored == hash.bytes, "ledger_tree \(level)/\(place)", "it is not the hash of its entries")
    }

    /// The root of the tree over all entries.
    var root: Digest? {
        guard var hash = peaks.last?.hash else { return Self.hash([]) }
        for peak in peaks.dropLast().reversed() {
            guard let pair = Self.hash([1] + peak.hash.bytes + hash.bytes) else { return nil }
            hash = pair
        }
        return hash
    }

    private static func hash(_ bytes: [UInt8]) -> Digest? {
        try? Digest(of: bytes)  // without a digest nothing compares equal
    }
}
