// SPDX-License-Identifier: Apache-2.0
// SECURITY: see Policy+Parsing.swift.

import StrictJSON

extension CommandDocument {
    init(_ given: ObjectReader) throws(JSONError) {
        var reader = given
        let name = try reader.understood("name") { text throws(Refusal) in try DocumentName(text) }
        let version = try reader.integer("version", in: 1...1_000_000)
        let summary = try reader.optionalString("summary", maximum: 200) ?? ""
        guard summary.isEmpty || SessionSettings.isLine(summary) else { throw reader.unacceptable("summary", "it is not one line of text") }
        var parameters: [Parameter] = []
        if var table = try reader.optionalObject("parameters") {
            guard table.keys.count <= Self.maximumParameters else { throw reader.unacceptable("parameters", "there are too many") }
            for key in table.keys {
                guard Tags.isKey(key) else { throw table.unacceptable(key, "`\(key)` is no name for a parameter") }
                parameters.append(try Parameter(name: key, try table.object(key)))
            }
            try table.finish()
        }
        let command = try reader.list("command", maximum: Self.maximumWords) { text throws(Refusal) in try Word(text) }
        self.init(
            name: name, version: version, summary: summary, parameters: parameters, command: command,
            isInteractive: try reader.optionalBool("interactive") ?? false)
        try checkCommand(reader)
        try reader.finish()
    }

    private func checkCommand(_ reader: ObjectReader) throws(JSONError) {
        guard case .text(let program) = command.first?.parts.first, command.first?.parts.count == 1,
            program.utf8.first == UInt8(ascii: "/"), ParameterRule.isPlainPath(program.utf8.dropFirst())
        else {
            throw reader.unacceptable(
                "command[0]", "it is not the whole path of a program", hint: "No parameter stands in it, and nobody's PATH counts.")
        }
        let known = Set(parameters.map(\.name))
        for (index, word) in command.enumerated() {
            guard let other = word.parameters.first(where: { !known.contains($0) }) else { continue }
            throw reader.unacceptable("command[\(index)]", "there is no parameter `\(other)`", hint: "Add it to `parameters`.")
        }
        let used = Set(command.flatMap(\.parameters))
        if let unused = parameters.first(where: { !used.contains($0.name) }) {
            throw reader.unacceptable("parameters.\(unused.name)", "the command does not use it")
        }
    }
}

extension CommandDocument.Parameter {
    fileprivate init(name: String, _ given: ObjectReader) throws(JSONError) {
        var reader = given
        var rules: [ParameterRule] = []
        if let values = try reader.optionalStrings("values", maximum: 64, maximumBytes: ParameterRule.maximumLength) {
            guard !values.isEmpty, values.allSatisfy(SessionSettings.isLine) else {
                throw reader.unacceptable("values", "there is nothing to choose, or one of them is not one line of text")
            }
            rules.append(.values(values))
        }
        let (lowest, highest) = (try reader.optionalInteger("minimum"), try reader.optionalInteger("maximum"))
        if lowest != nil || highest != nil {
            let range = (lowest ?? 0, highest ?? .max)
            guard range.0 <= range.1 else { throw reader.unacceptable("maximum", "no number is at least \(range.0) and at most \(range.1)") }
            rules.append(.number(range.0...range.1))
        }
        if let directory = try reader.optionalString("below", maximum: 200) {
            guard directory == "/" || (directory.utf8.first == UInt8(ascii: "/") && directory.utf8.last == UInt8(ascii: "/")
                && ParameterRule.isPlainPath(directory.utf8.dropFirst().dropLast()))
            else { throw reader.unacceptable("below", "`\(directory)` is not a directory, as `/var/log/`") }
            rules.append(.path(below: directory))
        }
        if let text = try reader.optionalString("pattern", maximum: 64) {
            do throws(Refusal) {
                rules.append(.pattern(try ValuePattern(text)))
            } catch {
                throw reader.unacceptable("pattern", because: error)
            }
        }
        let fallback = try reader.optionalString("default", maximum: ParameterRule.maximumLength)
        guard rules.count == 1, let rule = rules.first else {
            throw reader.unacceptable("values", "a parameter has exactly one rule", hint: "Write one of values, minimum and maximum, below, pattern.")
        }
        if let fallback, !rule.accepts(fallback) {
            throw reader.unacceptable("default", "`\(fallback)` is not \(rule.expectation)")
        }
        self.init(name: name, rule: rule, fallback: fallback)
        try reader.finish()
    }
}
