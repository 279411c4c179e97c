// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// Taken before there is a policy, because the policy names them.
private enum Ports {
    static let (web, ssh, dead) = (free(), free(), free())
    static let capabilities = """
        ["shell", "exec", "copy", "forward:127.0.0.1:\(web)", "forward:localhost:\(web)", "forward:127.0.0.1:\(ssh)", "forward:127.0.0.1:\(dead)"]
        """

    /// 0 is refused by the policy, so that a machine without a free port is told.
    private static func free() -> UInt16 { (try? Installation.freePort()) ?? 0 }
}

/// Ports behind a node, reached without a port of the node being open.
@Suite(.serialized, .installation(.init(rules: ["capabilities": Ports.capabilities])))
struct ForwardTests {
    /// A grant for these capabilities.
    private func grant(_ capabilities: String, for duration: String = "10m") async throws -> String {
        let here = try Installation.here
        for old in try await here.grants() where ["ready", "active"].contains(old.state) {
            try await here.stint(as: "oncall", "done", old.id).checked()
        }
        let request: RequestAnswer = try await here.stint(
            as: "oncall", "request", "--on", "db-1", "--for", duration, "--reason", "a port, \(UInt32.random(in: 0 ... .max))",
            "--capabilities", capabilities, "--json"
        ).decoded()
        let approved: RequestAnswer = try await here.stint(as: "lead", "approve", request.id, "--yes", "--json").decoded()
        return try #require(approved.grant)
    }

    /// A web server on the node, serving a folder with one large file.
    private func webServer() async throws -> (RunningProgram, Data) {
        let here = try Installation.here
        let folder = here.directory + "/web"
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let content = Data((0..<5_000_000).map { _ in UInt8.random(in: 0...255) })
        try content.write(to: URL(fileURLWithPath: folder + "/blob"))
        let server = try here.background(
            "/usr/bin/env", ["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, "\(Ports.web)"],
            output: here.directory + "/web.log")
        try await eventually("the web server") { try await here.run("/usr/bin/curl", ["-s", "http://127.0.0.1:\(Ports.web)/"]).status == 0 }
        return (server, content)
    }

    /// Starts `stint forward`, and waits until it says where it listens.
    private func forward(to destination: String, _ more: String...) async throws -> (RunningProgram, port: String, log: String) {
        let here = try Installation.here
        let log = here.directory + "/forward-\(UInt32.random(in: 0 ... .max))"
        let program = try here.background(
            Programs.stint, ["forward", "db-1", "0:\(destination)"] + more, environment: ["STINT_HOME": here.home(of: "oncall")], output: log)
        let port = try await eventually("the forward's door", within: .seconds(30)) { () -> String? in
            let said = (try? String(contentsOfFile: log + ".err", encoding: .utf8)) ?? ""
            return said.firstMatch(of: /127\.0\.0\.1:([0-9]+) leads to/).map { String($0.1) }
        }
        return (program, port, log + ".err")
    }

    @Test func `a web server of the node answers at a port of this machine, and the recording has what there was, not the bytes`() async throws {
        let here = try Installation.here
        let (server, content) = try await webServer()
        let id = try await grant("forward:127.0.0.1:\(Ports.web)")
        let (program, port, log) = try await forward(to: "127.0.0.1:\(Ports.web)")
        let fetched = try await here.run("/usr/bin/curl", ["-s", "--fail", "http://127.0.0.1:\(port)/blob"])
        let isWhole = fetched.output == content
        #expect(fetched.status == 0 && isWhole)
        // Several at once, and one that is not there.
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask { try await here.run("/usr/bin/curl", ["-s", "--fail", "http://127.0.0.1:\(port)/blob"]).output == content }
            }
            for try await isWhole in group { #expect(isWhole) }
        }
        program.signal(SIGTERM)
        #expect(try await program.waitForEnd().status == 128 + SIGTERM)
        let session = try await here.receipted(id)
        #expect(session.receipt?.left == 0)
        let said = try String(contentsOfFile: log, encoding: .utf8)
        #expect(said.contains("connection 1 to 127.0.0.1:\(Ports.web)") && said.contains("connection 1 is over"))
        let recording = try await here.stint(as: "lead", "replay", session.id, "--raw").checked()
        #expect(recording.text.contains("connection 9 to 127.0.0.1:\(Ports.web)"))
        // 45 MB went through.
        #expect(recording.output.count < 100_000, "\(recording.output.count) bytes were recorded")
        #expect(recording.text.contains("the first 0 recorded"))
        try await here.verifyLedger()
        server.signal(SIGTERM)
    }

