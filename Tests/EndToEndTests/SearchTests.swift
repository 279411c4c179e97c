// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Finding what was shown, for who may see it.
@Suite(.serialized)
struct SearchTests {
    private struct Hit: Decodable {
        let session: String
        let text: String
        let atMilliseconds: Int
    }

    private func search(_ here: Installation, as person: String, _ arguments: String...) async throws -> [Hit] {
        let outcome = try await here.run(
            Programs.stint, ["search"] + arguments + ["--json"], environment: ["STINT_HOME": here.home(of: person)])
        guard outcome.status <= 1 else { throw HarnessError("status \(outcome.status): \(outcome.errors)") }
        return try JSONDecoder().decode([Hit].self, from: outcome.output)
    }

    @Test func `what was shown is found by who may replay it, and by nobody else`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            try await here.exec("sh", "-c", "echo begin; echo the needle-$((40+2)) in the hay; printf '\\033[31mred alert\\033[0m\\n'").checked()
            let session = try await here.receipted(grant).id
            let hits = try await eventually("the index", within: .seconds(60)) {
                let hits = try await search(here, as: "oncall", "needle")
                return hits.isEmpty ? nil : hits
            }
            #expect(hits.map(\.text) == ["the needle-42 in the hay"] && hits.first?.session == session)
            #expect(try await search(here, as: "lead", "\"red alert\"").map(\.text) == ["red alert"])
            #expect(try await search(here, as: "stranger", "needle").isEmpty)
            #expect(try await search(here, as: "lead", "needle", "--person", "lead").isEmpty)
            #expect(try await search(here, as: "lead", "needle", "--since", "1h", "--node", "db-1", "--person", "oncall").count == 1)
            let table = try await here.stint(as: "lead", "search", "needle")
            #expect(table.errors.contains("stint replay \(session) --from 0s"), "\(table.errors)")
            for hostile in ["*", "\"", "NEAR(", "text:x AND ("] {
                let refused = try await here.stint(as: "lead", "search", hostile)
                #expect(refused.status != 0 && !refused.errors.lowercased().contains("fts5"), "\(refused.errors)")
            }
            #expect(try await here.stint(as: "admin", "ledger", "export").checked().text.contains("recording.searched"))

            // The index is nothing that could not be made again.
            try await here.stopBroker()
            for suffix in ["", "-wal", "-shm"] { unlink("\(here.brokerHome)/search.db\(suffix)") }
            try Data("no database".utf8).write(to: URL(fileURLWithPath: "\(here.brokerHome)/search.db"))
            chmod("\(here.brokerHome)/search.db", 0o600)
            try await here.startBroker()
            try await eventually("the index made anew", within: .seconds(60)) { try await !search(here, as: "oncall", "needle").isEmpty }
        }
    }
}
