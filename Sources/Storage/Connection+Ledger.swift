// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
package import StrictJSON

extension Connection {
    /// Appends what happened, in the transaction that made it happen (P5).
    @discardableResult
    package func record(
        _ event: String, subject: String, actor: String = "", body: JSONObject = [:], at now: Timestamp
    ) throws -> LedgerEntry {
        let (number, head) = try ledgerHead()
        let entry = try LedgerEntry(
            after: number, head, at: now, event: event, subject: subject, actor: actor, body: body)
        try run(
            """
            INSERT INTO ledger (number, at, event, subject, actor, body, previous, hash)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            """,
            .integer(entry.number), .integer(now.milliseconds), .text(event), .text(subject), .text(actor),
            .text(entry.body), .text(entry.previous.hex), .text(entry.hash.hex))
        try growTree(with: entry)
        return entry
    }

    /// Stores the hash of each subtree that `entry` completes.
    private func growTree(with entry: LedgerEntry) throws {
        var (level, place, hash) = (0, entry.number - 1, try Merkle.leaf(entry.hash.bytes))
        while place & 1 == 1 {
            hash = try Merkle.node(try treeNode(level, place - 1), hash)
            (level, place) = (level + 1, place >> 1)
            try run(
                "INSERT INTO ledger_tree (level, place, hash) VALUES (?1, ?2, ?3)", .integer(Int64(level)), .integer(place),
                .blob(hash.bytes))
        }
    }

    private func treeNode(_ level: Int, _ place: Int64) throws -> Digest {
        if level == 0 {
            let row = try first("SELECT hash FROM ledger WHERE number = ?1", .integer(place + 1))
            guard let hash = try row.flatMap({ Digest(hex: try $0.text("hash")) }) else {
                throw StorageError.corrupt(detail: "ledger entry \(place + 1) is missing")
            }
            return try Merkle.leaf(hash.bytes)
        }
        let row = try first(
            "SELECT hash FROM ledger_tree WHERE level = ?1 AND place = ?2", .integer(Int64(level)), .integer(place))
        guard let hash = try row.flatMap({ Digest(hex: Hex.encode(try $0.blob("hash"))) }) else {
            throw StorageError.corrupt(detail: "node \(level)/\(place) of the ledger's tree is missing")
        }
        return hash
    }

    /// The tree over the ledger as it is now.
    package func ledgerTree() throws -> MerkleTree { MerkleTree(size: try ledgerHead().number, stored: treeNode) }

    /// Number and hash of the last entry; 0 and ``Digest/none`` where there is none.
    package func ledgerHead() throws -> (number: Int64, hash: Digest) {
        guard let row = try first("SELECT number, hash FROM ledger ORDER BY number DESC LIMIT 1") else { return (0, .none) }
        guard let hash = Digest(hex: try row.text("hash")) else {
            throw StorageError.corrupt(detail: "the last ledger entry has no hash")
        }
        return (try row.integer("number"), hash)
    }

    /// The time of the last entry.
    package func ledgerTime() throws -> Timestamp? {
        try first("SELECT at FROM ledger ORDER BY number DESC LIMIT 1").map { Timestamp(milliseconds: try $0.integer("at")) }
    }

    /// Entries after `number`, oldest first, as their rows.
    package func ledger(after number: Int64, limit: Int) throws -> [Row] {
        try query("SELECT * FROM ledger WHERE number > ?1 ORDER BY number LIMIT ?2", .integer(number), .integer(Int64(limit)))
    }

    /// Entries about one object, oldest first.
    package func ledger(about subject: String, limit: Int) throws -> [Row] {
        try query("SELECT * FROM ledger WHERE subject = ?1 ORDER BY number LIMIT ?2", .text(subject), .integer(Int64(limit)))
    }

    /// Every entry about one object with its path to the root of the tree as it is now.
    package func provenLedger(about subject: String) throws -> [ProvenEntry] {
        let tree = try ledgerTree()
        return try query("SELECT * FROM ledger WHERE subject = ?1 ORDER BY number", .text(subject)).map { row in
            let entry = try LedgerEntry(row)
            return ProvenEntry(entry, path: try tree.inclusion(of: entry.number - 1))
        }
    }

    // MARK: The roll

    package func append(_ entry: RollEntry) throws {
        try run(
            "INSERT INTO roll (number, digest, type, statement, signatures, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            .integer(entry.place.number), .text(entry.digest.hex), .text(entry.type), .text(entry.source.text),
            .text(entry.source.signaturesJSON.text), .integer(entry.at.milliseconds))
    }

    /// The signed entries after `number`, in order, as many as `limit` and about 512 KiB of text allow.
    package func roll(after number: Int64, limit: Int) throws -> [SignedText] {
        var entries: [SignedText] = []
        var size = 0
        try forEach(
            "SELECT statement, signatures FROM roll WHERE number > ?1 ORDER BY number LIMIT ?2", .integer(number),
            .integer(Int64(limit))
        ) { row in
            guard size < 512 * 1024 || entries.isEmpty else { return }
            let text = try row.text("statement")
            size += text.utf8.count
            guard size < 512 * 1024 || entries.isEmpty else { return }
            entries.append(try SignedText(text: text, signatures: try row.text("signatures")))
        }
        return entries
    }

    /// The entries after `number` as they are stored, in order: the statement's text, and its signatures as JSON.
    package func storedRoll(after number: Int64, limit: Int) throws -> [(statement: String, signatures: String)] {
        try query(
            "SELECT statement, signatures FROM roll WHERE number > ?1 ORDER BY number LIMIT ?2", .integer(number),
            .integer(Int64(limit))
        ).map { (try $0.text("statement"), try $0.text("signatures")) }
    }

    /// The entry that a retry of the same statement made.
    package func rollNumber(of digest: Digest) throws -> Int64? {
        try first("SELECT number FROM roll WHERE digest = ?1", .text(digest.hex))?.integer("number")
    }

    // MARK: Endings

    package func insert(_ ending: Signed<EndingStatement>, at now: Timestamp) throws {
        try run(
            """
            INSERT INTO ending (digest, kind, subject, person, statement, signatures, at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            """,
            .text(ending.digest.hex), .text(ending.value.kind.rawValue), .text(ending.value.subject),
            .text(ending.value.person.text), .text(ending.source.text), .text(ending.source.signaturesJSON.text),
            .integer(now.milliseconds))
    }

    package func endings(about subject: String) throws -> [Signed<EndingStatement>] {
        try query("SELECT statement, signatures FROM ending WHERE subject = ?1 ORDER BY at, digest", .text(subject))
            .map { try signed($0, EndingStatement.self) }
    }

    package func hasEnding(_ digest: Digest) throws -> Bool {
        try first("SELECT 1 AS found FROM ending WHERE digest = ?1", .text(digest.hex)) != nil
    }
}

extension LedgerEntry {
    package init(_ row: Row) throws {
        guard let previous = Digest(hex: try row.text("previous")) else {
            throw StorageError.corrupt(detail: "a ledger entry has no predecessor")
        }
        try self.init(
            number: try row.integer("number"), at: Timestamp(milliseconds: try row.integer("at")), event: try row.text("event"),
            subject: try row.text("subject"), actor: try row.text("actor"), body: try row.text("body"), previous: previous)
    }
}
