// SPDX-License-Identifier: Apache-2.0
// SECURITY: what `exec:NAME` may run. The words come from the charter; a requester only fills places in them, with values
// that the charter allows, and no shell reads the result.

package enum DocumentKind: NamedKind { package static let label = "command document" }
package typealias DocumentName = Name<DocumentKind>

/// A command of the charter with a name, a version and parameters, so that a policy can allow it and nothing else.
package struct CommandDocument: Sendable, Equatable {
    package struct Parameter: Sendable, Equatable {
        package let name: String
        package let rule: ParameterRule
        /// What is used where none is given; `nil` for a value that must be given.
        package let fallback: String?

        package init(name: String, rule: ParameterRule, fallback: String?) {
            self.name = name
            self.rule = rule
            self.fallback = fallback
        }
    }

    /// One word of the command: texts and parameters, put together.
    package struct Word: Sendable, Equatable {
        package enum Part: Sendable, Equatable {
            case text(String)
            case parameter(String)
        }

        package let parts: [Part]

        /// Reads `--lines=${lines}`.
        package init(_ text: String) throws(Refusal) {
            var parts: [Part] = []
            var rest = Substring(text)
            while let start = rest.utf8Range(of: "${") {
                if start.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<start.lowerBound]))) }
                rest = rest[start.upperBound...]
                guard let end = rest.utf8Range(of: "}"), Tags.isKey(String(rest[..<end.lowerBound])) else {
                    throw .document(.wordMalformed(text))
                }
                parts.append(.parameter(String(rest[..<end.lowerBound])))
                rest = rest[end.upperBound...]
            }
            if !rest.isEmpty { parts.append(.text(String(rest))) }
            guard !text.utf8.contains(0) else { throw .document(.wordMalformed(text)) }
            self.parts = parts
        }

        /// As it was read.
        package var description: String {
            parts.map { part in
                switch part {
                case .text(let text): text
                case .parameter(let name): "${\(name)}"
                }
            }.joined()
        }

        var parameters: [String] { parts.compactMap { if case .parameter(let name) = $0 { name } else { nil } } }
        /// Whether a value stands where a program would read an option.
        var beginsWithParameter: Bool { if case .parameter = parts.first { true } else { false } }
    }

    package let name: DocumentName
    package let version: Int64
    /// One line for people.
    package let summary: String
    package let parameters: [Parameter]
    package let command: [Word]
    /// Whether it has a terminal and takes input; otherwise it has neither.
    package let isInteractive: Bool

    package static let maximumCount = 500
    package static let maximumParameters = 16
    package static let maximumWords = 64

    package init(
        name: DocumentName, version: Int64, summary: String, parameters: [Parameter], command: [Word], isInteractive: Bool
    ) {
        self.name = name
        self.version = version
        self.summary = summary
        self.parameters = parameters
        self.command = command
        self.isInteractive = isInteractive
    }

    /// As an opening names it: `tail-log@3`.
    package var reference: String { "\(name)@\(version)" }

    /// The words of an opening: ``reference``, then `parameter=value` for each that is given, in the order of the document.
    package func opening(with values: [String: String]) throws(Refusal) -> [String] {
        let known = Set(parameters.map(\.name))
        if let other = values.keys.sorted().first(where: { !known.contains($0) }) {
            throw .document(.parameterUnknown(name, other, known: parameters.map(\.name)))
        }
        let words = [reference] + parameters.compactMap { parameter in values[parameter.name].map { "\(parameter.name)=\($0)" } }
        _ = try arguments(of: words)
        return words
    }

    /// The argument vector for the words of an opening.
    ///
    /// - Throws: the first of them that the document does not allow, or another version of the document.
    package func arguments(of opening: [String]) throws(Refusal) -> [String] {
        guard let first = opening.first, first.utf8.elementsEqual(reference.utf8) else {
            throw .document(.otherVersion(name, asked: opening.first ?? "", here: version))
        }
        let values = try values(of: opening.dropFirst())
        var arguments: [String] = []
        for word in command {
            var text = ""
            for part in word.parts {
                switch part {
                case .text(let fixed): text += fixed
                case .parameter(let parameter): text += values[parameter] ?? ""
                }
            }
            arguments.append(text)
        }
        return arguments
    }

    private func values(of words: ArraySlice<String>) throws(Refusal) -> [String: String] {
        var given: [String: String] = [:]
        for word in words {
            guard let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")) else { throw .document(.wordMalformed(word)) }
            let key = String(word[..<equals])
            guard parameters.contains(where: { $0.name == key }) else {
                throw .document(.parameterUnknown(name, key, known: parameters.map(\.name)))
            }
            guard given.updateValue(String(word[word.utf8.index(after: equals)...]), forKey: key) == nil else {
                throw .document(.wordMalformed(word))
            }
        }
        var values: [String: String] = [:]
        for parameter in parameters {
            guard let value = given[parameter.name] ?? parameter.fallback else {
                throw .document(.parameterMissing(name, parameter.name, expected: parameter.rule.expectation))
            }
            guard parameter.rule.accepts(value), !looksLikeOption(value, for: parameter) else {
                throw .document(.parameterRefused(name, parameter.name, value, expected: parameter.rule.expectation))
            }
            values[parameter.name] = value
        }
        return values
    }

    /// A value that begins with `-` could become an option. Where the document lists its values, its author saw them.
    private func looksLikeOption(_ value: String, for parameter: Parameter) -> Bool {
        if case .values = parameter.rule { return false }
        return value.utf8.first == UInt8(ascii: "-")
            && command.contains { $0.beginsWithParameter && $0.parts.first == .parameter(parameter.name) }
    }
}

