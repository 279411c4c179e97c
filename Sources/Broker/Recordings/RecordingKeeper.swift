// SPDX-License-Identifier: Apache-2.0
// SECURITY: what was shown is on disk a second later, whatever happens to the broker; and when a session has ended, the
// end of its recording is signed and in the ledger, so that no byte of it changes afterwards (P4, P5).

import Access
import Evidence
import Glibc
import Posix
import Storage
import StrictJSON
import Synchronization

/// Puts recordings on disk while they grow, and ends them when their sessions have. A thread of its own: a slow disk
/// holds up no session. It sleeps while nothing is recorded, however many sessions live.
///
/// That a recording has not ended stands in the database. An end that a stopping broker did not come to is made up for
/// when the next one starts.
final class RecordingKeeper: Sendable {
    private struct State {
        /// Sessions that somebody records.
        var growing: [SessionID: Growth] = [:]
        /// Recordings that may have to be ended.
        var toLookAt: Set<SessionID> = []
        var isStopped = false
    }

    /// What a recorder tells the keeper: that there is more than was put on disk. For the threads of both.
    final class Growth: Sendable {
        private let isAhead = Atomic(false)
        private let keeper: RecordingKeeper

        fileprivate init(_ keeper: RecordingKeeper) { self.keeper = keeper }

        /// Something was written. Costs nothing where that is known, and a system call only where the keeper sleeps.
        func grew() {
            guard !isAhead.load(ordering: .relaxed), !isAhead.exchange(true, ordering: .sequentiallyConsistent) else { return }
            if keeper.isAsleep.exchange(false, ordering: .sequentiallyConsistent) { keeper.wake.signal() }
        }

        /// Whether something was written since the last call.
        fileprivate func take() -> Bool { isAhead.exchange(false, ordering: .sequentiallyConsistent) }

        fileprivate var hasGrown: Bool { isAhead.load(ordering: .sequentiallyConsistent) }
    }

    private let home: BrokerHome
    private let state = Mutex(State())
    private let wake: EventCounter
    private let stopped: EventCounter
    private let isRunning = Atomic(false)
    /// Whether nobody looks at what grew before ``wake``.
    private let isAsleep = Atomic(false)

    /// How much of a session a power failure may take from its recording.
    private static let pause: Duration = .seconds(1)

    init(_ home: BrokerHome) throws(SystemError) {
        self.home = home
        wake = try EventCounter()
        stopped = try EventCounter()
    }

    /// Starts the thread, which ends with ``stop()``.
    ///
    /// - Parameters:
    ///   - grown: told when more of some recordings is on disk.
    ///   - settle: ends the recording if its session is over. It asks ``isGrowing(_:)`` *after* it has read the session: a
    ///     relay that begins later sees the receipt, and writes nothing.
    func start(
        grown: @escaping @Sendable () -> Void, _ settle: @escaping @Sendable (SessionID) throws -> Void
    ) throws(SystemError) {
        isRunning.store(true, ordering: .relaxed)
        try Thread.start("recordings", stackSize: 512 * 1024) { [self] in
            run(grown, settle)
            stopped.signal()
        }
    }

    /// A relay begins to record, or may; before it reads the session. Its recorder says when there is something.
    func begin(_ id: SessionID) -> Growth {
        let growth = Growth(self)
        state.withLock { $0.growing[id] = growth }
        return growth
    }

    /// The relay of this session writes no more.
    func leave(_ id: SessionID) {
        state.withLock { state in
            state.growing[id] = nil
            state.toLookAt.insert(id)
        }
        wake.signal()
    }

    /// The session may be over.
    func look(at id: SessionID) {
        _ = state.withLock { $0.toLookAt.insert(id) }
        wake.signal()
    }

    func isGrowing(_ id: SessionID) -> Bool { state.withLock { $0.growing[id] != nil } }

    /// Looks at what there is once more, and waits for that: at most for some seconds, since what is left can be made up for.
    func stop() {
        guard isRunning.load(ordering: .relaxed) else { return }
        state.withLock { $0.isStopped = true }
        wake.signal()
        var entries = [PollEntry(stopped.number, .input)]
        do { _ = try Poll.wait(&entries, timeout: .seconds(5)) } catch { Log.error("recordings: \(error.message)") }
    }

