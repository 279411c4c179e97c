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
            Uses a grant of yours that covers the node. Where there is none and --reason is given, it asks for one, waits \
            until it is approved, and opens the shell.

            In the session, ~ at the start of a line is the escape: ~. closes it, ~t tells the time left, ~? explains.
            """,
        parameters: [
            .positional("node", value: "NODE", completes: .nodes, help: "The node."), .runAs, SessionUse.grantOption,
            .option("reason", "r", value: "TEXT", help: "Ask for access with this reason, if you have none."), .duration,
        ],
        exitStatuses: SessionUse.exitStatuses,
        examples: [
            .init("stint shell db-1", "Work on db-1 under a grant you have."),
            .init("stint shell db-1 --reason 'INC-4711: restore the index' --for 30m", "Ask, wait, and work."),
        ])

    private let use: SessionUse

    init(_ values: ParsedValues) throws(UsageError) {
        use = try SessionUse(values, capability: .shell, command: [], wantsTerminal: true)
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
            .positional("node", value: "NODE", completes: .nodes, help: "The node."), .runAs, SessionUse.grantOption,
            .option("reason", "r", value: "TEXT", help: "Ask for access with this reason, if you have none."), .duration,
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
        guard command.count <= OpeningStatement.maximumArguments,
            command.allSatisfy({ $0.utf8.count <= OpeningStatement.maximumArgumentLength })
        else {
            throw UsageError(
                code: "usage.command-too-long",
                message: "A command has at most \(OpeningStatement.maximumArguments) words of 32 KiB.",
                hint: "Send what is long through the standard input.")
        }
        use = try SessionUse(values, capability: .exec, command: command, wantsTerminal: values.flag("terminal"))
    }

    func run(in console: Console) throws -> Int32 { try use.run(in: console) }
}

/// Opens a session and stays in it to its end.
private struct SessionUse {
    static let exitStatuses: [CommandDeclaration.ExitStatus] = [
        .init(3, "Refused, or there is no grant and no --reason to ask with."),
        .init(255, "Stint itself ended the session, or failed in it. Otherwise the remote status, 128 + N for signal N."),
    ]

    static let grantOption = Parameter.option(
        "grant", value: "ID", completes: .grants, help: "Use exactly this grant of yours, or the one of this request.")

    private let setting: CommandSetting
    private let use: GrantUse
    private let grantID: GrantID?
    private let command: [String]
    private let wantsTerminal: Bool
    private let reason: String?
    private let duration: Duration?

    init(_ values: ParsedValues, capability: Capability, command: [String], wantsTerminal: Bool) throws(UsageError) {
        setting = CommandSetting(values)
        use = GrantUse(
            node: try values.requiredParsed("node") { text throws(Refusal) in try NodeName(text) }, capability: capability,
            runAs: try values.parsed("as") { text throws(Refusal) in try RunAsName(user: text) })
        grantID = try values.parsed("grant") { text throws(Refusal) in try GrantID(ofGrantOrRequest: text) }
        self.command = command
        self.wantsTerminal = wantsTerminal
        reason = values.value("reason")
        duration = try values.parsed("for") { text throws(Refusal) in try DurationText.parse(text) }
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        try user.synchronise()
        _ = try user.me()
        let grant = try grant(of: user, console)
        let activation = try user.activation(of: grant)
        let session = try user.open(plan(), under: grant, activation: activation)
        return try SessionReport(session, console).run()
    }

    private func grant(of user: Operator, _ console: Console) throws -> GrantView {
        guard user.directory.nodes[use.node]?.isEnabled == true else {
            throw Refusal.noNodeMatches(try Selector(use.node.text))
        }
        if let grantID { return try user.grant(grantID).checked(for: use, at: .now()) }
        if let found = use.choose(among: try user.grants(), at: .now()) { return found }
        guard let reason else {
            let verb = use.capability == .shell ? "shell" : "exec"
            let rest = use.capability == .shell ? "" : " -- CMD"
            throw ClientError.noCoveringGrant(
                node: use.node.text, capability: use.capability.rawValue,
                hint: "Ask for one: stint \(verb) \(use.node) --reason WHY --for 30m\(rest)")
        }
        return try ask(user, reason, console)
    }

    private func ask(_ user: Operator, _ reason: String, _ console: Console) throws -> GrantView {
        var draft = RequestDraft(selector: try Selector(use.node.text), reason: reason, duration: duration, runAs: use.runAs)
        let complete = try draft.complete(for: try user.me(), in: user.directory, at: .now())
        if !complete.capabilities.contains(use.capability) { draft.capabilities = [use.capability] }
        let (made, answer) = try user.request(draft)
        let report = RequestReport(made, answer, by: user.identity.person, in: user.directory)
        console.errors(report.text(now: .now()))
        let id = try report.id()
        let decided = try DecisionWait(console, quiet: false).wait(for: id, of: user, from: answer)
        let state = try decided.text("state")
        guard state == AccessRequest.State.approved.rawValue else {
            throw ClientError.requestEnded(id.description, state: state)
        }
        try user.synchronise()  // who approved may have joined while we waited
        return try user.grant(id.sibling()).checked(for: use, at: .now())
    }

    private func plan() -> SessionPlan {
        var terminal: OpeningStatement.Terminal?
        if wantsTerminal {
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

/// Runs an opened session and tells its end.
struct SessionReport {
    private let session: OpenedSession
    private let console: Console

    init(_ session: OpenedSession, _ console: Console) {
        self.session = session
        self.console = console
    }

    func run() throws -> Int32 {
        let client = SessionClient(session)
        do {
            let result = try client.run()
            if client.isInLine { console.errors("\n") }
            switch result {
            case .ended(let ending): return tell(ending)
            case .closed:
                return say("Session \(session.id) was closed; the node has not confirmed its end yet.")
            case .signalled(let signal, let ending):
                if let ending { _ = tell(ending) }
                return 128 + signal.rawValue
            }
        } catch SessionFault.tampered {
            return say("The connection was tampered with: a frame of session \(session.id) is not what the node sent.")
        } catch SessionFault.protocolBroken(let what) {
            return say("The node broke the protocol, so session \(session.id) was left: \(what)")
        } catch SessionFault.outputClosed {
            return EndingWords.stintStatus  // as in `stint exec … | head`, which needs no message
        } catch let error as any Explainable {
            // A lost session that could not be taken up again.
            return say(error.message)
        } catch SessionFault.connectionLost(let what) {
            guard let end = client.brokerEnd else {
                return say("The connection to session \(session.id) was lost. \(what)")
            }
            return say("The broker says: \(EndingWords.sentence(session.id, end.reason, detail: end.detail))")
        }
    }

    /// A command that ended by itself says all with its status.
    private func tell(_ ending: SessionEnding) -> Int32 {
        let isPlain = ending.reason == .exited && session.plan.terminal == nil && ending.left == 0
        if !isPlain { _ = say(EndingWords.sentence(session.id, ending)) }
        return EndingWords.status(of: ending)
    }

    private func say(_ text: String) -> Int32 {
        console.errors("\(shown(text))\n")
        return EndingWords.stintStatus
    }
}
