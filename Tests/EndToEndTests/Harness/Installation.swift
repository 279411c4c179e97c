// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization

/// A broker, its nodes and its people, all as real processes and real files in a directory of their own. Nothing of it
/// is left when ``with(_:_:)`` returns.
///
/// The people are named after their part: `oncall` may ask, `lead` and `security` may agree, `stranger` is in no group
/// that matters, `admin` is the administrator. `laptop` is a second device of `oncall`.
final class Installation: Sendable {
    struct Setting: Sendable {
        var turn = Turn.timed
        /// Lines of the entitlement that differ from the shipped policy's.
        var rules: [String: String] = [:]
        /// Members of the policy beside its entitlements, each with a comma behind it.
        var policy = ""
        var nodes = ["db-1"]
        var agentEnvironment: [String: String] = [:]
        /// A program and its arguments that start the agent in their turn.
        var agentStarter: [String] = []
    }

    let directory: String
    let address: String
    private let setting: Setting
    private let processes = Mutex(Processes())
    private let count = Atomic(0)

    private struct Processes {
        var broker: RunningProgram?
        var agents: [String: RunningProgram] = [:]
        var others: [RunningProgram] = []
    }

    /// Sets up an installation, lends it, and takes it away again, whatever happens. A test of a suite that has one
    /// already goes on in the suite's turn.
    static func with<Result>(
        _ setting: Setting = Setting(), _ body: (Installation) async throws -> Result
    ) async throws -> Result {
        try await Turns.shared.take(shared == nil ? setting.turn : .patient) {
            let installation = try Installation(setting)
            do {
                try await installation.setUp()
                let result = try await body(installation)
                await installation.tearDown()
                return result
            } catch {
                await installation.tearDown()
                throw error
            }
        }
    }

    private init(_ setting: Setting) throws {
        self.setting = setting
        address = "127.0.0.1:\(try Self.freePort())"
        // Short, because paths of sockets are; and /tmp may be closed to the broker's check of parent directories.
        directory = "/tmp/stint-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o711])
        try FileManager.default.createDirectory(
            atPath: directory + "/scratch", withIntermediateDirectories: false, attributes: [.posixPermissions: 0o1777])
    }

    // MARK: Programs

    var brokerHome: String { directory + "/broker" }
    func home(of person: String) -> String { "\(directory)/people/\(person)" }
    func home(ofNode node: String) -> String { "\(directory)/nodes/\(node)" }
    func log(of name: String) -> String { (try? String(contentsOfFile: "\(directory)/\(name).log", encoding: .utf8)) ?? "" }

    /// Runs a program to its end.
    func run(
        _ executable: String, _ arguments: [String], input: String = "/dev/null", environment: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> Outcome {
        let files = "\(directory)/run-\(count.wrappingAdd(1, ordering: .relaxed).newValue)"
        let program = try RunningProgram(
            executable, arguments, environment: Self.environment.merging(environment) { $1 },
            streams: .files(input: input, output: files + ".out", errors: files + ".err"))
        processes.withLock { $0.others.append(program) }
        let end = try await program.waitForEnd(within: limit)
        processes.withLock { $0.others.removeAll { $0 === program } }
        defer { for suffix in [".out", ".err"] { unlink(files + suffix) } }
        return Outcome(
            status: end.status, output: try Data(contentsOf: URL(fileURLWithPath: files + ".out")),
            errors: try String(contentsOfFile: files + ".err", encoding: .utf8), end: end.at)
    }

    /// Starts a program whose output goes to a file, and lets it run.
    func background(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], output: String
    ) throws -> RunningProgram {
        let program = try RunningProgram(
            executable, arguments, environment: Self.environment.merging(environment) { $1 },
            streams: .files(input: "/dev/null", output: output, errors: output + ".err"))
        processes.withLock { $0.others.append(program) }
        return program
    }

    /// Runs `stint` as one of the people.
    func stint(
        as person: String, _ arguments: String..., input: String = "/dev/null", within limit: Duration = .seconds(60)
    ) async throws -> Outcome {
        try await run(Programs.stint, arguments, input: input, environment: ["STINT_HOME": home(of: person)], within: limit)
    }

    /// Runs `stint` on a terminal.
    func terminal(as person: String, _ arguments: String...) throws -> TerminalProgram {
        try terminal(Programs.stint, arguments, environment: ["STINT_HOME": home(of: person), "LANG": "C.UTF-8"])
    }

