// SPDX-License-Identifier: Apache-2.0

/// Threads that read, each with a connection that cannot write. They neither block the writer nor wait for it.
///
/// Each job sees one consistent snapshot: what was committed when it began to read, and nothing later.
package final class ReaderPool: Sendable {
    private let queue = JobQueue()
    private let threads: [WorkerThread]

    /// - Parameters:
    ///   - path: a database that a ``Writer`` has opened already.
    ///   - count: how many jobs are done at the same time, at least one.
    package init(path: String, count: Int) throws(StorageError) {
        precondition(count > 0, "a pool has at least one reader")
        var threads: [WorkerThread] = []
        do {
            for _ in 0..<count {
                let snapshots = SnapshotReader(try Connection(path: path, mode: .readOnly))
                threads.append(try WorkerThread { [queue] in
                    while let job = queue.take(1).first { snapshots.run(job) }
                })
            }
        } catch {
            queue.close()  // ends the threads that have started
            throw error
        }
        self.threads = threads
    }

    deinit {
        queue.close()
    }

    /// Does `job` on one snapshot.
    ///
    /// - Parameters:
    ///   - job: runs on a thread of the pool and does not keep the connection. Writing throws ``StorageError/readOnly``.
    ///   - completion: called once, on that thread; or before `submit` returns when the job is refused
    ///     (``StorageError/overloaded(waiting:)``, ``StorageError/stopped``).
    package func submit<Value: Sendable>(
        _ job: @escaping @Sendable (Connection) throws -> Value,
        completion: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        queue.add(Job(job, completion: completion))
    }

    /// Does `job` on one snapshot and waits for it. Never call it from a job or a completion of the pool.
    package func perform<Value: Sendable>(_ job: @escaping @Sendable (Connection) throws -> Value) throws -> Value {
        precondition(!isOnOwnThread, "a reader cannot wait for itself")
        return try queue.perform(job)
    }

    /// Takes no more jobs, does those that wait, and returns when the last is done.
    package func stop() {
        precondition(!isOnOwnThread, "a reader cannot wait for itself")
        queue.close()
        for thread in threads { thread.join() }
    }

    private var isOnOwnThread: Bool {
        threads.contains { $0.isCurrent }
    }
}

/// Runs one job at a time in a read transaction.
///
/// `@unchecked Sendable`: made by the pool's maker, then touched by one thread of the pool only.
private final class SnapshotReader: @unchecked Sendable {
    private let connection: Connection

    init(_ connection: Connection) {
        self.connection = connection
    }

    func run(_ job: Job) {
        do {
            try connection.run("BEGIN")
            let succeed = try job.run(connection)
            // Before the caller hears: an open snapshot keeps the log from being reused.
            connection.rollBack()
            succeed()
        } catch {
            connection.rollBack()
            job.fail(error)
        }
    }
}
