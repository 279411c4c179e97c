// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Synchronization
import Testing

@Suite struct MigratorTests {
    private static let one = Migration("CREATE TABLE a (b INTEGER) STRICT; INSERT INTO a VALUES (1)")
    private static let two = Migration("INSERT INTO a SELECT b + 1 FROM a")
    private static let broken = Migration("INSERT INTO a VALUES (9); INSERT INTO nowhere VALUES (1)")

    private let directory = TemporaryDirectory()

    private func connection() throws -> Connection {
        try Connection(path: directory.database)
    }

    private func values() throws -> [Int64] {
        try connection().query("SELECT b FROM a ORDER BY b").map { row in try row.integer("b") }
    }

    @Test func `migrations run in their order and once`() throws {
        #expect(try Migrator([Self.one]).migrate(connection()) == 1)
        #expect(try Migrator([Self.one, Self.two]).migrate(connection()) == 1)
        #expect(try Migrator([Self.one, Self.two]).migrate(connection()) == 0)
        #expect(try values() == [1, 2])
    }

    @Test func `a migration that fails changes nothing, and the next attempt can succeed`() throws {
        #expect(throws: StorageError.self) { try Migrator([Self.one, Self.broken]).migrate(connection()) }
        #expect(try values() == [1])
        #expect(try Migrator([Self.one, Self.two]).migrate(connection()) == 1)
        #expect(try values() == [1, 2])
    }

    @Test func `a database of a newer program is refused and left alone`() throws {
        try Migrator([Self.one, Self.two]).migrate(connection())
        #expect(throws: StorageError.tooNew(found: 2, known: 1)) { try Migrator([Self.one]).migrate(connection()) }
        #expect(throws: StorageError.tooNew(found: 2, known: 1)) { try Migrator([Self.one]).check(connection()) }
        #expect(throws: StorageError.self) { try Writer(path: directory.database, migrator: Migrator([Self.one])) }
        #expect(try values() == [1, 2])
    }

    @Test func `of programs that start at the same time one migrates`() throws {
        _ = try connection()
        let done = Atomic(0)
        let path = directory.database
        onThreads(8) { _ in
            do {
                done.add(try Migrator([Self.one, Self.two]).migrate(Connection(path: path)), ordering: .relaxed)
            } catch {
                Issue.record(error)
            }
        }
        #expect(done.load(ordering: .relaxed) == 2)
        #expect(try values() == [1, 2])
    }
}
