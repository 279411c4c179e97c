// SPDX-License-Identifier: Apache-2.0

import Testing

/// A live session with a program in its background that can be recognised among all processes of the machine.
struct MarkedSession: Sendable {
    let terminal: TerminalProgram
    let grant: String
    let id: String
    /// In the arguments of the background program.
    let marker: String
}

extension Installation {
    /// Opens a shell under a new grant, with a program in the background that nothing but a kill ends.
    func markedShell(for duration: String = "10m") async throws -> MarkedSession {
        let grant = try await grant(for: duration)
        let shell = try await shell()
        let marker = "stint-e2e-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        shell.send("(trap '' HUP TERM; exec -a \(marker) sleep 1000) & echo begun-$((1+1))\r")
        try await shell.expect("begun-2")
        try await eventually("the program in the background") { !ProcessTable.carrying(marker).isEmpty }
        let session = try #require(try await sessions(of: grant).first { $0.state == "live" })
        return MarkedSession(terminal: shell, grant: grant, id: session.id, marker: marker)
    }

    /// Makes sure that nothing of the session is left on the machine, and says so in its receipt.
    func expectNothingLeft(of session: MarkedSession, reason: String) async throws {
        let answer = try await receipted(session.grant)
        #expect(answer.id == session.id && answer.endReason == reason)
        #expect(answer.receipt?.left == 0)
        #expect(ProcessTable.carrying(session.marker).isEmpty)
        #expect(ProcessTable.carrying("STINT_SESSION=" + session.id).isEmpty)
    }
}
