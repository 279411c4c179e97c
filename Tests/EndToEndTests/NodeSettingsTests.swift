// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

private enum NodePolicy {
    /// Accounts are the machine's: another run of these tests may be under way.
    static let run = String(UInt32.random(in: 0 ... .max), radix: 36)
    static let (made, kept, sudo) = ("stint-made-\(run)", "stint-kept-\(run)", "stint-sudo-\(run)")

    static let rules = [
        "capabilities": #"["shell", "exec", "exec:tail-log", "exec:answer"]"#,
        "runAs": Programs.isRoot ? "[\"\(Programs.user)\", \"root\", \"nobody\", \"\(made)\", \"\(kept)\"]" : "[\"\(Programs.user)\"]",
    ]

    static let policy = """
        documents: [
          { name: "tail-log", version: 2, summary: "The end of a log", command: ["/usr/bin/tail", "-n", "${lines}", "--", "${file}"],
            parameters: { lines: { minimum: 1, maximum: 9, default: "1" }, file: { below: "/var/log/" } } },
          { name: "answer", version: 1, interactive: true, command: ["/bin/sh", "-c", "read -r line; echo \\"got <$line>\\""] },
        ],
        preferences: [
          { name: "set", nodes: "role=db", environment: { STAGE: "prod" }, directory: "/usr", commands: ["export FIRST=1"], shell: "/bin/bash",
            limits: { openFiles: 77, coreBytes: 0 }\(Programs.isRoot ? ", keepsLoginRecord: true, account: { home: \"wipe\" }" : ", noNewPrivileges: true") },
        ],
        """
}

/// What the charter says about sessions on a node: command documents, preferences, accounts and sudo for a grant.
@Suite(.serialized, .installation(.init(turn: .patient, rules: NodePolicy.rules, policy: NodePolicy.policy)))
struct NodeSettingsTests {
    private func run(_ arguments: String...) async throws -> Outcome {
        let here = try Installation.here
        return try await here.run(Programs.stint, ["run", "db-1"] + arguments, environment: ["STINT_HOME": here.home(of: "oncall")])
    }

    // MARK: Command documents

    @Test func `a document runs with values that the charter allows, and with no others`() async throws {
        let here = try Installation.here
        _ = try await here.grant(for: "5m")
        let log = "/var/log/stint-test-\(UInt32.random(in: 0 ... .max))"
        guard Programs.isRoot else { return }  // only root writes there
        try Data("first\nlast\n".utf8).write(to: URL(fileURLWithPath: log))
        defer { unlink(log) }
        #expect(try await run("tail-log", "file=\(log)").checked().text == "last\n")
        #expect(try await run("tail-log", "file=\(log)", "lines=2").checked().text == "first\nlast\n")
        for (word, code) in [
            ("file=/etc/shadow", "parameter-refused"), ("file=/var/log/../../etc/shadow", "parameter-refused"),
            ("file=\(log);id", "parameter-refused"), ("lines=1", "parameter-missing"), ("other=1", "parameter-unknown"),
        ] {
            let outcome = try await run("tail-log", word)
            #expect(outcome.status == 3 && outcome.errors.contains("document." + code), "\(outcome)")
        }
        #expect(try await run("no-such").status == 3)
    }

    @Test func `a grant for one document opens nothing else`() async throws {
        let here = try Installation.here
        for old in try await here.grants() where ["ready", "active"].contains(old.state) {
            try await here.stint(as: "oncall", "done", old.id).checked()
        }
        let request: RequestAnswer = try await here.stint(
            as: "oncall", "request", "--on", "db-1", "--for", "5m", "--reason", "only the log, please", "--capabilities", "exec:tail-log",
            "--json"
        ).decoded()
        try await here.stint(as: "lead", "approve", request.id, "--yes").checked()
        #expect(try await run("tail-log", "file=/var/log/no-such-file").status == 1)
        #expect(try await here.exec("true").status == 3)
        #expect(try await run("answer").status == 3)
    }

    @Test func `an interactive document takes input, another does not`() async throws {
        let here = try Installation.here
        _ = try await here.grant(for: "5m")
        let terminal = try here.terminal(as: "oncall", "run", "db-1", "answer")
        terminal.send("hello\r")
        try await terminal.expect("got <hello>")
        #expect(try await terminal.process.waitForEnd().status == 0)
    }

    @Test func `documents are listed with what they take`() async throws {
        struct Row: Decodable { let name: String, version: Int, interactive: Bool }
        let here = try Installation.here
        let rows: [Row] = try await here.stint(as: "oncall", "documents", "--json").decoded()
        #expect(rows.map(\.name) == ["tail-log", "answer"] && rows[0].version == 2 && rows[1].interactive)
        #expect(try await here.stint(as: "stranger", "documents", "--json").text == "[]\n")
    }

    // MARK: Preferences

    @Test func `a session is set up as the preferences say`() async throws {
        let here = try Installation.here
        _ = try await here.grant(for: "5m")
        let outcome = try await here.exec("sh", "-c", "pwd; echo $STAGE; ulimit -n; ulimit -c; grep NoNewPrivs /proc/self/status")
        let expected = "/usr\nprod\n77\n0\nNoNewPrivs:\t\(Programs.isRoot ? 0 : 1)\n"
        #expect(outcome.text == expected, "\(outcome)")
        let shell = try await here.shell()
        shell.send("echo first-$FIRST $0 $STAGE; shopt login_shell; for i in {0..99}; do [ -L /proc/$$/fd/$i ] && printf '%s ' $i; done\r")
        try await shell.expect("first-1 /bin/bash prod")
        try await shell.expect("login_shell    \ton")
        // bash keeps a copy of the terminal at the last number that it may use.
        try await shell.expect("0 1 2 76 ")
        shell.send("exit\r")
        _ = try await shell.process.waitForEnd()
    }

