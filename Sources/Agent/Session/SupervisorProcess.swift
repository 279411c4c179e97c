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
    static let sessionArgument = 3

    /// Waits for a session and runs it to its end. Returns the exit status.
    package static func run(_ arguments: [String]) -> Int32 {
        do {
            guard arguments.count == 2 else { throw SystemError(call: command, errno: EINVAL) }
            try prepare()
            let home = AgentHome(arguments[0])
            let identity = try home.identity()
            try warmUp(identity)
            return run(home, identity, as: try UnprivilegedAccount.find())
        } catch {
            Log.error("\(arguments.last ?? "?"): \(AgentError(error).message)")
            return 1
        }
    }

    /// What comes after the program's start: a copy of a process that is warm begins here.
    static func run(_ home: AgentHome, _ identity: NodeIdentity, as account: UnprivilegedAccount) -> Int32 {
        do {
            try ProcessControl.becomeSubreaper()
            // Before the node's key is read: no page of the reader has it.
            let reader = try ReaderProcess(of: identity, as: account)
            let key = try NodeKey.load(home.keyPath)
            let renewal = KeyRenewal(key, reader)
            try renewal.renew()
            let executable = try Environment.executablePath()
            guard let id = try waitForSession(with: reader, renewal) else { return 0 }
            let folder = home.folder(of: id)
            let lock: FileLock
            do throws(SystemError) {
                lock = try folder.lock()
            } catch {
                // An agent that found the folder without us has ended the session already.
                if error.isInUse { return 0 }
                throw error
            }
            guard try folder.receipt() == nil else { return 0 }
            let keeper = try SessionKeeper(
                folder.terms(), folder: folder, identity: identity, key: key, grants: GrantMemory(home.grantsPath), reader: reader,
                executable: executable)
            keeper.run(renewal)
            _ = consume lock
            return 0
        } catch {
            Log.error("a session's supervisor: \(AgentError(error).message)")
            return 1
        }
    }

    /// What is set up by its first use is set up before anybody waits for it, and before this process becomes two, which
    /// then share its memory. With a key that is nobody's.
    static func warmUp(_ identity: NodeIdentity) throws {
        let nobody = try NodeKey(seed: try SecretBytes(random: SigningKey.seedLength))
        _ = try SessionDialer(identity, with: try nobody.connectionKey(at: .now))
        _ = try EphemeralKey()
        _ = try User.current()
    }

    /// Ends what the agent writes: a session's id, or nothing where a session may come.
    static let lineEnd = UInt8(ascii: "\n")

    /// The session that the agent assigns on standard input; `nil` when the agent ends before, or the reader does: then the
    /// agent starts another supervisor.
    private static func waitForSession(with reader: ReaderProcess, _ renewal: KeyRenewal) throws -> SessionID? {
        ProcessControl.setName("stint-spare")
        var line: [UInt8] = []
        while line.isEmpty {
            var entries = [PollEntry(STDIN_FILENO, .input), PollEntry(reader.handle, .input)]
            _ = try Poll.wait(&entries, timeout: nil)
            guard !entries[1].isReadable else { return nil }
            let words = try Transfer.read(STDIN_FILENO, maximum: 64)
            guard !words.isEmpty else { return nil }
            line = Array(words.drop { $0 == lineEnd })
            if line.isEmpty {
                try renewal.renewIfOld()
                try reader.tell(.dial)
            }
        }
        let id = try SessionID(String(decoding: line.prefix { $0 != lineEnd }, as: UTF8.self))
        try StandardStream.input.replaceWithNull()
        ProcessControl.setName("stint-session")
        ProcessControl.setArgument(sessionArgument, id.description)
        return id
    }

    static func prepare() throws(SystemError) {
        try ProcessControl.closeDescriptors(from: 3)
        // A session that forks without end must not keep us from ending it. Without root we are one of its equals.
        try? ProcessControl.setNiceness(-15)
        umask(0o077)
        Signals.ignoreBrokenPipe()
        try Signals.block(SessionKeeper.signals)
        try ProcessControl.forbidInspection()
    }
}

/// Makes the keys by which a supervisor's reader connects, which last for a while.
final class KeyRenewal {
    private let key: NodeKey
    private let reader: ReaderProcess
    private var madeAt: BootInstant = .now

    /// A key that waited for longer with its reader is made anew: the machine's clock may have been set since.
    private static let age: Duration = .seconds(3600)

    init(_ key: NodeKey, _ reader: ReaderProcess) { (self.key, self.reader) = (key, reader) }

    func renew() throws {
        madeAt = .now
        try reader.tell(.key(try key.connectionKey(at: .now)))
    }

    /// Before the key is used for the first connection.
    func renewIfOld() throws { if madeAt + Self.age <= .now { try renew() } }
}
