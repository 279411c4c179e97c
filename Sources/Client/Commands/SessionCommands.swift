// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Posix
import Protocol
import StrictJSON
import Terminal

struct ShellCommand: Command {
    static let declaration = CommandDeclaration(
        name: "shell", group: Groups.working, summary: "Open a shell on a node",
        discussion: """
            Uses a grant of yours that covers the node; else waits for a request of yours that would; else, with --reason, \
            asks. It says who was asked, who has looked and who has voted, and opens the shell the moment it may.

            In the session, ~ at the start of a line is the escape: ~. closes it, ~t tells the time left, ~+ asks for more
            (`~+ 30m the index is half built`), ~? explains.
            """,
        parameters: [
            SessionUse.node
        ] + SessionUse.options,
        exitStatuses: SessionUse.exitStatuses,
        examples: [
            .init("stint shell db-1", "Work on db-1 under a grant you have."),
            .init("stint shell db-1 --reason 'INC-4711: restore the index' --for 30m", "Ask, wait, and work."),
        ])

    private let use: SessionUse

    init(_ values: ParsedValues) throws(UsageError) {
        use = try SessionUse(values, .shell)
    }

    func run(in console: Console) throws -> Int32 { try use.run(in: console) }
}

struct ExecCommand: Command {
    static let declaration = CommandDeclaration(
        name: "exec", group: Groups.working, summary: "Run a command on a node",
        discussion: """
            The command is run as it stands, with no shell in between. Standard input, output and error are the \
            command's own, and its exit status is ours.
            """,
        parameters: [
            SessionUse.node
        ] + SessionUse.options + [
            .flag("terminal", "t", help: "Give the command a terminal, for programs that need one."),
            .rest("command", value: "CMD", help: "The command and its arguments."),
        ],
        exitStatuses: SessionUse.exitStatuses,
        examples: [
            .init("stint exec db-1 -- systemctl status postgresql", "Run one command."),
            .init("stint exec -t db-1 -- top", "Run a program that needs a terminal."),
        ])

    private let use: SessionUse

    init(_ values: ParsedValues) throws(UsageError) {
        let command = values.rest
        try SessionUse.check(command)
        use = try SessionUse(values, .command(command, hasTerminal: values.flag("terminal")))
    }

    func run(in console: Console) throws -> Int32 { try use.run(in: console) }
}

/// Opens a session and stays in it to its end.
struct SessionUse {
    /// What is done in it.
    enum Work {
        case shell
        case command([String], hasTerminal: Bool)
        /// A command document with the values that were given.
        case document(DocumentName, [String: String])
        /// No program of the node's: connections or files. With the command line that comes here again.
        case carrying(Capability, command: [String], line: String)

        var capability: Capability {
            switch self {
            case .shell: .shell
            case .command: .exec
            case .document(let name, _): .document(name)
            case .carrying(let capability, _, _): capability
            }
        }

        /// How it was asked for, but options and what stands at the end of the line.
        func line(on node: NodeName) -> String {
            switch self {
            case .shell: return "stint shell \(node)"
            case .command: return "stint exec \(node)"
            case .document(let name, let values):
                let given = values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                return "stint run \(node) \(name)" + (CommandText.shown(given).map { " " + $0 } ?? "")
            case .carrying(_, _, let line): return line
            }
        }

        var rest: String {
            guard case .command(let words, _) = self else { return "" }
            return CommandText.shown(words).map { " -- " + $0 } ?? ""
        }
    }

    static let exitStatuses: [CommandDeclaration.ExitStatus] = [
        .init(3, "Refused, or there is no grant and no --reason to ask with."),
        .init(255, "Stint itself ended the session, or failed in it. Otherwise the remote status, 128 + N for signal N."),
    ]

    /// - Throws: a usage error for a command that no statement may carry.
    static func check(_ command: [String]) throws(UsageError) {
        guard command.count <= OpeningStatement.maximumArguments,
            command.allSatisfy({ $0.utf8.count <= OpeningStatement.maximumArgumentLength })
        else {
            throw UsageError(
                code: "usage.command-too-long",
                message: "A command has at most \(OpeningStatement.maximumArguments) words of 32 KiB.",
                hint: "Send what is long through the standard input.")
        }
    }

    static let grantOption = Parameter.option(
        "grant", value: "ID", completes: .grants, help: "Use exactly this grant of yours, or the one of this request.")

    static let node = Parameter.positional("node", value: "NODE", completes: .nodes, help: "The node, as `stint nodes` lists it.")
    /// What every command that opens a session takes.
    static let options: [Parameter] = [
        .runAs, grantOption, .option("reason", "r", value: "TEXT", help: "Ask for access with this reason, if you have none."), .duration,
    ]

