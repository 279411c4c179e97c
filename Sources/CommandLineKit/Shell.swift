// SPDX-License-Identifier: Apache-2.0

/// The shells that completion scripts are written for.
///
/// A script holds the static words of the declarations; for a dynamic value it calls
/// `NAME [--home DIR] __complete -- KIND PREFIX`, which writes one word a line.
package enum Shell: String, CaseIterable, Sendable {
    case bash, zsh, fish

    func script(for program: Program) -> String {
        switch self {
        case .bash: BashCompletion(program: program).script
        case .zsh: ZshCompletion(program: program).script
        case .fish: FishCompletion(program: program).script
        }
    }
}

/// One place on the command line, as completion scripts see it: no words yet, a family, or a command.
struct CompletionPlace {
    let path: [String]
    /// The words that lead further, with their summaries.
    let commands: [(name: String, summary: String)]
    let named: [Parameter]
    let positionals: [Parameter]

    /// The kind of the last positional applies to all that follow.
    var repeatsLast: Bool {
        switch positionals.last?.kind {
        case .positional(_, .oneOrMore), .positional(_, .any): true
        default: false
        }
    }
}

extension Program {
    /// All places, the program itself first.
    var completionPlaces: [CompletionPlace] {
        let visible = nodes.map { ($0.name, $0.summary) }
            + BuiltIn.allCases.filter { !$0.isHidden }.map { ($0.declaration.name, $0.declaration.summary) }
        let start = CompletionPlace(path: [], commands: visible, named: globals, positionals: [])
        let families = families.map { family in
            CompletionPlace(
                path: [family.name], commands: family.commands.map { ($0.declaration.name, $0.declaration.summary) },
                named: globals + (family.standard?.declaration.named ?? []), positionals: [])
        }
        let commands = entries.filter { !$0.isHidden }.map { entry in
            CompletionPlace(
                path: entry.path, commands: [], named: globals + entry.declaration.named,
                positionals: entry.declaration.positionals)
        }
        return [start] + families + commands
    }

    /// The program's name as part of a shell function's name.
    var functionName: String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }
}

extension Parameter {
    /// Its spellings on the command line: `--for`, `-f`.
    var spellings: [String] {
        ["--\(name)"] + (letter.map { ["-\($0)"] } ?? [])
    }
}
