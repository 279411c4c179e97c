// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// How a process ended.
package enum ExitStatus: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)

    /// As a shell tells it: 128 and the signal's number for a signal.
    package var shellCode: Int32 {
        switch self {
        case .exited(let code): code
        case .signalled(let signal): 128 + signal
        }
    }
}

/// A child of ours, held by a descriptor that always means this process: its number may be used again by the
/// system, the descriptor is not.
///
/// Giving up the value does not end the process.
package struct ChildProcess: ~Copyable, Sendable {
    package let pid: Int32
    /// Readable when the process has ended.
    package let pidfd: OwnedDescriptor

    init(started pid: Int32) throws(SystemError) {
        do {
            let number = try check("pidfd_open") { stint_pidfd_open(pid) }
            pidfd = OwnedDescriptor(owning: number)
            self.pid = pid
        } catch {
            // A process that we cannot hold must not run on. It is our child and not waited for, so its number
            // is still its own.
            _ = Glibc.kill(pid, SIGKILL)
            var end = stint_child_end()
            _ = stint_wait(stint_wait_for_process, pid, WEXITED, &end)
            throw error
        }
    }

    /// Makes a copy of this process (fork(2)): everything after the call happens twice. The copy stays apart: neither its end
    /// nor its being there is seen by who waits for children, but through this value.
    ///
    /// Only for a process that has one thread.
    ///
    /// - Returns: the copy; in the copy itself `nil`.
    package static func copy() throws(SystemError) -> ChildProcess? {
        var handle: Int32 = -1
        let pid = try check("clone") { stint_fork_apart(&handle) }
        return pid == 0 ? nil : ChildProcess(copy: pid, OwnedDescriptor(owning: handle))
    }

    /// The same, but the copy is a child of this process's parent, to whom the value goes: see ``init(adopting:_:)``.
    package static func copyBeside() throws(SystemError) -> ChildProcess? {
        var handle: Int32 = -1
        let pid = try check("clone") { stint_fork_beside(&handle) }
        return pid == 0 ? nil : ChildProcess(copy: pid, OwnedDescriptor(owning: handle))
    }

    /// A child of ours that another child of ours has made.
    package init(adopting pid: Int32, _ pidfd: consuming OwnedDescriptor) {
        self.pid = pid
        self.pidfd = pidfd
    }

    private init(copy pid: Int32, _ pidfd: consuming OwnedDescriptor) {
        self.pid = pid
        self.pidfd = pidfd
    }

    /// Blocks until the process has ended. Call it once.
    package func wait() throws(SystemError) -> ExitStatus {
        while true {
            if let status = try collect(0) { return status }
        }
    }

    /// The end of the process if there was one; nil while it runs. Call it no more after it gave a status.
    package func status() throws(SystemError) -> ExitStatus? { try collect(WNOHANG) }

    /// Sends a signal to this process only. One that has ended is fine.
    package func signal(_ signal: Signal) throws(SystemError) {
        guard stint_pidfd_signal(pidfd.number, signal.rawValue) == 0 else {
            if errno == ESRCH { return }
            throw SystemError(call: "pidfd_send_signal", errno: errno)
        }
    }

    private func collect(_ options: Int32) throws(SystemError) -> ExitStatus? {
        var end = stint_child_end()
        try check("waitid") { stint_wait(stint_wait_for_pidfd, pidfd.number, WEXITED | stint_wait_all_kinds | options, &end) }
        guard end.process != 0 else { return nil }
        return end.code == Int32(CLD_EXITED) ? .exited(end.status) : .signalled(end.status)
    }
}
