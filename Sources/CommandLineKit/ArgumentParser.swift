// SPDX-License-Identifier: Apache-2.0

/// What a command line asks for.
package enum Invocation: Sendable {
    case run(any Command.Type, ParsedValues)
    /// No word was given.
    case overview
    /// `--help`, or `help COMMAND`; the path may name a family, and is empty for the program itself.
    case help(path: [String])
    case version
    case completion(Shell)
    /// nil for the program itself; the name of a file's page.
    case manual(String?)
    case candidates(kind: String, prefix: String, ParsedValues)
}

extension Program {
    /// Understands a command line without doing anything.
    ///
    /// - Parameter arguments: without the program's own name.
    package func parse(_ arguments: [String]) throws(UsageError) -> Invocation {
        var parser = ArgumentParser(program: self, arguments: arguments)
        do {
            return try parser.parse()
        } catch {
            throw parser.pointingAtHelp(error)
        }
    }
}

/// Reads words from left to right, once. The command's own options are known from its name on.
struct ArgumentParser {
    private let program: Program
    private var remaining: ArraySlice<String>
    private var values: ParsedValues
    /// The named parameters that may appear now.
    private var named: [Parameter]
    /// The words that led here, of which the last ones name a family or a command.
    private var path: [String] = []
    private var family: CommandFamily?
    private var entry: CommandEntry?
    private var words: [String] = []
    /// `--help` or `--version`, which end the reading.
    private var immediate: Invocation?

    init(program: Program, arguments: [String]) {
        self.program = program
        remaining = arguments[...]
        named = program.globals
        values = ParsedValues(declared: program.globals)
    }

    mutating func parse() throws(UsageError) -> Invocation {
        while let argument = remaining.popFirst() {
            let bytes = argument.utf8
            if bytes.elementsEqual("--".utf8) {
                try takeEverythingLeft()
            } else if bytes.starts(with: "--".utf8) {
                try takeLong(argument)
            } else if bytes.first == UInt8(ascii: "-"), bytes.count > 1 {
                try takeShort(argument)
            } else {
                try takeWord(argument)
            }
            if let immediate { return immediate }
        }
        return try finish()
    }

    /// After `--` nothing is an option: the remote command where there is one, words where there is none.
    private mutating func takeEverythingLeft() throws(UsageError) {
        while let word = remaining.popFirst() {
            if let rest = entry?.declaration.rest {
                values.append(word, to: rest)
            } else {
                try takeWord(word)
            }
        }
    }

    // MARK: Options

