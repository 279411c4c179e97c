// SPDX-License-Identifier: Apache-2.0

import Agent
import CommandLineKit

let agentVersion = "0.1.0"

/// `stint-agent`, as declared.
let agentProgram = Program(
    name: "stint-agent", summary: "make a machine a node of Stint, and open sessions on it", version: agentVersion,
    section: 8, date: "2026-01-15",
    discussion: """
        The agent dials the broker and keeps the connection; it opens no port. It decides by itself, on signatures, \
        whether a session may open, and ends every session at its deadline, whatever the broker does.
        """,
    nodes: [
        .command(JoinCommand.self), .command(ServeCommand.self), .command(StatusCommand.self),
        .command(VersionCommand.self),
    ],
    exitStatuses: [
        .init(0, "Done."), .init(1, "Failed."), .init(2, "The command line or the token was not understood."),
        .init(3, "Refused."), .init(6, "The broker cannot be reached."),
        .init(7, "The broker is not the one that was expected, or does not know this node."),
    ],
    environment: [.init("STINT_HOME", "The directory of the node's files, where --home is not given.")],
    files: [.init(AgentHome.standard, "The node's key, its copy of the roll, and its sessions.")],
    explain: { error in
        let error = AgentError(error)
        return Program.Failure(code: error.code, message: error.message, hint: error.hint, status: error.exitStatus)
    })

/// `stint-agent join`
struct JoinCommand: Command {
    static let declaration = CommandDeclaration(
        name: "join", group: "Node", summary: "Make this machine a node",
        discussion: """
            Takes the token that `stint invite node` printed. It works once, for 15 minutes. Other users of this machine \
            can see a token on the command line; prefer a file, or - for the standard input.
            """,
        parameters: [
            .positional("token", value: "TOKEN", .optional, help: "The token, or - to read it from the standard input."),
            .option("token-file", value: "FILE", completes: .files, help: "Read the token from this file."),
        ],
        examples: [
            .init("stint-agent join --token-file /root/token", "Join with the token in a file."),
            .init("stint-agent join -", "Join with the token on the standard input."),
        ])

    private enum Source { case text(String), file(String), standardInput }

    private let home: AgentHome
    private let source: Source

    init(_ values: ParsedValues) throws(UsageError) {
        home = AgentHome(values.value(Parameter.home.name))
        switch (values.value("token"), values.value("token-file")) {
        case ("-"?, nil): source = .standardInput
        case (let text?, nil): source = .text(text)
        case (nil, let file?): source = .file(file)
        case (nil, nil):
            throw UsageError(
                code: "usage.missing-argument", message: "TOKEN is missing.",
                hint: "Give the token, - for the standard input, or --token-file FILE.")
        case (_?, _?):
            throw UsageError(
                code: "usage.repeated-option", message: "The token is given twice.", hint: "Keep TOKEN or --token-file.")
        }
    }

    func run(in console: Console) throws -> Int32 {
        let text =
            switch source {
            case .text(let text): text
            case .file(let path): try TokenText.read(file: path)
            case .standardInput: try TokenText.readStandardInput()
            }
        let name = try NodeJoin.join(home, token: text)
        console.output("This machine is now node \(name). Start the agent with: stint-agent serve\n")
        return 0
    }
}

/// `stint-agent serve`
struct ServeCommand: Command {
    static let declaration = CommandDeclaration(
        name: "serve", group: "Node", summary: "Keep the connection to the broker and open sessions",
        discussion: """
            Runs until SIGTERM or SIGINT. Sessions do not end with the agent: each has a process of its own, and the next \
            agent finds them.
            """,
        examples: [.init("stint-agent serve --home /var/lib/stint-agent", "Serve as the node in this directory.")])

    private let home: AgentHome

    init(_ values: ParsedValues) throws(UsageError) { home = AgentHome(values.value(Parameter.home.name)) }

    func run(in console: Console) throws -> Int32 {
        try AgentService.serve(home, version: agentVersion)
        return 0
    }
}

/// `stint-agent status`
struct StatusCommand: Command {
    static let declaration = CommandDeclaration(
        name: "status", group: "Node", summary: "Show which node this is and what it does",
        examples: [.init("stint-agent status --json", "Show it for a script.")])

    private let home: AgentHome
    private let isJSON: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        home = AgentHome(values.value(Parameter.home.name))
        isJSON = values.flag(Parameter.json.name)
    }

    func run(in console: Console) throws -> Int32 {
        let status = try AgentStatus.read(home)
        console.output(isJSON ? status.json : status.text)
        return 0
    }
}

/// `stint-agent version`
struct VersionCommand: Command {
    static let declaration = CommandDeclaration(name: "version", group: "Node", summary: "Show the version")

    init(_ values: ParsedValues) throws(UsageError) {}

    func run(in console: Console) throws -> Int32 {
        console.output("stint-agent \(agentVersion)\n")
        return 0
    }
}
