// SPDX-License-Identifier: Apache-2.0
// SECURITY: nobody is told of a success before the COMMIT that holds it has returned (P4), and nobody is told
// of one whose transaction was rolled back.

/// The one thread that writes, with the one connection that may.
///
/// Jobs that wait at the same time share a transaction, so they share the wait for the disk as well (group
/// commit). Each has a savepoint of its own: a job that throws is undone alone.
///
///     take what waits ─▶ BEGIN IMMEDIATE ─▶ SAVEPOINT · job · RELEASE ─▶ … ─▶ COMMIT ─▶ completions
///                                                       └ throws: ROLLBACK TO
///
/// The log is brought into the database by a thread of its own (``Checkpointer``).
///
/// Another process may write to the same file; BEGIN IMMEDIATE waits for its turn.
package final class Writer: Sendable {
    /// How many jobs share a transaction at most: some 20 ms of work, so that another process gets its turn.
    static let batchLimit = 1_000

    private let queue: JobQueue
    private let thread: WorkerThread
    private let checkpointer: Checkpointer

    /// Opens the database, making it when there is none, and brings its schema up to date.
    package init(path: String, migrator: Migrator = Migrator([])) throws(StorageError) {
        let connection = try Connection(path: path)
        try migrator.migrate(connection)
        let queue = JobQueue()
        let checkpointer = try Checkpointer(path: path)
        let batches = BatchWriter(connection, checkpointer)
        self.checkpointer = checkpointer
        self.queue = queue
        thread = try WorkerThread {
            while true {
                let jobs = queue.take(Self.batchLimit)
                if jobs.isEmpty { return }
                batches.commit(jobs)
            }
        }
    }

    deinit {
        queue.close()
        checkpointer.close()
    }

    /// Does `job` in a transaction.
    ///
    /// - Parameters:
    ///   - job: runs on the writer's thread, and neither waits nor keeps the connection. What it throws undoes it alone.
    ///   - completion: called once, on the writer's thread after the commit has returned: with the job's value or its
    ///     own error, or with the commit's error for every job of the transaction. A job that is refused
    ///     (``StorageError/overloaded(waiting:)``, ``StorageError/stopped``) is told so before `submit` returns.
    package func submit<Value: Sendable>(
        _ job: @escaping @Sendable (Connection) throws -> Value,
        completion: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        queue.add(Job(job, completion: completion))
    }

    /// Does `job` in a transaction and waits until it is on disk. Never call it from a job or a completion.
    @discardableResult
    package func perform<Value: Sendable>(_ job: @escaping @Sendable (Connection) throws -> Value) throws -> Value {
        precondition(!thread.isCurrent, "the writer cannot wait for itself")
        return try queue.perform(job)
    }

    /// Does `job` so many times, each undone alone by what it throws, and waits until all are on disk. They share
    /// transactions, and are short: what a job changes is kept twice until it is done, and SQLite walks over that again with
    /// each statement of the job (3.40, a statement journal in memory), so one job of 500 rows costs far more than 100 of 5.
    ///
    /// - Returns: what became of each, in the order in which they were done.
    package func perform<Value: Sendable>(
        _ count: Int, times job: @escaping @Sendable (Connection) throws -> Value
    ) -> [Result<Value, any Error>] {
        precondition(!thread.isCurrent, "the writer cannot wait for itself")
        return queue.perform(count, job)
    }

    /// Takes no more jobs, does those that wait, and returns when the last is done and the file is closed.
    package func stop() {
        precondition(!thread.isCurrent, "the writer cannot wait for itself")
        queue.close()
        thread.join()
        // Whoever closes the file last takes its log away, and of two at once neither does.
        checkpointer.close()
        checkpointer.join()
    }
}

/// Commits jobs in groups.
///
/// `@unchecked Sendable`: made by the writer's maker, then touched by the writer's thread only.
private final class BatchWriter: @unchecked Sendable {
    private let connection: Connection
    private let checkpointer: Checkpointer

    init(_ connection: Connection, _ checkpointer: Checkpointer) {
        self.connection = connection
        self.checkpointer = checkpointer
        connection.leaveCheckpoints()
    }

    /// Does the jobs in one transaction, or in several when SQLite ends one early, and tells every caller.
    func commit(_ jobs: [Job]) {
        var rest = jobs[...]
        while !rest.isEmpty {
            let count = commitGroup(rest)
            rest = rest.dropFirst(count)
        }
    }

    /// - Returns: how many of the jobs have been told their outcome; at least one.
    private func commitGroup(_ jobs: ArraySlice<Job>) -> Int {
        var outcomes: [@Sendable () -> Void] = []
        do {
            try connection.run("BEGIN IMMEDIATE")
        } catch {
            return refuse(jobs, error)
        }
        do {
            for job in jobs { outcomes.append(try attempt(job)) }
        } catch {
            // Gone with the transaction: this job and those before it. Those behind it get another one.
            return refuse(jobs.prefix(outcomes.count + 1), error.cause)
        }
        do {
            try connection.run("COMMIT")
        } catch {
            return refuse(jobs, error)
        }
        for tell in outcomes { tell() }
        checkpointer.committed(connection)
        return jobs.count
    }

    /// Does one job in the open transaction.
    ///
    /// - Returns: what tells the caller, after the commit, of the success or of the job's own error.
    private func attempt(_ job: Job) throws(LostTransaction) -> @Sendable () -> Void {
        do {
            try connection.run("SAVEPOINT job")
            let succeed = try job.run(connection)
            // A job that hid an error behind which SQLite rolled everything back has not succeeded.
            guard connection.isInTransaction else { throw StorageError.transactionLost }
            try connection.run("RELEASE job")
            return succeed
        } catch {
            guard connection.isInTransaction else { throw LostTransaction(cause: error) }
            do {
                try connection.run("ROLLBACK TO job")
                try connection.run("RELEASE job")
            } catch {
                throw LostTransaction(cause: error)
            }
            return { job.fail(error) }
        }
    }

    /// Ends the transaction, if there is one, and tells the callers of these jobs why nothing was stored.
    private func refuse(_ jobs: ArraySlice<Job>, _ cause: any Error) -> Int {
        connection.rollBack()
        for job in jobs { job.fail(cause) }
        return jobs.count
    }
}

/// The transaction ended under a job, because of `cause`.
private struct LostTransaction: Error {
    let cause: any Error
}