    /// Starts a shell of the operator's own machine on a terminal, which finds our programs by their names.
    func shellTerminal(as person: String, _ shell: String) throws -> TerminalProgram {
        let plain = ["bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]]
        let programs = String(Programs.stint.dropLast("/stint".utf8.count))
        return try terminal(
            "/usr/bin/\(shell)", plain[shell] ?? [],
            environment: ["STINT_HOME": home(of: person), "PATH": "\(programs):/usr/bin:/bin", "HOME": directory])
    }

    func terminal(_ executable: String, _ arguments: [String], environment: [String: String] = [:]) throws -> TerminalProgram {
        let program = try TerminalProgram(executable, arguments, environment: Self.environment.merging(environment) { $1 })
        processes.withLock { $0.others.append(program.process) }
        return program
    }

    /// Writes a file into the directory.
    ///
    /// - Returns: its path.
    func file(_ name: String, _ content: String) throws -> String {
        let path = "\(directory)/\(name)"
        try Data(content.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// A path where a session of any user may make a file, and where there is none yet.
    func scratch(_ name: String) -> String { "\(directory)/scratch/\(name)-\(UInt32.random(in: 0 ... .max))" }

    /// None of ours: a variable of the test runner must not decide what a program does.
    private static let environment = [
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/nonexistent", "LANG": "C.UTF-8",
    ]

    // MARK: Broker

    /// Starts the broker, and waits until it answers.
    ///
    /// - Parameters:
    ///   - fault: as the tampering broker knows it; nil for the honest one.
    ///   - clock: how far its wall clock is ahead, as `+2d`.
    func startBroker(_ fault: String? = nil, clock: String? = nil) async throws {
        let program = launchBroker(fault, clock)
        let broker = try program.get()
        processes.withLock { $0.broker = broker }
        try await eventually("the broker of \(directory)") {
            guard broker.isRunning else { throw HarnessError("the broker ended: \(self.log(of: "broker"))") }
            return Self.canConnect(self.address)
        }
    }

    private func launchBroker(_ fault: String?, _ clock: String?) -> Swift.Result<RunningProgram, any Error> {
        let streams = RunningProgram.Streams.files(
            input: "/dev/null", output: "/dev/null", errors: directory + "/broker.log")
        return Swift.Result {
            if let fault {
                try RunningProgram(
                    Programs.tamperingBroker, [brokerHome, fault], environment: Self.environment, streams: streams)
            } else if let clock {
                // The wrapper of faketime would stay between us and the broker. Its library begins the first program once
                // more, without arguments.
                try RunningProgram(
                    "/usr/bin/env", [Programs.stintd, "serve", "--home", brokerHome],
                    environment: Self.environment.merging(["LD_PRELOAD": Programs.faketimeLibrary, "FAKETIME": clock]) { $1 },
                    streams: streams)
            } else {
                try RunningProgram(
                    Programs.stintd, ["serve", "--home", brokerHome], environment: Self.environment, streams: streams)
            }
        }
    }

    /// Kills the broker with SIGKILL.
    func killBroker() async throws { try await processes.withLock(\.broker)?.kill9() }

    func stopBroker() async throws {
        guard let broker = processes.withLock(\.broker) else { return }
        broker.signal(SIGTERM)
        _ = try await broker.waitForEnd(within: .seconds(10))
    }

    // MARK: Nodes

    func startAgent(_ node: String) async throws {
        let connections = connections(of: node)
        let command = setting.agentStarter + [Programs.agent, "serve", "--home", home(ofNode: node)]
        let agent = try RunningProgram(
            command[0], Array(command.dropFirst()),
            environment: Self.environment.merging(setting.agentEnvironment) { $1 },
            streams: .files(input: "/dev/null", output: "/dev/null", errors: "\(directory)/\(node).log"))
        processes.withLock { $0.agents[node] = agent }
        try await eventually("node \(node)") {
            // What the broker shows may be the channel of an agent before this one, which it does not know to be gone.
            guard self.connections(of: node) > connections else { return false }
            let nodes: [NodeAnswer] = try await self.stint(as: "admin", "nodes", "--json").decoded()
            return nodes.contains { $0.name == node && $0.state == "connected" }
        }
    }

    /// How often the agents of a node have reached the broker.
    private func connections(of node: String) -> Int { log(of: node).split(separator: " connected to ").count }

    /// Kills an agent with SIGKILL.
    func killAgent(_ node: String) async throws { try await processes.withLock { $0.agents[node] }?.kill9() }

    /// Ends an agent as a service manager does, and waits; what started it cleans up behind it.
    func stopAgent(_ node: String) async throws {
        guard let agent = processes.withLock({ $0.agents[node] }) else { return }
        let starter = setting.agentStarter.isEmpty ? [] : [agent.pid]
        for pid in ProcessTable.descendants(of: [agent.pid]).subtracting(starter) { kill(pid, SIGTERM) }
        _ = try await agent.waitForEnd(within: .seconds(10))
    }

    /// Waits until a node has found the broker again.
    func awaitNode(_ node: String = "db-1") async throws {
        try await eventually("node \(node) after the broker's restart", within: .seconds(60)) {
            let nodes: [NodeAnswer] = try await self.stint(as: "admin", "nodes", "--json").decoded()
            return nodes.contains { $0.name == node && $0.state == "connected" }
        }
    }

    /// The processes that own sessions on this installation's nodes.
    var supervisors: [ProcessTable.Entry] {
        // Whose program a supervisor is, /proc tells nobody but root: it lets no one inspect it.
        ProcessTable.all().filter { $0.commandLine.hasPrefix("stint-agent\0supervise\0\(directory)/") }
    }

    // MARK: Setting up and taking away

    private func setUp() async throws {
        for folder in ["people", "nodes"] {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/\(folder)", withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        }
        let policy = try file("policy.json5", TestPolicy.text(setting.rules, setting.policy))
        let token = try await run(
            Programs.stintd, ["init", "--home", brokerHome, "--address", address, "--policy", policy]
        ).checked().text
        try await startBroker()
        try await stint(as: "admin", "join", "--token-file", try file("token", token), "--name", "admin").checked()
        for (person, groups) in [
            ("oncall", "oncall"), ("lead", "approvers"), ("security", "approvers,security"), ("stranger", "guests"),
        ] {
            try await enrol(person, with: await stint(as: "admin", "invite", "person", person, "--groups", groups))
        }
        try await enrol("laptop", with: await stint(as: "oncall", "invite", "device"))
        for node in setting.nodes {
            let token = try await stint(as: "admin", "invite", "node", node, "--tags", "env=prod,role=db").checked().text
            try await run(
                Programs.agent, ["join", "--home", home(ofNode: node), "--token-file", try file("token", token)]
            ).checked()
            try await startAgent(node)
        }
    }

    private func enrol(_ home: String, with invitation: Outcome) async throws {
        let token = try file("token", try invitation.checked().text)
        try await stint(as: home, "join", "--token-file", token).checked()
    }

    /// Kills what this installation started and what those started, and removes the directory.
    private func tearDown() async {
        let known = processes.withLock { processes in
            [processes.broker].compactMap { $0 } + processes.agents.values + processes.others
        }
        let roots = Set(known.filter(\.isRunning).map(\.pid) + supervisors.map(\.pid))
        // A supervisor collects what it starts, and an agent its supervisors: first all stop, then all die.
        let family = ProcessTable.descendants(of: roots)
        for pid in family { kill(pid, SIGSTOP) }
        for pid in ProcessTable.descendants(of: family) { kill(pid, SIGKILL) }
        for program in known { _ = try? await program.waitForEnd(within: .seconds(10)) }
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// A port that nobody listens on. Between here and the broker somebody else may take it; then the test says so.
    static func freePort() throws -> UInt16 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
            }
        }
        guard isBound else { throw HarnessError("there is no free port") }
        return UInt16(bigEndian: address.sin_port)
    }

    private static func canConnect(_ endpoint: String) -> Bool {
        guard let port = endpoint.split(separator: ":").last.flatMap({ UInt16($0) }) else { return false }
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// The policy of the tests: the shipped one, with some rules changed.
enum TestPolicy {
    static func text(_ changes: [String: String], _ more: String = "") -> String {
        let runAs = Programs.isRoot ? #"["\#(Programs.user)", "root", "nobody"]"# : "[\"\(Programs.user)\"]"
        var rules = [
            "name": #""on-call""#, "requesters": #"["group:oncall"]"#, "nodes": #""*""#,
            "capabilities": #"["shell", "exec"]"#, "runAs": runAs, "seats": #"[{ count: 1, of: ["group:approvers"] }]"#,
            "maximumDuration": #""4h""#, "sessionMaximum": #""4h""#, "idleLimit": #""15m""#, "idleCounts": #""input""#,
            "minimumReasonLength": "10", "denyThreshold": "1", "pendingFor": #""1h""#, "activateWithin": #""30m""#,
            "withoutBroker": #""lease""#, "lease": #""1m""#, "recording": #""required""#,
        ]
        rules.merge(changes) { $1 }
        let lines = rules.sorted { $0.key < $1.key }.map { "      \($0.key): \($0.value)," }
        return "{\n  entitlements: [\n    {\n\(lines.joined(separator: "\n"))\n    },\n  ],\n\(more)}\n"
    }
}
