// SPDX-License-Identifier: Apache-2.0

/// Something a program does when its name is typed.
///
/// `init` turns words into typed values and refuses what it cannot; `run` then holds typed values only.
package protocol Command: SendableMetatype {
    static var declaration: CommandDeclaration { get }

    /// - Throws: ``UsageError`` for a value that the declaration alone cannot refuse.
    init(_ values: ParsedValues) throws(UsageError)

    /// - Returns: the exit status.
    /// - Throws: anything; ``Program/explain`` turns it into sentences and a status.
    func run(in console: Console) throws -> Int32
}

/// What may follow the program's name: a command, or a family of commands (`policy check`, `policy test`).
package enum CommandNode: Sendable {
    case command(any Command.Type)
    case family(CommandFamily)
}

/// Commands that share their first word.
package struct CommandFamily: Sendable {
    package let name: String
    package let group: String
    package let summary: String
    package let commands: [any Command.Type]
    /// The command that runs when the second word is left out: `stint ledger` for `stint ledger list`.
    package let standard: (any Command.Type)?

    package init(
        name: String, group: String, summary: String, commands: [any Command.Type],
        standard: (any Command.Type)? = nil
    ) {
        self.name = name
        self.group = group
        self.summary = summary
        self.commands = commands
        self.standard = standard
    }
}
