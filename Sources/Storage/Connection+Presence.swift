// SPDX-License-Identifier: Apache-2.0

package import Access
package import StrictJSON

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

    /// Remembers what a node said of itself. For people to read; decides nothing.
    package func markFacts(of node: NodeName, _ facts: JSONValue, at now: Timestamp) throws {
        try run(
            "UPDATE presence SET facts = ?2, facts_at = ?3 WHERE node = ?1", .text(node.text), .text(facts.text),
            .integer(now.milliseconds))
    }

    package func presence() throws -> [String: Presence] {
        var found: [String: Presence] = [:]
        for row in try query("SELECT node, last_seen, facts, facts_at FROM presence") {
            found[try row.text("node")] = Presence(
                lastSeen: Timestamp(milliseconds: try row.integer("last_seen")), facts: try row.optionalText("facts"),
                factsAt: try row.optionalInteger("facts_at").map { Timestamp(milliseconds: $0) })
        }
        return found
    }
}

extension Connection {
    /// One row of a table that somebody made to measure the disk with.
    package func insertMeasured(_ number: Int64) throws(StorageError) {
        try run("INSERT INTO number (value, note) VALUES (?1, 'measured')", .integer(number))
    }
}

/// When a node was last heard of, and what it said of itself.
package struct Presence: Sendable {
    package let lastSeen: Timestamp
    /// JSON.
    package let facts: String?
    package let factsAt: Timestamp?
}
