// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// An access review of what really happened.
@Suite(.serialized)
struct ReportTests {
    @Test func `a report tells who held what, why, who agreed and what was done, to who may see it`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            try await here.exec("echo", "=1+1").checked()
            _ = try await here.receipted(grant)
            let text = try await here.stint(as: "admin", "report").checked().text
            for part in [grant, "oncall", "lead", "exec on db-1: echo =1+1, exited; 0 processes ended, 0 left, 5 bytes shown", "a test that needs it"] {
                #expect(text.contains(part), "\(part): \(text)")
            }
            let csv = try await here.stint(as: "admin", "report", "--format", "csv").checked().text
            #expect(csv.hasPrefix("\"grant\",\"holder\"") && csv.contains("\"echo =1+1\""))
            let file = here.directory + "/review.html"
            try await here.stint(as: "admin", "report", "--format", "html", "--output", file).checked()
            #expect(try String(contentsOfFile: file, encoding: .utf8).contains("<td>\(try await here.sessions(of: grant)[0].id)</td>"))
            let json = try await here.stint(as: "admin", "report", "--json").checked()
            let object = try #require(try JSONSerialization.jsonObject(with: json.output) as? [String: Any])
            #expect((object["grants"] as? [[String: Any]])?.count == 1)
            // Nobody learns more from it than they could look at; and a period without anything is empty.
            #expect(try await here.stint(as: "stranger", "report").checked().text.contains("0 grants"))
            #expect(try await here.stint(as: "admin", "report", "--until", "1d", "--since", "2d").checked().text.contains("0 grants"))
            #expect(try await here.stint(as: "admin", "report", "--since", "1d", "--until", "2d").status == 2)
        }
    }
}
