// SPDX-License-Identifier: Apache-2.0

/// The words of one command line, by the names of the parameters that took them.
///
/// What is declared as required is there. Asking for a name that is not declared, or in a way that does not
/// fit its kind, is a mistake of ours and stops the program.
package struct ParsedValues: Sendable {
    private let declared: [String: Parameter]
    private var words: [String: [String]] = [:]

    init(declared parameters: [Parameter]) {
        declared = Dictionary(parameters.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether the flag was given.
    package func flag(_ name: String) -> Bool {
        precondition(declared[name]?.kind == .flag, "no flag is declared as \(name)")
        return words[name] != nil
    }

    /// The value of an option or an optional word; nil when it was left out.
    package func value(_ name: String) -> String? {
        all(name).first
    }

    /// The value of a required option or word.
    package func required(_ name: String) -> String {
        guard let value = all(name).first else { preconditionFailure("\(name) is not declared as required") }
        return value
    }

    /// All values of a repeatable option or word, in their order.
    package func many(_ name: String) -> [String] {
        all(name)
    }

    /// Everything after `--`, for a command that declares such a parameter.
    package var rest: [String] {
        let parameter = declared.values.first { if case .rest = $0.kind { true } else { false } }
        return parameter.map { all($0.name) } ?? []
    }

    /// The value as a whole number.
    ///
    /// - Throws: ``UsageError`` when it is not one, or lies outside `range`.
    package func integer(_ name: String, in range: ClosedRange<Int64>) throws(UsageError) -> Int64? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return try value(name, expecting: expected) { text in
            let number = wholeNumber(text)
            return number.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// The value as `parse` understands it.
    ///
    /// - Parameter expected: completes "It takes …" when `parse` answers nil.
    package func value<Value>(
        _ name: String, expecting expected: String, _ parse: (String) -> Value?
    ) throws(UsageError) -> Value? {
        guard let text = value(name) else { return nil }
        guard let value = parse(text) else {
            throw .badValue(text, of: declared[name]?.label ?? name, expected: expected)
        }
        return value
    }

    /// The names that were given, sorted.
    var names: [String] { words.keys.sorted() }

    func isSet(_ parameter: Parameter) -> Bool { words[parameter.name] != nil }

    mutating func append(_ word: String, to parameter: Parameter) {
        words[parameter.name, default: []].append(word)
    }

    mutating func set(_ parameter: Parameter) {
        words[parameter.name] = []
    }

    /// Values that were read before the command was known, now under its declaration.
    func declaring(_ more: [Parameter]) -> ParsedValues {
        var copy = ParsedValues(declared: Array(declared.values) + more)
        copy.words = words
        return copy
    }

    private func all(_ name: String) -> [String] {
        guard let parameter = declared[name] else { preconditionFailure("nothing is declared as \(name)") }
        precondition(parameter.kind != .flag, "\(name) is a flag")
        return words[name] ?? []
    }
}

/// Digits only, with `-` before them at most: `Int64("+5")` would be 5.
private func wholeNumber(_ text: String) -> Int64? {
    let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
    guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
        return nil
    }
    return Int64(text)
}
