// SPDX-License-Identifier: Apache-2.0

import Testing

/// A broker that changes what it relays ends the session, at the side that noticed, and achieves nothing else (P1).
struct TamperingTests {
    @Test func `a keystroke that the broker inserts is not typed, and the node ends the session`() async throws {
        try await withTampering("insert") { here, shell in
            // The broker puts an `X` before what comes next: were it taken, the shell would answer `Xecho`.
            try await type("echo inserted-$((1+1))\r", on: shell, until: "the node found a frame tampered with")
            #expect(!shell.transcript.contains("Xecho") && !shell.transcript.contains("Xe"))
            return "tampered"
        }
    }

    @Test func `input that the broker repeats is not typed twice, and the node ends the session`() async throws {
        try await withTampering("repeat") { here, shell in
            let file = here.scratch("counted")
            try await type("echo once >> \(file)\r", on: shell, until: "the node found a frame tampered with")
            return "tampered"
        }
    }

    @Test func `a changed byte of output is not shown, and the client leaves the session`() async throws {
        try await withTampering("alter") { _, shell in
            try await type("echo altered-$((1+1))\r", on: shell, until: "The connection was tampered with")
            return "client-closed"
        }
    }

    @Test func `output that the broker swallows is noticed at the next frame`() async throws {
        try await withTampering("drop") { _, shell in
            // Enough messages for the broker to have become dishonest before the shell exits.
            for _ in 0..<10 {
                shell.send(":\r")
                try await Task.sleep(for: .milliseconds(100))
            }
            try await type("echo dropped-$((1+1)); exit\r", on: shell, until: "The connection was tampered with")
            return "exited"
        }
    }

    /// Types until the session is over; a dishonest broker behaves for the first few messages.
    private func type(_ line: String, on shell: TerminalProgram, until ending: String) async throws {
        try await eventually(ending) {
            if shell.process.isRunning { shell.send(line) }
            return (try? await shell.expect(ending, within: .milliseconds(300))) != nil
        }
    }

    /// - Parameter body: returns the reason with which the node ends.
    private func withTampering(_ fault: String, _ body: (Installation, TerminalProgram) async throws -> String) async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            try await here.stopBroker()
            try await here.startBroker(fault)
            try await here.awaitNode()
            let shell = try here.terminal(as: "oncall", "shell", "db-1")
            let reason = try await body(here, shell)
            #expect(try await shell.process.waitForEnd().status == 255)
            let session = try await here.receipted(grant)
            #expect(session.endReason == reason && session.receipt?.left == 0)
        }
    }
}