    private func run(_ grown: () -> Void, _ settle: (SessionID) throws -> Void) {
        while true {
            isAsleep.store(false, ordering: .sequentiallyConsistent)
            let (isStopped, growing, toLookAt) = state.withLock { state in
                defer { state.toLookAt = [] }
                return (state.isStopped, state.growing, state.toLookAt)
            }
            var hasGrown = false
            for (id, growth) in growing where growth.take() {
                hasGrown = true
                synchronise(id, growth)
            }
            for id in toLookAt {
                // It stays growing in the database, and the next start of the broker looks at it again.
                do { try settle(id) } catch { Log.error("session \(id): the recording has no end: \(error)") }
            }
            if hasGrown || !toLookAt.isEmpty { grown() }
            if isStopped { return }
            wait(hasGrown ? Self.pause : rest(growing.values))
        }
    }

    /// From here on a recorder that writes wakes us; one that wrote before has told so by now.
    private func rest(_ growing: some Sequence<Growth>) -> Duration? {
        isAsleep.store(true, ordering: .sequentiallyConsistent)
        return growing.contains { $0.hasGrown } ? Self.pause : nil
    }

    private func wait(_ limit: Duration?) {
        var entries = [PollEntry(wake.number, .input)]
        do {
            if try Poll.wait(&entries, timeout: limit) > 0 { wake.clear() }
        } catch {
            Log.error("recordings: \(error.message)")
        }
    }

    private func synchronise(_ id: SessionID, _ growth: Growth) {
        let path = home.recording(of: id)
        do {
            let number = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
            guard number >= 0 else { throw SystemError(call: "open", errno: errno, subject: path) }
            let file = OwnedDescriptor(owning: number)
            guard fdatasync(file.number) == 0 else { throw SystemError(call: "fdatasync", errno: errno, subject: path) }
        } catch {
            growth.grew()  // it is tried again
            Log.error("session \(id): \(error)")
        }
    }
}

extension BrokerCore {
    /// Ends the recordings of sessions that are over, now and from now on.
    func keepRecordings() throws {
        for id in try readers.perform({ try $0.growingRecordings() }) { recordings.look(at: id) }
        try disk.start()
        try recordings.start(grown: { [indexer] in indexer.recordingsGrew() }) { [weak self] id in try self?.settleRecording(of: id) }
    }

    /// On the keeper's thread.
    private func settleRecording(of id: SessionID) throws {
        let found = try readers.perform { database in
            try database.recording(id)?.state == .growing ? database.session(id) : nil
        }
        guard let session = found, session.machine.state == .ended, let receipt = session.receipt,
            !recordings.isGrowing(id)
        else { return }
        let end = try RecordingEnd.end(home.recording(of: id), of: session, receipt.value, root: roll.current.root ?? .none, at: clock.now)
        let signed = try end.signed(with: key)
        try writer.perform { [clock, roll] connection in
            let workflow = Workflow(connection, roll.working, at: clock.now)
            try workflow.endRecording(id, signed)
        }
        indexer.recordingEnded()
    }
}

extension RecordingEnd {
    /// Cuts off what is not a whole line, puts the rest on disk, and says what it is.
    ///
    /// What the session put out stands in its receipt; how much of it is here, in the recording. An agent that ends a
    /// session whose supervisor died does not know how much it was.
    fileprivate static func end(
        _ path: String, of session: StoredSession, _ receipt: ReceiptStatement, root: Digest, at now: Timestamp
    ) throws -> RecordingEndStatement {
        var (bytes, chunks, chain) = (Int64(0), Int64(0), Digest.none)
        var missing = receipt.outputBytes
        if access(path, F_OK) == 0 {
            let end = try RecordingEnd(of: path, isTerminal: session.opening.value.terminal != nil)
            let file = try AppendFile(path)
            if try file.size != end.lines { try file.cut(to: end.lines) }
            try file.synchronise()
            var digests = try end.chain(of: path, upTo: end.lines)
            (bytes, chunks, chain) = (end.lines, digests.number, try digests.end())
            let here = Int64(clamping: end.output) + Int64(clamping: end.errorOutput)
            missing = here > receipt.outputBytes ? 1 : receipt.outputBytes - here
        }
        return RecordingEndStatement(
            root: root, opening: session.opening.digest, bytes: bytes, chunks: chunks, chain: chain, missing: missing, at: now)
    }
}

extension Workflow {
    /// The recording of a session that is over is whole, or never will be.
    func endRecording(_ id: SessionID, _ end: Signed<RecordingEndStatement>) throws {
        try database.endRecording(id, end, at: now)
        try record(
            "recording.ended", id,
            [
                "digest": .string(end.digest.hex), "bytes": .integer(end.value.bytes), "chain": .string(end.value.chain.hex),
                "missing": .integer(end.value.missing),
            ])
    }
}
