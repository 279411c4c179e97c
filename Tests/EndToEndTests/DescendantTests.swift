// SPDX-License-Identifier: Apache-2.0

import Testing

/// What a session started is ended with it, however it tried to get away (P3).
@Suite(.serialized, .installation())
struct DescendantTests {
    /// The eight kinds of issue 2, and one more: a program that threw its environment away.
    private static let kinds = [
        "background", "nohup", "setsid", "double", "trap", "disown", "tmux", "refork", "bare",
    ]

    /// Starts one process of each kind, with the marker and the kind among its arguments.
    private static func script(_ marker: String, in directory: String, scratch: String) -> String {
        """
        run() { exec -a "\(marker)-$1" sleep 1000; }
        run background >/dev/null 2>&1 &
        nohup bash -c 'exec -a \(marker)-nohup sleep 1000' >/dev/null 2>&1 &
        setsid bash -c 'exec -a \(marker)-setsid sleep 1000' >/dev/null 2>&1 &
        ( ( run double >/dev/null 2>&1 & ) & )
        bash -c 'trap "" HUP TERM; while :; do sleep 0.2; done' \(marker)-trap >/dev/null 2>&1 &
        run disown >/dev/null 2>&1 & disown
        TMUX_TMPDIR=\(scratch) tmux -f /dev/null new-session -d "exec -a \(marker)-tmux sleep 1000" >/dev/null 2>&1
        bash \(directory)/refork \(marker)-refork >/dev/null 2>&1 &
        env -i setsid bash -c 'exec -a \(marker)-bare sleep 1000' >/dev/null 2>&1 &

        """
    }

    /// Lives for a twentieth of a second and is then its own successor, over and over.
    private static let refork = "sleep 0.05\nbash \"$0\" \"$1\" &\nexit 0\n"

    @Test func `a shell that leaves descendants of eight kinds leaves none`() async throws {
        let here = try Installation.here
        let session = try await here.markedShell()
        let script = try prepare(here, session.marker)
        session.terminal.send(". \(script)\r")
        try await awaitAll(session.marker)
        try await here.stint(as: "lead", "revoke", session.grant).checked()
        try await session.terminal.expect("0 left")
        try await expectNone(of: session.marker)
        try await here.expectNothingLeft(of: session, reason: "revoked")
    }

    @Test func `a command that leaves descendants of eight kinds leaves none`() async throws {
        let here = try Installation.here
        let grant = try await here.grant()
        let marker = "stint-e2e-exec-\(UInt32.random(in: 0 ... .max))"
        let script = try prepare(here, marker)
        async let outcome = here.exec("bash", "-c", ". \(script); exec sleep 1000")
        try await awaitAll(marker)
        try await here.stint(as: "lead", "revoke", grant).checked()
        #expect(try await outcome.status == 255)
        try await expectNone(of: marker)
        let session = try await here.receipted(grant)
        #expect(session.receipt?.left == 0 && (session.receipt?.killed ?? 0) >= Self.kinds.count)
    }

    @Test func `descendants of a shell that exits by itself go with it`() async throws {
        let here = try Installation.here
        let session = try await here.markedShell()
        let script = try prepare(here, session.marker)
        session.terminal.send(". \(script)\r")
        try await awaitAll(session.marker)
        session.terminal.send("\rexit\r")
        _ = try await session.terminal.process.waitForEnd()
        try await expectNone(of: session.marker)
        try await here.expectNothingLeft(of: session, reason: "exited")
    }

    private func prepare(_ here: Installation, _ marker: String) throws -> String {
        _ = try here.file("refork", Self.refork)
        return try here.file("script-\(marker)", Self.script(marker, in: here.directory, scratch: here.directory + "/scratch"))
    }

    /// Waits until every kind lives: a test that kills nobody proves nothing.
    private func awaitAll(_ marker: String) async throws {
        var missing = Set(Self.kinds)
        try await eventually("\(missing)") {
            for entry in ProcessTable.carrying(marker) {
                missing = missing.filter { !entry.commandLine.contains("\(marker)-\($0)\0") }
            }
            return missing.isEmpty
        }
    }

    /// One look could fall between two lives of the one that forks itself.
    private func expectNone(of marker: String) async throws {
        for _ in 0..<20 {
            #expect(ProcessTable.carrying(marker).isEmpty)
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
