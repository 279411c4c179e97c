// SPDX-License-Identifier: Apache-2.0

import Foundation
import StrictJSON
import Testing

/// What holds for every value, tried on values from a seeded generator.
@Suite struct JSONPropertyTests {
    private func forEachValue(seed: UInt64, _ check: (JSONValue, inout SeededGenerator) throws -> Void) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<1_000 { try check(generator.value(), &generator) }
    }

    @Test func `every value survives each of its texts`() throws {
        try forEachValue(seed: 1) { (value, _) throws in
            #expect(try JSONValue(parsing: value.text) == value)
            #expect(try JSONValue(parsing: value.pretty) == value)
            #expect(try JSONValue(canonical: value.canonical) == value)
        }
    }

    @Test func `text and pretty keep the order of members`() throws {
        try forEachValue(seed: 2) { (value, _) throws in
            #expect(try JSONValue(parsing: value.text).text == value.text)
            #expect(try JSONValue(parsing: value.pretty).text == value.text)
        }
    }

    @Test func `equal values have one canonical form, whatever the order of members`() throws {
        try forEachValue(seed: 3) { value, generator in
            let shuffled = value.shuffled(using: &generator)
            #expect(shuffled == value)
            #expect(shuffled.canonical == value.canonical)
        }
    }

    @Test func `unequal values have different canonical forms`() throws {
        var forms: [String: JSONValue] = [:]
        try forEachValue(seed: 4) { (value, _) throws in
            #expect(forms.updateValue(value, forKey: value.canonical).map { $0 == value } ?? true)
        }
        #expect(forms.count > 500)
    }

    @Test func `a text that is not canonical is refused as canonical`() throws {
        try forEachValue(seed: 5) { (value, _) throws in
            for text in [value.text, value.pretty] where text != value.canonical {
                #expect(throws: JSONError.self) { try JSONValue(canonical: text) }
            }
        }
    }

    @Test func `what we write Foundation reads`() throws {
        try forEachValue(seed: 6) { (value, _) throws in
            _ = try JSONSerialization.jsonObject(with: Data(value.canonical.utf8), options: .fragmentsAllowed)
        }
    }
}

/// Twenty thousand damaged texts. A trap ends the test process, so running to the end is the first result.
@Suite struct JSONMutationTests {
    static let tokens = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u0000", "\\ud800", "\\udc00", "\\u00e9", "null", "true", "-", "-0",
        "0",
        "1.5", "1e9", "9223372036854775808", "\"a\":1,", "[[[[[[[[[[[[[[[[", "\u{FEFF}", "//", "/*", "*/", "'", "+0x",
        "NaN",
    ]

    /// Mutated texts of values, from a seed.
    private func forEachMutation(count: Int, seed: UInt64, _ check: ([UInt8]) throws -> Void) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<count {
            let value = generator.value(depth: 3)
            let text = generator.chance(1, in: 2) ? value.text : value.pretty
            try check(generator.mutate(Array(text.utf8), with: Self.tokens))
        }
    }

    private func configuration(_ text: [UInt8]) -> Result<JSONValue, ConfigurationError> {
        Result { () throws(ConfigurationError) in try JSON5Document(parsing: text, file: "t").value }
    }

    @Test func `a mutated text is refused with a place inside it, or survives every form`() throws {
        var accepted = 0
        try forEachMutation(count: 20_000, seed: 7) { (text) throws in
            switch Result(catching: { () throws(JSONError) in try JSONValue(parsing: text) }) {
            case .success(let value):
                accepted += 1
                #expect(try JSONValue(parsing: value.text) == value)
                #expect(try JSONValue(parsing: value.pretty) == value)
                #expect(try JSONValue(canonical: value.canonical) == value)
            case .failure(let error):
                let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)
                let line = try #require(error.line)
                let column = try #require(error.column)
                #expect((1...lines.count).contains(line) && (1...lines[line - 1].count + 1).contains(column))
                #expect(error.message.unicodeScalars.allSatisfy { $0 == "…" || $0.isASCII && $0.value >= 0x20 })
            }
        }
        // Mutations that no text survives, or that change nothing, would prove nothing.
        #expect((1_000...15_000).contains(accepted))
    }

    @Test func `what we accept Foundation accepts`() throws {
        try forEachMutation(count: 5_000, seed: 8) { (text) throws in
            // A refusal is the other test's concern.
            guard (try? JSONValue(parsing: text)) != nil else { return }
            _ = try JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)
        }
    }

    @Test func `a mutated configuration is refused with a place inside it, or survives as JSON`() throws {
        var accepted = 0
        try forEachMutation(count: 20_000, seed: 9) { (text) throws in
            switch configuration(text) {
            case .success(let value):
                accepted += 1
                #expect(try JSONValue(canonical: value.canonical) == value)
            case .failure(let error):
                let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)
                #expect((1...lines.count).contains(error.line))
                #expect((1...lines[error.line - 1].count + 1).contains(error.column))
            }
        }
        #expect((1_000...15_000).contains(accepted))
    }

    @Test func `what is JSON means the same as configuration, if nothing in it is invisible`() throws {
        try forEachMutation(count: 5_000, seed: 10) { (text) throws in
            // A refusal is the other test's concern.
            guard let value = try? JSONValue(parsing: text) else { return }
            switch configuration(text) {
            case .success(let other):
                #expect(other == value)
            case .failure(let error):
                #expect(error.code == "configuration.invisible-character")
            }
        }
    }

    @Test func `reading members of a mutated message does not trap`() throws {
        try forEachMutation(count: 5_000, seed: 11) { (text) throws in
            // A refusal is the other test's concern.
            guard let value = try? JSONValue(parsing: text), var reader = try? ObjectReader(value) else { return }
            for key in reader.keys.dropLast() {
                #expect(reader.optionalValue(key) == value[key])
            }
            guard let last = reader.keys.last else { return }
            let error = #expect(throws: JSONError.self) { try reader.finish() }
            #expect(error?.path == last)
        }
    }
}

extension JSONValue {
    /// The same value with the members of each object in another order.
    fileprivate func shuffled(using generator: inout SeededGenerator) -> JSONValue {
        switch self {
        case .null, .bool, .integer, .string: return self
        case .array(let elements): return .array(elements.map { $0.shuffled(using: &generator) })
        case .object(let object):
            var other = JSONObject()
            for (key, value) in object.members.shuffled(using: &generator) {
                other[key] = .some(value.shuffled(using: &generator))
            }
            return .object(other)
        }
    }
}