    private mutating func takeLong(_ argument: String) throws(UsageError) {
        let typed = argument.unicodeScalars.dropFirst(2)
        let equals = typed.firstIndex(of: "=")
        let name = String(String.UnicodeScalarView(typed[..<(equals ?? typed.endIndex)]))
        guard let parameter = named.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
            throw unknownLong(name)
        }
        let attached = equals.map { String(String.UnicodeScalarView(typed[typed.index(after: $0)...])) }
        guard parameter.takesValue else {
            guard attached == nil else { throw .unexpectedValue(parameter) }
            return raise(parameter)
        }
        let value = if let attached { attached } else { try nextValue(for: parameter) }
        try take(value, for: parameter)
    }

    /// `-r VALUE`, `-rVALUE`, and flags in one bundle: `-ab`.
    private mutating func takeShort(_ argument: String) throws(UsageError) {
        var letters = argument.unicodeScalars.dropFirst()
        while let letter = letters.popFirst() {
            guard let parameter = named.first(where: { $0.letter == letter }) else {
                throw .unknownOption("-\(letter)", hint: nil)
            }
            guard parameter.takesValue else {
                raise(parameter)
                continue
            }
            let attached = letters.isEmpty ? nil : String(String.UnicodeScalarView(letters))
            let value = if let attached { attached } else { try nextValue(for: parameter) }
            return try take(value, for: parameter)
        }
    }

    private mutating func raise(_ flag: Parameter) {
        if flag == .help { immediate = immediate ?? .help(path: path) }
        if flag == .version { immediate = immediate ?? .version }
        values.set(flag)
    }

    /// The next word, unless it looks like an option: a forgotten value must not swallow `--reason`.
    private mutating func nextValue(for parameter: Parameter) throws(UsageError) -> String {
        guard let next = remaining.first else { throw .missingValue(parameter, before: nil) }
        guard next.utf8.first != UInt8(ascii: "-") || next.utf8.count == 1 else {
            throw .missingValue(parameter, before: next)
        }
        remaining.removeFirst()
        return next
    }

    private mutating func take(_ value: String, for parameter: Parameter) throws(UsageError) {
        if case .option(_, _, repeats: false) = parameter.kind, values.isSet(parameter) {
            throw .repeated(parameter)
        }
        try check(value, of: parameter)
        values.append(value, to: parameter)
    }

    private func check(_ value: String, of parameter: Parameter) throws(UsageError) {
        guard case .words(let words) = parameter.completion else { return }
        guard words.contains(where: { $0.utf8.elementsEqual(value.utf8) }) else {
            let listed = words.map { "`\($0)`" }.joined(separator: ", ")
            throw .badValue(value, of: parameter, expected: words.count == 1 ? listed : "one of \(listed)")
        }
    }

    private func unknownLong(_ name: String) -> UsageError {
        if let nearest = NearestWord.to(name, among: named.map(\.name)) {
            return .unknownOption("--\(name)", hint: "Did you mean `--\(nearest)`?")
        }
        let isOfSomeCommand = program.entries.contains { entry in
            entry.declaration.named.contains { $0.name.utf8.elementsEqual(name.utf8) }
        }
        let isTooEarly = entry == nil && isOfSomeCommand
        return .unknownOption(
            "--\(name)", hint: isTooEarly ? "It is an option of a command: write it after the command's name." : nil)
    }

    // MARK: Words

    private mutating func takeWord(_ word: String) throws(UsageError) {
        if entry != nil {
            words.append(word)
        } else if let family {
            try choose(word, in: family)
        } else {
            try choose(word)
        }
    }

    /// The second word of a family.
    private mutating func choose(_ word: String, in family: CommandFamily) throws(UsageError) {
        let known = family.commandNames
        guard known.contains(where: { $0.utf8.elementsEqual(word.utf8) }) else {
            throw unknownCommand(word, among: known)
        }
        path.append(word)
        try enter(program.entry(at: path))
    }

    /// The first word: a command, or a family.
    private mutating func choose(_ word: String) throws(UsageError) {
        if let chosen = program.families.first(where: { $0.name.utf8.elementsEqual(word.utf8) }) {
            family = chosen
            path = [chosen.name]
            // The options of its standard command are understood already, since its name may be left out.
            if let standard = chosen.standard { named = program.globals + standard.declaration.named }
            return
        }
        let only = program.entries.first { $0.path.count == 1 && $0.path[0].utf8.elementsEqual(word.utf8) }
        guard let only else { throw unknownCommand(word, among: program.visibleWords) }
        path = only.path
        try enter(only)
    }

    private mutating func enter(_ found: CommandEntry?) throws(UsageError) {
        guard let found else { return }
        entry = found
        named = program.globals + found.declaration.named
        // An option of the family's standard command, written before the name of another one.
        let known = Set(named.map(\.name))
        if let stray = values.names.first(where: { !known.contains($0) }) {
            throw .unknownOption("--\(stray)", hint: nil)
        }
    }

    private func unknownCommand(_ word: String, among known: [String]) -> UsageError {
        .unknownCommand(word, after: [program.name] + path, nearest: NearestWord.to(word, among: known))
    }

    // MARK: The end

    private mutating func finish() throws(UsageError) -> Invocation {
        if entry == nil, let family {
            guard let standard = family.standard else {
                let choices = family.commandNames
                throw .missingCommand(after: [program.name] + path, choices: choices)
            }
            path.append(standard.declaration.name)
            try enter(program.entry(at: path))
        }
        guard let entry else { return .overview }
        values = values.declaring(entry.declaration.parameters)
        try distributeWords(to: entry.declaration)
        try requireAll(of: entry.declaration)
        switch entry.action {
        case .command(let type): return .run(type, values)
        case .builtIn(let builtIn): return try invocation(of: builtIn)
        }
    }

    private mutating func distributeWords(to declaration: CommandDeclaration) throws(UsageError) {
        var left = words[...]
        for parameter in declaration.positionals {
            guard case .positional(_, let arity) = parameter.kind else { continue }
            let isSingle = arity == .one || arity == .optional
            for word in isSingle ? left.prefix(1) : left {
                try check(word, of: parameter)
                values.append(word, to: parameter)
                left.removeFirst()
            }
        }
        if let surplus = left.first { throw .unexpectedArgument(surplus, rest: declaration.rest) }
    }

    private func requireAll(of declaration: CommandDeclaration) throws(UsageError) {
        for parameter in program.globals + declaration.parameters where !values.isSet(parameter) {
            switch parameter.kind {
            case .option(_, isRequired: true, _), .rest(_, isRequired: true): throw .missing(parameter)
            case .positional(_, .one), .positional(_, .oneOrMore): throw .missing(parameter)
            case .flag, .option, .rest, .positional: continue
            }
        }
    }

    private func invocation(of builtIn: BuiltIn) throws(UsageError) -> Invocation {
        switch builtIn {
        case .manual:
            let page = values.value("page")
            guard page == nil || program.manuals.contains(where: { $0.name == page }) else {
                throw .badValue(page ?? "", of: "PAGE", expected: "one of " + program.manuals.map(\.name).joined(separator: ", "))
            }
            return .manual(page)
        case .candidates:
            return .candidates(kind: values.required("kind"), prefix: values.value("prefix") ?? "", values)
        case .completion:
            let name = values.required("shell")
            // `check` has let only the names of shells pass.
            guard let shell = Shell(rawValue: name) else { throw .badValue(name, of: "SHELL", expected: "a shell") }
            return .completion(shell)
        case .help:
            let path = values.many("command")
            let isTopic = path.count == 1 && program.topics.contains { $0.name == path[0] }
            let isKnown = path.isEmpty || isTopic || program.entry(at: path) != nil
                || (path.count == 1 && program.families.contains { $0.name == path[0] })
            guard isKnown else { throw unknownTopic(path) }
            return .help(path: path)
        }
    }

    private func unknownTopic(_ path: [String]) -> UsageError {
        let family = program.families.first { $0.name == path[0] }
        guard let family, path.count > 1 else {
            let isSurplus = program.entry(at: [path[0]]) != nil && path.count > 1
            if isSurplus { return .unexpectedArgument(path[1], rest: nil) }
            let nearest = NearestWord.to(path[0], among: program.visibleWords + program.topics.map(\.name))
            return .unknownTopic(path[0], of: program.name, nearest: nearest)
        }
        let known = family.commandNames
        if path.count > 2, known.contains(path[1]) { return .unexpectedArgument(path[2], rest: nil) }
        let nearest = NearestWord.to(path[1], among: known)
        return .unknownCommand(path[1], after: [program.name, family.name], nearest: nearest)
    }

    /// The error, with the way to the right page where it has no better hint.
    func pointingAtHelp(_ error: UsageError) -> UsageError {
        guard error.hint == nil else { return error }
        let command = ([program.name] + path + ["--help"]).joined(separator: " ")
        return UsageError(code: error.code, message: error.message, hint: "`\(command)` shows what can be written.")
    }
}
