// SPDX-License-Identifier: Apache-2.0

import CSQLite

/// A connection to one database file.
///
/// It is opened without SQLite's own locks: one thread at a time owns it. Every write that was acknowledged
/// is on disk (`synchronous=FULL`, P4). SQL is a literal in the source, always; values go through bindings.
package final class Connection {
    package enum Mode: Sendable {
        /// Makes the file when there is none.
        case readWrite
        /// The file must exist; every attempt to write is refused.
        case readOnly
        /// As `readWrite`, but each commit goes to the file itself: what fails is known before the file is closed.
        case backupTarget
        /// As `readWrite`, for what can be made again: the last commits may be missing after a power failure.
        case derived
    }

    /// How long a statement waits for another process's lock, in milliseconds. `stintd sweep` and a backup
    /// hold theirs for milliseconds.
    private static let busyTimeout: Int32 = 5_000

    private let handle: OpaquePointer
    /// Statements not in use now, by the address of their SQL. One in use is taken out, so that the same SQL
    /// inside a loop over its own rows gets a second statement instead of resetting the first.
    private var idle: [UnsafePointer<UInt8>: Statement] = [:]
    /// Memory that never moves, for SQLite to write into; see ``leaveCheckpoints()``.
    private let pagesInLog = UnsafeMutablePointer<Int32>.allocate(capacity: 1)

    /// - Throws: ``StorageError/cannotOpen(path:reason:)`` for a file of another user or with a mode that lets others in.
    package init(path: String, mode: Mode = .readWrite) throws(StorageError) {
        let path = try DatabaseFile.plain(path)
        switch mode {
        case .readWrite, .backupTarget, .derived: try DatabaseFile.prepare(path)
        case .readOnly: try DatabaseFile.check(path)
        }
        handle = try Self.open(path, mode)
        pagesInLog.initialize(to: 0)
        do {
            try configure(mode)
        } catch {
            // What keeps us from opening is told with the file's name.
            switch error {
            case .failed(_, let detail), .ioError(let detail): throw .cannotOpen(path: path, reason: detail)
            default: throw error
            }
        }
    }

    deinit {
        idle.removeAll()
        sqlite3_close_v2(handle)
        pagesInLog.deallocate()
    }

    // MARK: - Statements

    /// Runs one statement to its end.
    ///
    /// - Returns: how many rows an INSERT, UPDATE or DELETE changed, not counting what triggers did.
    @discardableResult
    package func run(_ sql: StaticString, _ bindings: SQLValue...) throws(StorageError) -> Int {
        let statement = try take(sql)
        defer { giveBack(statement, sql) }
        try statement.run(bindings)
        return Int(sqlite3_changes64(handle))
    }

    /// All rows of a result that is known to be small.
    package func query(_ sql: StaticString, _ bindings: SQLValue...) throws(StorageError) -> [Row] {
        let statement = try take(sql)
        defer { giveBack(statement, sql) }
        return try statement.rows(bindings)
    }

    /// The first row, if there is one.
    package func first(_ sql: StaticString, _ bindings: SQLValue...) throws(StorageError) -> Row? {
        let statement = try take(sql)
        defer { giveBack(statement, sql) }
        return try statement.rows(bindings, limit: 1).first
    }

    /// Hands over row by row, holding one in memory; an error of `body` ends the reading and is passed on.
    package func forEach(_ sql: StaticString, _ bindings: SQLValue..., body: (Row) throws -> Void) throws {
        let statement = try take(sql)
        defer { giveBack(statement, sql) }
        try statement.run(bindings, body)
    }

    /// Runs several statements, as a migration holds them.
    package func execute(_ script: StaticString) throws(StorageError) {
        try execute(unchecked: script.description)
    }

    /// For text that cannot be a literal because SQLite takes no binding there. Never with text from outside.
    func execute(unchecked text: String) throws(StorageError) {
        let code = sqlite3_exec(handle, text, nil, nil, nil)
        guard code == SQLITE_OK else { throw StorageError(result: code, of: handle) }
    }

    // MARK: - Transactions

    /// True between BEGIN and COMMIT or ROLLBACK. SQLite rolls back by itself on some errors (a full disk).
    package var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Runs `body` in one write transaction: all of it is on disk when this returns, or none of it is stored.
    ///
    /// The lock is taken at once, so that nothing that `body` reads can change before it writes.
    package func transaction<T>(_ body: () throws(StorageError) -> T) throws(StorageError) -> T {
        try run("BEGIN IMMEDIATE")
        do {
            let value = try body()
            try run("COMMIT")
            return value
        } catch {
            rollBack()
            throw error
        }
    }

    /// Ends the transaction without storing anything, if SQLite has not done so by itself.
    func rollBack() {
        guard isInTransaction else { return }
        // An error here means that SQLite will not write it either: the transaction is not in the log.
        _ = sqlite3_exec(handle, "ROLLBACK", nil, nil, nil)
    }

    // MARK: - The log

    /// How long the log was after the last commit, in pages; 0 before ``leaveCheckpoints()``.
    var logLength: Int { Int(pagesInLog.pointee) }

    /// From now on somebody else brings the log into the database: a commit does not.
    func leaveCheckpoints() {
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                context?.assumingMemoryBound(to: Int32.self).pointee = pages
                return SQLITE_OK
            }, pagesInLog)
    }

    /// Brings into the database what of the log nobody reads any more. Writers go on meanwhile.
    ///
    /// - Returns: how many pages of the log are in the database now, and how many are not.
    @discardableResult
    func checkpoint() -> (done: Int, left: Int) {
        var (inLog, done): (Int32, Int32) = (0, 0)
        // Whatever keeps it from being done, a full disk or another who does it: the log holds everything, and is tried again.
        let code = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, &inLog, &done)
        return code == SQLITE_OK ? (Int(max(0, done)), Int(max(0, inLog - done))) : (0, 0)
    }

    // MARK: - Looking after the file

    /// Reads every page and refuses a damaged database.
    package func quickCheck() throws(StorageError) {
        let findings = try query("PRAGMA quick_check(1)")
        let finding = try findings.first?.text("quick_check") ?? "no answer"
        guard finding == "ok" else { throw .corrupt(detail: finding) }
    }

    /// For ``Backup``, which needs both ends.
    var rawHandle: OpaquePointer { handle }

    // MARK: - Private

    private static let countsNoMemory = stint_sqlite_count_no_memory() == SQLITE_OK

    private static func open(_ path: String, _ mode: Mode) throws(StorageError) -> OpaquePointer {
        // Refused where SQLite is in use already, by code that shares nothing with ours; then it counts.
        _ = Self.countsNoMemory
        var handle: OpaquePointer?
        let access = mode == .readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE
        let code = sqlite3_open_v2(path, &handle, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let handle else {
            defer { sqlite3_close_v2(handle) }
            guard let handle else { throw .cannotOpen(path: path, reason: "out of memory") }
            let error = StorageError(result: code, of: handle)
            if error == .tooManyFiles { throw error }
            throw .cannotOpen(path: path, reason: Statement.lastMessage(of: handle))
        }
        return handle
    }

    private func configure(_ mode: Mode) throws(StorageError) {
        sqlite3_busy_timeout(handle, Self.busyTimeout)
        try setOption(SQLITE_DBCONFIG_DEFENSIVE, true)
        // A misspelled column must be an error, not a string.
        try setOption(SQLITE_DBCONFIG_DQS_DML, false)
        try setOption(SQLITE_DBCONFIG_DQS_DDL, false)
        try execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON")
        // A savepoint keeps the pages it changes: some 30 for each vote, which would be written to a temporary file.
        try execute("PRAGMA temp_store = MEMORY")
        switch mode {
        case .readWrite, .derived:
            let answer = try first("PRAGMA journal_mode = WAL")?.text("journal_mode")
            guard answer == "wal" else {
                throw .failed(code: SQLITE_CANTOPEN, detail: "this file system has no write-ahead log (\(answer ?? "no answer"))")
            }
            try execute(mode == .derived ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL")
            // 8 MiB hold what a group of a thousand votes changes; it is copied into the database each 8 MiB of log.
            // What 500 grants that end together change lies in pages of its own each: 32 MiB of them, taken as they are needed.
            try execute(mode == .derived ? "PRAGMA cache_size = -8192" : "PRAGMA cache_size = -32768")
            try execute("PRAGMA wal_autocheckpoint = 2048")
        case .backupTarget:
            try execute("PRAGMA synchronous = FULL")
        case .readOnly:
            try execute("PRAGMA query_only = ON")
        }
    }

    private func setOption(_ option: Int32, _ on: Bool) throws(StorageError) {
        let code = stint_sqlite_set_option(handle, option, on ? 1 : 0)
        guard code == SQLITE_OK else { throw StorageError(result: code, detail: "option \(option) was refused") }
    }

    private func take(_ sql: StaticString) throws(StorageError) -> Statement {
        if sql.hasPointerRepresentation, let statement = idle.removeValue(forKey: sql.utf8Start) { return statement }
        return try Statement(sql, on: handle)
    }

    private func giveBack(_ statement: Statement, _ sql: StaticString) {
        idle[sql.utf8Start] = statement
    }
}
