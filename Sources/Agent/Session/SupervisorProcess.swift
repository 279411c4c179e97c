// SPDX-License-Identifier: Apache-2.0
// SECURITY: a process for one session. Of what its agent was told only the session's id reaches it, the rest through the
// session's folder; nobody of another user can look into it.

import Access
import Evidence
import Glibc
import Posix

/// `stint-agent supervise HOME SESSION`, started by the agent and, once it has a session, independent of it.
package enum SupervisorProcess {
    package static let command = "supervise"
    static let programName = "stint-agent"
    /// The place of the session's id among the words of the command line.
    private static let sessionArgument = 3

    /// Waits for a session and runs it to its end. Returns the exit status.
    package static func run(_ arguments: [String]) -> Int32 {
        do {
            guard arguments.count == 2 else { throw SystemError(call: command, errno: EINVAL) }
            try prepare()
            let home = AgentHome(arguments[0])
            let identity = try home.identity()
            let key = try NodeKey.load(home.keyPath)
            // What is set up by its first use is set up before anybody waits for it.
            _ = try identity.client(with: key, timeout: .zero)
            _ = try User.current()
            let executable = try Environment.executablePath()
            guard let id = try waitForSession() else { return 0 }
            return try run(home.folder(of: id), in: home, identity, key, executable)
        } catch {
            Log.error("\(arguments.last ?? "?"): \(AgentError(error).message)")
            return 1
        }
    }

    private static func run(
        _ folder: SessionFolder, in home: AgentHome, _ identity: NodeIdentity, _ key: NodeKey, _ executable: String
    ) throws -> Int32 {
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
            folder.terms(), folder: folder, identity: identity, key: key, grants: GrantMemory(home.grantsPath),
            executable: executable)
        supervisor.run()
        _ = consume lock
        return 0
    }

    /// The session that the agent assigns on standard input; `nil` when the agent ends before.
    private static func waitForSession() throws -> SessionID? {
        ProcessControl.setName("stint-spare")
        let line = try Transfer.read(STDIN_FILENO, maximum: 64)
        guard !line.isEmpty else { return nil }
        let id = try SessionID(String(decoding: line.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
        try StandardStream.input.replaceWithNull()
        ProcessControl.setName("stint-session")
        ProcessControl.setArgument(sessionArgument, id.description)
        return id
    }

    private static func prepare() throws(SystemError) {
        try ProcessControl.closeDescriptors(from: 3)
        // A session that forks without end must not keep us from ending it. Without root we are one of its equals.
        try? ProcessControl.setNiceness(-15)
        umask(0o077)
        Signals.ignoreBrokenPipe()
        try Signals.block(Supervisor.signals)
        try ProcessControl.becomeSubreaper()
        try ProcessControl.forbidInspection()
    }
}
