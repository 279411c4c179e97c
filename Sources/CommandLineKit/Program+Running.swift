// SPDX-License-Identifier: Apache-2.0

private import Glibc

extension Program {
    /// Does what the command line asks, and tells what went wrong in sentences.
    ///
    /// - Parameter arguments: without the program's own name: ``OwnArguments``.
    /// - Returns: the exit status.
    package func main(arguments: [String], console: Console = .standard()) -> Int32 {
        let status: Int32
        do {
            status = try perform(parse(arguments), on: console)
        } catch {
            return report(Failure(error), asJSON: wantsJSON(arguments), on: console)
        }
        return console.outputFailure().map { reportUnwritten($0, status: status, on: console) } ?? status
    }

    /// Asked of the words themselves: what could not be parsed has no values.
    private func wantsJSON(_ arguments: [String]) -> Bool {
        !Set(machineFormats.map { "--" + $0.name }).isDisjoint(with: arguments.prefix { $0 != "--" })
    }

    private var machineFormats: [Parameter] { [.json, .jsonLines].filter(globals.contains) }

    private func perform(_ invocation: Invocation, on console: Console) throws(UsageError) -> Int32 {
        let help = HelpText(program: self, width: console.width, style: console.style)
        switch invocation {
        case .run(let type, let values): return try run(type, values, on: console)
        case .overview: console.output(help.overview())
        case .help(let path): console.output(help.text(for: path))
        case .version: console.output("\(name) \(version)\n")
        case .completion(let shell): console.output(shell.script(for: self))
        case .manual(let page):
            let manual = manuals.first { $0.name == page }
            console.output(manual?.text(date: date) ?? ManualPage(program: self).text)
        case .candidates(let kind, let prefix, let values): write(kind, prefix, values, to: console)
        }
        return 0
    }

    private func run(_ type: any Command.Type, _ values: ParsedValues, on console: Console) throws(UsageError) -> Int32 {
        let command = try type.init(values)
        do {
            return try command.run(in: console)
        } catch let error as UsageError {
            throw error
        } catch {
            let wantsJSON = machineFormats.contains { values.flag($0.name) }
            return report(explain(error), asJSON: wantsJSON, on: console)
        }
    }

    /// One word a line.
    private func write(_ kind: String, _ prefix: String, _ values: ParsedValues, to console: Console) {
        let words = candidates(kind, values).filter { $0.utf8.starts(with: prefix.utf8) && isInert($0) }
        console.output(words.map { $0 + "\n" }.joined())
    }

    /// Whether a word from outside means only itself to a shell: a script puts it on the user's command line.
    private func isInert(_ word: String) -> Bool {
        guard let first = word.utf8.first, first != UInt8(ascii: "-") else { return false }
        return word.unicodeScalars.allSatisfy { scalar in
            scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                || "._-:/@=+,%".unicodeScalars.contains(scalar))
        }
    }

    private func report(_ failure: Failure, asJSON: Bool, on console: Console) -> Int32 {
        if asJSON {
            console.errors(failure.json + "\n")
            return failure.status
        }
        console.errors("\(name): error: \(PrintableText.escaping(failure.message)) (\(failure.code))\n")
        if let hint = failure.hint { console.errors("\(name): hint: \(PrintableText.escaping(hint))\n") }
        return failure.status
    }

    /// A result that did not reach its reader is not a success. A reader who left (`| head`) needs no message.
    private func reportUnwritten(_ number: Int32, status: Int32, on console: Console) -> Int32 {
        if number != EPIPE {
            let reason = String(cString: strerror(number))
            console.errors("\(name): error: The output could not be written: \(reason).\n")
        }
        return status == 0 ? 1 : status
    }
}

extension Program.Failure {
    fileprivate init(_ error: UsageError) {
        self.init(code: error.code, message: error.message, hint: error.hint, status: UsageError.status)
    }

    /// `{"error":{"code":…,"message":…,"hint":…}}`
    fileprivate var json: String {
        let hint = hint.map(jsonString) ?? "null"
        return #"{"error":{"code":\#(jsonString(code)),"message":\#(jsonString(message)),"hint":\#(hint)}}"#
    }
}

/// A JSON string (RFC 8259 §7) in which everything unfit for a terminal is written as an escape.
private func jsonString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        if scalar == "\"" || scalar == "\\" {
            result += "\\\(scalar)"
        } else if PrintableText.isUnsafe(scalar) {
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        } else {
            result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