    private let setting: CommandSetting
    private let use: GrantUse
    private let grantID: GrantID?
    private let work: Work
    private let reason: String?
    private let duration: Duration?

    /// - Parameter node: nil where it is the argument of that name.
    init(_ values: ParsedValues, _ work: Work, on node: NodeName? = nil) throws(UsageError) {
        setting = CommandSetting(values)
        let named = if let node { node } else { try values.requiredParsed("node") { text throws(Refusal) in try NodeName(text) } }
        use = GrantUse(
            node: named, capability: work.capability,
            runAs: try values.parsed("as") { text throws(Refusal) in try RunAsName(user: text) })
        // `stint with` names the grant for what it runs.
        let inherited = values.value("grant") ?? Environment.value(WithCommand.variable).flatMap { $0.isEmpty ? nil : $0 }
        do throws(Refusal) {
            grantID = if let inherited { try GrantID(ofGrantOrRequest: inherited) } else { nil }
        } catch {
            throw UsageError(error)
        }
        self.work = work
        reason = values.value("reason")
        duration = try values.parsed("for") { text throws(Refusal) in try DurationText.parse(text) }
    }

    /// What is done in an opened session, to its end.
    ///
    /// - Returns: the exit status.
    typealias Stay = (OpenedSession, GrantID, Console) throws -> Int32

    func run(
        in console: Console, staying: Stay = { session, grant, console in try SessionReport(session, of: grant, console).run() }
    ) throws -> Int32 {
        let user = try setting.signIn(isDialling: true)
        try user.synchroniseInMemory()
        do {
            return try work(as: user, console, staying)
        } catch {
            try user.saveHead()
            throw error
        }
    }

    private func work(as user: Operator, _ console: Console, _ staying: Stay) throws -> Int32 {
        _ = try user.me()
        let plan = try plan(by: user.directory.charter?.policy)
        switch try grant(of: user, console) {
        case .stopped(let status): return status
        case .grant(let found):
            let grant = try found.checked(for: use, at: .now())
            let activation = try user.activation(of: grant)
            let session = try user.open(plan, under: grant, activation: activation)
            return try staying(session, grant.id, console)
        }
    }

    private func grant(of user: Operator, _ console: Console) throws -> GrantQuest.Outcome {
        guard user.directory.nodes[use.node]?.isEnabled == true else {
            throw Refusal.noNodeMatches(try Selector(use.node.text))
        }
        if let grantID {
            let named = try user.grant(grantID)
            guard named.answer.optionalText("holder") == user.identity.person.text else { throw Refusal.notTheHolder(grantID) }
            return .grant(named)
        }
        let runAs = use.runAs.map { " --as \($0)" } ?? ""
        let again = work.line(on: use.node) + runAs
        return try GrantQuest(
            user: user, console: console, need: AccessNeed(use, duration: duration),
            selector: try Selector(use.node.text), reason: reason, again: shown(again + work.rest),
            ask: .noCoveringGrant(
                "for `\(use.capability.rawValue)` on node `\(use.node)`",
                hint: "Ask for one: \(again) --reason WHY --for 30m\(work.rest)")
        ).run()
    }

    /// What to open. A document is completed by this client's own copy of the charter, and refused here in the words of
    /// the node.
    private func plan(by policy: Policy?) throws(Refusal) -> SessionPlan {
        switch work {
        case .shell: return .here(use, command: [], hasTerminal: true)
        case .command(let words, let hasTerminal): return .here(use, command: words, hasTerminal: hasTerminal)
        case .document(let name, let values):
            guard let document = policy?.document(name) else { throw .document(.unknown(name)) }
            return .here(use, command: try document.opening(with: values), hasTerminal: document.isInteractive)
        case .carrying(_, let command, _): return .here(use, command: command, hasTerminal: false)
        }
    }
}

extension SessionPlan {
    /// With the terminal and the language that this process has.
    static func here(_ use: GrantUse, command: [String], hasTerminal: Bool) -> SessionPlan {
        var terminal: OpeningStatement.Terminal?
        if hasTerminal {
            let size = SessionClient.windowSize() ?? .usual
            let type = Environment.value("TERM") ?? "dumb"
            terminal = OpeningStatement.Terminal(
                type: type.utf8.count <= 64 ? type : "dumb", columns: Self.cells(size.columns), rows: Self.cells(size.rows))
        }
        let language = Environment.value("LC_ALL") ?? Environment.value("LANG") ?? ""
        return SessionPlan(
            use: use, command: command, terminal: terminal, language: language.utf8.count <= 64 ? language : "")
    }

    /// What a statement may carry.
    private static func cells(_ count: UInt16) -> Int { min(max(Int(count), 1), 10_000) }
}
