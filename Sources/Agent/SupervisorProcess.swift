// SPDX-License-Identifier: Apache-2.0
// SECURITY: a process for one session. What its agent was told does not reach it but through the session's folder, and
// nobody of another user can look into it.

import Access
import Evidence
import Glibc
import Posix

/// `stint-agent supervise HOME SESSION`, started by the agent and independent of it from then on.
package enum SupervisorProcess {
    package static let command = "supervise"
    static let programName = "stint-agent"

    /// Runs the session to its end. Returns the exit status.
    package static func run(_ arguments: [String]) -> Int32 {
        do {
            guard arguments.count == 2 else { throw SystemError(call: command, errno: EINVAL) }
            try prepare()
            let home = AgentHome(arguments[0])
            let folder = home.folder(of: try SessionID(arguments[1]))
            let lock: FileLock
            do throws(SystemError) {
                lock = try folder.lock()
            } catch {
                // An agent that found the folder without us has ended the session already.
                if error.isInUse { return 0 }
                throw error
            }
            guard try folder.receipt() == nil else { return 0 }
            let supervisor = try Supervisor(
                folder.terms(), folder: folder, identity: try home.identity(), key: try NodeKey.load(home.keyPath),
                grants: GrantMemory(home.grantsPath), executable: try Environment.executablePath())
            supervisor.run()
            _ = consume lock
            return 0
        } catch {
            Log.error("\(arguments.last ?? "?"): \(AgentError(error).message)")
            return 1
        }
    }

    private static func prepare() throws(SystemError) {
        ProcessControl.setName("stint-session")
        try ProcessControl.closeDescriptors(from: 3)
        umask(0o077)
        Signals.ignoreBrokenPipe()
        try Signals.block(Supervisor.signals)
        try ProcessControl.becomeSubreaper()
        try ProcessControl.forbidInspection()
    }
}
