// SPDX-License-Identifier: Apache-2.0

import Foundation
import Storage
import Synchronization
import Testing

@Suite struct WriterTests {
    private struct Refused: Error {}

    private let directory = TemporaryDirectory()

    private func writer() throws -> Writer {
        try Writer(path: directory.database, migrator: numbersMigrator)
    }

    /// Submits jobs that all share one transaction, by holding the writer until the last is queued.
    private func submitTogether(
        _ jobs: [@Sendable (Connection) throws -> Void], to writer: Writer
    ) throws -> [Result<Void, any Error>] {
        let gate = Gate()
        let outcomes = Mutex<[Int: Result<Void, any Error>]>([:])
        let done = DispatchGroup()
        writer.submit({ _ in gate.pass() }, completion: { _ in })
        for (index, job) in jobs.enumerated() {
            done.enter()
            writer.submit(job) { result in
                outcomes.withLock { $0[index] = result }
                done.leave()
            }
        }
        gate.open()
        done.wait()
        return outcomes.withLock { outcomes in jobs.indices.compactMap { outcomes[$0] } }
    }

    private func errors(_ outcomes: [Result<Void, any Error>]) -> [StorageError?] {
        outcomes.map { outcome in
            switch outcome {
            case .success: nil
            case .failure(let error): error as? StorageError
            }
        }
    }

