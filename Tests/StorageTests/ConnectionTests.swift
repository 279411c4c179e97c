// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Testing

@Suite struct ConnectionTests {
    private let directory = TemporaryDirectory()

    private func connection() throws -> Connection {
        try Connection(path: directory.database)
    }

    private func setting(_ pragma: StaticString, _ name: String, mode: Connection.Mode = .readWrite) throws -> SQLValue? {
        try Connection(path: directory.database, mode: mode).first(pragma)?.value(name)
    }

    @Test func `a connection has the settings that durability and safety ask for`() throws {
        #expect(try setting("PRAGMA journal_mode", "journal_mode") == .text("wal"))
        #expect(try setting("PRAGMA synchronous", "synchronous") == .integer(2))
        #expect(try setting("PRAGMA foreign_keys", "foreign_keys") == .integer(1))
        #expect(try setting("PRAGMA trusted_schema", "trusted_schema") == .integer(0))
        #expect(try setting("PRAGMA cell_size_check", "cell_size_check") == .integer(1))
        #expect(try setting("PRAGMA temp_store", "temp_store") == .integer(2))
        #expect(try setting("PRAGMA busy_timeout", "timeout") == .integer(5_000))
        #expect(try setting("PRAGMA query_only", "query_only", mode: .readOnly) == .integer(1))
    }

    @Test func `the schema itself cannot be written`() throws {
        let connection = try connection()
        try connection.execute("CREATE TABLE a (b INTEGER) STRICT; PRAGMA writable_schema = ON")
        #expect(throws: StorageError.self) { try connection.run("UPDATE sqlite_schema SET sql = 'x'") }
    }

    @Test func `a misspelled column in double quotes is an error and not a string`() throws {
        let connection = try connection()
        #expect(throws: StorageError.self) { try connection.query(#"SELECT "nmae" AS value"#) }
    }

    @Test func `the files are readable by their owner only`() throws {
        let connection = try connection()
        try connection.execute("CREATE TABLE a (b INTEGER) STRICT")
        for suffix in ["", "-wal", "-shm"] {
            #expect(directory.mode(of: directory.database + suffix) == 0o600, "\(suffix)")
        }
    }

    @Test(arguments: [0o640, 0o604, 0o620, 0o601] as [mode_t])
    func `a file that others may use is refused`(mode: mode_t) throws {
        _ = try connection()
        chmod(directory.database, mode)
        #expect(throws: StorageError.self) { try connection() }
        #expect(throws: StorageError.self) { try Connection(path: directory.database, mode: .readOnly) }
    }

    @Test func `a link is refused, and what it points to is not made`() throws {
        symlink(directory.path + "/elsewhere", directory.database)
        #expect(throws: StorageError.self) { try connection() }
        #expect(directory.mode(of: directory.path + "/elsewhere") == nil)
    }

    @Test(arguments: ["", "/nowhere/at/all.db", "a\0b"])
    func `a path that is no file is refused`(path: String) {
        #expect(throws: StorageError.self) { try Connection(path: path) }
    }

    @Test func `a directory is refused`() {
        #expect(throws: StorageError.self) { try Connection(path: directory.path) }
    }

    @Test func `a file that is no database is refused`() throws {
        try Data("This is no database, whatever its name says.".utf8).write(to: URL(filePath: directory.database))
        chmod(directory.database, 0o600)
        #expect(throws: StorageError.corrupt(detail: "file is not a database")) { try connection() }
    }

    @Test func `a reader refuses a missing file and does not make it`() {
        #expect(throws: StorageError.self) { try Connection(path: directory.database, mode: .readOnly) }
        #expect(directory.mode(of: directory.database) == nil)
    }

    @Test func `a reader cannot write`() throws {
        try connection().execute("CREATE TABLE a (b INTEGER) STRICT")
        let reader = try Connection(path: directory.database, mode: .readOnly)
        #expect(throws: StorageError.readOnly) { try reader.run("INSERT INTO a VALUES (1)") }
    }

    @Test(arguments: [
        .null, .integer(.min), .integer(.max), .text(""), .text("é ☃ 👍"), .blob([]), .blob([0, 255, 0]),
    ] as [SQLValue])
    func `a value comes back as it went in`(value: SQLValue) throws {
        let connection = try connection()
        try connection.execute("CREATE TABLE a (b ANY) STRICT")
        #expect(try connection.run("INSERT INTO a VALUES (?1)", value) == 1)
        #expect(try connection.first("SELECT b FROM a")?.value("b") == value)
    }

    @Test func `a text with a NUL is refused`() throws {
        #expect(throws: StorageError.nulInText) { try connection().query("SELECT ?1", .text("r-123456\0evil")) }
    }

