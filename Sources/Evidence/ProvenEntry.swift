// SPDX-License-Identifier: Apache-2.0

import Access
package import StrictJSON

/// A ledger entry with the path to the root of the tree.
package struct ProvenEntry: Sendable, Equatable {
    package let entry: LedgerEntry
    package let path: [Digest]

    package init(_ entry: LedgerEntry, path: [Digest]) {
        self.entry = entry
        self.path = path
    }

    package var json: JSONValue {
        .object([
            "number": .integer(entry.number), "at": .time(entry.at), "event": .string(entry.event),
            "subject": .string(entry.subject), "actor": .string(entry.actor), "body": .string(entry.body),
            "previous": .string(entry.previous.hex), "path": .array(path.map { .string($0.hex) }),
        ])
    }

    /// The hash is not read but computed.
    package init(_ value: JSONValue) throws {
        var reader = try ObjectReader(value)
        entry = try LedgerEntry(
            number: try reader.integer("number", in: 1...Int64.max), at: try reader.timestamp("at"),
            event: try reader.string("event"), subject: try reader.string("subject"), actor: try reader.string("actor"),
            body: try reader.string("body", maximum: 256 * 1024), previous: try reader.digest("previous"))
        path = try reader.digests("path", maximum: 64)
        try reader.finish()
    }

    /// The member of the entry's body that names a statement.
    var digest: String? {
        // A body that is not JSON names nothing.
        (try? JSONValue(parsing: entry.body))?["digest"]?.asString
    }

    func isIn(_ head: LedgerHeadStatement) throws(CryptographyError) -> Bool {
        let leaf = try Merkle.leaf(entry.hash.bytes)
        return try Merkle.includes(leaf, at: entry.number - 1, size: head.size, path: path, root: head.tree)
    }
}