    private func size(_ suffix: String = "") -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: directory.database + suffix)
        return attributes?[.size] as? Int ?? 0
    }

    @Test func `the log is brought into the database beside the writer, which keeps what it holds`() throws {
        let writer = try writer()
        let megabyte = String(repeating: "x", count: 1 << 20)
        for number in 0..<24 {
            try writer.perform { try $0.run("INSERT INTO number (value, note) VALUES (?1, ?2)", .integer(Int64(number)), .text(megabyte)) }
        }
        let limit = ContinuousClock.now + .seconds(20)
        while size() < 8 << 20, ContinuousClock.now < limit { usleep(1000) }
        #expect(size() >= 8 << 20, "\(size()) bytes, and \(size("-wal")) of them in the log")
        let count = try writer.perform { try $0.first("SELECT count(*) AS n, sum(length(note)) AS bytes FROM number") }
        #expect(try count?.integer("n") == 24 && count?.integer("bytes") == 24 << 20)
        writer.stop()
        #expect(size("-wal") == 0 && size() >= 24 << 20)
    }

    @Test func `a job that throws is undone alone`() throws {
        let writer = try writer()
        let outcomes = try submitTogether(
            [
                { try $0.run("INSERT INTO number (value) VALUES (1)") },
                {
                    try $0.run("INSERT INTO number (value) VALUES (2)")
                    throw Refused()
                },
                { try $0.run("INSERT INTO number (value) VALUES (1)") },
                { try $0.run("INSERT INTO number (value) VALUES (3)") },
            ], to: writer)
        #expect(throws: Never.self) { try outcomes[0].get() }
        #expect(throws: Refused.self) { try outcomes[1].get() }
        #expect(throws: StorageError.self) { try outcomes[2].get() }
        #expect(throws: Never.self) { try outcomes[3].get() }
        let values = try Connection(path: directory.database).query("SELECT value FROM number ORDER BY value")
        #expect(try values.map { row in try row.integer("value") } == [1, 3])
    }

    @Test func `of jobs that are done many times each sees what was done before, and one that throws is undone alone`() throws {
        let writer = try writer()
        let outcomes = writer.perform(50) { connection in
            let count = try connection.first("SELECT count(*) AS count FROM number")?.integer("count") ?? 0
            let number = try connection.first("SELECT coalesce(max(value), 0) + 1 AS next FROM number")?.integer("next") ?? 0
            try connection.run("INSERT INTO number (value) VALUES (?1)", .integer(number))
            // The third of them fails once: what it wrote is not there for the next.
            if count == 2, Self.failures.exchange(1, ordering: .relaxed) == 0 { throw Refused() }
            return number
        }
        #expect(outcomes.count == 50)
        #expect(outcomes.count { (try? $0.get()) == nil } == 1, "one is refused")
        #expect(outcomes.compactMap { try? $0.get() } == Array(1...49), "in their order, and nothing twice")
        writer.stop()
        #expect(throws: StorageError.stopped) { try writer.perform(2) { _ in }[1].get() }
    }

    private static let failures = Atomic(0)

    @Test func `each of 64 callers is told after its row is stored, and no row is lost`() throws {
        let writer = try writer()
        let readers = try ReaderPool(path: directory.database, count: 2)
        let seen = Atomic(0)
        onThreads(64) { thread in
            for round in 0..<50 {
                let value = Int64(thread * 50 + round)
                let told = Gate()
                writer.submit({ try $0.run("INSERT INTO number (value) VALUES (?1)", .integer(value)) }) { result in
                    // Another connection sees it, so it is committed.
                    let row = try? readers.perform { try $0.first("SELECT value FROM number WHERE value = ?1", .integer(value)) }
                    if case .success(1) = result, row != nil { seen.add(1, ordering: .relaxed) }
                    told.open()
                }
                told.pass()
            }
        }
        #expect(seen.load(ordering: .relaxed) == 3_200)
        writer.stop()
        #expect(try countOfNumbers(in: directory.database) == 3_200)
    }

    @Test func `two writers of one file lose no update`() throws {
        let writers = try [writer(), writer()]
        try writers[0].perform { try $0.run("INSERT INTO number (value, note) VALUES (1, '0')") }
        let failures = Atomic(0)
        onThreads(8) { index in
            for _ in 0..<50 {
                do { try writers[index % 2].perform(increment) } catch { failures.add(1, ordering: .relaxed) }
            }
        }
        #expect(failures.load(ordering: .relaxed) == 0)
        #expect(try counter() == "400")
    }

    @Test func `another process may write at the same time`() async throws {
        let path = directory.database
        let writer = try writer()
        try writer.perform { try $0.run("INSERT INTO number (value, note) VALUES (1, '0')") }
        async let other = #expect(processExitsWith: .success) { [path = path as String] in
            let writer = try Writer(path: path, migrator: numbersMigrator)
            for _ in 0..<200 { try writer.perform(increment) }
        }
        for _ in 0..<200 { try writer.perform(increment) }
        _ = await other
        #expect(try counter() == "400")
    }

    private func counter() throws -> String? {
        try Connection(path: directory.database).first("SELECT note FROM number WHERE value = 1")?.text("note")
    }

    @Test func `what was acknowledged survives kill -9`() async throws {
        let path = directory.database
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let writer = try Writer(path: path, migrator: numbersMigrator)
            for value in 0..<100 {
                try writer.perform { try $0.run("INSERT INTO number (value) VALUES (?1)", .integer(Int64(value))) }
            }
            writer.submit({ _ in Gate().pass() }, completion: { _ in })  // killed inside a transaction
            kill(getpid(), SIGKILL)
        }
        #expect(try countOfNumbers(in: path) == 100)
        try Connection(path: path).quickCheck()
    }

    @Test func `a full disk refuses the job and leaves the writer usable`() throws {
        let writer = try writer()
        try writer.perform(limitPages)
        #expect(throws: StorageError.full) { try writer.perform(fillDisk) }
        try writer.perform { try $0.run("INSERT INTO number (value) VALUES (-1)") }
        #expect(try countOfNumbers(in: directory.database) == 1)
        try writer.perform { _ = try $0.query("PRAGMA max_page_count = 100000") }
        try writer.perform(fillDisk)
        #expect(try countOfNumbers(in: directory.database) == 101)
    }

    @Test func `a full disk in one job spares the jobs behind it`() throws {
        let writer = try writer()
        try writer.perform(limitPages)
        let outcomes = try submitTogether(
            [
                { try $0.run("INSERT INTO number (value) VALUES (-1)") },
                fillDisk,
                { try $0.run("INSERT INTO number (value) VALUES (-2)") },
            ], to: writer)
        // SQLite rolls the whole transaction back, so the first is told as well.
        #expect(errors(outcomes) == [.full, .full, nil])
        #expect(try countOfNumbers(in: directory.database) == 1)
    }

    @Test func `a job that hides a full disk is not told that it succeeded`() throws {
        let writer = try writer()
        try writer.perform(limitPages)
        #expect(throws: StorageError.transactionLost) {
            try writer.perform { connection in
                do { try fillDisk(connection) } catch {}
            }
        }
        try writer.perform { try $0.run("INSERT INTO number (value) VALUES (1)") }
    }

    @Test func `an error of the commit is told to every job of the transaction`() throws {
        let writer = try writer()
        try writer.perform { try $0.execute("CREATE TABLE child (of INTEGER REFERENCES number (value)) STRICT") }
        let outcomes = try submitTogether(
            [
                { try $0.run("INSERT INTO number (value) VALUES (1)") },
                {
                    try $0.execute("PRAGMA defer_foreign_keys = ON")  // found out at the commit, not before
                    try $0.run("INSERT INTO child VALUES (77)")
                },
                { _ in throw StorageError.notFound("x") },
            ], to: writer)
        let expected = StorageError.constraint(.foreignKey, detail: "FOREIGN KEY constraint failed")
        #expect(errors(outcomes) == [expected, expected, expected])
        #expect(try countOfNumbers(in: directory.database) == 0)
        try writer.perform { try $0.run("INSERT INTO number (value) VALUES (2)") }
    }

    @Test func `a job that ends the transaction itself is refused`() throws {
        let writer = try writer()
        #expect(throws: StorageError.transactionLost) { try writer.perform { try $0.run("ROLLBACK") } }
        try writer.perform { try $0.run("INSERT INTO number (value) VALUES (1)") }
    }

    @Test func `a database that stays locked refuses every waiting job, and works again later`() throws {
        let writer = try writer()
        try writer.perform { _ = try $0.query("PRAGMA busy_timeout = 1") }
        let other = try Connection(path: directory.database)
        try other.run("BEGIN IMMEDIATE")
        #expect(throws: StorageError.busy) { try writer.perform { try $0.run("INSERT INTO number (value) VALUES (1)") } }
        try other.run("COMMIT")
        try writer.perform { try $0.run("INSERT INTO number (value) VALUES (1)") }
    }

    @Test func `10,000 jobs may wait and one more is refused`() throws {
        let writer = try writer()
        let gate = Gate()
        let running = Gate()
        writer.submit({ _ in running.open(); gate.pass() }, completion: { _ in })
        running.pass()
        let refused = Mutex<[StorageError]>([])
        let done = Atomic(0)
        for _ in 0..<10_001 {
            writer.submit({ _ in }) { result in
                switch result {
                case .success: done.add(1, ordering: .relaxed)
                case .failure(let error): refused.withLock { $0.append(error as? StorageError ?? .stopped) }
                }
            }
        }
        #expect(refused.withLock { $0 } == [.overloaded(waiting: 10_000)])
        gate.open()
        writer.stop()
        #expect(done.load(ordering: .relaxed) == 10_000)
    }

    @Test func `a stopped writer has done what waited and takes nothing more`() throws {
        let writer = try writer()
        for value in 0..<100 {
            writer.submit({ try $0.run("INSERT INTO number (value) VALUES (?1)", .integer(Int64(value))) }, completion: { _ in })
        }
        writer.stop()
        writer.stop()
        #expect(throws: StorageError.stopped) { try writer.perform { _ in } }
        #expect(directory.mode(of: directory.database + "-wal") == nil, "the connection is not closed")
        #expect(try countOfNumbers(in: directory.database) == 100)
    }

    @Test func `a database opens again with what it held`() throws {
        for round in 1...3 {
            let writer = try writer()
            try writer.perform { try $0.run("INSERT INTO number (value) VALUES (?1)", .integer(Int64(round))) }
            writer.stop()
            #expect(try countOfNumbers(in: directory.database) == Int64(round))
        }
    }
}

/// Reads, then writes: an update is lost if anyone writes in between.
@Sendable private func increment(_ connection: Connection) throws {
    let text = try connection.first("SELECT note FROM number WHERE value = 1")?.text("note")
    let count = text.flatMap { Int($0) } ?? -1
    try connection.run("UPDATE number SET note = ?1 WHERE value = 1", .text(String(count + 1)))
}

/// Leaves room for two pages more than the empty table's two.
@Sendable private func limitPages(_ connection: Connection) throws {
    _ = try connection.query("PRAGMA max_page_count = 4")
}

/// 400 KB of rows.
@Sendable private func fillDisk(_ connection: Connection) throws {
    let note = String(repeating: "x", count: 4_000)
    for value in 1...100 {
        try connection.run("INSERT INTO number (value, note) VALUES (?1, ?2)", .integer(Int64(value)), .text(note))
    }
}
