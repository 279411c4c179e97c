// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

private enum Bomb {
    /// An account of its own: the kernel counts what a user has, and other tests run as the usual one.
    static let user = "stint-bomb-" + String(UInt32.random(in: 0 ... .max), radix: 36)
    static let limit = 150
    static let rules = ["runAs": "[\"\(Programs.user)\", \"\(user)\"]"]
    static let policy = """
        preferences: [{ name: "bounded", nodes: "*", limits: { processes: \(limit) }, account: { home: "wipe" } }],
        """
}

/// What a session that starts as many processes as it can does to its node.
@Suite(.enabled(if: Programs.isRoot, "accounts take root"))
struct ForkBombTests {
    @Test func `a fork bomb ends with its grant, leaves nothing, and keeps nobody else from working`() async throws {
        try await Installation.with(.init(turn: .heavy, rules: Bomb.rules, policy: Bomb.policy)) { here in
            let grant = try await here.grant(for: "20s", runAs: Bomb.user)
            async let bomb = here.run(
                Programs.stint, ["exec", "db-1", "--grant", grant, "--", "bash", "-c", "f() { f | f & }; f 2>/dev/null; sleep 1000"],
                environment: ["STINT_HOME": here.home(of: "oncall")], within: .seconds(60))
            // The bomb is limited by its policy, and the machine feels it all the same.
            var most = 0
            try await eventually("many processes") {
                most = max(most, processes(of: Bomb.user))
                return most > Bomb.limit / 2
            }
            let asked = ContinuousClock.now
            let request = try await here.request(for: "5m", runAs: Programs.user)
            let approved: RequestAnswer = try await here.stint(as: "lead", "approve", request.id, "--yes", "--json").decoded()
            let other = try await here.stint(as: "oncall", "exec", "db-1", "--grant", #require(approved.grant), "--", "echo", "works")
            #expect(other.text == "works\n", "\(other)")
            #expect(.now - asked < .seconds(10))
            for _ in 0..<20 { most = max(most, processes(of: Bomb.user)) }
            #expect(most <= Bomb.limit)
            #expect(try await bomb.status == 255)
            let session = try await here.receipted(grant)
            #expect(session.endReason == "expired" && session.receipt?.left == 0, "\(session)")
            #expect(processes(of: Bomb.user) == 0)
        }
    }

    @Test func `without a word of the policy a session has room for 4096 processes beside what the user has`() async throws {
        try await Installation.with { here in
            _ = try await here.grant(for: "5m", runAs: Programs.user)
            // Where the control group counts, it says so, and the user's own limit is left alone.
            let text = try await here.exec(
                "bash", "-c", "cat /sys/fs/cgroup{,/unified}\"$(sed -n s/^0:://p /proc/self/cgroup)\"/pids.max 2>/dev/null || ulimit -Hu").checked().text
            let limit = try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)), "\(text)")
            #expect((4096...4096 + 2000).contains(limit))
        }
    }
}

private func processes(of user: String) -> Int {
    guard let uid = getpwnam(user)?.pointee.pw_uid else { return 0 }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.count { name in
        var status = stat()
        return Int(name) != nil && stat("/proc/" + name, &status) == 0 && status.st_uid == uid
    }
}
