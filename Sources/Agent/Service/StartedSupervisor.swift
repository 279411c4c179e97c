// SPDX-License-Identifier: Apache-2.0
// SECURITY: a supervisor is told the id of its session and nothing else; all the rest it reads from the session's folder.

import Access
import Glibc
import Posix

/// A supervisor's process. It is started before there is a session for it, because a program of this size takes longer to
/// start than everything else a session's start waits for on the node.
final class StartedSupervisor {
    let process: ChildProcess
    private var assignment: OwnedDescriptor?
    private var expectedAt: BootInstant?

    /// The argument in the place of a session's id while there is none; as long as one.
    static let unassigned = "s-------"

    /// Makes one of a process that is warm. Until it is assigned it ends with its agent.
    init(copying warm: WarmSupervisor) throws(SystemError) {
        let pipe = try Pipe()
        let writer = try pipe.writer.duplicate()
        process = try warm.copy(.supervisor, with: pipe.reader.number)
        assignment = consume writer
    }

    /// Starts one from its program's beginning.
    init(of home: AgentHome, executable: String) throws(SystemError) {
        let pipe = try Pipe()
        var request = SpawnRequest(
            executable, [SupervisorProcess.programName, SupervisorProcess.command, home.path, Self.unassigned],
            // It is this program, and needs what made this process run, such as the loader's variables. The session's
            // own programs get nothing of it: see `SessionEnvironment`.
            environment: Environment.all)
        request.descriptors = [.descriptor(pipe.reader.number), .null, .descriptor(StandardStream.error.rawValue)]
        request.newSession = true
        let writer = try pipe.writer.duplicate()
        process = try request.start()
        assignment = consume writer
    }

    /// How often it is told at most that a session may come: whoever is refused asks again.
    private static let expectingEvery: Duration = .seconds(1)

    /// Says that a session may come in a moment: time to have a connection to the broker.
    func expectSession() {
        let now = BootInstant.now
        guard expectedAt.map({ now >= $0 + Self.expectingEvery }) ?? true else { return }
        expectedAt = now
        // Where that fails, so does the assignment.
        try? assignment?.writeAll([SupervisorProcess.lineEnd])
    }

    /// Gives it its session, whose folder is there. From here on it lives until the session has ended.
    ///
    /// - Throws: where the process has ended meanwhile.
    func assign(_ session: SessionID) throws(SystemError) {
        guard let assignment = assignment.take() else { throw SystemError(call: "write", errno: EBUSY) }
        // One write of so few bytes is never torn (pipe(7)).
        try assignment.writeAll(Array((session.description + "\n").utf8))
    }
}
