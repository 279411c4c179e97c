// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// Looking on at a live session.
@Suite(.serialized, .installation())
struct WatchTests {
    private var here: Installation { get throws { try Installation.here } }

    private func live(_ grant: String) async throws -> String {
        let here = try here
        return try await eventually("a live session") {
            try await here.sessions(of: grant).first { $0.state == "live" }?.id
        }
    }

    @Test func `an approver looks on, the operator is told, and nothing goes back`() async throws {
        let here = try here
        let grant = try await here.grant()
        let shell = try await here.shell()
        shell.send("echo before-$((40+2))\r")
        try await shell.expect("before-42")
        let id = try await live(grant)
        let watching = try here.terminal(as: "lead", "watch", id)
        try await watching.expect("Looking on at \(id)")
        try await watching.expect("The operator is told.")
        try await watching.expect("before-42")
        try await shell.expect("[stint] lead looks on.")
        watching.send("echo from-the-watcher\r")
        shell.send("printf 'seen-%s\\033]0;a title\\007\\033[c\\n' 1\r")
        try await watching.expect("seen-1")
        #expect(!watching.transcript.contains("a title\u{07}") && !watching.transcript.contains("\u{1B}[c"))
        watching.send("q")
        #expect(try await watching.process.waitForEnd().status == 0)
        try await shell.expect("[stint] lead does not look on any more.")
        #expect(!shell.transcript.contains("from-the-watcher"))
        shell.send("exit\r")
        _ = try await shell.process.waitForEnd()
        let ledger = try await here.stint(as: "admin", "ledger", "export").checked().text
        #expect(ledger.contains("session.watched") && ledger.contains("session.unwatched"))
        try await here.verifyLedger()
    }

    @Test func `lines of a command without a terminal begin at the left`() async throws {
        let here = try here
        let grant = try await here.grant()
        let flag = here.scratch("go")
        async let done = here.exec("sh", "-c", "until [ -e \(flag) ]; do sleep 0.1; done; echo one; echo two; until [ ! -e \(flag) ]; do sleep 0.1; done")
        let watching = try here.terminal(as: "lead", "watch", try await live(grant))
        try await watching.expect("Looking on")
        try Data().write(to: URL(fileURLWithPath: flag))
        try await watching.expect("one\r\ntwo\r\n")
        try FileManager.default.removeItem(atPath: flag)
        try await done.checked()
    }

    @Test func `the end of the session is the end of looking on`() async throws {
        let here = try here
        let grant = try await here.grant()
        let shell = try await here.shell()
        let id = try await live(grant)
        let watching = try here.terminal(as: "lead", "watch", id)
        try await watching.expect("Looking on")
        shell.send("exit\r")
        try await watching.expect("Session \(id): The session is over.")
        #expect(try await watching.process.waitForEnd().status == 0)
        let late = try await here.stint(as: "lead", "watch", id)
        #expect(late.status == 5 && late.errors.contains("session.not-live"), "\(late.errors)")
    }

    @Test func `who may not know of a session cannot look on, and a live recording is no way around being told`() async throws {
        let here = try here
        let grant = try await here.grant()
        let shell = try await here.shell()
        let id = try await live(grant)
        let stranger = try await here.stint(as: "stranger", "watch", id)
        #expect(stranger.status == 4 && stranger.errors.contains("session.not-found"), "\(stranger.errors)")
        let secretly = try await here.stint(as: "lead", "replay", id, "--raw")
        #expect(secretly.status == 5 && secretly.errors.contains("recording.not-finished"), "\(secretly.errors)")
        #expect(try await here.stint(as: "oncall", "replay", id, "--raw").status == 0, "it is the operator's own")
        shell.send("exit\r")
        _ = try await shell.process.waitForEnd()
    }

    @Test func `somebody who looks on and stops reading misses bytes; the session does not wait`() async throws {
        let here = try here
        let grant = try await here.grant()
        async let outcome = here.exec("sh", "-c", "sleep 2; head -c 8000000 /dev/zero | tr '\\0' x")
        let watching = try here.terminal(as: "lead", "watch", try await live(grant))
        try await watching.expect("Looking on")
        watching.process.signal(SIGSTOP)
        #expect(try await outcome.checked().output.count == 8_000_000)
        watching.process.signal(SIGCONT)
        _ = try await watching.process.waitForEnd()
        let shown = watching.transcript.utf8.count
        #expect(shown < 7_000_000, "\(shown) bytes: nothing was skipped")
        #expect(watching.transcript.contains("bytes skipped: this connection was too slow."))
    }
}
