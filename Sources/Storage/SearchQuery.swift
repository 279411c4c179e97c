// SPDX-License-Identifier: Apache-2.0
// SECURITY: what somebody looks for is words, never the language of SQLite's full-text search: each is quoted.

import StrictJSON

/// Words to look for: all of them, anywhere in a line. `"two words"` in quotes stand side by side; a word that ends in `*`
/// is the beginning of one.
package struct SearchQuery: Sendable, Equatable {
    /// As FTS5 takes it.
    let expression: String

    package static let maximumLength = 200
    private static let maximumWords = 16

    /// - Throws: a sentence for what cannot be looked for.
    package init(_ text: String) throws(SearchError) {
        guard text.utf8.count <= Self.maximumLength, !text.utf8.contains(0) else { throw .tooLong(text.utf8.count) }
        var phrases: [String] = []
        // By scalars: a quote with a combining mark behind it is a character of its own, and still a quote to SQLite.
        for (index, part) in text.unicodeScalars.split(separator: "\"", omittingEmptySubsequences: false).enumerated() {
            let words = index % 2 == 1 ? [part] : part.split { $0.properties.isWhitespace }
            phrases += words.map { String(String.UnicodeScalarView($0)) }
        }
        // FTS5 cuts at everything but letters and digits; of anything else there is nothing to look for.
        phrases = phrases.filter { $0.unicodeScalars.contains { $0.properties.isAlphabetic || $0.properties.numericType != nil } }
        guard !phrases.isEmpty else { throw .noWords(text) }
        guard phrases.count <= Self.maximumWords else { throw .tooMany(phrases.count) }
        expression = phrases.map { phrase in
            let isBeginning = phrase.utf8.last == UInt8(ascii: "*")
            return "\"" + phrase + "\"" + (isBeginning ? "*" : "")
        }.joined(separator: " ")
    }
}

/// Why something cannot be looked for.
package enum SearchError: Explainable, Equatable {
    case tooLong(Int)
    case noWords(String)
    case tooMany(Int)

    package var code: String {
        switch self {
        case .tooLong: "search.too-long"
        case .noWords: "search.no-words"
        case .tooMany: "search.too-many-words"
        }
    }

    package var message: String {
        switch self {
        case .tooLong(let bytes): "\(bytes) bytes are too much to look for, or there is a NUL among them."
        case .noWords(let text): "There is no word in `\(text)` to look for."
        case .tooMany(let count): "\(count) words are too many to look for."
        }
    }

    package var hint: String? {
        switch self {
        case .tooLong: "At most \(SearchQuery.maximumLength) bytes are taken."
        case .noWords: "Words are of letters and digits; put words that stand side by side in quotes."
        case .tooMany: "Leave the common ones out."
        }
    }
}
