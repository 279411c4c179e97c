// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// Connections come and go; the shell, its bytes and its recording do not notice (DESIGN 7, P4).
@Suite(.serialized, .timeLimit(.minutes(15)))  // with the time until it is their turn
struct ResumeTests {
    /// Writes `count` numbered lines in `steps` bursts, half a second apart.
    private static func counting(_ count: Int, steps: Int) -> String {
        "i=0; while [ $i -lt \(count) ]; do i=$((i+1)); echo line $i; [ $((i % \(count / steps))) -ne 0 ] || sleep 0.5; done"
    }

    private static func lines(_ count: Int) -> String { (1...count).map { "line \($0)\n" }.joined() }

    @Test func `a broker that is killed again and again costs a command no byte, and its recording none`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            async let outcome = here.exec("sh", "-c", Self.counting(20_000, steps: 12), within: .seconds(120))
            for _ in 1...3 {
                try await Task.sleep(for: .milliseconds(1200))
                try await here.killBroker()
                try await here.startBroker()
            }
            let end = try await outcome
            #expect(end.status == 0, "\(end.errors)")
            #expect(end.text == Self.lines(20_000))
            #expect(end.errors.contains("connection lost, retrying"))
            #expect(end.errors.contains("connected again"))
            let session = try await here.receipted(grant, within: .seconds(40))
            #expect(session.receipt?.exit == 0)
            let raw = try await here.stint(as: "lead", "replay", session.id, "--raw").checked()
            #expect(try Asciicast(raw.text).output == Self.lines(20_000))
            try await here.verifyLedger()
        }
    }

    @Test func `a shell goes on after its broker and its agent were restarted`() async throws {
        try await Installation.with { here in
            _ = try await here.grant()
            let shell = try await here.shell()
            shell.send("kept=the-same-shell\r")
            try await here.killBroker()
            try await shell.expect("[stint] connection lost, retrying…")
            shell.send("echo typed-ahead-$((40+2))\r")
            try await here.killAgent("db-1")
            try await here.startBroker()
            try await shell.expect("[stint] connected again.")
            try await shell.expect("typed-ahead-42")
            try await here.startAgent("db-1")
            shell.send("echo $kept-$((1+1)); exit 5\r")
            try await shell.expect("the-same-shell-2")
            #expect(try await shell.process.waitForEnd().status == 5)
        }
    }

    @Test func `a shell goes on when the agent's program is replaced by another and restarted`() async throws {
        let folder = "/tmp/stint-upgrade-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        let (program, next) = (folder + "/stint-agent", folder + "/next")
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? files.removeItem(atPath: folder) }  // of this run alone, below /tmp
        try Programs.copy(Programs.agent, to: program)
        // The words that follow are the usual program, which is left out, and its arguments.
        try await Installation.with(.init(agentStarter: ["/bin/sh", "-c", "shift; exec \(program) \"$@\"", "sh"])) { here in
            let grant = try await here.grant()
            let shell = try await here.shell()
            shell.send("kept=of-before\r")
            try await shell.expect("kept=of-before")
            try Programs.copy(Programs.agent, to: next)
            #expect(rename(next, program) == 0)
            // The old agent still runs, beside the new file.
            #expect(try await here.exec("echo", "between").checked().text == "between\n")
            try await here.killAgent("db-1")
            try await here.startAgent("db-1")
            shell.send("echo $kept-$((1+1))\r")
            try await shell.expect("of-before-2")
            #expect(try await here.exec("echo", "after").checked().text == "after\n")
            let old = try #require(try await here.sessions(of: grant).first { $0.state == "live" })
            let supervisor = try #require(here.supervisors.first { $0.commandLine.contains(old.id) })
            #expect(Programs.executable(of: supervisor.pid) == program + " (deleted)")
            shell.send("exit 5\r")
            #expect(try await shell.process.waitForEnd().status == 5)
            let receipts = try await eventually("all receipts") {
                let receipts = try await here.sessions(of: grant).compactMap(\.receipt)
                return receipts.count == 3 ? receipts : nil
            }
            #expect(receipts.allSatisfy { $0.left == 0 })
        }
    }

    @Test func `a client that does not come through any more ends soon after its grant`() async throws {
        try await Installation.with { here in
            _ = try await here.grant(for: "10s")
            let command = try here.background(
                Programs.stint, ["exec", "db-1", "--", "sh", "-c", "echo begun; sleep 300"],
                environment: ["STINT_HOME": here.home(of: "oncall")], output: here.directory + "/given-up")
            _ = try await eventually("its beginning") {
                try String(contentsOfFile: here.directory + "/given-up", encoding: .utf8) == "begun\n" ? true : nil
            }
            try await here.killBroker()
            #expect(try await command.waitForEnd(within: .seconds(30)).status == 255)
            let words = try String(contentsOfFile: here.directory + "/given-up.err", encoding: .utf8)
            #expect(words.contains("connection lost, retrying…") && words.contains("could not be reached again"), "\(words)")
        }
    }

    @Test func `a session whose program cannot be started is explained at once`() async throws {
        let folder = "/tmp/stint-unstartable-" + String(UInt32.random(in: 0 ... .max), radix: 36)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }  // of this run alone, below /tmp
        let program = folder + "/stint-agent"
        try Programs.copy(Programs.agent, to: program)
        try await Installation.with(.init(agentStarter: ["/bin/sh", "-c", "shift; exec \(program) \"$@\"", "sh"])) { here in
            _ = try await here.grant()
            #expect(try await here.exec("echo", "before").checked().text == "before\n")
            // No file that can be run, as in the middle of a copy in place.
            #expect(chmod(program, 0o600) == 0)
            let begin = ContinuousClock.now
            let outcome = try await here.exec("echo", "never")
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("`db-1` could not begin the session: ") && outcome.errors.contains("Permission denied"), "\(outcome.errors)")
            #expect(outcome.errors.contains("(session.not-begun)"))
            #expect(ContinuousClock.now - begin < .seconds(10))
        }
    }

    @Test func `a client whose network breaks in the middle of both directions loses nothing`() async throws {
        try await Installation.with { here in
            _ = try await here.grant()
            let proxy = try here.proxy(as: "traveller")
            defer { proxy.close() }
            let bytes = Data((0..<6_000_000).map { _ in UInt8.random(in: 0...255) })
            let path = here.directory + "/bytes"
            try bytes.write(to: URL(fileURLWithPath: path))
            async let outcome = here.run(
                Programs.stint, ["exec", "db-1", "--", "sh", "-c", "while dd bs=65536 count=4 iflag=fullblock 2>/dev/null | tee /dev/fd/3 | wc -c | grep -qvx 0; do sleep 0.1; done 3>&1"],
                input: path, environment: ["STINT_HOME": here.home(of: "traveller")], within: .seconds(120))
            for _ in 1...4 {
                try await Task.sleep(for: .milliseconds(500))
                proxy.cut()
            }
            let end = try await outcome
            #expect(end.status == 0, "\(end.errors)")
            // Said in one word: what `#expect` shows of two such values takes minutes to work out.
            let isWhole = end.output == bytes
            #expect(isWhole)
            #expect(end.errors.contains("connected again"))
        }
    }

    @Test func `a connection that falls silent is replaced`() async throws {
        try await Installation.with(.init(turn: .patient)) { here in
            _ = try await here.grant()
            let proxy = try here.proxy(as: "sleeper")
            defer { proxy.close() }
            async let outcome = here.run(
                Programs.stint, ["exec", "db-1", "--", "sh", "-c", "echo before; sleep 50; echo after"],
                environment: ["STINT_HOME": here.home(of: "sleeper")], within: .seconds(120))
            try await Task.sleep(for: .seconds(2))
            proxy.stall()
            let end = try await outcome
            #expect(end.status == 0, "\(end.errors)")
            #expect(end.text == "before\nafter\n")
            #expect(end.errors.contains("connected again"))
        }
    }

    @Test func `who types into a connection that fell silent learns it in 15 seconds, and nothing typed is lost`() async throws {
        try await Installation.with(.init(turn: .patient)) { here in
            _ = try await here.grant()
            let proxy = try here.proxy(as: "sleeper")
            defer { proxy.close() }
            let shell = try here.terminal(as: "sleeper", "shell", "db-1")
            shell.send("echo is-$((20 + 3))\r")
            try await shell.expect("is-23")
            proxy.stall()
            // Who types within 5 s of the broker's last sign asks for no other one: the next key does.
            try await Task.sleep(for: .seconds(6))
            let typed = ContinuousClock.now
            shell.send("echo was-$((40 + 4))\r")
            try await shell.expect("connection lost", within: .seconds(25))
            #expect(.now - typed < .seconds(20))
            try await shell.expect("was-44")
            shell.send("exit\r")
            #expect(try await shell.process.waitForEnd().status == 0)
        }
    }

    @Test func `an operator leaves at once while the connection is lost`() async throws {
        try await Installation.with { here in
            _ = try await here.grant()
            let shell = try await here.shell()
            try await here.killBroker()
            try await shell.expect("connection lost, retrying…")
            let start = ContinuousClock.now
            shell.send("\r~.")
            let end = try await shell.process.waitForEnd()
            #expect(end.status == 255 && end.at < start + .seconds(1))
            try await here.startBroker()
        }
    }

    @Test func `a session waits for its client, and another process of the same device takes it up`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            let shell = try await here.shell()
            shell.send("kept=still-here\r")
            try await shell.expect("kept=still-here")
            shell.process.signal(SIGKILL)
            _ = try await shell.process.waitForEnd()
            let session = try await eventually("a detached session") {
                try await here.sessions(of: grant).first { $0.state == "detached" }
            }
            // Another device of the same person has not opened it.
            let other = try await here.stint(as: "laptop", "attach", session.id)
            #expect(other.status == 4, "\(other.errors)")
            let again = try here.terminal(as: "oncall", "attach", session.id)
            again.send("echo $kept-$((1+1)); exit 6\r")
            try await again.expect("still-here-2")
            #expect(try await again.process.waitForEnd().status == 6)
            #expect(try await here.receipted(grant).endReason == "exited")
        }
    }

    /// A dozen sessions and five restarts; with STINT_TORTURE=1 a hundred and twenty.
    @Test(.timeLimit(.minutes(15)))
    func `live sessions survive the restarts of their broker, and their recordings are whole`() async throws {
        let isLong = ProcessInfo.processInfo.environment["STINT_TORTURE"] == "1"
        let (count, restarts) = isLong ? (100, 20) : (12, 5)
        try await Installation.with { here in
            let grant = try await here.grant(for: "30m")
            let script = "echo begin; while read line; do echo got $line; [ $line != end ] || exit 0; done"
            let outcomes = try await withThrowingTaskGroup(of: Outcome.self) { group in
                for number in 0..<count {
                    let fifo = "\(here.directory)/in-\(number)"
                    mkfifo(fifo, 0o600)
                    let writer = open(fifo, O_RDWR)
                    group.addTask {
                        try await here.exec("sh", "-c", script, input: fifo, within: .seconds(isLong ? 600 : 120))
                    }
                    _ = writer
                    // The broker lets one address have so many connections that have not shown yet whose they are.
                    guard number % 10 == 9 else { continue }
                    try await eventually("\(number) live sessions", within: .seconds(60)) {
                        try await here.sessions(of: grant).count { $0.state == "live" } > number
                    }
                }
                try await eventually("\(count) live sessions", within: .seconds(isLong ? 400 : 120)) {
                    try await here.sessions(of: grant).count { $0.state == "live" } == count
                }
                for restart in 1...restarts {
                    for number in 0..<count { try Self.say("\(restart)", to: "\(here.directory)/in-\(number)") }
                    try await here.killBroker()
                    try await here.startBroker()
                    try await Task.sleep(for: .milliseconds(isLong ? 3000 : 700))
                }
                for number in 0..<count { try Self.say("end", to: "\(here.directory)/in-\(number)") }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let expected = "begin\n" + (1...restarts).map { "got \($0)\n" }.joined() + "got end\n"
            for outcome in outcomes { #expect(outcome.status == 0 && outcome.text == expected, "\(outcome.errors)") }
            try await eventually("all receipts", within: .seconds(60)) {
                try await here.sessions(of: grant).count { $0.receipt?.exit == 0 } == count
            }
            for session in try await here.sessions(of: grant) {
                let raw = try await here.stint(as: "lead", "replay", session.id, "--raw").checked()
                #expect(try Asciicast(raw.text).output == expected)
            }
            try await here.verifyLedger()
        }
    }

    private static func say(_ text: String, to fifo: String) throws {
        let number = open(fifo, O_WRONLY | O_NONBLOCK)
        guard number >= 0 else { throw HarnessError("nobody reads \(fifo)") }
        defer { close(number) }
        guard write(number, text + "\n", text.utf8.count + 1) == text.utf8.count + 1 else { throw HarnessError("not written") }
    }
}

extension Installation {
    /// A home like that of `oncall` whose way to the broker leads through a network that the test can break.
    func proxy(as person: String) throws -> CuttableProxy {
        let port = try #require(address.split(separator: ":").last.flatMap { UInt16($0) })
        let proxy = try CuttableProxy(to: port)
        try FileManager.default.copyItem(atPath: home(of: "oncall"), toPath: home(of: person))
        let path = home(of: person) + "/identity.json"
        let identity = try String(contentsOfFile: path, encoding: .utf8)
        let changed = identity.replacingOccurrences(of: address, with: "127.0.0.1:\(proxy.port)")
        try #require(changed != identity)
        try Data(changed.utf8).write(to: URL(fileURLWithPath: path))
        chmod(path, 0o600)
        return proxy
    }
}
