// SPDX-License-Identifier: Apache-2.0

extension Program {
    /// What is wrong with the declarations, as sentences. A test of each program expects none: every parameter
    /// explains itself, no two share a spelling, and every example is a command line that parses.
    package var faults: [String] {
        let commands = entries.flatMap { entry in
            DeclarationFaults(call: ([name] + entry.path).joined(separator: " "), entry.declaration, globals).all
        }
        return commands + globals.flatMap { DeclarationFaults.of($0, in: name) } + duplicateNames
            + inconsistentOptions + brokenExamples
    }

    private var duplicateNames: [String] {
        let top = nodes.map(\.name) + BuiltIn.allCases.map(\.declaration.name)
        let inFamilies = families.flatMap { family in
            DeclarationFaults.repeated(family.commandNames).map { "\(family.name) \($0)" }
        }
        return (DeclarationFaults.repeated(top) + inFamilies).map { "\(name): two commands are called \($0)." }
    }

    /// The same option must not take a value here and none there: scripts and fingers learn one.
    private var inconsistentOptions: [String] {
        let all = entries.filter { !$0.isHidden }.flatMap(\.declaration.named) + globals
        let valued = Set(all.filter(\.takesValue).flatMap(\.spellings))
        let bare = Set(all.filter { !$0.takesValue }.flatMap(\.spellings))
        return valued.intersection(bare).sorted().map { "\(name): \($0) takes a value in one command and none in another." }
    }

    private var brokenExamples: [String] {
        entries.flatMap { entry in
            entry.declaration.examples.compactMap { example -> String? in
                guard let words = ShellWords.split(example.commandLine), words.first == name else {
                    return "\(example.commandLine): not a call of \(name)."
                }
                do throws(UsageError) {
                    _ = try parse(Array(words.dropFirst()))
                    return nil
                } catch {
                    return "\(example.commandLine): \(error.message)"
                }
            }
        }
    }
}

/// The faults of one command.
private struct DeclarationFaults {
    private let call: String
    private let declaration: CommandDeclaration
    private let globals: [Parameter]

    init(call: String, _ declaration: CommandDeclaration, _ globals: [Parameter]) {
        self.call = call
        self.declaration = declaration
        self.globals = globals
    }

    var all: [String] {
        var faults: [String] = []
        if declaration.summary.isEmpty || declaration.summary.last == "." || declaration.summary.utf8.count > 60 {
            faults.append("\(call): its summary is not one line of at most 60 bytes without a full stop.")
        }
        if declaration.group.isEmpty { faults.append("\(call): it stands under no heading.") }
        for status in declaration.exitStatuses where !Self.isSentence(status.meaning) {
            faults.append("\(call): exit status \(status.status) is not explained in a sentence.")
        }
        let spellings = (globals + declaration.named).flatMap(\.spellings)
        faults += Self.repeated(spellings).map { "\(call): two options are spelled \($0)." }
        let names = (globals + declaration.parameters).map(\.name)
        faults += Self.repeated(names).map { "\(call): two parameters are called \($0)." }
        return faults + declaration.parameters.flatMap { Self.of($0, in: call) } + orderFaults
    }

    /// Words are handed out from the left: what may be absent comes last, and only the last may take many.
    private var orderFaults: [String] {
        var faults: [String] = []
        var mayBeAbsent = false
        var takesMany = false
        for parameter in declaration.positionals {
            guard case .positional(_, let arity) = parameter.kind else { continue }
            if takesMany || (mayBeAbsent && (arity == .one || arity == .oneOrMore)) {
                faults.append("\(call): \(parameter.label) can never be told from the word before it.")
            }
            mayBeAbsent = mayBeAbsent || arity == .optional || arity == .any
            takesMany = takesMany || arity == .oneOrMore || arity == .any
        }
        return faults
    }

    static func of(_ parameter: Parameter, in call: String) -> [String] {
        var faults: [String] = []
        if !isSentence(parameter.help) { faults.append("\(call): \(parameter.label) is not explained in a sentence.") }
        let isPlain = !parameter.name.isEmpty && parameter.name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "-")
        }
        if !isPlain { faults.append("\(call): \(parameter.label) is not named in lower-case letters.") }
        if let value = parameter.valueName, value.isEmpty || value != value.uppercased() {
            faults.append("\(call): \(parameter.label) does not name its value in capitals.")
        }
        return faults
    }

    static func repeated(_ words: [String]) -> [String] {
        Dictionary(grouping: words, by: \.self).filter { $0.value.count > 1 }.keys.sorted()
    }

    private static func isSentence(_ text: String) -> Bool {
        guard let first = text.first, let last = text.last else { return false }
        return !first.isLowercase && last == "."
    }
}

/// Enough of a shell's grammar to read the examples.
enum ShellWords {
    /// The words of the first command of the line, up to a pipe or a redirection; nil for an open quote.
    static func split(_ line: String) -> [String]? {
        var words: [String] = []
        var word: String?
        var quote: Character?
        for character in line {
            if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
            } else if character == "'" || character == "\"" {
                quote = character
                word = word ?? ""
            } else if "|><&;".contains(character) {
                break
            } else if character == " " {
                if let word { words.append(word) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        return quote == nil ? words + (word.map { [$0] } ?? []) : nil
    }
}
