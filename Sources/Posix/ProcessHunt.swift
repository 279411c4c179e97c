// SPDX-License-Identifier: Apache-2.0
// SECURITY: see `SessionProcesses`. Nothing is signalled by a bare number.
import CLinux
import Glibc

/// Ends processes that may start others meanwhile: each is stopped the moment it is seen, until a look finds no new
/// one; then all are killed. It is over when two looks in a row saw nobody and nothing moving.
///
/// Most sessions have nothing left when they end, and then there is no walk: a supervisor without a child has no
/// descendant, and two quick looks show that nobody else carries the mark.
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

    private static let longestLook: Duration = .seconds(5)

    private(set) var killed: Set<ProcessRecord> = []
    private let supervisor: Int32
    private let session: String
    /// A child of ours that somebody else waits for.
    private let collectedElsewhere: Int32?
    private let deadline: BootInstant
    /// Whether children of ours that are copies, and spared, are to be passed over.
    private let hasCopies: Bool
    /// The supervisor, we, all above, and those of other sessions: never touched, whatever their environment says.
    private let spared: Set<Int32>
    /// Before the session's first process was started.
    private let beginning: ProcessMoment?
    private var stopped: Set<ProcessRecord> = []
    private var ended: Set<ProcessRecord> = []
    /// Those that we may not signal: a set-uid program, seen by a supervisor that is not root.
    private var forbidden: Set<ProcessRecord> = []

    init(
        of supervisor: Int32, session: String, collectedElsewhere: Int32?, sparing others: Set<Int32> = [], hasCopies: Bool = false,
        since beginning: ProcessMoment? = nil, until deadline: BootInstant
    ) {
        self.beginning = beginning
        self.supervisor = supervisor
        self.session = session
        self.collectedElsewhere = collectedElsewhere
        self.deadline = deadline
        self.hasCopies = hasCopies
        let ours = ProcessList.lineage(of: getpid()).union(others)
        spared = supervisor == getpid() ? ours : ours.union(ProcessList.lineage(of: supervisor))
    }

    /// Ends the members of a group. What fails here is left to the walk, which does not need the group.
    mutating func end(_ group: ControlGroup) {
        do throws(SystemError) {
            guard try group.isPopulated() else { return }
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
        if hasNoDescendant(), hasNoStraysSinceItBegan() || !mayHaveStrays() { return [] }
        return endAll()
    }

    /// Whether nobody descends from us. As the subreaper we become the parent of every orphan below us (prctl(2)), so
    /// without a child, living or dead, there is no descendant; and who has no child gets none but by starting it.
    ///
    /// A copy of ours ends without a signal, and a wait for others does not see it. All others end with SIGCHLD: a program
    /// that was executed, an orphan on its way to us, and what a child of ours puts beside itself (clone(2), CLONE_PARENT).
    private func hasNoDescendant() -> Bool {
        guard supervisor == getpid() else { return false }
        while true {
            var end = stint_child_end()
            let kinds = WEXITED | WNOHANG | (hasCopies ? 0 : stint_wait_all_kinds)
            if stint_wait(stint_wait_for_any, 0, kinds | WNOWAIT, &end) != 0 { return errno == ECHILD }
            // It lives; or it has ended, and the one who waits for it will hide what stands behind it.
            guard end.process != 0, end.process != collectedElsewhere else { return false }
            guard stint_wait(stint_wait_for_process, end.process, kinds, &end) == 0 else { return false }
        }
    }

    /// Whether it could be seen that nobody who was started since the session began carries its mark. Whoever was there before
    /// has it only by the doing of somebody who is not of the session.
    private func hasNoStraysSinceItBegan() -> Bool {
        guard let beginning else { return false }
        var mark = EnvironmentMark(SessionProcesses.variable, session)
        do throws(SystemError) {
            for _ in 0..<3 {
                guard let newest = try ProcessList.newestNumber() else { return false }
                // Of threads and of processes.
                for number in beginning.numbers(to: newest, at: .now) ?? 0...0 {
                    guard let pid = Int32(exactly: number), pid > 0 else { return false }
                    if !spared.contains(pid), mark.look(at: pid) == .present { return false }
                }
                if try ProcessList.newestNumber() == newest { return beginning.numbers(to: newest, at: .now) != nil }
            }
        } catch {
            return false
        }
        return false
    }

    /// Whether somebody carries the session's mark, or it could not be seen that nobody does: two looks in a row, because
    /// numbers start again at the bottom and a stray may start another behind us. One is enough where nobody started anybody
    /// meanwhile: all who were there when it began were there when it came to them, or are gone without a successor.
    private func mayHaveStrays() -> Bool {
        var mark = EnvironmentMark(SessionProcesses.variable, session)
        var quietLooks = 0
        for _ in 0..<6 {
            var isQuiet = true
            var isFound = false
            do throws(SystemError) {
                let newest = try ProcessList.newestNumber()
                try ProcessList.forEach { pid in
                    guard !isFound, !spared.contains(pid) else { return }
                    switch mark.look(at: pid) {
                    case .absent: break
                    case .present: isFound = true
                    case .gone: isQuiet = false
                    }
                }
                if !isFound, let newest, try ProcessList.newestNumber() == newest { return false }
            } catch {
                return true
            }
            if isFound { return true }
            quietLooks = isQuiet ? quietLooks + 1 : 0
            if quietLooks == 2 { return false }
        }
        return true
    }

    private mutating func endAll() -> Set<ProcessRecord> {
        // On a machine where processes of others come and go all the time, no look is quiet.
        let enoughLooks = 50
        var looksWithNobody = 0
        var quietLooks = 0
        while true {
            // Marks are looked for when the walk finds nobody: reading them takes time, in which others fork.
            let look = look(forMarks: looksWithNobody > 0)
            let alive = look.alive.subtracting(forbidden)
            if alive.isEmpty {
                looksWithNobody += 1
                quietLooks = look.isQuiet && looksWithNobody > 1 ? quietLooks + 1 : 0
                if quietLooks == 2 || looksWithNobody == enoughLooks { return look.alive }
            } else {
                looksWithNobody = 0
                quietLooks = 0
            }
            let isOver = BootInstant.now >= deadline
            if !look.foundNew || isOver { kill(alive) }
            if isOver { return look.alive.filter(isAlive) }
        }
    }

    /// Looks at every process once, stops those of the session that run, and collects those that ended.
    private mutating func look(forMarks: Bool) -> Look {
        var look = Look()
        var family = ProcessFamily(of: supervisor)
        // Who forks faster than we look would keep us looking for ever.
        let limit = BootInstant.now.advanced(by: Self.longestLook)
        do throws(SystemError) {
            try ProcessList.forEach { pid in
                guard !spared.contains(pid) else { return }
                guard BootInstant.now < limit else {
                    look.isQuiet = false
                    return
                }
                // The handle comes before the record: if the process ends between them and another gets its number,
                // the handle is of one that ended, and signals nobody.
                let handle = ProcessHandle(of: pid)
                guard let record = ProcessRecord(of: pid) else {
                    look.isQuiet = false
                    return
                }
                let adopted = family.take(record) {
                    forMarks && record.isAlive && record.hasVariable(SessionProcesses.variable, session)
                }
                for member in adopted {
                    if member == record { see(member, handle, &look) } else { see(member, open(member), &look) }
                }
            }
        } catch {
            // Without /proc there is nothing to hunt by; the group has done what it could.
            look.isQuiet = false
        }
        return look
    }

    private mutating func see(_ record: ProcessRecord, _ handle: borrowing ProcessHandle, _ look: inout Look) {
        guard record.isAlive else {
            if ended.insert(record).inserted { look.isQuiet = false }
            collect(record)
            return
        }
        look.alive.insert(record)
        guard !forbidden.contains(record), stopped.insert(record).inserted else { return }
        look.foundNew = true
        _ = send(.stop, to: record, handle)
    }

    private mutating func kill(_ records: Set<ProcessRecord>) {
        for record in records where send(.kill, to: record, open(record)) { killed.insert(record) }
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
    private mutating func send(
        _ signal: Signal, to record: ProcessRecord, _ handle: borrowing ProcessHandle
    ) -> Bool {
        guard stint_pidfd_signal(handle.number, signal.rawValue) != 0 else { return true }
        if errno == EPERM { forbidden.insert(record) }
        return false
    }

    /// A handle of the process of this record; of nobody when that one has ended and perhaps another has its number.
    private func open(_ record: ProcessRecord) -> ProcessHandle {
        let handle = ProcessHandle(of: record.pid)
        return ProcessRecord(of: record.pid) == record ? handle : ProcessHandle()
    }

    /// Waits until some of them have ended: a few at a time, because each takes a descriptor.
    private func waitForEnd(of records: Set<ProcessRecord>) {
        let limit = BootInstant.now.advanced(by: .milliseconds(250))
        for record in records.subtracting(forbidden).prefix(64) {
            let handle = open(record)
            guard handle.number >= 0 else { continue }
            var entries = [PollEntry(handle.number, .input)]
            // A wait that fails only makes the next look come earlier.
            _ = try? Poll.wait(&entries, timeout: BootInstant.now.duration(to: limit))
        }
    }
}

/// A descriptor of a process, or of none: then its number is -1, which no call accepts.
private struct ProcessHandle: ~Copyable {
    let number: Int32

    init() { number = -1 }

    /// Of whichever process has this number now. Never of init.
    init(of pid: Int32) { number = pid > 1 ? stint_pidfd_open(pid) : -1 }

    deinit { if number >= 0 { _ = Glibc.close(number) } }
}
