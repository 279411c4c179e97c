// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The main job, and a shell that behaves as one over ssh.
@Suite(.serialized, .installation())
struct ShellTests {
    @Test func `asking, agreeing, working and the end leave a receipt, a recording and a ledger`() async throws {
        let here = try Installation.here
        let shell = try here.terminal(as: "oncall", "shell", "db-1", "--reason", "restore the index, INC-4711", "--for", "5m")
        try await shell.expect("Waiting for the decision")
        let pending: [RequestAnswer] = try await here.stint(as: "lead", "requests", "--to-decide", "--json").decoded()
        let request = try #require(pending.first { $0.state == "pending" })
        try await here.stint(as: "lead", "approve", request.id, "--yes").checked()
        shell.send("echo sum-$((40+2))\r")
        try await shell.expect("sum-42")
        shell.send("exit 7\r")
        #expect(try await shell.process.waitForEnd().status == 7)

        let grant = "g" + request.id.dropFirst()
        let session = try await here.receipted(grant)
        #expect(session.endReason == "exited" && session.state == "ended" && session.confirmed)
        #expect(session.receipt?.left == 0 && session.receipt?.exit == 7)
        let recording = try await here.stint(as: "lead", "replay", session.id, "--raw").checked().text
        #expect(recording.contains("sum-42"))
        #expect(try await here.show(grant: grant).state == "active", "a grant outlives its sessions")
        try await here.verifyLedger()
    }

    @Test func `the prompt comes, and what is typed is done`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let shell = try await here.shell()
        shell.send("echo typed-$((1+1))\r")
        try await shell.expect("typed-2")
        try await shell.expect("ready> ")
        shell.send("tty\r")
        try await shell.expect("/dev/pts/")
        shell.send("exit\r")
        #expect(try await shell.process.waitForEnd().status == 0)
    }

    @Test func `a change of the window reaches the program`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let shell = try await here.shell()
        shell.send("stty size\r")
        try await shell.expect("24 80")
        shell.resize(columns: 132, rows: 43)
        try await eventually("the new size") {
            shell.send("stty size\r")
            return (try? await shell.expect("43 132", within: .seconds(1))) != nil
        }
        shell.send("exit\r")
        _ = try await shell.process.waitForEnd()
    }

    @Test func `Ctrl-C interrupts the program and not the session`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let shell = try await here.shell()
        // Said by the program itself: between its fork and its program, bash's child throws a Ctrl-C away.
        shell.send("sh -c 'echo now-$((1+1)); exec sleep 100'; echo status-$?\r")
        try await shell.expect("now-2")
        shell.send("\u{3}")
        try await shell.expect("ready> ", within: .seconds(30))  // the command sleeps for 100
        shell.send("echo still-$((2+2))\r")
        try await shell.expect("still-4")
        shell.send("exit\r")
        #expect(try await shell.process.waitForEnd().status == 0)
    }

    @Test func `job control works: a stopped program goes on in the foreground`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let shell = try await here.shell()
        // Typed before the shell has given the terminal to its program, a return is not a line's end.
        shell.send("echo go-$((1+1)); cat\r")
        try await shell.expect("go-2\r\n")
        shell.send("alpha\r")
        try await shell.expect("alpha\r\nalpha")
        shell.send("\u{1A}")
        try await shell.expect("Stopped")
        shell.send("fg\r")
        try await shell.expect("\u{1B}[?2004l")
        try await shell.expect("cat\r\n")
        shell.send("beta\r")
        try await shell.expect("beta\r\nbeta")
        shell.send("\u{4}")
        try await shell.expect("ready> ")
        shell.send("exit\r")
        #expect(try await shell.process.waitForEnd().status == 0)
    }

    @Test func `text beyond ASCII comes back as it went`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let shell = try await here.shell()
        shell.send("printf '<%s>\\n' 'Grüße, 世界 🛰️'\r")
        try await shell.expect("<Grüße, 世界 🛰️>")
        shell.send("exit\r")
        _ = try await shell.process.waitForEnd()
        let grant = try #require(try await here.grants().first { $0.state == "active" }).id
        let session = try await here.receipted(grant)
        let recording = try await here.stint(as: "lead", "replay", session.id, "--raw").checked().text
        #expect(recording.contains("<Grüße, 世界 🛰️>"))
    }

    @Test func `a full-screen program draws, and leaves the terminal as it was`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let text = try here.file("lines", (1...100).map { "line \($0)\n" }.joined())
        let shell = try await here.shell()
        shell.send("tmux -S \(here.scratch("tmux")) -f /dev/null new-session 'sleep 0.5; cat \(text) | tail -3; sleep 1'\r")
        try await shell.expect("\u{1B}[?1049h")
        try await shell.expect("line 100")
        try await shell.expect("\u{1B}[?1049l")
        shell.send("exit\r")
        #expect(try await shell.process.waitForEnd().status == 0)
    }

    @Test func `a shell that a signal ends gives 128 and its number`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let shell = try await here.shell()
        shell.send("kill -KILL $$\r")
        #expect(try await shell.process.waitForEnd().status == 137)
    }

    @Test func `the recording is an asciicast of what was shown, and is played made safe`() async throws {
        let here = try Installation.here
        let grant = try await here.grant()
        let shell = try await here.shell()
        shell.send("printf 'played-%s\\033]0;title\\007\\n' 1\r")
        try await shell.expect("played-1")
        shell.resize(columns: 100, rows: 30)
        shell.send("exit\r")
        _ = try await shell.process.waitForEnd()
        let session = try await here.receipted(grant)
        let raw = try await here.stint(as: "lead", "replay", session.id, "--raw").checked().text
        let cast = try Asciicast(raw)
        #expect(cast.width == 80 && cast.height == 24)
        #expect(cast.output.contains("played-1\u{1B}]0;title"))
        #expect(cast.times == cast.times.sorted())
        let played = try await here.stint(as: "lead", "replay", session.id, "--speed", "0").checked().text
        #expect(played.contains("played-1") && !played.contains("\u{1B}]0;"))
    }
}