    @Test func `a text that is not UTF-8 is refused`() throws {
        let connection = try connection()
        #expect(throws: StorageError.unexpectedValue(column: "a", expected: "valid UTF-8")) {
            try connection.query("SELECT CAST(x'ff' AS TEXT) AS a")
        }
    }

    @Test func `a floating-point number is refused`() throws {
        let connection = try connection()
        #expect(throws: StorageError.self) { try connection.query("SELECT 1.5 AS a") }
    }

    @Test func `a column of another type or name is refused`() throws {
        let row = try #require(try connection().first("SELECT 1 AS one, 'x' AS letter, NULL AS none"))
        #expect(throws: StorageError.unexpectedValue(column: "one", expected: "a text")) { try row.text("one") }
        #expect(throws: StorageError.self) { try row.optionalInteger("letter") }
        #expect(throws: StorageError.self) { try row.blob("letter") }
        #expect(throws: StorageError.self) { try row.integer("none") }
        #expect(throws: StorageError.self) { try row.value("two") }
        #expect(try row.optionalText("none") == nil)
    }

    @Test func `too few and too many values are refused`() throws {
        let connection = try connection()
        #expect(throws: StorageError.self) { try connection.query("SELECT ?1, ?2", .integer(1)) }
        #expect(throws: StorageError.self) { try connection.query("SELECT ?1", .integer(1), .integer(2)) }
    }

    @Test func `the same statement can run inside a loop over its own rows`() throws {
        let connection = try connection()
        var pairs = 0
        func each(_ body: (Row) throws -> Void) throws {
            try connection.forEach("SELECT 1 AS a UNION ALL SELECT 2", body: body)
        }
        try each { _ in }  // from now on the statement is kept
        try each { _ in
            try each { _ in pairs += 1 }
            try #require(pairs <= 4)
        }
        #expect(pairs == 4)
    }

    @Test func `an error in a loop over rows is passed on and leaves the statement ready`() throws {
        struct Enough: Error {}
        let connection = try connection()
        for _ in 1...2 {
            var seen = 0
            #expect(throws: Enough.self) {
                try connection.forEach("SELECT 1 AS a UNION ALL SELECT 2") { _ in
                    seen += 1
                    throw Enough()
                }
            }
            #expect(seen == 1)
        }
    }

    @Test func `each kind of broken rule has a name`() throws {
        let connection = try connection()
        try connection.execute(
            """
            CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT UNIQUE, c INTEGER NOT NULL CHECK (c > 0), d INTEGER REFERENCES a) STRICT;
            CREATE TRIGGER stay BEFORE DELETE ON a BEGIN SELECT RAISE(ABORT, 'rows stay'); END;
            INSERT INTO a VALUES (1, 'x', 1, NULL);
            """)
        #expect(kind { try connection.run("INSERT INTO a VALUES (1, 'y', 1, NULL)") } == .unique)
        #expect(kind { try connection.run("INSERT INTO a VALUES (2, 'x', 1, NULL)") } == .unique)
        #expect(kind { try connection.run("INSERT INTO a VALUES (2, 'y', 0, NULL)") } == .check)
        #expect(kind { try connection.run("INSERT INTO a VALUES (2, 'y', NULL, NULL)") } == .notNull)
        #expect(kind { try connection.run("INSERT INTO a VALUES (2, 'y', 'z', NULL)") } == .type)
        #expect(kind { try connection.run("INSERT INTO a VALUES (2, 'y', 1, 7)") } == .foreignKey)
        #expect(kind { try connection.run("DELETE FROM a") } == .trigger)
    }

    private func kind(_ body: () throws -> Int) -> StorageError.Constraint? {
        do {
            _ = try body()
        } catch StorageError.constraint(let kind, _) {
            return kind
        } catch {
            Issue.record(error)
        }
        return nil
    }

    @Test func `a transaction that throws stores nothing`() throws {
        let connection = try connection()
        try connection.execute("CREATE TABLE a (b INTEGER) STRICT")
        #expect(throws: StorageError.notFound("x")) {
            try connection.transaction { () throws(StorageError) in
                try connection.run("INSERT INTO a VALUES (1)")
                throw .notFound("x")
            }
        }
        #expect(!connection.isInTransaction)
        #expect(try connection.query("SELECT b FROM a").isEmpty)
    }

    @Test func `a damaged page is found`() throws {
        do {
            let connection = try connection()
            try connection.execute("CREATE TABLE a (b TEXT UNIQUE) STRICT")
            for index in 0..<500 { try connection.run("INSERT INTO a VALUES (?1)", .text("row \(index) of this table")) }
            try connection.quickCheck()
        }
        let file = try FileHandle(forUpdating: URL(filePath: directory.database))
        try file.seek(toOffset: 4_096 + 3)
        try file.write(contentsOf: [0x7f, 0xff])  // the first page's count of cells
        try file.close()
        #expect(throws: StorageError.self) { try connection().quickCheck() }
    }
}
