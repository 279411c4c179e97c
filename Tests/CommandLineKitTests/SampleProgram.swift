// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Synchronization

/// A command that prints what it was given, so that a transcript shows what the parser made of the words.
private func describe(_ values: ParsedValues, flags: [String], single: [String], many: [String]) -> String {
    let raised = flags.filter(values.flag).map { "\($0)\n" }
    let words = single.compactMap { name in values.value(name).map { "\(name)=\($0)\n" } }
    let lists = many.map { name in values.many(name).map { "\(name)+=\($0)\n" }.joined() }
    return (raised + words + lists).joined() + values.rest.map { "rest=\($0)\n" }.joined()
}

struct RequestCommand: Command {
    static let declaration = CommandDeclaration(
        name: "request", group: "Asking", summary: "Ask for access",
        discussion: "The request goes to everybody who may decide it.\n\nIt lapses when nobody does.",
        parameters: [
            .option("reason", "r", value: "TEXT", isRequired: true, help: "Why you need it."),
            .option("for", value: "DURATION", help: "How long you need it."),
            .option("on", value: "SELECTOR", repeats: true, completes: .nodes, help: "Where you need it."),
            .option("mode", value: "MODE", completes: .words(["shell", "exec"]), help: "What you will do there."),
            .option("votes", value: "COUNT", help: "How many votes to wait for."),
            .option("file", "f", value: "FILE", completes: .files, help: "Read the reason from it."),
            .flag("wait", "w", help: "Wait for the decision."),
            .flag("quiet", "q", help: "Say nothing, e.g. in [scripts]; it's enough."),
        ],
        exitStatuses: [.init(3, "The policy refuses the request.")],
        examples: [.init("stint request --on web1 --reason 'disk is full' | cat", "Ask for an hour on one node.")])
    let text: String
    let votes: Int64?

    init(_ values: ParsedValues) throws(UsageError) {
        votes = try values.integer("votes", in: 1...9)
        text = describe(
            values, flags: ["wait", "quiet", "json"], single: ["reason", "for", "mode", "file", "home"], many: ["on"])
    }

    func run(in console: Console) throws -> Int32 {
        console.output(text + (votes.map { "votes=\($0)\n" } ?? ""))
        return 0
    }
}

struct ExecCommand: Command {
    static let declaration = CommandDeclaration(
        name: "exec", group: "Working", summary: "Run a command on a node",
        parameters: [
            .positional("node", value: "NODE", completes: .nodes, help: "The node."),
            .option("reason", value: "TEXT", help: "Why you need it."),
            .rest("command", value: "CMD", help: "The command to run."),
        ])
    let text: String

    init(_ values: ParsedValues) throws(UsageError) {
        text = describe(values, flags: [], single: ["node", "reason"], many: [])
    }

    func run(in console: Console) throws -> Int32 {
        console.output(text)
        return 7
    }
}

struct ShowCommand: Command {
    static let declaration = CommandDeclaration(
        name: "show", group: "Seeing", summary: "Show requests",
        parameters: [
            .positional("first", value: "ID", completes: .requests, help: "A request."),
            .positional("more", value: "ID", .any, completes: .sessions, help: "More of them."),
        ],
        examples: [.init("stint show r-123456", "See who has voted.")])
    let text: String

    init(_ values: ParsedValues) throws(UsageError) {
        text = "first=\(values.required("first"))\n" + describe(values, flags: [], single: [], many: ["more"])
    }

    func run(in console: Console) throws -> Int32 {
        console.output(text)
        return 0
    }
}

struct CheckCommand: Command {
    static let declaration = CommandDeclaration(
        name: "check", group: "Administration", summary: "Check a policy",
        parameters: [.positional("file", value: "FILE", .optional, completes: .files, help: "The policy.")])
    let file: String?
    let wantsJSON: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        file = values.value("file")
        wantsJSON = values.flag("json")
    }

    func run(in console: Console) throws -> Int32 {
        guard let file else { throw Trouble() }
        console.output("checked \(file)\(wantsJSON ? " as JSON" : "")\n")
        return 0
    }
}

struct ListCommand: Command {
    static let declaration = CommandDeclaration(
        name: "list", group: "Seeing", summary: "List the ledger",
        parameters: [.option("limit", value: "COUNT", help: "How many entries to show.")])
    let limit: Int64?

    init(_ values: ParsedValues) throws(UsageError) { limit = try values.integer("limit", in: 0...100) }

    func run(in console: Console) throws -> Int32 {
        console.output("list \(limit.map(String.init) ?? "all")\n")
        return 0
    }
}

struct VerifyCommand: Command {
    static let declaration = CommandDeclaration(name: "verify", group: "Seeing", summary: "Verify the ledger")
    init(_ values: ParsedValues) throws(UsageError) {}

    func run(in console: Console) throws -> Int32 { 0 }
}

struct Trouble: Error {}

extension Program {
    static let sample = Program(
        name: "stint", summary: "Temporary access, decided by people", version: "1.2.3", date: "2026-03-01",
        discussion: "Ask, decide, work; then it ends.",
        nodes: [
            .command(RequestCommand.self), .command(ExecCommand.self), .command(ShowCommand.self),
            .family(CommandFamily(
                name: "policy", group: "Administration", summary: "Work on the policy", commands: [CheckCommand.self])),
            .family(CommandFamily(
                name: "ledger", group: "Seeing", summary: "Read the ledger",
                commands: [ListCommand.self, VerifyCommand.self], standard: ListCommand.self)),
        ],
        environment: [.init("STINT_HOME", "The directory that `--home` names.")],
        files: [.init("/etc/stint", "Configuration.")],
        explain: { _ in Failure(code: "policy.broken", message: "Line 1:\nbroken \"x\".", hint: "Mend it.", status: 5) },
        candidates: { kind, globals in
            switch kind {
            case "nodes": ["web1", "web2", "db1", "$(reboot)", "-rf", "a b", "x\u{1B}"]
            case "requests": ["r-123456", globals.value("home") ?? "nowhere"]
            default: []
            }
        })
}

/// What a run of a program left behind.
struct Transcript: Equatable {
    var output = ""
    var errors = ""
    var status: Int32 = 0
    /// At the end of the first line, where an error has it; `errors` is without it.
    var code: String?

    static func == (left: Transcript, right: Transcript) -> Bool {
        (left.output, left.errors, left.status) == (right.output, right.errors, right.status)
    }
}

func run(_ arguments: String..., program: Program = .sample) -> Transcript {
    run(arguments, program: program)
}

func run(_ arguments: [String], program: Program = .sample, width: Int? = nil, failure: Int32? = nil) -> Transcript {
    let output = Collected()
    let errors = Collected()
    let console = Console(
        output: { output.append($0) }, errors: { errors.append($0) }, width: width, outputFailure: { failure })
    let status = program.main(arguments: arguments, console: console)
    var transcript = Transcript(output: output.text, errors: errors.text, status: status)
    if let found = transcript.errors.firstMatch(of: /^(stint: error: [^\n]*) \(([a-z.-]+)\)\n/) {
        transcript.code = String(found.2)
        transcript.errors.replaceSubrange(found.range, with: found.1 + "\n")
    }
    return transcript
}

/// A usage error as the program tells it.
func refusal(_ message: String, hint: String) -> Transcript {
    Transcript(errors: "stint: error: \(message)\nstint: hint: \(hint)\n", status: 2)
}

private final class Collected: Sendable {
    private let parts = Mutex("")

    var text: String { parts.withLock { $0 } }

    func append(_ text: String) { parts.withLock { $0 += text } }
}
