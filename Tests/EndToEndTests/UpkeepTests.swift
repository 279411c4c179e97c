// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Backups, and what `stintd check` finds in what a broker left.
@Suite(.serialized)
struct UpkeepTests {
    private func stintd(_ here: Installation, _ arguments: String...) async throws -> Outcome {
        try await here.run(Programs.stintd, arguments + ["--home", here.brokerHome])
    }

    @Test func `a backup of a serving broker comes back, and everything in it holds`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            try await here.exec("echo", "before").checked()
            _ = try await here.receipted(grant)
            let backup = here.directory + "/backup.db"
            try await stintd(here, "backup", backup).checked()
            #expect(try await stintd(here, "backup", backup).status == 1)
            let running = try await stintd(here, "check", "--head", here.home(ofNode: "db-1") + "/ledger.json")
            #expect(running.status == 0, "\(running.text)")
            #expect(running.text.contains("1 sessions: 0 findings"))
            #expect(try await stintd(here, "restore", backup).status == 1)  // the broker serves
            try await here.killBroker()
            try await stintd(here, "restore", backup, "--set-back").checked()
            #expect(try await stintd(here, "check").status == 0)
            try await here.startBroker()
            #expect(try await here.show(grant: grant).id == grant)
        }
    }

    @Test func `a backup that lacks what happened since is put back only when told to`() async throws {
        try await Installation.with { here in
            let backup = here.directory + "/backup.db"
            try await stintd(here, "backup", backup).checked()
            _ = try await here.request()
            try await here.stint(as: "oncall", "ledger", "verify").checked()
            try await here.stopBroker()
            let refused = try await stintd(here, "restore", backup)
            #expect(refused.status == 1 && refused.errors.contains("would be lost"))
            #expect(try await stintd(here, "check").status == 0)
            try await stintd(here, "restore", backup, "--set-back").checked()
            try await here.startBroker()
            let verified = try await here.stint(as: "oncall", "ledger", "verify")
            #expect(verified.status == 1 && verified.errors.contains("ledger.behind"))
        }
    }

    @Test func `a changed backup is refused, and leaves the database alone`() async throws {
        try await Installation.with { here in
            let backup = here.directory + "/backup.db"
            try await stintd(here, "backup", backup).checked()
            try await here.stopBroker()
            var bytes = try Data(contentsOf: URL(fileURLWithPath: backup))
            let place = try #require(bytes.range(of: Data("\"label\":\"".utf8)))
            bytes[place.upperBound] ^= 1
            try bytes.write(to: URL(fileURLWithPath: backup))
            let refused = try await stintd(here, "restore", backup, "--set-back")
            #expect(refused.status == 1 && refused.errors.contains("does not hold together"), "\(refused.errors)")
            #expect(try await stintd(here, "check").status == 0)
        }
    }

    @Test func `the end of a recording is in the ledger, and no byte of it changes afterwards`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            try await here.exec("echo", "recorded").checked()
            let session = try await here.receipted(grant).id
            try await eventually("the end of the recording") {
                try await here.stint(as: "lead", "show", session, "--json").checked().text.contains("\"recordingWhole\": true")
            }
            let path = "\(here.brokerHome)/recordings/\(session).cast"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            #expect(try await stintd(here, "check").status == 0)
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(fileURLWithPath: path))
            let changed = try await stintd(here, "check")
            #expect(changed.status == 1 && changed.text.contains("recording \(session): it is not what was recorded"))
            try FileManager.default.removeItem(atPath: path)
            #expect(try await stintd(here, "check").text.contains("recording \(session): the ledger has its end"))
        }
    }

    @Test func `a recording that a dead broker left without its end is shown as truncated`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            let shell = try await here.shell()
            let session = try #require(try await here.sessions(of: grant).first).id
            // With broker and supervisor gone, nobody continues the recording: the receipt comes from the agent.
            try await here.killBroker()
            let supervisor = try #require(here.supervisors.first { $0.commandLine.contains(session) })
            kill(supervisor.pid, SIGKILL)
            try await here.startBroker()
            try await here.awaitNode()
            _ = try await here.receipted(grant, within: .seconds(60))
            #expect(try await here.stint(as: "lead", "show", session).checked().text.contains("truncated"))
            #expect(try await stintd(here, "check").status == 0)
            withExtendedLifetime(shell) {}
        }
    }
}