extension Substring {
    /// The first place of an ASCII text.
    fileprivate func utf8Range(of wanted: String) -> Range<Index>? {
        let wanted = Array(wanted.utf8)
        var start = utf8.startIndex
        while start < utf8.endIndex {
            if utf8[start...].starts(with: wanted) { return start..<utf8.index(start, offsetBy: wanted.count) }
            start = utf8.index(after: start)
        }
        return nil
    }
}

/// Why a command document cannot be used as asked.
package enum DocumentRefusal: Sendable, Equatable {
    case unknown(DocumentName)
    /// The frozen and the current charter differ about it: whoever approved saw another command.
    case changed(DocumentName)
    case otherVersion(DocumentName, asked: String, here: Int64)
    case parameterMissing(DocumentName, String, expected: String)
    case parameterUnknown(DocumentName, String, known: [String])
    case parameterRefused(DocumentName, String, String, expected: String)
    case needsTerminal(DocumentName)
    case hasNoTerminal(DocumentName)
    case wordMalformed(String)
    case patternMalformed(String)

    var code: String {
        switch self {
        case .unknown: "document.unknown"
        case .changed: "document.changed"
        case .otherVersion: "document.other-version"
        case .parameterMissing: "document.parameter-missing"
        case .parameterUnknown: "document.parameter-unknown"
        case .parameterRefused: "document.parameter-refused"
        case .needsTerminal: "document.needs-terminal"
        case .hasNoTerminal: "document.has-no-terminal"
        case .wordMalformed: "document.word-malformed"
        case .patternMalformed: "document.pattern-malformed"
        }
    }

    var message: String {
        switch self {
        case .unknown(let name): "The charter has no command document `\(name)`."
        case .changed(let name): "Command document `\(name)` was changed after it was approved."
        case .otherVersion(let name, let asked, let here): "`\(asked)` was asked for; command document `\(name)` has version \(here)."
        case .parameterMissing(let name, let parameter, _): "Command document `\(name)` needs a value for `\(parameter)`."
        case .parameterUnknown(let name, let parameter, _): "Command document `\(name)` has no parameter `\(parameter)`."
        case .parameterRefused(let name, let parameter, let value, _):
            "Command document `\(name)` does not allow `\(value)` for `\(parameter)`."
        case .needsTerminal(let name): "Command document `\(name)` is interactive and needs a terminal."
        case .hasNoTerminal(let name): "Command document `\(name)` is not interactive and has no terminal."
        case .wordMalformed(let text): "`\(text)` is no word of a command document."
        case .patternMalformed(let text): "`\(text)` is no pattern of values."
        }
    }

    var hint: String? {
        switch self {
        case .unknown: "List those you may run: stint documents"
        case .changed: "Ask for access anew; approvers decide about what it is now."
        case .otherVersion: "Run it again: your copy of the charter is brought forward by then."
        case .parameterMissing(_, let name, let expected): "Give \(name)=VALUE, \(expected)."
        case .parameterUnknown(_, _, let known):
            known.isEmpty ? "It has none." : "Its parameters are \(known.joined(separator: ", "))."
        case .parameterRefused(_, _, _, let expected): "It must be \(expected)."
        case .needsTerminal: "Run it on a terminal."
        case .hasNoTerminal: nil
        case .wordMalformed: "Write name=value; in a policy, a parameter as ${name}."
        case .patternMalformed: "Use up to 64 printable characters without \\ and $; # is digits, * a word, ? one character of a word."
        }
    }
}
