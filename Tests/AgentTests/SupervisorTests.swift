// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Glibc
import Posix
import Protocol
import StrictJSON
import Testing
import Transport

@testable import Agent

@Suite(.timeLimit(.minutes(1))) struct SupervisorTests {
    @Test func `a command runs to its end, with both its outputs and its status`() async throws {
        let record = try await TestSession("echo out; echo err >&2; exit 3").finish()
        #expect(record.text == "out\n")
        #expect(record.errors == Array("err\n".utf8))
        #expect(record.receipt?.reason == .exited)
        #expect(record.receipt?.outcome == .exited(3))
        #expect(record.receipt?.outputBytes == 8)
        #expect(record.ending?.outcome == .exited(3))
        #expect(record.receipt?.killed == 0)
    }

    @Test func `a command that a signal ended is told as such`() async throws {
        let record = try await TestSession("kill -TERM $$").finish()
        #expect(record.receipt?.outcome == .signalled(15))
    }

    @Test func `a command that does not exist ends with 127 and says so`() async throws {
        let session = try await TestSession("exec surely-no-such-command")
        #expect(try await session.finish().receipt?.outcome == .exited(127))
    }

    @Test func `standard input reaches the command and ends where the client says`() async throws {
        let session = try await TestSession("cat; echo done")
        try session.client.type("hello ")
        try session.client.type("world\n")
        try session.client.send(.endOfInput(offset: 12))
        let record = try await session.finish()
        #expect(record.text == "hello world\ndone\n")
        #expect(record.receipt?.inputBytes == 12)
    }

    @Test func `no byte of a long output is lost at the end of the command`() async throws {
        let record = try await TestSession("head -c 5000000 /dev/zero").finish()
        #expect(record.output.count == 5_000_000)
        #expect(record.receipt?.outputBytes == 5_000_000)
    }

    @Test func `output stops at the window until the client has consumed it`() async throws {
        let session = try await TestSession("head -c 3000000 /dev/zero; exec sleep 60")
        session.client.acknowledges = false
        // Of the last bytes of a window none is worth a read.
        let least = Limits.streamCredit - ProgramOutput.leastRoom
        try await session.client.listen { $0.output.count > least }
        try session.client.send(.close)
        let record = try await session.finish()
        #expect(record.output.count > least && record.output.count <= Limits.streamCredit)
        #expect(record.receipt?.reason == .clientClosed)
    }

    @Test func `a shell has a terminal of the size that the client has`() async throws {
        // Not the user's own: that one's start-up files say what the machine wants.
        let session = try await TestSession(nil, terminal: true, capability: .shell) { $0["settings"] = .object(["shell": .string("/bin/sh")]) }
        try session.client.type("stty size; tty -s && echo is-a-tty; exit 5\n")
        let record = try await session.finish()
        #expect(record.text.contains("24 80"))
        #expect(record.text.contains("is-a-tty\r\n"))
        #expect(record.receipt?.outcome == .exited(5))
    }

    @Test func `a new size of the window reaches the terminal`() async throws {
        let session = try await TestSession("read line; stty size", terminal: true)
        try session.client.send(.resize(columns: 132, rows: 43))
        try session.client.type("\n")
        #expect(try await session.finish().text.contains("43 132"))
    }

    @Test func `Control-C interrupts what runs in the terminal`() async throws {
        let session = try await TestSession("trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 1; done", terminal: true)
        try await session.client.listen { $0.text.contains("ready") }
        try session.client.type("\u{3}")
        let record = try await session.finish()
        #expect(record.text.contains("caught"))
        #expect(record.receipt?.outcome == .exited(9))
    }

    @Test func `the environment is ours and nothing else`() async throws {
        let session = try await TestSession("env | cut -d= -f1 | sort | tr '\\n' ' '")
        let names = try await session.finish().text.split(separator: " ")
        let shellAdds: Set<Substring> = ["PWD", "OLDPWD", "_", "SHLVL"]
        let allowed: Set<Substring> = ["HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "STINT_SESSION", "STINT_GRANT"]
        #expect(Set(names).subtracting(shellAdds) == allowed)
    }

    @Test func `the program inherits no descriptor but its three`() async throws {
        let record = try await TestSession("ls /proc/self/fd | tr '\\n' ' '").finish()
        // The fourth is the directory that ls reads.
        #expect(record.text == "0 1 2 3 ")
    }

    @Test func `the program's files are made with the umask 022`() async throws {
        #expect(try await TestSession("umask").finish().text.hasSuffix("022\n"))
    }

    @Test func `nothing runs before the broker says that there is a recording`() async throws {
        let directory = try TemporaryDirectory()
        let session = try await TestSession("touch \(directory.path)/ran; exec sleep 60", records: false) {
            $0["deadline"] = .integer(BootClock.now + 700_000_000)
        }
        let record = try await session.finish()
        #expect(record.receipt?.reason == .expired && record.receipt?.killed == 0)
        #expect(access(directory.path + "/ran", F_OK) != 0)
    }

    @Test func `a client that closes before there is a recording ends the session`() async throws {
        let session = try await TestSession("exec sleep 60", records: false)
        try session.client.send(.close)
        #expect(try await session.finish().receipt?.reason == .clientClosed)
    }

    @Test func `the program is as nice as any, whatever its supervisor is`() async throws {
        let record = try await TestSession("nice").finish()
        #expect(geteuid() != 0 || record.text == "0\n")
    }

    @Test func `a session whose id another one has is refused, and the other goes on`() async throws {
        let session = try await TestSession("read line; echo got $line")
        #expect(throws: (any Error).self) { try session.supervisors.start(session.terms) }
        try session.client.type("it\n")
        #expect(try await session.finish().text == "got it\n")
    }

    // MARK: Ends

    @Test func `a grant's end kills everything, is counted, and says so`() async throws {
        let deadline = Timestamp.now + .milliseconds(700)
        let session = try await TestSession("setsid sleep 300 & nohup sleep 300 >/dev/null & exec sleep 300") {
            $0["deadline"] = .integer(BootClock.now + 700_000_000)
        }
        let record = try await session.finish()
        #expect(try #require(record.receipt).endedAt - deadline < .seconds(1))
        #expect(record.receipt?.reason == .expired)
        #expect(record.receipt?.killed == 3)
        #expect(record.receipt?.left == 0)
        #expect(record.receipt?.outcome == ReceiptStatement.Outcome.none)
        #expect(record.ending?.reason == .expired)
        #expect(try GrantMemory(session.home.grantsPath).endReason(of: session.terms.request) == .expired)
    }

    @Test func `a session's own maximum ends it`() async throws {
        let record = try await TestSession("exec sleep 300") { $0["sessionMaximum"] = 300 }.finish()
        #expect(record.receipt?.reason == .maximumDuration)
    }

    @Test func `a session in which nobody types ends, although its window changes and its program writes`() async throws {
        let session = try await TestSession("while :; do echo x; sleep 0.05; done", terminal: true) { $0["idle"] = 500 }
        try await session.client.listen { $0.output.count > 8 }
        try session.client.send(.resize(columns: 90, rows: 30))
        #expect(try await session.finish().receipt?.reason == .idle)
    }

    @Test func `output keeps a session where the policy counts it`() async throws {
        let record = try await TestSession("for i in 1 2 3 4 5 6; do echo x; sleep 0.2; done") {
            $0["idle"] = 600
            $0["idleCounts"] = "inputAndOutput"
        }.finish()
        #expect(record.receipt?.reason == .exited)
    }

    @Test func `silence of the broker ends a session with its lease`() async throws {
        let record = try await TestSession("exec sleep 300") { $0["renewWithin"] = 400 }.finish()
        #expect(record.receipt?.reason == .leaseLost)
    }

    @Test func `the broker's clock past the grant's end ends a session`() async throws {
        let session = try await TestSession("exec sleep 300")
        session.client.line.send(.time(session.terms.notAfter - .milliseconds(1)))
        session.client.line.send(.time(session.terms.notAfter))
        #expect(try await session.finish().receipt?.reason == .expired)
    }

    @Test func `a revocation ends a session with the broker's detail, made harmless`() async throws {
        let session = try await TestSession("exec sleep 300")
        session.client.line.send(.end(session.terms.id, .revoked, detail: "by carol\u{1B}[2J"))
        let record = try await session.finish()
        #expect(record.receipt?.reason == .revoked)
        #expect(record.receipt?.detail == "by carol?[2J")
    }

    @Test func `the broker cannot make the node say what only the node knows`() async throws {
        let session = try await TestSession("exec sleep 300")
        session.client.line.send(.end(session.terms.id, .exited, detail: ""))
        #expect(try await session.finish().receipt?.reason == .ended)
    }

    @Test func `an end of another session is not ours`() async throws {
        let session = try await TestSession("read line")
        session.client.line.send(.end(try SessionID("s-000000"), .revoked, detail: ""))
        try session.client.type("\n")
        #expect(try await session.finish().receipt?.reason == .exited)
    }

    @Test func `a supervisor does not belong to the session of the agent that started it`() async throws {
        let session = try await TestSession("read line")
        session.supervisors.process(of: session.terms.id) { #expect(getsid($0.pid) == $0.pid) }
        try session.client.send(.close)
        _ = try await session.finish()
    }

    @Test func `a supervisor is small`() async throws {
        let session = try await TestSession("head -c 5000000 /dev/zero; read line")
        try await session.client.listen { $0.output.count == 5_000_000 }
        try session.supervisors.process(of: session.terms.id) { process in
            let bytes = try DurableFile.readKernelFile("/proc/\(process.pid)/smaps_rollup", maximumBytes: 8192)
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            let dirty = try #require(lines.first { $0.hasPrefix("Private_Dirty:") }).filter(\.isNumber)
            #expect(try #require(Int(dirty)) < 6 * 1024)  // kilobytes; a debug build takes 2100
        }
        try session.client.send(.close)
        _ = try await session.finish()
    }

    @Test func `the client closes its session`() async throws {
        let session = try await TestSession("exec sleep 300")
        try session.client.send(.close)
        let record = try await session.finish()
        #expect(record.receipt?.reason == .clientClosed)
        #expect(record.receipt?.killed == 1)
    }

    @Test func `a frame that somebody changed on the way ends the session`() async throws {
        let session = try await TestSession("exec cat")
        var frame = try session.client.sealed([1, 0, 0, 0, 0, 0, 0, 0, 0, UInt8(ascii: "l")])
        frame[9] ^= 1
        session.client.line.socket.send(binary: frame)
        let record = try await session.finish()
        #expect(record.receipt?.reason == .tampered)
        #expect(record.receipt?.inputBytes == 0)
    }

    @Test func `a frame that somebody repeated ends the session`() async throws {
        let session = try await TestSession("exec cat")
        let frame = try session.client.sealed(Frame.encode(.resize(columns: 80, rows: 24)))
        session.client.line.socket.send(binary: frame)
        session.client.line.socket.send(binary: frame)
        #expect(try await session.finish().receipt?.reason == .tampered)
    }

    @Test func `a frame that somebody left out ends the session`() async throws {
        let session = try await TestSession("exec cat")
        _ = try session.client.sealed(Frame.encode(.resize(columns: 80, rows: 24)))
        try session.client.type("x")
        #expect(try await session.finish().receipt?.reason == .tampered)
    }

    @Test func `bytes that were never a frame end the session`() async throws {
        let session = try await TestSession("exec cat")
        session.client.line.socket.send(binary: [1, 2, 3])
        #expect(try await session.finish().receipt?.reason == .tampered)
    }

    @Test func `input with a gap ends the session`() async throws {
        let session = try await TestSession("exec cat")
        try [UInt8(1)].withUnsafeBytes { try session.client.send(.input(offset: 1, $0)) }
        #expect(try await session.finish().receipt?.reason == .failed)
    }

    @Test func `the agent ends a session through its control file`() async throws {
        let session = try await TestSession("exec sleep 300")
        #expect(session.supervisors.tell(session.terms.id, .personDisabled, detail: "off the roll"))
        let record = try await session.finish()
        #expect(record.receipt?.reason == .personDisabled)
        #expect(record.receipt?.detail == "off the roll")
    }

    @Test func `what the session left in the background is killed when the shell exits`() async throws {
        let record = try await TestSession("(trap '' HUP TERM; sleep 300) & setsid sleep 300 & echo started").finish()
        #expect(record.text == "started\n")
        #expect(record.receipt?.reason == .exited)
        #expect((record.receipt?.killed ?? 0) >= 2)
        #expect(record.receipt?.left == 0)
    }

    // MARK: Receipts

    @Test func `the folder of a session is gone when its receipt is stored`() async throws {
        let session = try await TestSession("true")
        _ = try await session.finish()
        try await session.client.listen { _ in false }
        // Whoever of supervisor and agent comes first removes it.
        while session.home.folder(of: session.terms.id).exists { try await Task.sleep(for: .milliseconds(10)) }
    }

    @Test func `without a broker the deadline holds, and the receipt waits on disk`() async throws {
        let session = try await TestSession("exec sleep 300") { $0["deadline"] = .integer(BootClock.now + 600_000_000) }
        session.client.storesReceipts = false
        session.client.line.socket.close()
        try await session.client.listen { _ in false }
        let receipt = try await session.waitForReceiptOnDisk()
        #expect(receipt.reason == .expired)
        #expect(receipt.killed == 1)
    }

    @Test func `a supervisor that was killed has its processes ended and its receipt made by the agent`() async throws {
        let session = try await TestSession("echo $$; exec sleep 300")
        try await session.client.listen { $0.text.hasSuffix("\n") }
        let program = try #require(Int32(session.client.record.text.dropLast()))
        try session.supervisors.killSupervisor(of: session.terms.id)
        let receipt = try await session.waitForReceiptOnDisk()
        #expect(receipt.reason == .failed)
        #expect(receipt.killed == 1)
        #expect(receipt.left == 0)
        #expect(ProcessRecord(of: program)?.isAlive != true)
        #expect(try session.supervisors.pendingReceipts().map(\.0) == [session.terms.id])
        try session.supervisors.receiptStored(session.terms.id)
        #expect(try session.supervisors.pendingReceipts().isEmpty)
    }
}

extension TestSession {
    /// Looks as the agent does, until the receipt is there.
    func waitForReceiptOnDisk() async throws -> ReceiptStatement {
        while true {
            supervisors.collect()
            for (id, text) in try supervisors.pendingReceipts() where id == terms.id {
                return try Signed<ReceiptStatement>(text).value
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}

extension Supervisors {
    /// Kills a supervisor as the kernel would.
    func killSupervisor(of id: SessionID) throws { try process(of: id) { process in try process.signal(.kill) } }
}
