// SPDX-License-Identifier: Apache-2.0

/// The manual page in mdoc(7), made from the declarations.
struct ManualPage {
    let program: Program

    var text: String {
        lines.joined(separator: "\n") + "\n"
    }

    private var lines: [String] {
        var lines = [".Dd \(Self.longDate(program.date))", ".Dt \(program.name.uppercased()) \(program.section)", ".Os"]
        lines += [".Sh NAME", ".Nm \(program.name)", ".Nd \(Mdoc.inline(program.summary))"]
        lines += [".Sh SYNOPSIS", ".Nm", ".Ar COMMAND", ".Op Ar ARGUMENT ..."]
        lines += [".Sh DESCRIPTION"] + Mdoc.paragraphs(program.discussion.isEmpty ? "\(program.summary)." : program.discussion)
        lines += [".Pp", "These options are accepted before and after the name of every command:"]
        lines += options(program.globals)
        lines += [".Sh COMMANDS"] + program.entries.filter { !$0.isHidden }.flatMap(command)
        lines += mentions("ENVIRONMENT", program.environment, macro: "Ev")
        lines += mentions("FILES", program.files, macro: "Pa")
        lines += [".Sh EXIT STATUS"] + statuses(program.exitStatuses)
        let examples = program.entries.flatMap(\.declaration.examples)
        if !examples.isEmpty { lines += [".Sh EXAMPLES"] + examples.map(example).joined(separator: [".Pp"]) }
        return lines
    }

    private func command(_ entry: CommandEntry) -> [String] {
        let declaration = entry.declaration
        var lines = [".Ss \(program.name) \(entry.path.joined(separator: " "))"]
        lines += [".Nm", ".Cm \(entry.path.joined(separator: " "))"] + synopsis(declaration)
        lines += [".Pp"] + Mdoc.sentences("\(declaration.summary).")
        if !declaration.discussion.isEmpty { lines += [".Pp"] + Mdoc.paragraphs(declaration.discussion) }
        lines += options(declaration.parameters)
        if !declaration.exitStatuses.isEmpty {
            lines += [".Pp", "Its exit status says more than that of other commands:"]
            lines += statuses(declaration.exitStatuses)
        }
        return lines
    }

    private func synopsis(_ declaration: CommandDeclaration) -> [String] {
        let named = declaration.named.map { parameter in
            Synopsis.isRequired(parameter) ? ".\(macros(parameter))" : ".Op \(macros(parameter))"
        }
        return named + declaration.parameters.filter { !$0.isNamed }.map { parameter in
            Synopsis.isRequired(parameter) ? ".\(macros(parameter))" : ".Op \(macros(parameter))"
        }
    }

    private func macros(_ parameter: Parameter) -> String {
        switch parameter.kind {
        case .flag: "Fl -\(parameter.name)"
        case .option(let value, _, _): "Fl -\(parameter.name) Ar \(Mdoc.argument(value))"
        case .positional(let value, .one), .positional(let value, .optional): "Ar \(Mdoc.argument(value))"
        case .positional(let value, _): "Ar \(Mdoc.argument(value)) ..."
        case .rest(let value, _): "Fl - Ar \(Mdoc.argument(value)) ..."
        }
    }

    private func options(_ parameters: [Parameter]) -> [String] {
        guard !parameters.isEmpty else { return [] }
        return [".Bl -tag -width Ds"] + parameters.flatMap { parameter in
            let short = parameter.letter.map { "Fl \($0) , " } ?? ""
            return [".It \(short)\(macros(parameter))"] + Mdoc.sentences(help(parameter))
        } + [".El"]
    }

    private func help(_ parameter: Parameter) -> String {
        guard case .words(let words) = parameter.completion else { return parameter.help }
        return "\(parameter.help) One of: \(words.joined(separator: ", "))."
    }

    private func statuses(_ statuses: [CommandDeclaration.ExitStatus]) -> [String] {
        [".Bl -tag -width Ds"] + statuses.flatMap { [".It \($0.status)"] + Mdoc.sentences($0.meaning) } + [".El"]
    }

    private func mentions(_ title: String, _ items: [Program.Mention], macro: String) -> [String] {
        guard !items.isEmpty else { return [] }
        return [".Sh \(title)", ".Bl -tag -width Ds"] + items.flatMap { item in
            [".It \(macro) \(Mdoc.argument(item.name))"] + Mdoc.sentences(item.meaning)
        } + [".El"]
    }

    private func example(_ example: CommandDeclaration.Example) -> [String] {
        Mdoc.sentences(example.meaning)
            + [".Bd -literal -offset indent", Mdoc.line(example.commandLine), ".Ed"]
    }

    /// `2026-03-01` as mdoc wants it: `March 1, 2026`.
    static func longDate(_ date: String) -> String {
        let months = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November", "December",
        ]
        let parts = date.split(separator: "-").map { Int($0) ?? 0 }
        guard parts.count == 3, (1...12).contains(parts[1]) else { return date }
        return "\(months[parts[1] - 1]) \(parts[2]), \(parts[0])"
    }
}

/// Text in the notation of mdoc(7).
enum Mdoc {
    /// Paragraphs with `.Pp` between them.
    static func paragraphs(_ text: String) -> [String] {
        Array(TextLayout.paragraphs(text).map(sentences).joined(separator: [".Pp"]))
    }

    /// Each sentence starts a line of its own, as mdoc asks for.
    static func sentences(_ text: String) -> [String] {
        var lines: [String] = []
        var sentence: [Substring] = []
        for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            sentence.append(word)
            guard let last = word.last, ".!?".contains(last) else { continue }
            lines.append(line(sentence.joined(separator: " ")))
            sentence = []
        }
        return sentence.isEmpty ? lines : lines + [line(sentence.joined(separator: " "))]
    }

    /// A line of text that cannot be taken for a macro.
    static func line(_ text: String) -> String {
        let escaped = inline(text)
        return escaped.first == "." || escaped.first == "'" ? "\\&" + escaped : escaped
    }

    /// One argument of a macro.
    static func argument(_ text: String) -> String {
        let quoted = TextLayout.substituting(["\"": "\\(dq"], in: inline(text))
        return text.utf8.contains(UInt8(ascii: " ")) ? "\"\(quoted)\"" : quoted
    }

    static func inline(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\e"
            case "`": result += "\\(ga"
            case "'": result += "\\(aq"
            case "~": result += "\\(ti"
            case "^": result += "\\(ha"
            case "-": result += "\\-"
            case _ where scalar.isASCII: result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                result += "\\[u\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits)]"
            }
        }
        return result
    }
}
