// SPDX-License-Identifier: Apache-2.0

/// One thing a command accepts on its command line, declared as data: the parser, `--help`, the shell
/// completions, the manual page and ``Program/faults`` all read this one value.
package struct Parameter: Sendable, Equatable {
    /// How often a positional parameter may appear.
    package enum Arity: Sendable, Equatable { case one, optional, oneOrMore, any }

    package enum Kind: Sendable, Equatable {
        /// Present or absent. Given twice it is still present.
        case flag
        /// `--name VALUE`. Given twice it is an error, unless it `repeats`.
        case option(value: String, isRequired: Bool, repeats: Bool)
        /// A word without a name of its own; help shows it as `value`.
        case positional(value: String, Arity)
        /// Everything after `--`, untouched: the command that runs on a node.
        case rest(value: String, isRequired: Bool)
    }

    /// The long name without its dashes; for a positional parameter the name that ``ParsedValues`` uses.
    package let name: String
    /// The letter of `-x`, if there is a short form.
    package let letter: Unicode.Scalar?
    package let kind: Kind
    /// One sentence for people, with its full stop.
    package let help: String
    package let completion: ValueCompletion

    package static func flag(_ name: String, _ letter: Unicode.Scalar? = nil, help: String) -> Parameter {
        Parameter(name: name, letter: letter, kind: .flag, help: help, completion: .none)
    }

    /// - Parameter value: what help shows for the value, in capitals: `DURATION`.
    package static func option(
        _ name: String, _ letter: Unicode.Scalar? = nil, value: String, isRequired: Bool = false,
        repeats: Bool = false, completes completion: ValueCompletion = .none, help: String
    ) -> Parameter {
        let kind = Kind.option(value: value, isRequired: isRequired, repeats: repeats)
        return Parameter(name: name, letter: letter, kind: kind, help: help, completion: completion)
    }

    package static func positional(
        _ name: String, value: String, _ arity: Arity = .one, completes completion: ValueCompletion = .none,
        help: String
    ) -> Parameter {
        Parameter(name: name, letter: nil, kind: .positional(value: value, arity), help: help, completion: completion)
    }

    package static func rest(_ name: String, value: String, isRequired: Bool = true, help: String) -> Parameter {
        let kind = Kind.rest(value: value, isRequired: isRequired)
        return Parameter(name: name, letter: nil, kind: kind, help: help, completion: .none)
    }

    /// What help shows for the value; nil for a flag.
    package var valueName: String? {
        switch kind {
        case .flag: nil
        case .option(let value, _, _), .positional(let value, _), .rest(let value, _): value
        }
    }

    /// Whether it starts with a dash on the command line: a flag or an option.
    package var isNamed: Bool {
        switch kind {
        case .flag, .option: true
        case .positional, .rest: false
        }
    }

    /// Whether it is an option, which takes a value.
    package var takesValue: Bool { isNamed && valueName != nil }

    /// How a sentence names it: `--for`, `NODE`.
    package var label: String { isNamed ? "--\(name)" : valueName ?? name }
}

/// What a shell offers for a value.
package enum ValueCompletion: Sendable, Equatable {
    /// Nothing: free text.
    case none
    case files
    case directories
    /// These words and no others: the parser refuses anything else.
    case words([String])
    /// Words that the program looks up when asked (``Program/candidates``), by kind.
    case dynamic(String)

    package static let nodes = ValueCompletion.dynamic("nodes")
    package static let requests = ValueCompletion.dynamic("requests")
    package static let grants = ValueCompletion.dynamic("grants")
    package static let sessions = ValueCompletion.dynamic("sessions")
    package static let people = ValueCompletion.dynamic("people")
}
