// SPDX-License-Identifier: Apache-2.0

import Testing

/// Deciding, before the eyes of an approver.
@Suite(.serialized, .installation())
struct PickingTests {
    private var here: Installation { get throws { try Installation.here } }

    private func denyAll() async throws {
        let waiting: [RequestAnswer] = try await here.stint(as: "lead", "requests", "--to-decide", "--json").decoded()
        for request in waiting { try await here.stint(as: "lead", "deny", request.id).checked() }
    }

    @Test func `what waits is listed, one is picked, and what it would mean is shown before a yes`() async throws {
        try await denyAll()
        let first = try await here.request(for: "10m")
        let second = try await here.request(for: "20m")
        let approve = try here.terminal(as: "lead", "approve", "--for", "5m")
        try await approve.expect("Which one? [1-2, or its id] ")
        #expect(approve.transcript.contains(first.id) && approve.transcript.contains(second.id))
        approve.send("\(second.id)\r")
        try await approve.expect("Request \(second.id)")
        try await approve.expect("nodes now")
        try await approve.expect("5m, of 20m asked for")
        try await approve.expect("digest")
        try await approve.expect("last 30 days")
        try await approve.expect("Approve this? [y/N] ")
        // Whoever thinks for longer than a statement is fresh is not refused for that: signed is the moment of the yes.
        try await Task.sleep(for: .milliseconds(300))
        let yes = ContinuousClock.now
        approve.send("y\r")
        try await approve.expect("is approved")
        #expect(try await approve.process.waitForEnd().status == 0)
        let vote = try #require(try await here.show(request: second.id).votes.first)
        #expect(try vote.at.instant() > yes - .milliseconds(50))
        #expect(try await here.show(grant: "g" + second.id.dropFirst()).granted == 300)
        #expect(try await here.show(request: first.id).state == "pending")
    }

    @Test func `what was typed before the question is no answer to it`() async throws {
        try await denyAll()
        let request = try await here.request()
        let approve = try here.terminal(as: "lead", "approve", request.id)
        approve.send("y\r")
        try await approve.expect("Approve this? [y/N] ")
        try await Task.sleep(for: .milliseconds(300))
        #expect(approve.process.isRunning)
        #expect(try await here.show(request: request.id).votes.isEmpty)
        approve.send("n\r")
        try await approve.expect("client.not-confirmed")
        #expect(try await approve.process.waitForEnd().status == 1)
    }

    @Test func `a no, and a number that is not in the list, change nothing`() async throws {
        try await denyAll()
        let requests = [try await here.request(), try await here.request()]
        let outside = try here.terminal(as: "lead", "approve")
        try await outside.expect("Which one?")
        outside.send("3\r")
        try await outside.expect("client.no-choice")
        #expect(try await outside.process.waitForEnd().status == 1)
        let refused = try here.terminal(as: "lead", "approve", requests[0].id)
        try await refused.expect("Approve this?")
        refused.send("\r")
        try await refused.expect("client.not-confirmed")
        #expect(try await refused.process.waitForEnd().status == 1)
        for request in requests { #expect(try await here.show(request: request.id).votes.isEmpty) }
    }

    @Test func `a script names the digest, and another one is refused`() async throws {
        let request = try await here.request()
        let wrong = String(repeating: "0", count: 64)
        let refused = try await here.stint(as: "lead", "approve", request.id, "--yes", "--digest", wrong)
        #expect(refused.status == 3 && refused.errors.contains("request.other-digest"), "\(refused.errors)")
        for bad in ["0123", "xyz", String(repeating: "0", count: 65)] {
            #expect(try await here.stint(as: "lead", "approve", request.id, "--yes", "--digest", bad).status == 2)
        }
        let looked = try await here.stint(as: "lead", "approve", request.id)
        #expect(looked.status == 2 && looked.errors.contains("client.needs-confirmation"))
        let line = try #require(looked.errors.split(separator: "\n").first { $0.contains("digest") })
        let digest = String(try #require(line.split(separator: " ").last))
        try await here.stint(as: "lead", "approve", request.id, "--yes", "--digest", String(digest.prefix(16))).checked()
        #expect(try await here.show(request: request.id).state == "approved")
    }

    @Test func `without an id and a terminal nothing is picked`() async throws {
        try await denyAll()
        #expect(try await here.stint(as: "lead", "approve", "--yes").checked().errors == "Nothing waits for your vote.\n")
        _ = (try await here.request(), try await here.request())
        let many = try await here.stint(as: "lead", "approve", "--yes")
        #expect(many.status == 2 && many.errors.contains("client.nobody-to-pick"), "\(many.errors)")
    }

    @Test func `a request rings once`() async throws {
        try await denyAll()
        let watching = try here.terminal(as: "lead", "watch-requests")
        try await watching.expect("Waiting for requests.")
        let request = try await here.request(for: "10m")
        try await watching.expect("\u{7}\(request.id): oncall asks for db-1 as \(Programs.user) for 10m: “a test that needs it")
        let next = try await here.request(for: "11m")
        try await watching.expect("\u{7}\(next.id)")
        watching.send("\u{3}")
        #expect(try await watching.process.waitForEnd().status == 0)
        #expect(watching.transcript.split(separator: "\u{7}").count == 3, "\(watching.transcript.debugDescription)")
    }
}
