// SPDX-License-Identifier: Apache-2.0

/// A command line that cannot be understood. The program ends with status 2.
package struct UsageError: Error, Equatable {
    /// The exit status of every usage error.
    package static let status: Int32 = 2

    /// Stable, for scripts: `usage.unknown-option`. Never renamed, never reused.
    package let code: String
    /// One sentence, with the word that was wrong.
    package let message: String
    /// What to do about it. Where it is nil the program points at `--help`.
    package let hint: String?

    package init(code: String, message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

extension UsageError {
    /// A value that is not what its parameter takes.
    ///
    /// - Parameter expected: completes "It takes …": "a duration such as 30m or 2h".
    package static func badValue(_ value: String, of parameter: Parameter, expected: String) -> UsageError {
        badValue(value, of: parameter.label, expected: expected)
    }

    static func badValue(_ value: String, of label: String, expected: String) -> UsageError {
        UsageError(
            code: "usage.bad-value", message: "\(quoted(value)) is not a value of `\(label)`.",
            hint: "It takes \(expected).")
    }

    static func unknownCommand(_ word: String, after path: [String], nearest: String?) -> UsageError {
        let known = nearest.map { "Did you mean `\((path + [$0]).joined(separator: " "))`?" }
        let message = "There is no command \(quoted(word)) in `\(path.joined(separator: " "))`."
        return UsageError(code: "usage.unknown-command", message: message, hint: known)
    }

    static func unknownTopic(_ word: String, of program: String, nearest: String?) -> UsageError {
        UsageError(
            code: "usage.unknown-topic", message: "There is no command or topic \(quoted(word)) in `\(program)`.",
            hint: nearest.map { "Did you mean `\(program) help \($0)`?" })
    }

    static func missingCommand(after path: [String], choices: [String]) -> UsageError {
        UsageError(
            code: "usage.missing-command", message: "`\(path.joined(separator: " "))` needs a command after it.",
            hint: "One of: \(choices.joined(separator: ", ")).")
    }

    static func unknownOption(_ option: String, hint: String?) -> UsageError {
        UsageError(code: "usage.unknown-option", message: "There is no option \(quoted(option)) here.", hint: hint)
    }

    static func missingValue(_ parameter: Parameter, before next: String?) -> UsageError {
        let label = parameter.label
        guard let next else {
            return UsageError(
                code: "usage.missing-value", message: "`\(label)` needs a value after it.",
                hint: "Write `\(label) \(parameter.valueName ?? "VALUE")`.")
        }
        return UsageError(
            code: "usage.missing-value", message: "`\(label)` needs a value, and \(quoted(next)) looks like an option.",
            hint: "If it is the value, join the two: `\(label)=VALUE`.")
    }

    static func unexpectedValue(_ parameter: Parameter) -> UsageError {
        UsageError(
            code: "usage.unexpected-value", message: "`\(parameter.label)` takes no value.",
            hint: "Write `\(parameter.label)` alone.")
    }

    static func repeated(_ parameter: Parameter) -> UsageError {
        UsageError(
            code: "usage.repeated-option", message: "`\(parameter.label)` is given twice.",
            hint: "Keep one of them; which of the two counts would be a guess.")
    }

    static func missing(_ parameter: Parameter) -> UsageError {
        switch parameter.kind {
        case .rest(let value, _):
            UsageError(
                code: "usage.missing-argument", message: "\(value) is missing.",
                hint: "Write it after `--`; everything behind `--` is passed on unchanged.")
        case .flag, .option:
            UsageError(
                code: "usage.missing-option", message: "`\(parameter.label)` is missing.",
                hint: "\(parameter.help) Write `\(parameter.label) \(parameter.valueName ?? "VALUE")`.")
        case .positional(let value, _):
            UsageError(code: "usage.missing-argument", message: "\(value) is missing.", hint: parameter.help)
        }
    }

    static func unexpectedArgument(_ word: String, rest: Parameter?) -> UsageError {
        let hint = rest.map {
            "Write \($0.valueName ?? $0.name) after `--`; everything behind `--` is passed on unchanged."
        }
        return UsageError(
            code: "usage.unexpected-argument", message: "\(quoted(word)) is one argument too many.", hint: hint)
    }

    /// A word from outside, fit for a sentence: escaped, and cut where nobody reads on.
    static func quoted(_ word: String) -> String {
        "`\(DisplayWidth.truncate(PrintableText.escaping(String(word.unicodeScalars.prefix(200))), to: 60))`"
    }
}
