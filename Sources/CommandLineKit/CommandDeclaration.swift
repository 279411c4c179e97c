// SPDX-License-Identifier: Apache-2.0

/// A command as data: what it is called, what it accepts, how it explains itself.
package struct CommandDeclaration: Sendable {
    /// One exit status and what it means, as a sentence.
    package struct ExitStatus: Sendable, Equatable {
        package let status: Int32
        package let meaning: String

        package init(_ status: Int32, _ meaning: String) {
            self.status = status
            self.meaning = meaning
        }
    }

    /// A command line that works as it stands, and what it is for. ``Program/faults`` parses each.
    package struct Example: Sendable, Equatable {
        package let commandLine: String
        package let meaning: String

        package init(_ commandLine: String, _ meaning: String) {
            self.commandLine = commandLine
            self.meaning = meaning
        }
    }

    /// One word, lower case.
    package let name: String
    /// The heading it stands under in the overview: "Asking", "Deciding".
    package let group: String
    /// One line, without a full stop: "Ask for access".
    package let summary: String
    /// Paragraphs, separated by an empty line. May be empty.
    package let discussion: String
    package let parameters: [Parameter]
    /// What the command adds to ``Program/exitStatuses``, or says more precisely.
    package let exitStatuses: [ExitStatus]
    package let examples: [Example]

    package init(
        name: String, group: String, summary: String, discussion: String = "", parameters: [Parameter] = [],
        exitStatuses: [ExitStatus] = [], examples: [Example] = []
    ) {
        self.name = name
        self.group = group
        self.summary = summary
        self.discussion = discussion
        self.parameters = parameters
        self.exitStatuses = exitStatuses
        self.examples = examples
    }

    /// The flags and options, in their order.
    var named: [Parameter] { parameters.filter(\.isNamed) }

    /// The words it takes, in their order, without what follows `--`.
    var positionals: [Parameter] {
        parameters.filter { parameter in
            switch parameter.kind {
            case .positional: true
            case .flag, .option, .rest: false
            }
        }
    }

    /// What takes everything after `--`, if the command has such a parameter.
    var rest: Parameter? {
        parameters.first { parameter in
            switch parameter.kind {
            case .rest: true
            case .flag, .option, .positional: false
            }
        }
    }
}
