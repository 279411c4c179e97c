// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// Every way to end a live session (P2, P3): within a second, with the reason shown, and with nothing left.
@Suite(.serialized, .installation())
struct EndingTests {
    /// What P2 promises.
    private static let promised: Duration = .seconds(1)

    @Test func `the holder gives the grant back`() async throws {
        try await end(reason: "released", shown: "the grant was given back") { here, session in
            try await here.stint(as: "oncall", "done", session.grant)
        }
    }

    @Test func `an approver revokes the grant`() async throws {
        try await end(reason: "revoked", shown: "the grant was revoked (by security: wrong node)") { here, session in
            try await here.stint(as: "security", "revoke", session.grant, "--reason", "wrong node")
        }
    }

    @Test func `an administrator revokes the grant`() async throws {
        try await end(reason: "revoked", shown: "the grant was revoked (by admin)") { here, session in
            try await here.stint(as: "admin", "revoke", session.grant)
        }
    }

    @Test func `somebody ends the session, and the grant goes on`() async throws {
        let session = try await end(reason: "ended", shown: "somebody ended it (by lead)") { here, session in
            try await here.stint(as: "lead", "end", session.id)
        }
        let here = try Installation.here
        #expect(try await here.show(grant: session.grant).state == "active")
        #expect(try await here.exec("true").status == 0)
    }

    @Test func `somebody who may not end a session is told that there is none`() async throws {
        let here = try Installation.here
        let session = try await here.markedShell()
        #expect(try await here.stint(as: "stranger", "end", session.id).status == 4)
        #expect(try await here.stint(as: "stranger", "revoke", session.grant).status == 4)
        #expect(session.terminal.process.isRunning)
        session.terminal.send("exit\r")
        try await here.expectNothingLeft(of: session, reason: "exited")
    }

    @Test func `the grant's time is up`() async throws {
        let here = try Installation.here
        let session = try await here.markedShell(for: "5s")
        let deadline = try #require(try await here.show(grant: session.grant).notAfter).instant()
        let shown = try await session.terminal.expect("the grant expired")
        #expect(shown > deadline - .milliseconds(50) && shown < deadline + Self.promised, "\(deadline.duration(to: shown))")
        #expect(try await session.terminal.process.waitForEnd().status == 255)
        try await here.expectNothingLeft(of: session, reason: "expired")
        #expect(try await here.exec("true").status == 3, "an expired grant opens nothing")
    }

    @Test func `the shell exits, and what it left in the background goes too`() async throws {
        let here = try Installation.here
        let session = try await here.markedShell()
        let start = ContinuousClock.now
        session.terminal.send("exit 3\r")
        let end = try await session.terminal.process.waitForEnd()
        #expect(end.status == 3 && end.at < start + Self.promised, "\(start.duration(to: end.at))")
        try await here.expectNothingLeft(of: session, reason: "exited")
    }

    @Test func `the operator closes the client with the escape`() async throws {
        let here = try Installation.here
        let session = try await here.markedShell()
        session.terminal.send("\r~.")
        try await session.terminal.expect("it was closed from here")
        #expect(try await session.terminal.process.waitForEnd().status == 255)
        try await here.expectNothingLeft(of: session, reason: "client-closed")
    }

    @Test func `the client is killed, and does not come back in time`() async throws {
        try await Installation.with(.init(turn: .patient, rules: ["detachedFor": #""1s""#])) { here in
            let session = try await here.markedShell()
            let start = ContinuousClock.now
            session.terminal.process.signal(SIGKILL)
            let gone = try await Disappearance(of: session.marker).instant(within: .seconds(10))
            #expect(gone < start + .seconds(1) + Self.promised, "\(start.duration(to: gone))")
            try await here.expectNothingLeft(of: session, reason: "client-closed")
        }
    }

    @Test func `the supervisor is killed, and the agent cleans up`() async throws {
        let here = try Installation.here
        let session = try await here.markedShell()
        let supervisor = try #require(here.supervisors.first { $0.commandLine.contains(session.id) })
        let start = ContinuousClock.now
        kill(supervisor.pid, SIGKILL)
        let gone = try await Disappearance(of: session.marker).instant(within: .seconds(10))
        #expect(gone < start + Self.promised, "\(start.duration(to: gone))")
        #expect(try await session.terminal.process.waitForEnd().status == 255)
        try await here.expectNothingLeft(of: session, reason: "failed")
    }

    @Test func `the supervisor is asked to end while the broker is away: it signs and does not wait, and the agent delivers`() async throws {
        try await Installation.with(.init(turn: .patient)) { here in
            let session = try await here.markedShell()
            let supervisor = try #require(here.supervisors.first { $0.commandLine.contains(session.id) })
            try await here.killBroker()
            let start = ContinuousClock.now
            kill(supervisor.pid, SIGTERM)
            try await eventually("the supervisor's end", within: .seconds(20)) { here.supervisors.allSatisfy { $0.pid != supervisor.pid } }
            #expect(.now - start < .seconds(10))
            try await here.startBroker()
            try await here.expectNothingLeft(of: session, reason: "failed")
        }
    }

    @Test func `the agent is killed: the session goes on, and still ends when it is told to`() async throws {
        try await Installation.with(.init(turn: .patient)) { here in
            let session = try await here.markedShell()
            try await here.killAgent("db-1")
            session.terminal.send("echo without-$((1+1))\r")
            try await session.terminal.expect("without-2")
            let ending = try await here.stint(as: "oncall", "done", session.grant).checked()
            let shown = try await session.terminal.expect("the grant was given back")
            #expect(shown < ending.end + Self.promised)
            try await here.expectNothingLeft(of: session, reason: "released")
        }
    }

    @Test func `the person is disabled`() async throws {
        try await Installation.with(.init(turn: .patient)) { here in
            let session = try await here.markedShell()
            let ending = try await here.stint(as: "admin", "disable", "person", "oncall", "--reason", "has left").checked()
            let shown = try await session.terminal.expect("the person was disabled")
            #expect(shown < ending.end + Self.promised, "\(ending.end.duration(to: shown))")
            try await here.expectNothingLeft(of: session, reason: "person-disabled")
            #expect(try await here.exec("true").status == 7)
        }
    }

    /// Ends a live session with a command, and sees to the promise.
    @discardableResult
    private func end(
        reason: String, shown: String, _ command: (Installation, MarkedSession) async throws -> Outcome
    ) async throws -> MarkedSession {
        let here = try Installation.here
        let session = try await here.markedShell()
        let ending = try await command(here, session).checked()
        let told = try await session.terminal.expect(shown)
        #expect(told < ending.end + Self.promised, "\(ending.end.duration(to: told))")
        #expect(try await session.terminal.process.waitForEnd().status == 255)
        try await here.expectNothingLeft(of: session, reason: reason)
        return session
    }
}
