// SPDX-License-Identifier: Apache-2.0
// SECURITY: the first process of a session. It starts in a session of its own, with the streams made here, the
// environment of `SessionEnvironment` and no other descriptor.

import Access
import CLinux
import Evidence
import Glibc
import Posix
import Protocol

/// The shell or command of a session, as the keeper has it: its process, and for a moment its terminal or its three pipes.
final class SessionProgram {
    let pid: Int32
    /// Where the second stage says why it failed.
    private(set) var report: Int32
    private let child: ChildProcess
    /// The terminal, or the other ends of standard input, output and error; until they are handed over.
    private var streams: [Int32]
    private var gate: OwnedDescriptor?
    private(set) var hasBegun = false

    /// How long a process that may not begin is given to end by itself.
    private static let retreat: Duration = .seconds(1)

    /// Starts its process, which waits until ``begin()``.
    init(_ terms: SessionTerms, executable: String) throws {
        let opening = terms.opening.value
        let user = try User.named(opening.runAs.text)
        var request = SpawnRequest(
            executable, [],
            environment: SessionEnvironment.variables(
                for: opening, user: user, session: terms.id, grant: terms.grant, settings: terms.settings, consent: terms.consent))
        request.newSession = true
        let report = try Ends(readByUs: true)
        defer { report.closeTheirs() }
        let gate = try Pipe()
        if let terminal = opening.terminal {
            let columns = UInt16(clamping: terminal.columns)
            var made = try PseudoTerminal(columns: columns, rows: UInt16(clamping: terminal.rows), owner: user)
            try made.master.setNonBlocking()
            request.controllingTerminal = made.slavePath
            request.descriptors = [
                .terminal, .terminal, .terminal, .descriptor(report.theirs), .descriptor(gate.reader.number),
            ]
            child = try Self.start(request, for: user, terms)
            made.closeSlave()
            if terms.settings.keepsLoginRecord {
                LoginRecords.begin(user, line: made.line, process: child.pid, host: terms.loginHost)
            }
            streams = [try made.master.duplicate().release()]
        } else {
            let (standardInput, output, errors) = (
                try Ends(readByUs: false, owner: user), try Ends(readByUs: true, owner: user), try Ends(readByUs: true, owner: user)
            )
            request.descriptors =
                [standardInput, output, errors, report].map { .descriptor($0.theirs) } + [.descriptor(gate.reader.number)]
            // A command document that is not interactive takes no input, whatever the client sends.
            if terms.program != nil { request.descriptors[0] = .null }
            child = try Self.start(request, for: user, terms)
            for ends in [standardInput, output, errors] { ends.closeTheirs() }
            streams = [standardInput, output, errors].map(\.ours)
        }
        self.report = report.ours
        self.gate = try gate.writer.duplicate()
        pid = child.pid
    }

    /// Starts it in the control group, or where the kernel cannot do that, has it join by itself.
    private static func start(_ request: SpawnRequest, for user: User, _ terms: SessionTerms) throws -> ChildProcess {
        var request = request
        if let group = terms.group {
            var inside = terms
            inside.group = nil
            request.arguments = [SupervisorProcess.programName] + SecondStage.arguments(for: inside, user: user)
            do throws(SystemError) {
                return try request.start(in: ControlGroup(existing: group))
            } catch {
                Log.warning("\(terms.id): not started in its control group: \(error.message)")
            }
        }
        request.arguments = [SupervisorProcess.programName] + SecondStage.arguments(for: terms, user: user)
        return try request.start()
    }

    deinit {
        closeStreams()
        if report >= 0 { _ = close(report) }
    }

    /// Gives the terminal or the pipes to who works with them. None stays here: the program sees the end of its input when
    /// that one closes it.
    func handOver(_ take: ([Int32]) throws(SystemError) -> Void) throws(SystemError) {
        try take(streams)
        closeStreams()
    }

    private func closeStreams() {
        for number in streams { _ = close(number) }
        streams = []
    }

    /// Lets the program begin.
    func begin() {
        hasBegun = true
        // A process that is gone already has said why in its report, and its end is seen as that of any other.
        try? gate.take()?.writeAll([1])
    }

    /// Keeps a program that did not begin from ever doing so.
    func giveUp() {
        guard gate.take() != nil else { return }
        var entries = [PollEntry(child.pidfd.number, .input)]
        // Who does not go by itself is found by the hunt.
        _ = try? Poll.wait(&entries, timeout: Self.retreat)
    }

    /// What the second stage reported: why there is no program. `nil` when it has become the program, or still may.
    func takeReport() -> String? {
        guard report >= 0 else { return nil }
        do throws(SystemError) {
            let bytes = try Transfer.read(report, maximum: 1024)
            _ = close(report)
            report = -1
            return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
        } catch {
            return nil  // nothing yet
        }
    }
}

/// The two ends of a pipe between us and a child, by number.
private struct Ends {
    let ours: Int32
    let theirs: Int32

    /// Ours is non-blocking; theirs is as programs expect it.
    init(readByUs: Bool, owner: User? = nil) throws(SystemError) {
        let pipe = try Pipe()
        if let owner { try pipe.give(to: owner) }
        // Fewer turns for what comes in bulk. Where the kernel gives less, it is as it was.
        _ = stint_set_pipe_size(pipe.writer.number, Int32(Limits.streamCredit / 4))
        if readByUs { try pipe.reader.setNonBlocking() } else { try pipe.writer.setNonBlocking() }
        var (reader, writer): (Int32, Int32) = (-1, -1)
        pipe.take { first, second in
            reader = first.release()
            writer = second.release()
        }
        (ours, theirs) = readByUs ? (reader, writer) : (writer, reader)
    }

    func closeTheirs() { _ = close(theirs) }
}
