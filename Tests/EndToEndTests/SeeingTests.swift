// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// What is shown, for people and for programs, of what happens.
@Suite(.serialized, .installation())
struct SeeingTests {
    private var here: Installation { get throws { try Installation.here } }

    @Test func `a request is told as a story, from the question to the receipt`() async throws {
        let here = try here
        let request = try await here.request(for: "10m")
        try await here.stint(as: "security", "show", request.id).checked()
        try await here.stint(as: "lead", "approve", request.id, "--yes", "--note", "go on").checked()
        try await here.stint(as: "oncall", "exec", "db-1", "--grant", request.id, "--", "true").checked()
        let grant = "g" + request.id.dropFirst()
        let session = try await here.receipted(grant)
        try await here.stint(as: "oncall", "done", grant).checked()
        let story = try await eventually("the end of the grant") {
            let text = try await here.stint(as: "oncall", "show", request.id).checked().text
            return text.contains("the grant ended") ? text : nil
        }
        let told = [
            "oncall asked for 10m", "security looked at it", "lead approved: “go on”", "oncall started the grant, until",
            "\(session.id) opened on db-1: true", "\(session.id) ended: exited; receipt: ", "the grant ended: released",
        ]
        var rest = try #require(story.range(of: "What happened")).upperBound
        for line in told {
            let found = try #require(story.range(of: line, range: rest..<story.endIndex), "`\(line)` is not next in:\n\(story)")
            rest = found.upperBound
        }
        #expect(try await here.stint(as: "oncall", "show", grant).checked().text.contains("What happened"))
    }

    @Test func `a list is drawn anew in place until Ctrl-C, and as lines where nobody sees it`() async throws {
        let here = try here
        let list = try here.terminal(as: "lead", "requests", "--to-decide", "--watch")
        try await list.expect("Every 2 s")
        let request = try await here.request()
        try await list.expect(request.id)
        #expect(list.transcript.contains("\u{1B}[H\u{1B}[J"))
        list.send("\u{3}")
        #expect(try await list.process.waitForEnd().status == 0)
    }

    @Test func `who looks does not wait for who writes`() async throws {
        let here = try here
        let grant = try await here.grant()
        try await here.exec("true").checked()
        let session = try await here.receipted(grant)
        let lock = try await here.databaseLock()
        defer { lock.send("ROLLBACK;\r.quit\r") }
        async let written = here.stint(as: "oncall", "done", grant)
        // The writer lets nobody through until the lock is given back, so each of these answers while it waits. Whoever
        // replays or searches waits with it: that they do is written first.
        let home = here.home(of: "lead")
        let looks = [
            ["requests"], ["grants"], ["sessions"], ["nodes"], ["show", grant], ["show", session.id],
            ["ledger", "list"], ["documents"], ["whoami"],
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for look in looks { group.addTask { try await here.run(Programs.stint, look, environment: ["STINT_HOME": home]).checked() } }
            try await group.waitForAll()
        }
        #expect(try await here.show(grant: grant).state == "active")
        lock.send("ROLLBACK;\r")
        try await written.checked()
        #expect(try await here.show(grant: grant).state != "active")
    }

    @Test func `what takes longer than a second says so on a terminal, and nowhere else`() async throws {
        let here = try here
        let grant = try await here.grant()
        let broker = try #require(ProcessTable.all().first { $0.commandLine.contains("serve\0--home\0\(here.brokerHome)") })
        kill(broker.pid, SIGSTOP)
        defer { kill(broker.pid, SIGCONT) }
        let gathering = try here.terminal(as: "admin", "evidence", grant, "--output", "-")
        try await gathering.expect("Gathering the evidence, 1 s…")
        let output = here.directory + "/gathered"
        let quiet = try here.background(
            Programs.stint, ["evidence", grant, "--output", "-"], environment: ["STINT_HOME": here.home(of: "admin")], output: output)
        try await gathering.expect("Gathering the evidence, 3 s…")
        kill(broker.pid, SIGCONT)
        #expect(try await gathering.process.waitForEnd().status == 0)
        #expect(try await quiet.waitForEnd().status == 0)
        #expect(try String(contentsOfFile: output + ".err", encoding: .utf8).isEmpty)
    }

    @Test func `JSON lines are one object a line, for lists, objects and errors`() async throws {
        let here = try here
        let requests = [try await here.request(), try await here.request()]
        let lines = try await here.stint(as: "oncall", "requests", "--mine", "--json-lines").checked().text
        let rows = lines.split(separator: "\n")
        for request in requests { #expect(rows.contains { $0.hasPrefix("{") && $0.hasSuffix("}") && $0.contains(request.id) }) }
        #expect(try await here.stint(as: "oncall", "show", requests[0].id, "--json-lines").checked().text.split(separator: "\n").count == 1)
        let error = try await here.stint(as: "oncall", "show", "r-zzzzzz", "--json-lines")
        #expect(error.status == 4 && error.errors.hasPrefix(#"{"error":{"code":""#), "\(error.errors)")
    }

    @Test func `completion offers ids that live now, to whom may see them`() async throws {
        let here = try here
        let request = try await here.request()
        func offered(_ person: String, _ kind: String) async throws -> [Substring] {
            try await here.stint(as: person, "__complete", "--", kind, "").checked().text.split(separator: "\n")
        }
        #expect(try await offered("lead", "requests").contains(Substring(request.id)))
        #expect(try await !offered("stranger", "requests").contains(Substring(request.id)))
        let grant = try await here.grant()
        #expect(try await offered("oncall", "grants").contains(Substring(grant)))
        try await here.exec("true").checked()
        let session = try await here.receipted(grant)
        #expect(try await offered("lead", "sessions").contains(Substring(session.id)))
        #expect(try await offered("oncall", "nodes") == ["db-1"])
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `a person who presses the tabulator is offered a live id`(_ shell: String) async throws {
        let here = try here
        let grant = try await here.grant()
        let script = try here.file("completion.\(shell)", try await here.stint(as: "oncall", "completion", shell).checked().text)
        let terminal = try here.shellTerminal(as: "oncall", shell)
        let prepare = [
            "bash": "source /usr/share/bash-completion/bash_completion 2>/dev/null; source \(script)",
            "zsh": "autoload -U compinit; compinit -u -D; source \(script)", "fish": "source \(script)",
        ]
        terminal.send("\(try #require(prepare[shell])); echo ready-\(shell == "fish" ? "(math 1+1)" : "$((1+1))")\r")
        try await terminal.expect("ready-2")
        terminal.send("stint done g\t")
        try await terminal.expect(grant)
        terminal.send("\u{3}exit\r")
    }

    @Test(arguments: ["stint", "stintd", "stint-agent"])
    func `mandoc has nothing to say against a manual page`(_ program: String) async throws {
        let here = try here
        let path = String(Programs.stint.dropLast("stint".utf8.count)) + program
        let page = try here.file("\(program).man", try await here.run(path, ["__manual"]).checked().text)
        let lint = try await here.run("/usr/bin/mandoc", ["-T", "lint", "-W", "warning", page])
        #expect(lint.status == 0 && lint.text.isEmpty && lint.errors.isEmpty, "\(lint.text)\(lint.errors)")
    }
}
