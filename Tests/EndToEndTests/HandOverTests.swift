// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

private enum Later {
    /// An account of its own: what one session leaves is seen in every session of that user that lives then.
    static let user = "stint-later-" + String(UInt32.random(in: 0 ... .max), radix: 36)
    static let isPossible =
        Programs.isRoot && ["/usr/bin/crontab", "/usr/bin/at"].allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }
}

/// Work that a session hands to services which run it later.
@Suite(.enabled(if: Later.isPossible, "the Debian packages at and cron, and root"))
struct HandOverTests {
    @Test func `the receipt names a crontab and jobs for at that the session left, and they go with an account made for a grant`() async throws {
        let setting = Installation.Setting(
            turn: .patient, rules: ["runAs": "[\"\(Later.user)\"]"], policy: "preferences: [{ name: \"made\", nodes: \"*\", account: { home: \"wipe\" } }],")
        try await Installation.with(setting) { here in
            let grant = try await here.grant(for: "10m", runAs: Later.user)
            try await here.exec("true").checked()
            let first = try #require(try await here.receipted(grant).receipt)
            #expect(try !first.remarks.contains { $0.hasPrefix("Left to run later") })
            let script = "echo '0 0 1 1 * true' | crontab - && echo true | at -q b now + 5 days && echo true | at -q b now + 6 days"
            try await here.exec("sh", "-c", script).checked()
            let remarks = try await eventually("the second receipt") {
                let receipts = try await here.sessions(of: grant).compactMap(\.receipt)
                return receipts.count == 2 ? try receipts.flatMap { try $0.remarks } : nil
            }
            #expect(remarks.contains("Left to run later as `\(Later.user)`, while the session lasted: a crontab, 2 jobs for at."), "\(remarks)")
            // A session that begins later has not left them.
            try await here.exec("true").checked()
            let last = try await eventually("the third receipt") {
                let sessions = try await here.sessions(of: grant)
                return sessions.count == 3 ? sessions.first?.receipt : nil
            }
            #expect(try !last.remarks.contains { $0.hasPrefix("Left to run later") })
            try await here.stint(as: "oncall", "done", grant).checked()
            try await eventually("the end of the account") { getpwnam(Later.user) == nil }
            #expect(!FileManager.default.fileExists(atPath: "/var/spool/cron/crontabs/" + Later.user))
        }
    }
}
