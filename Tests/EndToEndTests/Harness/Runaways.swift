// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// A live command on a terminal whose script has started a process of every kind that tries to outlive it.
struct Runaways: Sendable {
    let terminal: TerminalProgram
    let grant: String
    let id: String
    let marker: String

    /// Twelve ways to get away. Each process carries the marker and its kind among its arguments.
    static let kinds = [
        "background", "nohup", "setsid", "double", "trap", "disown", "tmux", "refork", "bare", "stopped", "namespace", "group",
    ]

    /// The marker is `$1`; there is a directory of its name that everybody may write to. It waits for a line at the end, and exits with 3.
    static let script = #"""
        m=$1; run() { exec -a "$m-$1" sleep 1000; }
        export d=/tmp/$m m
        cat >$d/refork <<'END'
        sleep 0.05
        bash "$0" "$1" &
        exit 0
        END
        run background >/dev/null 2>&1 &
        nohup bash -c 'exec -a $m-nohup sleep 1000' >/dev/null 2>&1 &
        setsid bash -c 'exec -a $m-setsid sleep 1000' >/dev/null 2>&1 &
        ( ( run double >/dev/null 2>&1 & ) & )
        bash -c 'trap "" HUP TERM INT; while :; do sleep 0.2; done' $m-trap >/dev/null 2>&1 &
        run disown >/dev/null 2>&1 & disown
        SHELL=/bin/bash TMUX_TMPDIR=$d tmux -f /dev/null new-session -d "exec -a $m-tmux sleep 1000" >/dev/null 2>&1
        bash $d/refork $m-refork >/dev/null 2>&1 &
        ( env -i m=$m setsid bash -c 'unset m; exec -a $0 sleep 1000' $m-bare >/dev/null 2>&1 & )
        bash -c 'kill -STOP $$; :' $m-stopped >/dev/null 2>&1 &
        setsid unshare --user --pid --fork bash -c 'exec -a $m-namespace sleep 1000' >/dev/null 2>&1 &
        top=$(awk '/ - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
        ( env -i top=$top setsid bash -c 'echo $$ >$top/cgroup.procs; unset top; exec -a $0 sleep 1000' $m-group >/dev/null 2>&1 & )
        echo begun-$((1+1)); read -r line; exit 3
        """#

    /// The kinds that live now.
    var living: Set<String> {
        let lines = ProcessTable.carrying(marker).map(\.commandLine)
        return Set(Self.kinds.filter { kind in lines.contains { $0.contains("\(marker)-\(kind)\0") } })
    }

    /// One look could fall between two lives of the one that forks itself.
    func expectNone(besides kinds: Set<String> = []) async throws {
        for _ in 0..<10 {
            let left = ProcessTable.carrying(marker)
            #expect(left.allSatisfy { entry in kinds.contains { entry.commandLine.contains("\(marker)-\($0)\0") } }, "\(left)")
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}

extension Installation {
    /// Asks for a grant for `user`, starts the script under it, and waits until every kind lives: a test that kills
    /// nobody proves nothing.
    func runaways(as user: String, for duration: String = "10m") async throws -> Runaways {
        let request = try await request(for: duration, runAs: user)
        let approved: RequestAnswer = try await stint(as: "lead", "approve", request.id, "--yes", "--json").decoded()
        let grant = try #require(approved.grant)
        return try await runaways(as: user, under: grant)
    }

    func runaways(as user: String, under grant: String) async throws -> Runaways {
        let marker = "stint-away-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        // /tmp itself may be closed to the user.
        mkdir("/tmp/\(marker)", 0o700)
        chmod("/tmp/\(marker)", 0o777)
        let terminal = try terminal(
            as: "oncall", "exec", "-t", "db-1", "--grant", grant, "--", "bash", "-c", Runaways.script, "bash", marker)
        try await terminal.expect("begun-2", within: .seconds(30))
        let session = try await eventually("the session") { try await sessions(of: grant).first { $0.state == "live" } }
        let runaways = Runaways(terminal: terminal, grant: grant, id: session.id, marker: marker)
        try await eventually("all kinds; there are only \(runaways.living.sorted())") {
            runaways.living.count == Runaways.kinds.count
        }
        return runaways
    }

    /// Nothing of the session lives, and the receipt says so and why.
    ///
    /// - Parameter hidden: the kinds that nothing can find, which the receipt then has to say.
    func expectNothingLeft(of session: Runaways, reason: String, besides hidden: Set<String> = []) async throws {
        let answer = try await eventually("the receipt of \(session.id)", within: .seconds(30)) {
            let answer = try await show(session: session.id)
            return answer.receipt == nil ? nil : answer
        }
        #expect(answer.endReason == reason)
        // Who listens to a hang-up goes with the terminal, before anybody is counted.
        #expect(answer.receipt?.left == 0 && (answer.receipt?.killed ?? 0) >= 5, "\(answer)")
        try await session.expectNone(besides: hidden)
        if !hidden.isEmpty { #expect(answer.receipt?.statement.contains("may not have been found") == true) }
    }
}
