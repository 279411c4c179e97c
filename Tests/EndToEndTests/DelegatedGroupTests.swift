// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// An agent that is an ordinary user in a control group that was handed to it, as a service manager does with `Delegate=yes`.
@Suite struct DelegatedGroupTests {
    /// Where version 2 is.
    private static let mount: String? = {
        let mounts = (try? String(contentsOfFile: "/proc/mounts", encoding: .utf8)) ?? ""
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count > 2, fields[2] == "cgroup2" { return String(fields[1]) }
        }
        return nil
    }()

    /// Hands the group and the node's home to the user, and becomes them in it.
    private static let starter = """
        set -e
        mkdir "$1"; chown "$2" "$1" "$1/cgroup.procs" "$1/cgroup.subtree_control"
        echo $$ > "$1/cgroup.procs"
        user=$2; shift 2
        for home; do :; done
        chmod 711 "${home%/*}"; chown -R "$user" "$home"
        exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
        """

    /// As two units of a service manager: one that the agent is in, and one whose only process keeps it open for sessions.
    private static let units = """
        set -e
        mkdir -p "$1/stint-agent.service" "$1/stint-sessions.service"
        echo $$ > "$1/stint-agent.service/cgroup.procs"
        shift 2
        umask 077
        exec "$@"
        """

    @Test(.enabled(if: Programs.isRoot && mount != nil)) func `sessions are in the group of the unit for sessions, where there is one beside the agent's`() async throws {
        let slice = try #require(Self.mount) + "/stint-units-\(UInt32.random(in: 0 ... .max))"
        defer {
            for folder in ["/stint-agent.service/stint", "/stint-agent.service", "/stint-sessions.service/stint", "/stint-sessions.service", ""] {
                rmdir(slice + folder)
            }
        }
        let setting = Installation.Setting(
            rules: ["runAs": "[\"\(Programs.user)\"]"], agentStarter: ["/bin/sh", "-c", Self.units, "starter", slice, Programs.user])
        try await Installation.with(setting) { here in
            _ = try await here.grant()
            let own = String(slice.dropFirst(try #require(Self.mount).count))
            let inside = try await here.exec("sh", "-c", "cat /proc/self/cgroup; test -r \"$1$(sed -n s/^0:://p /proc/self/cgroup)/cgroup.events\" && echo readable", "sh", try #require(Self.mount)).checked().text
            #expect(inside.contains("0::\(own)/stint-sessions.service/stint/s-"), "\(inside)")
            #expect(inside.contains("\nreadable\n"), "\(inside)")
        }
    }

    @Test(.enabled(if: Programs.isRoot && mount != nil)) func `the agent ends its sessions by a group of its own in it, without being root`() async throws {
        let group = try #require(Self.mount) + "/stint-delegated-\(UInt32.random(in: 0 ... .max))"
        defer {
            for folder in [group + "/stint", group] { rmdir(folder) }
        }
        let setting = Installation.Setting(
            rules: ["runAs": "[\"\(Programs.user)\"]"], agentStarter: ["/bin/sh", "-c", Self.starter, "starter", group, Programs.user])
        try await Installation.with(setting) { here in
            let id = try await here.grant()
            // Away from its session, its terminal and its parent; nothing but the group has it.
            let marker = "\(UInt32.random(in: 1_000_000 ... .max))"
            let escape = "env -i setsid -f sleep 300.\(marker) >/dev/null 2>&1 </dev/null; cat /proc/self/cgroup; sleep 1000"
            let command = try here.background(
                Programs.stint, ["exec", "db-1", "--", "sh", "-c", escape], environment: ["STINT_HOME": here.home(of: "oncall")],
                output: here.directory + "/escape")
            let inside = try await eventually("the session's group") { () -> String? in
                let text = try String(contentsOfFile: here.directory + "/escape", encoding: .utf8)
                return text.contains("\n") ? text : nil
            }
            let own = String(group.dropFirst(try #require(Self.mount).count))
            #expect(inside.contains("0::\(own)/stint/s-"), "\(inside)")
            try await eventually("the escaped process") { !ProcessTable.carrying("300.\(marker)").isEmpty }
            try await here.stint(as: "lead", "revoke", id, "--reason", "enough of it").checked()
            _ = try await command.waitForEnd(within: .seconds(15))
            let session = try await here.receipted(id)
            #expect(session.receipt?.left == 0 && (session.receipt?.killed ?? 0) >= 3, "\(String(describing: session.receipt))")
            #expect(session.receipt?.method == "cgroup", "\(String(describing: session.receipt?.method))")
            #expect(ProcessTable.carrying("300.\(marker)").isEmpty)
        }
    }
}
