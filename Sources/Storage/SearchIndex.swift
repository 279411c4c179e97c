// SPDX-License-Identifier: Apache-2.0

package import Access

/// The words of all recordings, in a database of their own.
///
/// Everything in it comes from the recordings and can be made again: a damaged index is thrown away, and neither a full
/// nor a slow one touches the broker's database. One thread writes it.
package struct SearchIndex {
    /// A recording as far as it was read.
    package struct Source: Sendable {
        package let number: Int64
        /// Bytes of the recording that were read.
        package var position: Int64
        /// The last line, if it is not whole, and its time in milliseconds since the start.
        package var rest: String
        package var restAt: Int64
        /// How many lines there are.
        package var lines: Int64
    }

    package struct Line: Sendable {
        /// Milliseconds since the start of the recording.
        package let at: Int64
        package let text: String

        package init(at: Int64, text: String) { (self.at, self.text) = (at, text) }
    }

    private static let schema: StaticString = """
        CREATE TABLE source (
            number INTEGER PRIMARY KEY,
            session TEXT NOT NULL UNIQUE,
            node TEXT NOT NULL,
            person TEXT NOT NULL,
            opened_at INTEGER NOT NULL,
            position INTEGER NOT NULL DEFAULT 0,
            rest TEXT NOT NULL DEFAULT '',
            rest_at INTEGER NOT NULL DEFAULT 0,
            lines INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE line (
            id INTEGER PRIMARY KEY,
            source INTEGER NOT NULL REFERENCES source (number),
            at INTEGER NOT NULL,
            text TEXT NOT NULL
        ) STRICT;
        CREATE INDEX line_by_source ON line (source);
        CREATE VIRTUAL TABLE words USING fts5 (
            text, content = 'line', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2');
        -- Up to where recordings that have ended were read, in the order of their ends.
        CREATE TABLE progress (only INTEGER PRIMARY KEY CHECK (only = 1), ended_at INTEGER NOT NULL, session TEXT NOT NULL) STRICT;
        INSERT INTO progress VALUES (1, 0, '');
        """

    package static let migrator = Migrator([Migration(schema)])

    private let connection: Connection

    package init(_ connection: Connection) { self.connection = connection }

    /// What is known of a session's recording; begun if nothing is.
    package func source(of session: SessionID, node: NodeName, person: PersonName, openedAt: Timestamp) throws -> Source {
        try connection.run(
            "INSERT OR IGNORE INTO source (session, node, person, opened_at) VALUES (?1, ?2, ?3, ?4)",
            .text(session.description), .text(node.text), .text(person.text), .integer(openedAt.milliseconds))
        guard let row = try connection.first("SELECT * FROM source WHERE session = ?1", .text(session.description)) else {
            throw StorageError.notFound("recording of \(session)")
        }
        return Source(
            number: try row.integer("number"), position: try row.integer("position"), rest: try row.text("rest"),
            restAt: try row.integer("rest_at"), lines: try row.integer("lines"))
    }

    /// Adds lines and says how far the recording was read: both or neither.
    package func add(_ lines: [Line], to source: Source) throws(StorageError) {
        try connection.transaction { () throws(StorageError) in
            for line in lines {
                try connection.run(
                    "INSERT INTO line (source, at, text) VALUES (?1, ?2, ?3)", .integer(source.number), .integer(line.at),
                    .text(line.text))
                try connection.run("INSERT INTO words (rowid, text) VALUES (last_insert_rowid(), ?1)", .text(line.text))
            }
            try connection.run(
                "UPDATE source SET position = ?2, rest = ?3, rest_at = ?4, lines = ?5 WHERE number = ?1", .integer(source.number),
                .integer(source.position), .text(source.rest), .integer(source.restAt), .integer(source.lines))
        }
    }

    /// Forgets a recording that was deleted.
    package func remove(_ session: SessionID) throws(StorageError) {
        try connection.transaction { () throws(StorageError) in
            try connection.run(
                """
                INSERT INTO words (words, rowid, text)
                SELECT 'delete', id, text FROM line WHERE source = (SELECT number FROM source WHERE session = ?1)
                """, .text(session.description))
            try connection.run(
                "DELETE FROM line WHERE source = (SELECT number FROM source WHERE session = ?1)", .text(session.description))
            try connection.run("DELETE FROM source WHERE session = ?1", .text(session.description))
        }
    }

    package func progress() throws -> (endedAt: Timestamp, session: String) {
        let row = try connection.first("SELECT ended_at, session FROM progress WHERE only = 1")
        return (Timestamp(milliseconds: try row?.integer("ended_at") ?? 0), try row?.text("session") ?? "")
    }

    package func setProgress(_ endedAt: Timestamp, _ session: SessionID) throws(StorageError) {
        try connection.run(
            "UPDATE progress SET ended_at = ?1, session = ?2 WHERE only = 1", .integer(endedAt.milliseconds),
            .text(session.description))
    }
}

/// A line that was found.
package struct SearchHit: Sendable {
    package let id: Int64
    package let session: SessionID
    package let node: String
    package let person: String
    package let openedAt: Timestamp
    /// Since the start of the recording.
    package let at: Duration
    package let text: String
}

extension Connection {
    /// Lines with the words of `query`, the latest first; on a connection to the index.
    ///
    /// - Parameters:
    ///   - before: the id of a hit; only those before it.
    ///   - since: only lines that were shown later.
    ///   - node: empty for every one; `person` likewise.
    package func search(
        _ query: SearchQuery, before: Int64, since: Timestamp, node: String, person: String, limit: Int
    ) throws -> [SearchHit] {
        try self.query(
            """
            SELECT l.id, l.at, l.text, s.session, s.node, s.person, s.opened_at
            FROM words JOIN line AS l ON l.id = words.rowid JOIN source AS s ON s.number = l.source
            WHERE words MATCH ?1 AND words.rowid < ?2 AND s.opened_at + l.at >= ?3
                AND (?4 = '' OR s.node = ?4) AND (?5 = '' OR s.person = ?5)
            ORDER BY words.rowid DESC LIMIT ?6
            """,
            .text(query.expression), .integer(before), .integer(since.milliseconds), .text(node), .text(person),
            .integer(Int64(limit))
        ).map { row in
            SearchHit(
                id: try row.integer("id"), session: try SessionID(try row.text("session")), node: try row.text("node"),
                person: try row.text("person"), openedAt: Timestamp(milliseconds: try row.integer("opened_at")),
                at: .milliseconds(try row.integer("at")), text: try row.text("text"))
        }
    }
}
