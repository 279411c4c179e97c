// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Properties that a process gives itself (prctl(2), setrlimit(2)).
package enum ProcessControl {
    /// Orphans among our descendants become our children instead of init's. Kept over exec, not inherited by children.
    package static func becomeSubreaper() throws(SystemError) {
        try check("prctl") { stint_set_subreaper(1) }
    }

    /// Takes note of the end of children that nobody waits for: orphans that became ours.
    ///
    /// - Parameter awaited: children whose end somebody else collects.
    package static func collectChildren(besides awaited: Set<Int32>) {
        while true {
            var end = stint_child_end()
            // Looked at first and left there: it may be one that is waited for.
            guard stint_wait(stint_wait_for_any, 0, WEXITED | WNOHANG | WNOWAIT, &end) == 0, end.process > 0,
                !awaited.contains(end.process)
            else { return }
            _ = stint_wait(stint_wait_for_process, end.process, WEXITED | WNOHANG, &end)
        }
    }

    /// Takes note of the end of all children that have ended, but for copies (``ChildProcess/copy()``).
    package static func collectEnded() -> [(pid: Int32, status: ExitStatus)] {
        var ended: [(Int32, ExitStatus)] = []
        while true {
            var end = stint_child_end()
            guard stint_wait(stint_wait_for_any, 0, WEXITED | WNOHANG, &end) == 0, end.process > 0 else { return ended }
            ended.append((end.process, end.code == Int32(CLD_EXITED) ? .exited(end.status) : .signalled(end.status)))
        }
    }

    /// Whether this process has no child of any kind, living or to be collected.
    package static var hasNoChildren: Bool {
        var end = stint_child_end()
        return stint_wait(stint_wait_for_any, 0, WEXITED | WNOHANG | WNOWAIT | stint_wait_all_kinds, &end) != 0 && errno == ECHILD
    }

    /// The signal that we get when the thread that started us ends. Look at the parent after the call: it may have
    /// gone before.
    package static func setParentDeathSignal(_ signal: Signal) throws(SystemError) {
        try check("prctl") { stint_set_parent_death_signal(signal.rawValue) }
    }

    /// No core dumps, and no other process of the same user may trace us or read our memory.
    package static func forbidInspection() throws(SystemError) {
        try check("prctl") { stint_set_dumpable(0) }
        guard stint_get_dumpable() == 0 else { throw SystemError(call: "prctl", errno: EPERM) }
    }

    /// From here on no program that we start gains privileges: set-uid bits do nothing, `sudo` among them.
    package static func forbidNewPrivileges() throws(SystemError) {
        try check("prctl") { stint_set_no_new_privileges() }
        guard stint_get_no_new_privileges() == 1 else { throw SystemError(call: "prctl", errno: EPERM) }
    }

    /// How nice we are to others when the processor is short: -20 not at all, 19 very (setpriority(2)). Inherited by
    /// children. To be less nice takes root. In a process of several threads it is of the calling thread alone.
    package static func setNiceness(_ value: Int32) throws(SystemError) {
        try check("setpriority") { setpriority(Int32(PRIO_PROCESS.rawValue), 0, value) }
    }

    /// What ``setNiceness(_:)`` set, or whoever started us.
    package static var niceness: Int32 { getpriority(Int32(PRIO_PROCESS.rawValue), 0) }

    /// The calling thread gets the processor in short slices and therefore soon (sched_setattr(2), Linux 6.12): for one that
    /// has something to do for microseconds whenever a key comes, beside others that compute. Its share stays the same.
    package static func preferShortSlices() {
        // Cosmetic: an older kernel takes no notice, and a thread under another policy keeps its own.
        stint_prefer_slice(200_000)
    }

    /// The calling thread runs when nobody else wants the processor (SCHED_IDLE, sched(7)). Others are put on a processor that
    /// has only such a thread as if it had none.
    package static func workWhenIdle() throws(SystemError) {
        try check("sched_setscheduler") { stint_set_idle_policy() }
    }

    /// The name in process lists; the kernel keeps 15 bytes.
    package static func setName(_ name: String) {
        // Cosmetic: a process with its old name works as well.
        stint_set_name(name)
    }

    /// Replaces a word of the command line that process lists show. One of another length stays as it is.
    package static func setArgument(_ index: Int, _ text: String) {
        guard index < Int(CommandLine.argc), let word = CommandLine.unsafeArgv[index], strlen(word) == text.utf8.count
        else { return }
        for (offset, byte) in text.utf8.enumerated() { word[offset] = CChar(bitPattern: byte) }
    }

    package enum Limit: Sendable {
        case coreSize
        case openFiles
        case processes
        /// Bytes of address space.
        case memory
        case fileSize
        /// Seconds.
        case processorTime

        fileprivate var number: Int32 {
            switch self {
            case .coreSize: stint_limit_core
            case .openFiles: stint_limit_open_files
            case .processes: stint_limit_processes
            case .memory: stint_limit_memory
            case .fileSize: stint_limit_file_size
            case .processorTime: stint_limit_processor_time
            }
        }
    }

    /// The soft and the hard value; `UInt64.max` is without limit.
    package static func limit(_ limit: Limit) throws(SystemError) -> (soft: UInt64, hard: UInt64) {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        try check("getrlimit") { stint_get_limit(limit.number, &soft, &hard) }
        return (soft, hard)
    }

    package static func setLimit(_ limit: Limit, soft: UInt64, hard: UInt64) throws(SystemError) {
        try check("setrlimit") { stint_set_limit(limit.number, soft, hard) }
    }

    /// Raises the soft limit of open files to the hard one: a broker holds thousands of connections.
    package static func raiseOpenFileLimit() throws(SystemError) {
        let (soft, hard) = try limit(.openFiles)
        if soft < hard { try setLimit(.openFiles, soft: hard, hard: hard) }
    }

    /// Closes every descriptor from `first` on, ours or inherited (close_range(2)). For the first lines of a program
    /// that owns none yet.
    package static func closeDescriptors(from first: Int32) throws(SystemError) {
        try check("close_range") { stint_close_range(UInt32(max(first, 0)), .max) }
    }
}
