// SPDX-License-Identifier: Apache-2.0

/// A command in its place: the words that lead to it, and what happens when it is chosen.
struct CommandEntry: Sendable {
    enum Action: Sendable {
        case command(any Command.Type)
        case builtIn(BuiltIn)
    }

    /// One word, or two in a family.
    let path: [String]
    let declaration: CommandDeclaration
    let action: Action

    var isHidden: Bool {
        switch action {
        case .command: false
        case .builtIn(let builtIn): builtIn.isHidden
        }
    }
}

extension CommandNode {
    var name: String {
        switch self {
        case .command(let type): type.declaration.name
        case .family(let family): family.name
        }
    }

    var group: String {
        switch self {
        case .command(let type): type.declaration.group
        case .family(let family): family.group
        }
    }

    var summary: String {
        switch self {
        case .command(let type): type.declaration.summary
        case .family(let family): family.summary
        }
    }

    var entries: [CommandEntry] {
        switch self {
        case .command(let type): [CommandEntry(type, after: [])]
        case .family(let family): family.commands.map { CommandEntry($0, after: [family.name]) }
        }
    }
}

extension CommandFamily {
    /// The second words. (A key path through a static member crashes the compiler, Swift 6.3.)
    var commandNames: [String] { commands.map { $0.declaration.name } }
}

extension CommandEntry {
    init(_ type: any Command.Type, after path: [String]) {
        let declaration = type.declaration
        self.init(path: path + [declaration.name], declaration: declaration, action: .command(type))
    }
}

/// The commands that every program has.
enum BuiltIn: CaseIterable, Sendable {
    case help, completion
    /// The manual page, for whoever packages the program.
    case manual
    /// The hook that completion scripts call.
    case candidates

    /// Hidden commands are for scripts: no list shows them.
    var isHidden: Bool {
        switch self {
        case .help, .completion: false
        case .manual, .candidates: true
        }
    }

    var declaration: CommandDeclaration {
        switch self {
        case .help: Self.helpDeclaration
        case .completion: Self.completionDeclaration
        case .manual: Self.manualDeclaration
        case .candidates: Self.candidatesDeclaration
        }
    }

    static let group = "Help"

    private static let helpDeclaration = CommandDeclaration(
        name: "help", group: group, summary: "Explain a command",
        parameters: [.positional("command", value: "COMMAND", .any, help: "The command, as it would be typed, or a topic.")])

    private static let completionDeclaration = CommandDeclaration(
        name: "completion", group: group, summary: "Write a script that completes words in your shell",
        parameters: [
            .positional(
                "shell", value: "SHELL", completes: .words(Shell.allCases.map(\.rawValue)),
                help: "The shell the script is for.")
        ])

    private static let manualDeclaration = CommandDeclaration(
        name: "__manual", group: group, summary: "Write the manual page as mdoc",
        parameters: [.positional("page", value: "PAGE", .optional, help: "The page of a file; the program's own if left out.")])

    private static let candidatesDeclaration = CommandDeclaration(
        name: "__complete", group: group, summary: "Write the words that can complete a value",
        parameters: [
            .positional("kind", value: "KIND", help: "What the value names."),
            .positional("prefix", value: "PREFIX", .optional, help: "What was typed of it so far."),
        ])
}
