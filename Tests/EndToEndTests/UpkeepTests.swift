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
            try await playsInAsciinema(here, path, showing: "recorded")
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(fileURLWithPath: path))
            let changed = try await stintd(here, "check")
            #expect(changed.status == 1 && changed.text.contains("recording \(session): chunk 1, bytes 0 to "))
            try FileManager.default.removeItem(atPath: path)
            #expect(try await stintd(here, "check").text.contains("recording \(session): it cannot be read"))
        }
    }

    /// Debian's own player, which needs a terminal and breaks off at a line that is not whole.
    private func playsInAsciinema(_ here: Installation, _ path: String, showing text: String) async throws {
        let player = "/usr/bin/asciinema"
        guard FileManager.default.isExecutableFile(atPath: player) else { return }
        let played = try await here.run("/usr/bin/script", ["-qec", "\(player) cat \(path)", "/dev/null"])
        #expect(played.status == 0 && played.text.contains(text), "\(played.text)")
    }

    @Test func `a broker that is killed at the end of a session signs its recording's end when it is back`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            // No request of ours comes between the end of the session and the end of the broker.
            try await here.exec("echo", "last words").checked()
            try await here.killBroker()
            try await here.startBroker()
            try await here.awaitNode()
            let session = try await here.receipted(grant, within: .seconds(60))
            try await eventually("the end of the recording") {
                try await here.stint(as: "lead", "show", session.id, "--json").checked().text.contains("\"recordingState\": \"whole\"")
            }
            #expect(try await stintd(here, "check").status == 0)
        }
    }

    @Test func `a recording with all that its node counted is whole, also if the receipt comes through the agent`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            async let working = here.exec("sh", "-c", "echo all there is; sleep 2")
            let session = try await eventually("the session") { try await here.sessions(of: grant).first { $0.state == "live" } }.id
            let recording = "\(here.brokerHome)/recordings/\(session).cast"
            try await eventually("the output") { (try? String(contentsOfFile: recording, encoding: .utf8))?.contains("\"o\", \"all there is") ?? false }
            try await here.killBroker()
            let receipt = "\(here.home(ofNode: "db-1"))/sessions/\(session)/receipt.json"
            try await eventually("the receipt on the node") { FileManager.default.fileExists(atPath: receipt) }
            for supervisor in here.supervisors { kill(supervisor.pid, SIGKILL) }
            try await here.startBroker()
            try await here.awaitNode()
            _ = try await here.receipted(grant, within: .seconds(60))
            let ended = try await eventually("the end of the recording") {
                let text = try await here.stint(as: "lead", "show", session, "--json").checked().text
                return text.contains("\"recordingState\": \"growing\"") ? nil : text
            }
            #expect(ended.contains("\"recordingState\": \"whole\""), "\(ended)")
            #expect(try await stintd(here, "check").status == 0)
            _ = try? await working  // its broker went away under it
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
