// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// How long recordings are kept, who may hold them, and what happens when there is no more room.
@Suite(.serialized)
struct RetentionTests {
    private func apply(_ here: Installation, retention: String) async throws {
        let text = TestPolicy.text([:]).dropLast(3) + "  retention: [\(retention)],\n}\n"
        let policy = try here.file("next.json5", String(text))
        try await here.stint(as: "admin", "policy", "apply", policy, "--yes").checked()
    }

    private func state(_ here: Installation, _ session: String) async throws -> String {
        let text = try await here.stint(as: "admin", "show", session, "--json").checked().text
        return ["growing", "whole", "truncated", "deleted"].first { text.contains("\"recordingState\": \"\($0)\"") } ?? text
    }

    @Test func `a recording that is held stays, and goes when the hold is removed and its time is over`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            try await here.exec("echo", "evidence of old").checked()
            let session = try await here.receipted(grant).id
            try await eventually("the end of the recording") { try await state(here, session) == "whole" }
            try await apply(here, retention: #"{ nodes: "env=prod", keepDays: 1 }"#)
            let refused = try await here.stint(as: "lead", "hold", "add", "case-42", "--on", "person:oncall")
            #expect(refused.status != 0 && refused.errors.contains("person.not-an-administrator"))
            try await here.stint(as: "admin", "hold", "add", "case-42", "--on", "person:oncall", "--reason", "inquiry").checked()
            #expect(try await here.stint(as: "admin", "hold").checked().text.contains("case-42"))
            #expect(try await here.stint(as: "lead", "hold", "list").status != 0)

            // Two days later, by the broker's clock.
            try await here.stopBroker()
            try await here.startBroker(clock: "+2d")
            try await here.awaitNode()
            try await here.stint(as: "admin", "search", "evidence").checked()
            #expect(try await state(here, session) == "whole")
            // Everybody's clock is two days on.
            try await here.run(
                Programs.faketime, ["-f", "+2d", Programs.stint, "hold", "remove", "case-42"],
                environment: ["STINT_HOME": here.home(of: "admin")]
            ).checked()
            try await here.stopBroker()
            try await here.startBroker(clock: "+2d")
            try await eventually("the deletion", within: .seconds(30)) { try await state(here, session) == "deleted" }
            #expect(!FileManager.default.fileExists(atPath: "\(here.brokerHome)/recordings/\(session).cast"))
            #expect(try await here.stint(as: "admin", "replay", session).status != 0)
            try await eventually("the words to be gone") { try await here.stint(as: "admin", "search", "evidence").status == 1 }
            let ledger = try await here.stint(as: "admin", "ledger", "export").checked().text
            for event in ["hold.added", "hold.removed", "recording.deleted"] { #expect(ledger.contains(event), "\(event)") }
            let check = try await here.run(Programs.stintd, ["check", "--home", here.brokerHome])
            #expect(check.status == 0, "\(check.text)")
        }
    }

    @Test func `without room no session is opened, and everybody is told before`() async throws {
        try await Installation.with { here in
            _ = try await here.grant()
            try await here.exec("sh", "-c", "head -c 3500000 /dev/urandom | base64").checked()
            func serve(_ settings: String) async throws {
                try await here.stopBroker()
                _ = try here.file("broker/settings.json5", settings)
                try await here.startBroker()
                try await here.awaitNode()
            }
            func status() async throws -> Outcome { try await here.run(Programs.stintd, ["status", "--home", here.brokerHome]) }
            #expect(try await status().status == 0)
            try await serve("{ recordings: { limit: \"5MiB\" } }")
            #expect(try await status().text.contains("warning"))
            try await here.exec("true").checked()
            try await serve("{ recordings: { limit: \"2MiB\" } }")
            try await eventually("the broker to have looked") {
                let refused = try await here.exec("true")
                return refused.status != 0 && refused.errors.contains("There is no room to record a session.")
            }
            #expect(try await status().status == 1)
            let ledger = try await here.stint(as: "admin", "ledger", "export").checked().text
            #expect(ledger.contains("quota.warning") && ledger.contains("quota.full"))
            try await here.stopBroker()
            _ = try here.file("broker/settings.json5", "{ recordings: { limits: \"2MiB\" } }")
            let wrong = try await here.run(Programs.stintd, ["serve", "--home", here.brokerHome])
            #expect(wrong.status == 1 && wrong.errors.contains("settings.json5:1:"), "\(wrong.errors)")
        }
    }
}
