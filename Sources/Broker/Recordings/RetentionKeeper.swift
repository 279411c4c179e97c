// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Storage
import Synchronization

/// Deletes recordings that are due, watches how much room is left, and carries the mark on the roll on. A thread of its own, that looks every hour, and when
/// an entry of the roll may have changed the policy.
final class RetentionKeeper: Sendable {
    private let core: BrokerCore
    private let marker: RollMarker
    private let wake: EventCounter
    private let isStopped = Atomic(false)

    /// Between two looks at the disk.
    private static let pause: Duration = .seconds(10)
    /// Of these, so many before recordings that are due are looked for again.
    private static let rounds = 360
    private static let batch = 100

    init(_ core: BrokerCore, _ marker: RollMarker) throws {
        self.core = core
        self.marker = marker
        wake = try EventCounter()
        core.onConsequence { [weak self] consequence in
            if consequence == .rollGrew { self?.wake.signal() }
        }
        try Thread.start("retention", stackSize: 512 * 1024) { [self] in run() }
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        wake.signal()
    }

    private func run() {
        var round = 0
        do { try removeLeftovers() } catch { Log.error("retention: \(error)") }
        while !isStopped.load(ordering: .relaxed) {
            do {
                if round == 0 { try pass() }
                try core.watchQuota()
            } catch {
                Log.error("retention: \(error)")
            }
            marker.carryOn()
            round = (round + 1) % Self.rounds
            var entries = [PollEntry(wake.number, .input)]
            do {
                if try Poll.wait(&entries, timeout: Self.pause) > 0 {
                    wake.clear()
                    round = 0
                }
            } catch {
                Log.error("retention: \(error.message)")
            }
        }
    }

    /// Looks at every recording that is kept, the oldest first.
    private func pass() throws {
        guard core.roll.current.directory.charter?.policy.retention.isEmpty == false else { return }
        var last = (endedAt: Timestamp(milliseconds: 0), session: "")
        while !isStopped.load(ordering: .relaxed) {
            let kept = try core.readers.perform { [last] in
                try $0.keptRecordings(after: last.endedAt, last.session, limit: Self.batch)
            }
            guard let end = kept.last else { return }
            last = (end.endedAt, end.session.description)
            for recording in kept { try look(at: recording.session) }
        }
    }

    private func look(at id: SessionID) throws {
        let fate = try core.readers.perform { [core] database in
            try Workflow(database, core.roll.working, at: core.clock.now).fate(of: id)
        }
        guard case .due? = fate else { return }
        // Decided once more where it happens: a hold may have come.
        let isDeleted = try core.writer.perform { [core] database in
            try Workflow(database, core.roll.working, at: core.clock.now).deleteIfDue(id)
        }
        guard isDeleted else { return }
        try DurableFile.remove(core.home.recording(of: id))
        core.indexer.forget(id)
    }

    /// A broker that was killed behind the commit left the file.
    private func removeLeftovers() throws {
        for name in try DurableFile.listDirectory(core.home.recordings) where name.hasSuffix(".cast") {
            // What is not named like a recording is not ours to remove.
            guard let id = try? SessionID(String(name.dropLast(5))) else { continue }
            guard try core.readers.perform({ try $0.recording(id)?.state }) == .deleted else { continue }
            try DurableFile.remove(core.home.recording(of: id))
            core.indexer.forget(id)
        }
    }
}
