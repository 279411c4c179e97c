// SPDX-License-Identifier: Apache-2.0

import Testing

/// One flow: from "I need a shell there" to the shell, and to what is said at the end.
@Suite(.serialized, .installation())
struct FlowTests {
    private var here: Installation { get throws { try Installation.here } }

    private func pendingRequest() async throws -> RequestAnswer {
        let here = try here
        return try await eventually("a pending request") {
            let all: [RequestAnswer] = try await here.stint(as: "oncall", "requests", "--mine", "--json").decoded()
            return all.first { $0.state == "pending" }
        }
    }

    private func giveBackAll() async throws {
        for grant in try await here.grants() where ["ready", "active"].contains(grant.state) {
            try await here.stint(as: "oncall", "done", grant.id).checked()
        }
    }

    @Test func `who waits sees who was asked, who has looked, and the shell the moment it may open`() async throws {
        try await giveBackAll()
        let here = try here
        let shell = try here.terminal(as: "oncall", "shell", "db-1", "-r", "restore the index, INC-4711", "--for", "5m")
        try await shell.expect("min left · asked lead, security")
        let request = try await pendingRequest()
        try await here.stint(as: "admin", "show", request.id).checked()  // may not decide: that is not told
        try await here.stint(as: "security", "show", request.id).checked()
        try await shell.expect("security has looked")
        #expect(!shell.transcript.contains("admin has looked"))
        try await here.stint(as: "lead", "approve", request.id, "--yes").checked()
        shell.send("echo sum-$((40+2))\r")
        try await shell.expect("sum-42")
        shell.send("exit\r")
        try await shell.expect("ended: it exited. ")
        try await shell.expect("Give it back: stint done g" + request.id.dropFirst())
        #expect(try await shell.process.waitForEnd().status == 0)
    }

    @Test func `Ctrl-C leaves the request, and the same command waits for it again without another`() async throws {
        try await giveBackAll()
        let first = try here.terminal(as: "oncall", "shell", "db-1", "-r", "look at the slow job", "--for", "5m")
        try await first.expect("min left")
        let request = try await pendingRequest()
        first.send("\u{3}")
        try await first.expect("Request \(request.id) stays")
        try await first.expect("Go on waiting: stint shell db-1")
        try await first.expect("stint withdraw \(request.id)")
        #expect(try await first.process.waitForEnd().status == 130)

        let second = try here.terminal(as: "oncall", "shell", "db-1")
        try await second.expect("Request \(request.id) of yours already asks for this.")
        try await second.expect("min left")
        try await here.stint(as: "lead", "deny", request.id, "--note", "not during the freeze").checked()
        try await second.expect("denied by lead: “not during the freeze”. (request.not-approved)")
        #expect(try await second.process.waitForEnd().status == 3)
    }

    @Test func `without a terminal each change is a line`() async throws {
        try await giveBackAll()
        async let outcome = here.run(
            Programs.stint, ["exec", "db-1", "-r", "look at the slow job", "--for", "6m", "--", "echo", "done"],
            environment: ["STINT_HOME": here.home(of: "oncall")])
        let request = try await pendingRequest()
        try await here.stint(as: "lead", "approve", request.id, "--yes").checked()
        let result = try await outcome.checked()
        #expect(result.text == "done\n")
        #expect(result.errors.contains("Waiting for the decision on \(request.id) · asked lead, security\n"), "\(result.errors)")
        #expect(!result.errors.contains("\u{1B}") && !result.errors.contains("\r"))
    }

    @Test func `a local command runs with the grant, and the grant is given back`() async throws {
        try await giveBackAll()
        let script = "echo under $STINT_GRANT; \(Programs.stint) exec db-1 -- echo remote; exit 7"
        async let outcome = here.run(
            Programs.stint, ["with", "--on", "db-1", "-r", "look at the slow job", "--for", "7m", "--", "sh", "-c", script],
            environment: ["STINT_HOME": here.home(of: "oncall")])
        let request = try await pendingRequest()
        try await here.stint(as: "lead", "approve", request.id, "--yes").checked()
        let result = try await outcome
        #expect(result.status == 7)
        let grant = "g" + request.id.dropFirst()
        #expect(result.text == "under \(grant)\nremote\n", "\(result.errors)")
        #expect(result.errors.contains("Grant \(grant) is given back."))
        #expect(["ending", "ended"].contains(try await here.show(grant: grant).state))
    }

    @Test func `a grant that was active before is not given back`() async throws {
        let grant = try await here.grant()
        try await here.exec("true").checked()
        let result = try await here.stint(as: "oncall", "with", "--on", "db-1", "--", "printenv", "STINT_GRANT").checked()
        #expect(result.text == grant + "\n")
        #expect(try await here.show(grant: grant).state == "active")
    }

    @Test func `with neither a grant nor a reason, or without the command, nothing is asked`() async throws {
        try await giveBackAll()
        let none = try await here.stint(as: "oncall", "with", "--on", "db-1", "--", "true")
        #expect(none.status == 3 && none.errors.contains("grant.none-covers"), "\(none.errors)")
        let missing = try await here.stint(
            as: "oncall", "with", "--on", "db-1", "-r", "look at the slow job", "--", "no-such-command")
        #expect(missing.status == 127 && missing.errors.contains("command.not-found"), "\(missing.errors)")
        let nowhere = try await here.stint(as: "oncall", "with", "--on", "name=nowhere", "-r", "a reason", "--", "true")
        #expect(nowhere.status == 4, "\(nowhere.errors)")
        let requests: [RequestAnswer] = try await here.stint(as: "oncall", "requests", "--mine", "--json").decoded()
        #expect(!requests.contains { $0.state == "pending" })
    }
}
