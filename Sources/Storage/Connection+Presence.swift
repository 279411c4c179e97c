// SPDX-License-Identifier: Apache-2.0

package import Access

extension Connection {
    /// Remembers when a node was last heard of. For people to read; decides nothing.
    ///
    /// - Parameter version: of the agent; `nil` keeps the one that is known.
    package func markSeen(_ node: NodeName, from address: String, version: String?, at now: Timestamp) throws {
        try run(
            """
            INSERT INTO presence (node, last_seen, address, agent_version) VALUES (?1, ?2, ?3, coalesce(?4, ''))
            ON CONFLICT (node) DO UPDATE SET last_seen = ?2, address = ?3, agent_version = coalesce(?4, agent_version)
            """,
            .text(node.text), .integer(now.milliseconds), .text(address), SQLValue(version))
    }

    package func lastSeen() throws -> [String: Timestamp] {
        var seen: [String: Timestamp] = [:]
        for row in try query("SELECT node, last_seen FROM presence") {
            seen[try row.text("node")] = Timestamp(milliseconds: try row.integer("last_seen"))
        }
        return seen
    }
}

extension Connection {
    /// One row of a table that somebody made to measure the disk with.
    package func insertMeasured(_ number: Int64) throws(StorageError) {
        try run("INSERT INTO number (value, note) VALUES (?1, 'measured')", .integer(number))
    }
}
