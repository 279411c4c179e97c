// SPDX-License-Identifier: Apache-2.0

import Testing

/// Idle counts what the operator types, and nothing else. These wait for a minute and more, beside all other tests.
struct IdleTests {
    private static let limit: Duration = .seconds(60)

    @Test func `output and window changes do not keep a session alive, and a keystroke does`() async throws {
        let setting = Installation.Setting(turn: .patient, rules: ["idleLimit": #""1m""#])
        try await Installation.with(setting) { here in
            let grant = try await here.grant()
            let (idle, used) = (try await here.shell(), try await here.shell())
            idle.send("while sleep 1; do echo tick; done\r")
            used.send("cat\r")
            let start = ContinuousClock.now
            var key: ContinuousClock.Instant?
            var columns: UInt16 = 80
            while idle.process.isRunning, ContinuousClock.now < start + .seconds(70) {
                columns = columns == 80 ? 100 : 80
                for shell in [idle, used] { shell.resize(columns: columns, rows: 24) }
                if key == nil, ContinuousClock.now > start + .seconds(40) {
                    used.send("k")
                    key = .now
                }
                try await Task.sleep(for: .milliseconds(500))
            }
            try await idle.expect("because it is idle")
            try await expectIdleEnd(of: idle, at: start + Self.limit)
            #expect(used.process.isRunning)
            try await expectIdleEnd(of: used, at: try #require(key) + Self.limit)
            let sessions = try await here.sessions(of: grant)
            #expect(sessions.count == 2 && sessions.allSatisfy { $0.endReason == "idle" && $0.receipt?.left == 0 })
        }
    }

    @Test func `a minute before the idle end the operator is warned, and a key keeps the session`() async throws {
        let setting = Installation.Setting(turn: .patient, rules: ["idleLimit": #""2m""#])
        try await Installation.with(setting) { here in
            _ = try await here.grant()
            let shell = try await here.shell()
            let start = ContinuousClock.now
            shell.send(" ")
            let warned = try await shell.expect("[stint] This session ends in 1 minute", within: .seconds(70))
            #expect(warned > start + .seconds(59) && warned < start + .seconds(61), "\(start.duration(to: warned))")
            try await shell.expect("because it is idle")
            shell.send("echo kept-$((1+1))\r")
            try await shell.expect("kept-2")
            try await shell.expect("because it is idle", within: .seconds(70))
            shell.send("exit\r")
            #expect(try await shell.process.waitForEnd().status == 0)
        }
    }

    private func expectIdleEnd(of shell: TerminalProgram, at due: ContinuousClock.Instant) async throws {
        let shown = try await shell.expect("nothing was typed for too long", within: .seconds(70))
        #expect(shown > due - .milliseconds(100) && shown < due + .seconds(1), "\(due.duration(to: shown))")
        #expect(try await shell.process.waitForEnd().status == 255)
    }
}
