// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The deadline lives on the node: nothing that happens elsewhere, and no wall clock, moves it (P2).
struct DeadlineTests {
    private static let promised: Duration = .seconds(1)

    @Test func `the broker is killed: the session ends at its deadline, and the receipt comes after the restart`()
        async throws
    {
        try await Installation.with { here in
            let session = try await here.markedShell(for: "8s")
            let deadline = try #require(try await here.show(grant: session.grant).notAfter).instant()
            try await here.killBroker()
            #expect(!ProcessTable.carrying(session.marker).isEmpty, "the session goes on without a broker")
            let gone = try await Disappearance(of: session.marker).instant(within: .seconds(20))
            #expect(gone > deadline - .milliseconds(100) && gone < deadline + Self.promised, "\(deadline.duration(to: gone))")
            #expect(ProcessTable.carrying("STINT_SESSION=" + session.id).isEmpty)

            try await here.startBroker()
            let answer = try await here.receipted(session.grant, within: .seconds(60))
            #expect(answer.endReason == "expired" && answer.receipt?.left == 0)
            try await here.verifyLedger()
        }
    }

    @Test func `a revocation that the node could not hear ends the session when it hears of it again`() async throws {
        try await Installation.with { here in
            let session = try await here.markedShell()
            try await here.killBroker()
            try await here.startBroker()
            // The session is detached now; the agent dials again by itself.
            try await here.stint(as: "lead", "revoke", session.grant).checked()
            try await here.awaitNode()
            try await here.expectNothingLeft(of: session, reason: "revoked")
        }
    }

    @Test func `a session that hears nothing from the broker ends with its lease`() async throws {
        let setting = Installation.Setting(turn: .patient, rules: ["lease": #""30s""#])
        try await Installation.with(setting) { here in
            let session = try await here.markedShell()
            let start = ContinuousClock.now
            try await here.killBroker()
            let gone = try await Disappearance(of: session.marker).instant(within: .seconds(40))
            #expect(gone > start + .seconds(10) && gone < start + .seconds(32), "\(start.duration(to: gone))")
            try await here.startBroker()
            let answer = try await here.receipted(session.grant, within: .seconds(60))
            #expect(answer.endReason == "lease-lost" && answer.receipt?.left == 0)
        }
    }

    @Test(arguments: ["-3600", "+3600"])
    func `the node's wall clock is stepped by an hour: the session ends at its deadline all the same`(step: String)
        async throws
    {
        let clock = try FakeClock()
        defer { clock.remove() }
        try await Installation.with(Installation.Setting(agentStarter: clock.starter)) { here in
            let session = try await here.markedShell(for: "8s")
            let deadline = try #require(try await here.show(grant: session.grant).notAfter).instant()
            try clock.step(by: step)
            session.terminal.send("echo later-$((1+1))\r")
            try await session.terminal.expect("later-2")
            let shown = try await session.terminal.expect("the grant expired")
            #expect(shown > deadline - .milliseconds(100) && shown < deadline + Self.promised, "\(deadline.duration(to: shown))")
            try await here.expectNothingLeft(of: session, reason: "expired")
            // The supervisor believed the clock that was stepped, or this would prove nothing.
            let nodeTime = Date(timeIntervalSince1970: Double(try await here.show(session: session.id).receipt?.endedAt ?? 0) / 1000)
            #expect(abs(nodeTime.timeIntervalSinceNow) > 3500, "\(nodeTime)")
            try await here.stopAgent("db-1")
        }
    }
}

/// A wall clock that a test can step, by libfaketime; the boot-time clock stays as it is.
private struct FakeClock {
    private static let wrapper = "/usr/bin/faketime"

    private let file: String

    init() throws {
        guard FileManager.default.fileExists(atPath: Self.wrapper) else {
            throw HarnessError("faketime is not installed (Debian package faketime)")
        }
        file = "/tmp/stint-clock-\(UInt32.random(in: 0 ... .max))"
        try step(by: "+0")
    }

    /// The wrapper sets what the library needs at its start; then the file says the time, read anew at each question.
    var starter: [String] {
        [
            Self.wrapper, "--exclude-monotonic", "-f", "+0", "/usr/bin/env", "--unset=FAKETIME",
            "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_NO_CACHE=1", "FAKETIME_TIMESTAMP_FILE=\(file)",
        ]
    }

    /// Steps every clock that reads the file.
    func step(by seconds: String) throws {
        try Data((seconds + "\n").utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
    }

    func remove() { try? FileManager.default.removeItem(atPath: file) }
}
