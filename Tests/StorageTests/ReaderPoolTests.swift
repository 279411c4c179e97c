// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Testing

@Suite struct ReaderPoolTests {
    private let directory = TemporaryDirectory()
    private let writer: Writer
    private let readers: ReaderPool

    init() throws {
        writer = try Writer(path: directory.database, migrator: numbersMigrator)
        readers = try ReaderPool(path: directory.database, count: 2)
    }

    private static func count(_ connection: Connection) throws -> Int64 {
        try connection.first("SELECT count(*) AS count FROM number")?.integer("count") ?? -1
    }

    private static func insert(_ connection: Connection) throws {
        try connection.run("INSERT INTO number DEFAULT VALUES")
    }

    @Test func `a reader neither waits for an open transaction nor sees it`() throws {
        let readers = readers
        let counted = try writer.perform { connection in
            try Self.insert(connection)
            return try readers.perform(Self.count)
        }
        #expect(counted == 0)
        #expect(try readers.perform(Self.count) == 1)
    }

    @Test func `a job sees one snapshot however much is committed meanwhile`() throws {
        let writer = writer
        let counts = try readers.perform { connection in
            let before = try Self.count(connection)
            try writer.perform(Self.insert)
            return [before, try Self.count(connection)]
        }
        #expect(counts == [0, 0])
        #expect(try readers.perform(Self.count) == 1)
    }

    @Test func `two jobs run at the same time`() throws {
        let (first, second) = (Gate(), Gate())
        let done = Gate()
        // Each waits for the other to have started.
        readers.submit({ _ in first.open(); second.pass() }, completion: { _ in done.open() })
        readers.submit({ _ in second.open(); first.pass() }, completion: { _ in done.open() })
        done.pass()
        done.pass()
    }

    @Test func `writing is refused and the next job is not disturbed`() throws {
        #expect(throws: StorageError.readOnly) { try readers.perform(Self.insert) }
        #expect(throws: StorageError.readOnly) { try readers.perform { try $0.execute("DROP TABLE number") } }
        #expect(try readers.perform(Self.count) == 0)
    }

    @Test func `a stopped pool takes nothing more`() throws {
        readers.stop()
        #expect(throws: StorageError.stopped) { try readers.perform(Self.count) }
    }

    @Test func `a pool needs a database that exists`() {
        #expect(throws: StorageError.self) { try ReaderPool(path: directory.path + "/other.db", count: 1) }
    }
}
