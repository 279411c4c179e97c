// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// The half of a supervisor that reads the network fails or stands still; the other half holds what was promised (P2, P3).
struct SplitTests {
    private static let promised: Duration = .seconds(1)

    @Test func `a reader that stands still: the session ends at its deadline, and the agent brings the receipt`() async throws {
        try await Installation.with { here in
            let session = try await here.markedShell(for: "8s")
            let deadline = try #require(try await here.show(grant: session.grant).notAfter).instant()
            #expect(kill(try here.reader(of: session), SIGSTOP) == 0)
            let gone = try await Disappearance(of: session.marker).instant(within: .seconds(20))
            #expect(gone > deadline - .milliseconds(100) && gone < deadline + Self.promised, "\(deadline.duration(to: gone))")
            try await here.expectNothingLeft(of: session, reason: "expired")
            try await here.verifyLedger()
        }
    }

    @Test func `a reader that is killed ends its session at once; the operator is told, and another session opens`() async throws {
        try await Installation.with { here in
            let session = try await here.markedShell()
            let reader = try here.reader(of: session)
            let start = ContinuousClock.now
            #expect(kill(reader, SIGKILL) == 0)
            let gone = try await Disappearance(of: session.marker).instant(within: .seconds(20))
            #expect(gone < start + Self.promised, "\(start.duration(to: gone))")
            try await here.expectNothingLeft(of: session, reason: "failed")
            _ = try await session.terminal.process.waitForEnd(within: .seconds(30))
            #expect(try await here.exec("echo", "again").checked().text == "again\n")
            try await here.verifyLedger()
        }
    }

    @Test func `a waiting reader that is killed costs no session`() async throws {
        try await Installation.with { here in
            _ = try await here.grant()
            #expect(try await here.exec("echo", "first").checked().text == "first\n")
            let waiting = try await eventually("a supervisor that waits") {
                let entries = ProcessTable.all().filter { $0.commandLine.hasPrefix("stint-agent\0netreader\0\(here.directory)/") }
                return entries.first { $0.commandLine.contains("\0s-------\0") }
            }
            #expect(kill(waiting.pid, SIGKILL) == 0)
            #expect(try await here.exec("echo", "second").checked().text == "second\n")
        }
    }
}

extension Installation {
    /// The process that reads the network for a session.
    fileprivate func reader(of session: MarkedSession) throws -> pid_t {
        let supervisor = try #require(supervisors.first { $0.commandLine.contains(session.id) })
        let readers = ProcessTable.all().filter { $0.parent == supervisor.pid && $0.commandLine.hasPrefix("stint-agent\0netreader\0") }
        try #require(readers.count == 1 && readers[0].commandLine.contains(session.id))
        return readers[0].pid
    }
}
