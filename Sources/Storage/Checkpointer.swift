// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The thread that brings the log into the database, so that no commit waits for it: the pages that many grants change lie far
/// apart, and writing them was a fifth of the processor time in which 10,000 of a million ended, besides the waits for the disk.
///
///     writer: commit ─▶ tell ─▶ commit ─▶ tell ─▶ …        told of the log's length after each
///     here:      wait ────────▶ checkpoint ─▶ wait
///
/// What is acknowledged is in the log, and on disk (P4); the database is only where it is found sooner.
final class Checkpointer: Sendable {
    private struct State: Sendable {
        var isWanted = false
        var isClosed = false
    }

    /// Pages in the log, and not in the database, from which on it is worth the while: 8 MiB. Many of them are one page again and
    /// again, the tail of the ledger, which is written once.
    private static let enough = 2048
    /// From here on the writer does it itself and waits: 64 MiB. So long a log is only left where this thread does not keep up, or where
    /// the writer never pauses, because the log begins anew only when all of it is in the database.
    private static let tooMany = 16_384
    /// So often in a row, while the writer adds to the log.
    private static let rounds = 8

    private let state: Monitor<State>
    /// Pages at the beginning of the log that are in the database.
    private let done: Done
    private let thread: WorkerThread

    init(path: String) throws(StorageError) {
        let state = Monitor(State())
        let done = Done()
        let log = Log(try Connection(path: path), done)
        self.state = state
        self.done = done
        thread = try WorkerThread {
            while Self.isWanted(state) { log.empty(rounds: Self.rounds, leaving: Self.enough / 4) }
        }
    }

    /// Called by the writer after each commit.
    func committed(_ connection: Connection) {
        let length = connection.logLength
        // The log began anew.
        if length < done.pages.load(ordering: .relaxed) { done.pages.store(0, ordering: .relaxed) }
        if length - done.pages.load(ordering: .relaxed) >= Self.enough { state.update(waking: .all) { $0.isWanted = true } }
        if length >= Self.tooMany { connection.checkpoint() }
    }

    func close() { state.update(waking: .all) { $0.isClosed = true } }

    /// After ``close()``: returns when the file is closed.
    func join() { thread.join() }

    private static func isWanted(_ state: Monitor<State>) -> Bool {
        state.wait { state in
            if state.isClosed { return false }
            guard state.isWanted else { return nil }
            state.isWanted = false
            return true
        }
    }
}

/// Written by both threads, and no more than a hint: one that is too high lasts until the next commit.
private final class Done: Sendable {
    let pages = Atomic(0)
}

/// `@unchecked Sendable`: made by the thread's maker, then touched by the thread only.
private final class Log: @unchecked Sendable {
    private let connection: Connection
    private let done: Done

    init(_ connection: Connection, _ done: Done) {
        self.connection = connection
        self.done = done
    }

    func empty(rounds: Int, leaving few: Int) {
        for _ in 0..<rounds {
            let (copied, left) = connection.checkpoint()
            done.pages.store(copied, ordering: .relaxed)
            if left <= few { return }
        }
    }
}