    @Test(.enabled(if: Programs.isRoot, "login records take root"))
    func `a session stands in the login records as long as it lives`() async throws {
        let here = try Installation.here
        let isOurs = access("/run/utmp", F_OK) != 0
        if isOurs { try Data().write(to: URL(fileURLWithPath: "/run/utmp")) }
        defer { if isOurs { unlink("/run/utmp") } }
        let grant = try await here.grant(for: "5m")
        let shell = try await here.shell()
        let id = try #require(try await here.sessions(of: grant).first { $0.state == "live" }).id
        #expect(try await here.run("/usr/bin/who", []).text.contains("(stint:\(id))"))
        shell.send("exit\r")
        _ = try await shell.process.waitForEnd()
        #expect(try await !here.run("/usr/bin/who", []).text.contains(id))
        #expect(try await here.run("/usr/bin/last", ["-w"]).text.contains("stint:\(id)"))
    }

    // MARK: Accounts and sudo

    @Test(.enabled(if: Programs.isRoot, "accounts take root"))
    func `an account is there for the grant and gone after it, with all that runs in it`() async throws {
        let here = try Installation.here
        let grant = try await here.grant(for: "10m", runAs: NodePolicy.made)
        #expect(getpwnam(NodePolicy.made) == nil)
        #expect(try await here.exec("sh", "-c", "id -un; cd; pwd; touch mine").text == "\(NodePolicy.made)\n/home/\(NodePolicy.made)\n")
        #expect(getpwnam(NodePolicy.made) != nil && access("/home/\(NodePolicy.made)/mine", F_OK) == 0)
        let second = try await here.exec("sh", "-c", "ls ~; setsid -f sleep 1000")
        #expect(second.text == "mine\n", "it is there until the grant ends: \(second)")
        try await here.stint(as: "oncall", "done", grant).checked()
        try await eventually("the end of the account") { getpwnam(NodePolicy.made) == nil }
        #expect(access("/home/\(NodePolicy.made)", F_OK) != 0)
    }

    @Test(.enabled(if: Programs.isRoot, "accounts take root"))
    func `an account whose agent was killed is removed when the agent starts`() async throws {
        let here = try Installation.here
        let grant = try await here.grant(for: "10m", runAs: NodePolicy.kept)
        try await here.exec("true").checked()
        try await here.killAgent("db-1")
        try await here.stint(as: "oncall", "done", grant).checked()
        #expect(getpwnam(NodePolicy.kept) != nil)
        try await here.startAgent("db-1")
        try await eventually("the end of the account") { getpwnam(NodePolicy.kept) == nil }
    }

    @Test(.enabled(if: Programs.isRoot && access("/usr/sbin/visudo", X_OK) == 0, "the Debian package sudo is not installed"))
    func `sudo is there for the grant, says its own end, and goes with it`() async throws {
        let more = #"preferences: [{ name: "sudo", nodes: "*", account: { home: "wipe" }, sudo: ["/usr/bin/id"] }],"#
        let setting = Installation.Setting(turn: .patient, rules: ["runAs": "[\"\(NodePolicy.sudo)\"]"], policy: more)
        try await Installation.with(setting) { here in
            let grant = try await here.grant(for: "10m", runAs: NodePolicy.sudo)
            let allowed = try await here.exec("sudo", "-n", "/usr/bin/id", "-un")
            #expect(allowed.text == "root\n", "\(allowed)")
            #expect(try await here.exec("sudo", "-n", "/usr/bin/whoami").status != 0)
            let path = "/etc/sudoers.d/stint-\(grant)"
            let rule = try String(contentsOfFile: path, encoding: .utf8)
            #expect(rule.contains("NOTAFTER=2") && rule.contains("NOPASSWD: /usr/bin/id"))
            try await here.stint(as: "lead", "revoke", grant).checked()
            try await eventually("the end of the rule") { access(path, F_OK) != 0 }
            try await eventually("the end of the account") { getpwnam(NodePolicy.sudo) == nil }
        }
    }

    // MARK: What root changed

    @Test(.enabled(if: Programs.isRoot, "it is about root"))
    func `the receipt of a session of root names what changed that could let somebody in`() async throws {
        let here = try Installation.here
        let grant = try await here.grant(for: "5m", runAs: "root")
        let name = "stint-test-\(UInt32.random(in: 0 ... .max))"
        let (job, program) = ("/etc/cron.d/\(name)", "/usr/local/bin/\(name)")
        defer { for path in [job, program] { unlink(path) } }
        try await here.exec("sh", "-c", "mkdir -p /etc/cron.d; touch \(job); cp /bin/true \(program); chmod u+s \(program)").checked()
        let statement = try #require(try await here.receipted(grant).receipt?.statement)
        #expect(statement.contains("\(job) (new)") && statement.contains("\(program) (new or changed)"), "\(statement)")
        try await here.exec("rm", job).checked()
        try await eventually("the receipt of the second session") {
            try await here.sessions(of: grant).contains { $0.receipt?.statement.contains("\(job) (removed)") == true }
        }
    }

    @Test(.enabled(if: Programs.isRoot, "it is about root"))
    func `a user below the policy's lowest number is refused by the node`() async throws {
        let more = #"preferences: [{ name: "people", nodes: "*", minimumUserID: 1000 }],"#
        try await Installation.with(.init(turn: .patient, policy: more)) { here in
            _ = try await here.grant(for: "5m", runAs: "root")
            let outcome = try await here.exec("id")
            #expect(outcome.status != 0 && outcome.errors.contains("run-as.below-minimum"), "\(outcome)")
            _ = try await here.grant(for: "5m", runAs: "nobody")
            #expect(try await here.exec("id", "-un").text == "nobody\n")
        }
    }
}