    @Test func `ssh works through stint proxy, and no key of ours is on the node`() async throws {
        let here = try Installation.here
        let folder = here.directory + "/sshd"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        chmod(folder, 0o755)
        for key in ["host", "user"] { try await here.run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(folder)/\(key)"]).checked() }
        try FileManager.default.copyItem(atPath: folder + "/user.pub", toPath: folder + "/authorized")
        let config = try here.file("sshd/config", """
            Port \(Ports.ssh)
            ListenAddress 127.0.0.1
            HostKey \(folder)/host
            AuthorizedKeysFile \(folder)/authorized
            StrictModes no
            PidFile none
            UsePAM no
            PasswordAuthentication no

            """)
        try? FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        let server = try here.background("/usr/sbin/sshd", ["-D", "-e", "-f", config], output: folder + "/log")
        defer { server.signal(SIGTERM) }
        let id = try await grant("forward:127.0.0.1:\(Ports.ssh)")
        // Root's shell is not ours to start; the account of the tests may be asked for by who is root, and is who is not.
        let outcome = try await here.run(
            "/usr/bin/ssh",
            [
                "-F", "none", "-i", folder + "/user", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "LogLevel=ERROR", "-o", "ProxyCommand=\(Programs.stint) proxy %h 127.0.0.1:\(Ports.ssh)", "\(Programs.user)@db-1",
                "head -c 3000000 /dev/zero; exit 9",
            ], environment: ["STINT_HOME": here.home(of: "oncall")])
        #expect(outcome.status == 9, "\(outcome.errors)")
        #expect(outcome.output.count == 3_000_000 && outcome.output.allSatisfy { $0 == 0 })
        #expect(outcome.errors.isEmpty, "\(outcome.errors)")
        #expect(try await here.receipted(id).receipt?.left == 0)
    }

    @Test func `a broker that is killed meanwhile costs a download time and no byte, and nobody else takes the session up`() async throws {
        let here = try Installation.here
        let (server, content) = try await webServer()
        defer { server.signal(SIGTERM) }
        let id = try await grant("forward:127.0.0.1:\(Ports.web)")
        let (program, port, log) = try await forward(to: "127.0.0.1:\(Ports.web)")
        let session = try #require(try await here.sessions(of: id).first).id
        let attached = try await here.stint(as: "oncall", "attach", session)
        #expect(attached.status == 5 && attached.errors.contains("session.carries"), "\(attached)")
        // More than all that waits anywhere between.
        var large = content
        for _ in 0..<7 { large += content }
        try large.write(to: URL(fileURLWithPath: here.directory + "/web/large"))
        let copy = here.directory + "/slow-\(port)"
        let download = try here.background(
            "/usr/bin/curl", ["-s", "--fail", "--limit-rate", "10M", "-o", copy, "http://127.0.0.1:\(port)/large"], output: copy + ".log")
        try await eventually("a part of the file") { (try? Data(contentsOf: URL(fileURLWithPath: copy)).count > 500_000) ?? false }
        try await here.killBroker()
        try await here.startBroker()
        #expect(try await download.waitForEnd(within: .seconds(60)).status == 0)
        let isWhole = try Data(contentsOf: URL(fileURLWithPath: copy)) == large
        #expect(isWhole)
        try await eventually("the forward's word") { try String(contentsOfFile: log, encoding: .utf8).contains("connected again") }
        program.signal(SIGTERM)
        _ = try await program.waitForEnd()
        let recording = try await here.stint(as: "lead", "replay", try await here.receipted(id).id, "--raw").checked()
        #expect(recording.text.contains("connection 1 to") && recording.output.count < 100_000)
    }

    @Test func `revoking ends what is forwarded at once, on both sides`() async throws {
        let here = try Installation.here
        let (server, _) = try await webServer()
        defer { server.signal(SIGTERM) }
        let id = try await grant("forward:127.0.0.1:\(Ports.web)")
        let (program, port, log) = try await forward(to: "127.0.0.1:\(Ports.web)")
        // It keeps its connection open and says nothing.
        let idle = try here.background(
            "/usr/bin/env", ["python3", "-c", "import socket; s=socket.create_connection(('127.0.0.1',\(port))); print('open',flush=True); print(s.recv(1))"],
            output: here.directory + "/idle-\(port)")
        try await eventually("the connection at the node") {
            try String(contentsOfFile: log, encoding: .utf8).contains("connection 1 to")
        }
        let before = ContinuousClock.now
        try await here.stint(as: "lead", "revoke", id, "--reason", "that is enough").checked()
        let end = try await program.waitForEnd(within: .seconds(10))
        // One second, and what a busy machine adds.
        #expect(before.duration(to: end.at) < .seconds(5))
        _ = try await idle.waitForEnd(within: .seconds(10))
        #expect(end.status == 255)
        let session = try await here.receipted(id)
        #expect(session.receipt?.left == 0 && session.endReason == "revoked")
        #expect(try String(contentsOfFile: log, encoding: .utf8).contains("revoked"))
    }

    @Test func `what was not agreed to is not reached, and every no says why`() async throws {
        let here = try Installation.here
        _ = try await grant("forward:127.0.0.1:\(Ports.dead)")
        func refusal(_ arguments: String...) async throws -> (Int32, String) {
            let outcome = try await here.run(Programs.stint, arguments, environment: ["STINT_HOME": here.home(of: "oncall")])
            return (outcome.status, outcome.errors)
        }
        // Agreed to, and nobody listens.
        let nobody = try await refusal("proxy", "db-1", "127.0.0.1:\(Ports.dead)")
        #expect(nobody.0 == 1 && nobody.1.contains("Connection refused") && nobody.1.contains("destination.refused"))
        // In the policy, and not in the grant.
        let other = try await refusal("proxy", "db-1", "127.0.0.1:\(Ports.web)")
        #expect(other.0 == 3 && other.1.contains("grant.none-covers"))
        let outside = try await refusal("forward", "db-1", "0:127.0.0.1:1", "--reason", "somewhere else entirely")
        #expect(outside.0 == 3 && outside.1.contains("policy.capability"), "\(outside)")
        let plain = try await refusal("proxy", "db-1")
        #expect(plain.0 == 3 && plain.1.contains("grant.none-covers"))
        for destination in ["169.254.169.254:80", "[::ffff:169.254.169.254]:80", "127.1:80", "host"] {
            let refused = try await refusal("forward", "db-1", destination)
            #expect(refused.0 == 2 && refused.1.contains("destination."), "\(destination): \(refused)")
        }
        let taken = try await refusal("forward", "db-1", "\(here.address.split(separator: ":")[1]):127.0.0.1:\(Ports.dead)")
        #expect(taken.0 == 1 && taken.1.contains("transport.port-in-use"), "\(taken)")
    }

    @Test func `who has no grant asks, waits, and is let through when the second person agrees`() async throws {
        let here = try Installation.here
        let (server, _) = try await webServer()
        defer { server.signal(SIGTERM) }
        for old in try await here.grants() where ["ready", "active"].contains(old.state) { try await here.stint(as: "oncall", "done", old.id).checked() }
        async let opened = forward(to: "localhost:\(Ports.web)", "--reason", "the page is needed at once", "--for", "5m")
        let request = try await eventually("the request") { () -> RequestAnswer? in
            let all: [RequestAnswer] = try await here.stint(as: "lead", "requests", "--to-decide", "--json").decoded()
            return all.first
        }
        try await here.stint(as: "lead", "approve", request.id, "--yes").checked()
        let (program, port, _) = try await opened
        #expect(try await here.run("/usr/bin/curl", ["-s", "--fail", "http://127.0.0.1:\(port)/"]).status == 0)
        program.signal(SIGTERM)
        _ = try await program.waitForEnd()
        // No more was asked for than was needed.
        let active = try await here.grants().first { $0.state == "active" }
        #expect(active?.capabilities == ["forward:localhost:\(Ports.web)"])
    }

    @Test(.enabled(if: Programs.isRoot)) func `another user of this machine does not come through`() async throws {
        let here = try Installation.here
        let (server, _) = try await webServer()
        defer { server.signal(SIGTERM) }
        _ = try await grant("forward:127.0.0.1:\(Ports.web)")
        let (program, port, log) = try await forward(to: "127.0.0.1:\(Ports.web)")
        let stranger = try await here.run(
            "/usr/bin/setpriv", ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "/usr/bin/curl", "-s", "-m", "5", "http://127.0.0.1:\(port)/"])
        #expect(stranger.status != 0 && stranger.output.isEmpty)
        // Who has closed its end before anybody looks is shown as nobody's, which is not root's.
        let hasty = """
            import socket
            for _ in range(60):
                s = socket.create_connection(("127.0.0.1", \(port))); s.sendall(b"GET /hasty HTTP/1.0\\r\\n\\r\\n"); s.close()
            """
        try await here.run("/usr/bin/setpriv", ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "/usr/bin/env", "python3", "-c", hasty]).checked()
        #expect(try await here.run("/usr/bin/curl", ["-s", "--fail", "http://127.0.0.1:\(port)/"]).status == 0)
        #expect(try String(contentsOfFile: log, encoding: .utf8).contains("was sent away"))
        #expect(try !String(contentsOfFile: here.directory + "/web.log.err", encoding: .utf8).contains("/hasty"))
        program.signal(SIGTERM)
        _ = try await program.waitForEnd()
    }
}
