// SPDX-License-Identifier: Apache-2.0
// SECURITY: the process that reads the network. It is made before the node's key is read, so the key is in no page of it;
// before it does anything it is nobody, without capabilities, and has the descriptors named here (docs/decisions/0053).

import Access
import Glibc
import Posix
import Transport

/// The keeper's hold on its reader.
final class ReaderProcess {
    private let process: ChildProcess
    private let line: MessageSocket
    private(set) var isThere = true

    /// The reader's end of the line to the keeper; beside it are null, null, and the agent's standard error.
    private static let place: Int32 = 3

    /// Makes the reader, which waits for its session. Only for a process of one thread that has not seen the node's key.
    ///
    /// - Parameter account: whose the reader is.
    init(of identity: NodeIdentity, as account: UnprivilegedAccount) throws {
        let (ours, theirs) = try MessageSocket.pair()
        if let copy = try ChildProcess.copy() {
            process = copy
            line = ours
            return
        }
        // From here on this is the reader, and nothing of the keeper's goes on in it.
        _exit(Self.run(theirs, identity, account))
    }

    /// The reader's whole life.
    private static func run(_ line: MessageSocket, _ identity: NodeIdentity, _ account: UnprivilegedAccount) -> Int32 {
        do {
            let keeper = getppid()
            let line = line.number == place ? line : try line.copy(to: place)
            try ProcessControl.closeDescriptors(from: place + 1)
            try StandardStream.input.replaceWithNull()
            guard chdir("/") == 0 else { throw SystemError(call: "chdir", errno: errno, subject: "/") }
            try Privileges.emptyBoundingSet()
            try account.become()
            // After becoming somebody else, which forgets it. A keeper that has gone before is gone from the line as well.
            try ProcessControl.setParentDeathSignal(.kill)
            guard getppid() == keeper else { return 0 }
            ProcessControl.setName("stint-reader")
            ProcessControl.setArgument(1, "netreader")
            return try SessionReader.serve(over: line, identity)
        } catch {
            Log.error("the reader of a session: \(AgentError(error).message)")
            return 1
        }
    }

    var socket: Int32 { line.number }
    /// Readable when the reader has ended.
    var handle: Int32 { process.pidfd.number }
    /// Who is not of the session.
    var family: Set<Int32> { isThere ? [process.pid] : [] }

    func tell(_ message: KeeperMessage, with descriptors: [Int32] = []) throws(SystemError) {
        guard isThere else { throw SystemError(call: "sendmsg", errno: EPIPE) }
        try line.send(message.bytes, with: descriptors)
    }

    /// Tells the reader its session. The terms come as a descriptor: they may be longer than a message.
    func begin(_ id: SessionID, _ folder: SessionFolder) throws {
        let terms = try folder.openTerms()
        try tell(.session(id), with: [terms.number])
    }

    func receive() throws(SystemError) -> MessageSocket.Received { try line.receive(maximum: ReaderRequest.maximumLength) }

    /// Whether the reader has ended. One that only closed its line is ended.
    func hasEnded() throws -> Bool {
        guard isThere else { return false }
        try dismiss()
        return true
    }

    /// Ends the reader, wherever it is.
    func dismiss() throws(SystemError) {
        guard isThere else { return }
        isThere = false
        try process.signal(.kill)
        _ = try process.wait()
    }
}
