// SPDX-License-Identifier: Apache-2.0

import Access
import CSQLite
import Foundation
import Testing

@testable import Storage

/// A program that is killed while it brings a database to the next schema.
@Suite struct MigrationCrashTests {
    private typealias Story = SchemaStory

    /// What a broker of before had: a request, a grant and a session that its node accepted.
    private static let earlier = [
        Story.roll(1, type: "charter"), Story.request(1), Story.vote(1, by: "bob"), Story.approved(3), Story.grant(3), Story.activate(3),
        Story.session("a"), Story.session("b"), Story.change("b", Story.accept),
        Story.ledger(1, previous: String(repeating: "0", count: 64)),
    ].joined(separator: ";\n")
    /// From which version on these tables are there.
    private static let withTables = 4

    private final class Snapshots {
        let database: String
        let directory: String
        var count = 0

        init(_ database: String, _ directory: String) { (self.database, self.directory) = (database, directory) }

        /// The files as they are now: what a kill leaves, since the kernel writes them all the same.
        func take() {
            let path = "\(directory)/snapshot-\(count).db"
            for suffix in ["", "-wal"] { try? FileManager.default.copyItem(atPath: database + suffix, toPath: path + suffix) }
            chmod(path, 0o600)
            count += 1
        }

        var paths: [String] { (0..<count).map { "\(directory)/snapshot-\($0).db" } }
    }

    @Test(arguments: 0..<Schema.migrations.count)
    func `a kill at any statement leaves the schema of before or after, and the next start finishes`(version: Int) throws {
        let directory = TemporaryDirectory()
        let connection = try Connection(path: directory.database)
        try Migrator(Array(Schema.migrations.prefix(version))).migrate(connection)
        if version >= Self.withTables { try connection.execute(unchecked: "BEGIN; \(Self.earlier); COMMIT") }
        let snapshots = Snapshots(directory.database, directory.path)
        let code = sqlite3_trace_v2(
            connection.rawHandle, UInt32(SQLITE_TRACE_STMT),
            { _, context, _, _ in
                if let context { Unmanaged<Snapshots>.fromOpaque(context).takeUnretainedValue().take() }
                return 0
            }, Unmanaged.passUnretained(snapshots).toOpaque())
        try #require(code == SQLITE_OK)
        try Migrator(Array(Schema.migrations.prefix(version + 1))).migrate(connection)
        sqlite3_trace_v2(connection.rawHandle, 0, nil, nil)
        snapshots.take()
        #expect(snapshots.count > 5)
        for path in snapshots.paths { try check(path, version) }
    }

    private func check(_ path: String, _ version: Int) throws {
        let connection = try Connection(path: path)
        let found = try connection.first("PRAGMA user_version")?.integer("user_version") ?? -1
        #expect(found == Int64(version) || found == Int64(version + 1), "\(path)")
        try Schema.migrator.migrate(connection)
        try connection.quickCheck()
        #expect(try connection.first("PRAGMA user_version")?.integer("user_version") == Int64(Schema.migrations.count))
        #expect(try connection.query("PRAGMA foreign_key_check").isEmpty)
        guard version >= Self.withTables else { return }
        #expect(try connection.first("SELECT count(*) AS n FROM request")?.integer("n") == 2)
        #expect(try connection.growingRecordings().map(\.description) == ["s-00000b"])
    }
}
