// SPDX-License-Identifier: Apache-2.0
// SECURITY: has neither the node's key nor a connection, and is told nothing but to make a copy of itself. The copies share its
// layout in memory: docs/decisions/0075.

import CLinux
import Glibc
import Posix

/// `stint-agent warm-copy HOME s-------`, started by the agent: a supervisor that has done all that is the same for each, and
/// never gets a session. Its copies do, or become the reader of the agent's channel: they share the pages that starting a program
/// fills.
package enum WarmProcess {
    /// As long as the word of what its copies are.
    package static let command = "warm-copy"

    /// What a copy is to be: the one byte of a message, which brings a descriptor.
    enum Copy: UInt8 {
        /// A supervisor, which waits for its session at the descriptor.
        case supervisor = 1
        /// A ``ChannelReader``, which has its line to the agent there.
        case channelReader = 2
    }

    /// The agent's line.
    static let line: Int32 = 0
    /// Bytes of the answer: the number of the copy's process, which comes with a descriptor of it.
    static let answer = 4

    /// Makes copies until the agent is gone. Returns the exit status.
    package static func run(_ arguments: [String]) -> Int32 {
        do {
            guard arguments.count == 2 else { throw SystemError(call: command, errno: EINVAL) }
            let niceness = ProcessControl.niceness
            try SupervisorProcess.prepare()
            let home = AgentHome(arguments[0])
            let identity = try home.identity()
            try SupervisorProcess.warmUp(identity)
            let account = try UnprivilegedAccount.find()
            ProcessControl.setName("stint-warm")
            let agent = MessageSocket.inherited(line)
            var entries = [PollEntry(line, .input)]
            while true {
                _ = try Poll.wait(&entries, timeout: nil)
                let (received, descriptors) = try agent.receiveAll()
                switch received {
                case .ended: return 0
                case .none: continue
                case .message, .tooLong, .withDescriptors: break
                }
                guard case .message(let bytes) = received, bytes.count == 1, let kind = Copy(rawValue: bytes[0]),
                    let descriptor = descriptors.first
                else { throw SystemError(call: "recvmsg", errno: EBADMSG) }
                if let copy = try ChildProcess.copyBeside() {
                    let pid = copy.pid
                    let bytes = (0..<answer).map { UInt8(truncatingIfNeeded: pid >> Int32(8 * $0)) }
                    try agent.send(bytes, with: [copy.pidfd.number])
                } else {
                    switch kind {
                    case .supervisor: _exit(become(waitingOn: descriptor) ?? SupervisorProcess.run(home, identity, as: account))
                    case .channelReader: _exit(ChannelReader.run(over: descriptor, as: account, niceness: niceness))
                    }
                }
            }
        } catch {
            Log.error("\(command): \(AgentError(error).message)")
            return 1
        }
    }

    /// In the copy: a supervisor as the agent would have started it.
    ///
    /// - Returns: the exit status where that failed.
    private static func become(waitingOn assignment: MessageSocket.OwnedNumber) -> Int32? {
        do throws(SystemError) {
            guard setsid() >= 0 else { throw SystemError(call: "setsid", errno: errno) }
            try assignment.put(at: STDIN_FILENO)
            try ProcessControl.closeDescriptors(from: 3)
            ProcessControl.setArgument(1, SupervisorProcess.command)
            return nil
        } catch {
            Log.error("\(command): \(error.message)")
            return 1
        }
    }
}

/// The agent's hold on the process that its supervisors are copies of.
final class WarmSupervisor {
    private let process: ChildProcess
    private let line: MessageSocket

    /// How long a copy may take; at first the process itself has to start.
    private static let patience: Duration = .seconds(5)

    init(of home: AgentHome, executable: String) throws(SystemError) {
        let (ours, theirs) = try MessageSocket.pair()
        var request = SpawnRequest(
            executable, [SupervisorProcess.programName, WarmProcess.command, home.path, StartedSupervisor.unassigned],
            environment: Environment.all)
        request.descriptors = [.descriptor(theirs.number), .null, .descriptor(StandardStream.error.rawValue)]
        request.newSession = true
        process = try request.start()
        line = ours
    }

    var pid: Int32 { process.pid }

    func hasEnded() throws(SystemError) -> Bool { try process.status() != nil }

    /// Ends it: it is not to be asked again. Its copies live on.
    func dismiss() throws(SystemError) {
        try process.signal(.kill)
        _ = try process.wait()
    }

    /// A copy, which gets the descriptor.
    ///
    /// - Throws: where there is no answer in time; nothing is to be had of it any more then.
    func copy(_ kind: WarmProcess.Copy, with descriptor: Int32) throws(SystemError) -> ChildProcess {
        try line.send([kind.rawValue], with: [descriptor])
        var entries = [PollEntry(line.number, .input)]
        guard try Poll.wait(&entries, timeout: Self.patience) > 0 else { throw SystemError(call: "poll", errno: ETIMEDOUT) }
        let (received, descriptors) = try line.receiveAll()
        guard case .message(let bytes) = received, bytes.count == WarmProcess.answer, let handle = descriptors.first else {
            throw SystemError(call: "recvmsg", errno: EBADMSG)
        }
        let pid = bytes.enumerated().reduce(Int32(0)) { $0 | Int32($1.element) << Int32(8 * $1.offset) }
        return ChildProcess(adopting: pid, try handle.duplicate())
    }
}
