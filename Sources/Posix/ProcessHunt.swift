// SPDX-License-Identifier: Apache-2.0
// SECURITY: see `SessionProcesses`. Nothing is signalled by a bare number.
import CLinux
import Glibc

/// Ends processes that may start others meanwhile: each is stopped the moment it is seen, until a look finds no new
/// one; then all are killed. It is over when two looks in a row saw nobody and nothing moving.
struct ProcessHunt {
    /// What one look at all processes showed.
    private struct Look {
        var alive: Set<ProcessRecord> = []
        /// Those among them that were not stopped before this look.
        var foundNew = false
        /// Whether one that was named was gone when we looked, or had ended since the last look: it may have started
        /// another that we did not see.
        var isQuiet = true
    }

    private(set) var killed: Set<ProcessRecord> = []
    private let supervisor: Int32
    private let session: String
    /// A child of ours that somebody else waits for.
    private let collectedElsewhere: Int32?
    private let deadline: ContinuousClock.Instant
    /// The supervisor, we, and all above: never touched, whatever their environment says.
    private let spared: Set<Int32>
    private var stopped: Set<ProcessRecord> = []
    private var ended: Set<ProcessRecord> = []
    /// Those that we may not signal: a set-uid program, seen by a supervisor that is not root.
    private var forbidden: Set<ProcessRecord> = []

    init(
        of supervisor: Int32, session: String, collectedElsewhere: Int32?, until deadline: ContinuousClock.Instant
    ) {
        self.supervisor = supervisor
        self.session = session
        self.collectedElsewhere = collectedElsewhere
        self.deadline = deadline
        spared = ProcessList.lineage(of: supervisor).union(ProcessList.lineage(of: getpid()))
    }

    /// Ends the members of a group. What fails here is left to the walk, which does not need the group.
    mutating func end(_ group: ControlGroup) {
        do throws(SystemError) {
            // Frozen, so that the list is whole; the count in the receipt comes from it. Half a second is a hundred
            // times what a thousand processes take.
            _ = try group.freeze(until: min(deadline, .now.advanced(by: .milliseconds(500))))
            let members = try group.members().compactMap(ProcessRecord.init(of:)).filter(\.isAlive)
            try group.kill()
            killed.formUnion(members)
            _ = try group.waitUntilEmpty(until: deadline)
        } catch {
            return
        }
    }

    /// Ends all others. Returns who is left: those we may not signal, and everyone still alive at the deadline.
    mutating func end() -> Set<ProcessRecord> {
        // On a machine where processes of others come and go all the time, no look is quiet.
        let enoughLooks = 50
        var looksWithNobody = 0
        var quietLooks = 0
        while true {
            let look = look()
            let alive = look.alive.subtracting(forbidden)
            if alive.isEmpty {
                looksWithNobody += 1
                quietLooks = look.isQuiet ? quietLooks + 1 : 0
                if quietLooks == 2 || looksWithNobody == enoughLooks { return look.alive }
            } else {
                looksWithNobody = 0
                quietLooks = 0
            }
            let isOver = ContinuousClock.now >= deadline
            if !look.foundNew || isOver { kill(alive) }
            if isOver { return look.alive.filter(isAlive) }
        }
    }

    /// Looks at every process once, stops those of the session that run, and collects those that ended.
    private mutating func look() -> Look {
        var look = Look()
        var family = ProcessFamily(of: supervisor)
        do throws(SystemError) {
            try ProcessList.forEach { pid in
                guard !spared.contains(pid) else { return }
                guard let record = ProcessRecord(of: pid) else {
                    look.isQuiet = false
                    return
                }
                let adopted = family.take(record) {
                    record.isAlive && record.hasVariable(SessionProcesses.variable, session)
                }
                for member in adopted { see(member, &look) }
            }
        } catch {
            // Without /proc there is nothing to hunt by; the group has done what it could.
            look.isQuiet = false
        }
        return look
    }

    private mutating func see(_ record: ProcessRecord, _ look: inout Look) {
        guard record.isAlive else {
            if ended.insert(record).inserted { look.isQuiet = false }
            collect(record)
            return
        }
        look.alive.insert(record)
        guard !forbidden.contains(record), stopped.insert(record).inserted else { return }
        look.foundNew = true
        _ = send(.stop, to: record)
    }

    private mutating func kill(_ records: Set<ProcessRecord>) {
        for record in records where send(.kill, to: record) { killed.insert(record) }
        waitForEnd(of: records)
    }

    private func isAlive(_ record: ProcessRecord) -> Bool {
        guard let now = ProcessRecord(of: record.pid) else { return false }
        return now == record && now.isAlive
    }

    /// Takes note of the end of an orphan: it became our child, and would stay as a zombie.
    private func collect(_ record: ProcessRecord) {
        guard record.parent == supervisor, supervisor == getpid(), record.pid != collectedElsewhere else { return }
        var end = stint_child_end()
        // It may have been collected by another thread.
        _ = stint_wait(stint_wait_for_process, record.pid, WEXITED | WNOHANG, &end)
    }

    /// Whether the process was there and got the signal.
    private mutating func send(_ signal: Signal, to record: ProcessRecord) -> Bool {
        guard let pidfd = open(record) else { return false }
        if stint_pidfd_signal(pidfd.number, signal.rawValue) == 0 { return true }
        if errno == EPERM { forbidden.insert(record) }
        return false
    }

    /// A descriptor for the process of this record; nil when that one has ended and perhaps another has its number.
    private func open(_ record: ProcessRecord) -> OwnedDescriptor? {
        guard record.pid > 1 else { return nil }
        let number = stint_pidfd_open(record.pid)
        guard number >= 0 else { return nil }
        let pidfd = OwnedDescriptor(owning: number)
        // Looked at after it was opened: if the start time is still that of the record, the descriptor is its.
        guard let now = ProcessRecord(of: record.pid), now == record else { return nil }
        return pidfd
    }

    /// Waits until some of them have ended: a few at a time, because each takes a descriptor.
    private func waitForEnd(of records: Set<ProcessRecord>) {
        let limit = min(ContinuousClock.now.advanced(by: .milliseconds(250)), deadline)
        for record in records.subtracting(forbidden).prefix(64) {
            guard let pidfd = open(record) else { continue }
            var entries = [PollEntry(pidfd.number, .input)]
            // A wait that fails only makes the next look come earlier.
            _ = try? Poll.wait(&entries, timeout: ContinuousClock.now.duration(to: limit))
        }
    }
}
