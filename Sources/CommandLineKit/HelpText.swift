// SPDX-License-Identifier: Apache-2.0

/// What `--help` shows, made from the declarations.
struct HelpText {
    /// Longer lines are hard to read, however wide the terminal is.
    private static let widest = 100
    private static let usual = 80

    private let program: Program
    private let width: Int
    private let style: Style

    init(program: Program, width: Int?, style: Style) {
        self.program = program
        self.width = min(max(width ?? Self.usual, 40), Self.widest)
        self.style = style
    }

    func text(for path: [String]) -> String {
        if path.isEmpty { return overview() }
        if let entry = program.entry(at: path) { return help(for: entry) }
        if let topic = program.topics.first(where: { [$0.name] == path }) { return help(for: topic) }
        if let family = program.families.first(where: { [$0.name] == path }) { return help(for: family) }
        return overview()
    }

    /// All commands under their headings, in the order in which the program names them.
    func overview() -> String {
        var items = program.nodes.map { (group: $0.group, term: $0.name, meaning: $0.summary) }
        items += BuiltIn.allCases.filter { !$0.isHidden }.map {
            (group: BuiltIn.group, term: $0.declaration.name, meaning: $0.declaration.summary)
        }
        var groups: [String] = []
        for item in items where !groups.contains(item.group) { groups.append(item.group) }
        let sections = groups.map { group in
            section(group, items.filter { $0.group == group }.map { ($0.term, $0.meaning) })
        }
        let introduction = "\(program.name): \(program.summary).\n\n"
        let usage = "\(style.apply(.bold, "Usage:")) \(program.name) COMMAND [ARGUMENT]...\n\n"
        let topics = program.topics.isEmpty ? "" : section("Topics of `\(program.name) help`", program.topics.map { ($0.name, $0.summary) })
        return introduction + usage + paragraphs(program.discussion) + sections.joined()
            + topics + section("Options of every command", program.globals.map(definition))
            + "`\(program.name) help COMMAND` explains one command.\n"
    }

    private func help(for topic: Program.Topic) -> String {
        // Blocks stand between empty lines.
        let blocks = topic.text.split(separator: "\n", omittingEmptySubsequences: false).split(whereSeparator: \.isEmpty).map { lines in
            let block = lines.joined(separator: "\n")
            let isShown = block.utf8.first == UInt8(ascii: " ")
            return isShown ? block : TextLayout.wrap(block, to: width).joined(separator: "\n")
        }
        return "\(topic.summary).\n\n" + blocks.joined(separator: "\n\n") + "\n"
    }

    private func help(for family: CommandFamily) -> String {
        let call = "\(program.name) \(family.name)"
        let commands = family.commands.map { ($0.declaration.name, $0.declaration.summary) }
        let standard = family.standard.map { "Without COMMAND it is `\(call) \($0.declaration.name)`.\n" } ?? ""
        let word = family.standard == nil ? "COMMAND" : "[COMMAND]"
        return "\(family.summary).\n\n\(style.apply(.bold, "Usage:")) \(call) \(word) [ARGUMENT]...\n\n"
            + section("Commands", commands) + standard + "`\(program.name) help \(family.name) COMMAND` explains one.\n"
    }

    private func help(for entry: CommandEntry) -> String {
        let declaration = entry.declaration
        let call = ([program.name] + entry.path).joined(separator: " ")
        let words = declaration.parameters.filter { !$0.isNamed }
        let statuses = program.exitStatuses(of: declaration).map { (String($0.status), $0.meaning) }
        return "\(declaration.summary).\n\n"
            + "\(style.apply(.bold, "Usage:")) \(call)\(Synopsis.text(of: declaration))\n\n"
            + paragraphs(declaration.discussion)
            + section("Arguments", words.map(definition))
            + section("Options", declaration.named.map(definition))
            + section("Options of every command", program.globals.map(definition))
            + section("Exit status", statuses)
            + examples(declaration.examples)
    }

    private func examples(_ examples: [CommandDeclaration.Example]) -> String {
        guard !examples.isEmpty else { return "" }
        return heading("Examples") + examples.map { example in
            let meaning = TextLayout.wrap(example.meaning, to: width - 2).map { "  \($0)\n" }.joined()
            return meaning + "    $ \(example.commandLine)\n"
        }.joined(separator: "\n")
    }

    private func definition(_ parameter: Parameter) -> (String, String) {
        var help = parameter.help
        if case .words(let words) = parameter.completion { help += " One of: \(words.joined(separator: ", "))." }
        if case .option(_, _, repeats: true) = parameter.kind { help += " May be repeated." }
        return (Synopsis.term(of: parameter), help)
    }

    private func heading(_ title: String) -> String { style.apply(.bold, "\(title):") + "\n" }

    private func section(_ title: String, _ items: [(String, String)]) -> String {
        guard !items.isEmpty else { return "" }
        let terms = items.map { (term: $0.0, meaning: $0.1) }
        return heading(title) + TextLayout.definitions(terms, width: width, style: style) + "\n"
    }

    private func paragraphs(_ text: String) -> String {
        TextLayout.paragraphs(text).map { paragraph in
            TextLayout.wrap(paragraph, to: width).joined(separator: "\n") + "\n\n"
        }.joined()
    }
}

/// How a command is written, in the notation of manual pages.
enum Synopsis {
    /// What follows the command's name, with a blank before each part.
    static func text(of declaration: CommandDeclaration) -> String {
        let required = declaration.named.filter(isRequired)
        let hasOptional = declaration.named.count > required.count
        let parts = required.map { "--\($0.name) \($0.valueName ?? "")" }
            + (hasOptional ? ["[OPTION]..."] : [])
            + declaration.parameters.filter { !$0.isNamed }.map(word)
        return parts.map { " \($0)" }.joined()
    }

    static func isRequired(_ parameter: Parameter) -> Bool {
        switch parameter.kind {
        case .option(_, let isRequired, _), .rest(_, let isRequired): isRequired
        case .positional(_, let arity): arity == .one || arity == .oneOrMore
        case .flag: false
        }
    }

    /// `-r, --reason TEXT`, `NODE`, `-- CMD...`
    static func term(of parameter: Parameter) -> String {
        switch parameter.kind {
        case .flag, .option:
            let short = parameter.letter.map { "-\($0), " } ?? ""
            return short + "--\(parameter.name)" + (parameter.valueName.map { " \($0)" } ?? "")
        case .positional(let value, _): return value
        case .rest(let value, _): return "-- \(value)..."
        }
    }

    private static func word(_ parameter: Parameter) -> String {
        switch parameter.kind {
        case .positional(let value, .one): value
        case .positional(let value, .optional): "[\(value)]"
        case .positional(let value, .oneOrMore): "\(value)..."
        case .positional(let value, .any): "[\(value)]..."
        case .rest(let value, isRequired: true): "-- \(value)..."
        case .rest(let value, isRequired: false): "[-- \(value)...]"
        case .flag, .option: ""
        }
    }
}
