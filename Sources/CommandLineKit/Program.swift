// SPDX-License-Identifier: Apache-2.0

/// A program as data: its commands, and what all of them share.
package struct Program: Sendable {
    /// How an error of a running command reaches people and scripts.
    package struct Failure: Sendable, Equatable {
        package let code: String
        package let message: String
        package let hint: String?
        package let status: Int32

        package init(code: String, message: String, hint: String? = nil, status: Int32 = 1) {
            self.code = code
            self.message = message
            self.hint = hint
            self.status = status
        }
    }

    /// Something worth a page of its own: `help selectors`.
    package struct Topic: Sendable {
        /// One word, no command's.
        package let name: String
        package let summary: String
        /// Paragraphs; a line that begins with a blank is shown as it stands.
        package let text: String

        package init(_ name: String, _ summary: String, _ text: String) {
            self.name = name
            self.summary = summary
            self.text = text
        }
    }

    /// Something the manual page lists: an environment variable or a file, and what it is for.
    package struct Mention: Sendable {
        package let name: String
        package let meaning: String

        package init(_ name: String, _ meaning: String) {
            self.name = name
            self.meaning = meaning
        }
    }

    package let name: String
    /// One line, without a full stop.
    package let summary: String
    package let version: String
    /// The section of the manual: 1 for operators, 8 for administrators.
    package let section: Int
    /// The day of the release, as in 2026-03-01: the manual page's date.
    package let date: String
    package let discussion: String
    /// What `help NAME` explains beside the commands.
    package let topics: [Topic]
    /// Pages of configuration files, for `__manual NAME`.
    package let manuals: [FileManual]
    package let nodes: [CommandNode]
    /// Accepted before and after the command's name. `--help` and `--version` come of themselves.
    package let globals: [Parameter]
    package let exitStatuses: [CommandDeclaration.ExitStatus]
    package let environment: [Mention]
    package let files: [Mention]
    /// Turns what a command throws into sentences and an exit status.
    package let explain: @Sendable (any Error) -> Failure
    /// The words of a dynamic kind (``ValueCompletion/dynamic(_:)``), given the global options as typed.
    package let candidates: @Sendable (_ kind: String, _ globals: ParsedValues) -> [String]

    /// Every command with the words that lead to it, in the order of the overview, built-in ones last.
    let entries: [CommandEntry]

    package init(
        name: String, summary: String, version: String, section: Int = 1, date: String, discussion: String = "",
        topics: [Topic] = [], manuals: [FileManual] = [],
        nodes: [CommandNode], globals: [Parameter] = [.home, .json],
        exitStatuses: [CommandDeclaration.ExitStatus] = Program.usualExitStatuses,
        environment: [Mention] = [], files: [Mention] = [],
        explain: @escaping @Sendable (any Error) -> Failure = Program.explainBriefly,
        candidates: @escaping @Sendable (String, ParsedValues) -> [String] = { _, _ in [] }
    ) {
        self.name = name
        self.summary = summary
        self.version = version
        self.section = section
        self.date = date
        self.discussion = discussion
        self.topics = topics
        self.manuals = manuals
        self.nodes = nodes
        self.globals = globals + [.help, .version]
        self.exitStatuses = exitStatuses
        self.environment = environment
        self.files = files
        self.explain = explain
        self.candidates = candidates
        entries = nodes.flatMap(\.entries) + BuiltIn.allCases.map {
            CommandEntry(path: [$0.declaration.name], declaration: $0.declaration, action: .builtIn($0))
        }
    }

    package static let usualExitStatuses: [CommandDeclaration.ExitStatus] = [
        .init(0, "Done."), .init(1, "Failed."), .init(2, "The command line was not understood."),
    ]

    package static let explainBriefly: @Sendable (any Error) -> Failure = { error in
        Failure(code: "internal", message: "\(error)")
    }

    /// What the overview and a first word are matched with: a command or a family, without hidden ones.
    var visibleWords: [String] {
        nodes.map(\.name) + BuiltIn.allCases.filter { !$0.isHidden }.map(\.declaration.name)
    }

    var families: [CommandFamily] {
        nodes.compactMap { if case .family(let family) = $0 { family } else { nil } }
    }

    func entry(at path: [String]) -> CommandEntry? {
        entries.first { $0.path == path }
    }

    /// The exit statuses of one command: the program's, where the command does not say it better.
    func exitStatuses(of declaration: CommandDeclaration) -> [CommandDeclaration.ExitStatus] {
        let own = Set(declaration.exitStatuses.map(\.status))
        let shared = exitStatuses.filter { !own.contains($0.status) }
        return (shared + declaration.exitStatuses).sorted { $0.status < $1.status }
    }
}

extension Parameter {
    /// Where a program keeps its files. Every program has it.
    package static let home = Parameter.option(
        "home", value: "DIR", completes: .directories,
        help: "Keep everything under this directory instead of the usual places.")

    /// Output for scripts. Every program has it.
    package static let json = Parameter.flag("json", help: "Write JSON instead of text for people.")

    /// The same, one object a line, for what takes its input line by line.
    package static let jsonLines = Parameter.flag("json-lines", help: "Write JSON, each object on a line of its own.")

    static let help = Parameter.flag("help", "h", help: "Explain the program or the command, and do nothing else.")
    static let version = Parameter.flag("version", help: "Show the version, and do nothing else.")
}
