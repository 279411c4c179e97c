// SPDX-License-Identifier: Apache-2.0

/// Why a text is not the JSON we accept, or why a JSON value is not the message that was expected.
package struct JSONError: Explainable, Equatable {
    package enum Kind: Sendable, Equatable {
        // The text.
        case tooLarge(bytes: Int, limit: Int)
        case tooDeep(limit: Int)
        case byteOrderMark
        case invalidUTF8
        case unexpectedEnd(expected: String)
        case unexpected(found: String, expected: String)
        case trailingContent
        case controlCharacter(UInt8)
        case nulCharacter
        case loneSurrogate
        case invalidEscape
        case notWholeNumber
        case leadingZero
        case negativeZero
        case integerTooLarge
        case duplicateKey(String)
        case notCanonical
        // The text, in JSON5 only.
        case bareWord(String)
        case unclosedComment
        case invisibleCharacter(UInt32)
        // The value.
        /// `similar`: a member that is there, was not read, and may be a misspelling of this one.
        case missingMember(similar: String?)
        case wrongKind(expected: JSONKind, found: JSONKind)
        case outOfRange(Int64, allowed: ClosedRange<Int64>)
        case tooLong(bytes: Int, maximum: Int)
        case tooMany(count: Int, maximum: Int)
        /// `nearest`: the known name that resembles it most.
        case unknownMember(nearest: String?)
        case unacceptable(reason: String, hint: String?)
    }

    /// Where: in the text while parsing, in the value while reading its members.
    package enum Place: Sendable, Equatable {
        /// Both count from 1; the column counts Unicode scalars.
        case position(line: Int, column: Int)
        /// The member, as `request.nodes[2]`; empty for the value as a whole.
        case path(String)
    }

    package let kind: Kind
    package let place: Place

    package init(_ kind: Kind, line: Int, column: Int) {
        self.kind = kind
        self.place = .position(line: line, column: column)
    }

    package init(_ kind: Kind, path: String) {
        self.kind = kind
        self.place = .path(path)
    }

    package var line: Int? {
        if case .position(let line, _) = place { line } else { nil }
    }

    package var column: Int? {
        if case .position(_, let column) = place { column } else { nil }
    }

    package var path: String? {
        if case .path(let path) = place { path } else { nil }
    }
}

extension JSONError {
    package var code: String {
        switch kind {
        case .tooLarge: "json.too-large"
        case .tooDeep: "json.too-deep"
        case .byteOrderMark: "json.byte-order-mark"
        case .invalidUTF8: "json.invalid-utf8"
        case .unexpectedEnd: "json.unexpected-end"
        case .unexpected: "json.unexpected"
        case .trailingContent: "json.trailing-content"
        case .controlCharacter: "json.control-character"
        case .nulCharacter: "json.nul-character"
        case .loneSurrogate: "json.lone-surrogate"
        case .invalidEscape: "json.invalid-escape"
        case .notWholeNumber: "json.not-a-whole-number"
        case .leadingZero: "json.leading-zero"
        case .negativeZero: "json.negative-zero"
        case .integerTooLarge: "json.integer-too-large"
        case .duplicateKey: "json.duplicate-key"
        case .notCanonical: "json.not-canonical"
        case .bareWord: "json.bare-word"
        case .unclosedComment: "json.unclosed-comment"
        case .invisibleCharacter: "json.invisible-character"
        case .missingMember: "json.missing-member"
        case .wrongKind: "json.wrong-kind"
        case .outOfRange: "json.out-of-range"
        case .tooLong: "json.too-long"
        case .tooMany: "json.too-many"
        case .unknownMember: "json.unknown-member"
        case .unacceptable: "json.unacceptable"
        }
    }

    package var message: String {
        switch place {
        case .position(let line, let column): "line \(line), column \(column): \(sentence)"
        case .path(""): "The value as a whole: \(sentence)"
        case .path(let path): "\(path.quotedForMessage): \(sentence)"
        }
    }

    /// What is wrong, without the place, with a full stop: it stands after a colon.
    var sentence: String { clause.hasSuffix(".") ? clause : clause + "." }

    private var clause: String {
        switch kind {
        case .tooLarge(let bytes, let limit): "the text has \(bytes) bytes, at most \(limit) are accepted"
        case .tooDeep(let limit): "arrays and objects are nested deeper than \(limit) levels"
        case .byteOrderMark: "the text begins with a byte order mark"
        case .invalidUTF8: "the text is not valid UTF-8 here"
        case .unexpectedEnd(let expected): "the text ends where \(expected) is expected"
        case .unexpected(let found, let expected): "\(expected) is expected here, not \(found)"
        case .trailingContent: "something follows the value, where the text must end"
        case .controlCharacter(let byte): "the control character \(byte) stands unescaped in a string"
        case .nulCharacter: "a string contains the character NUL"
        case .loneSurrogate: "half of a surrogate pair stands alone"
        case .invalidEscape: "JSON has no such escape sequence"
        case .notWholeNumber: "whole number expected, without fraction or exponent"
        case .leadingZero: "a number begins with a superfluous zero"
        case .negativeZero: "-0 is not accepted"
        case .integerTooLarge: "the number does not fit into 64 bits"
        case .duplicateKey(let key): "the key \(key.quotedForMessage) occurs a second time in its object"
        case .notCanonical: "the text departs from its canonical form here"
        case .bareWord(let word): "the word \(word.quotedForMessage) stands without quotes"
        case .unclosedComment: "a comment begins here and has no end"
        case .invisibleCharacter(let scalar):
            "the invisible character U+\(String(scalar, radix: 16, uppercase: true)) can hide what the file says"
        case .missingMember: "it is missing"
        case .wrongKind(let expected, let found): "\(expected.rawValue) is expected, not \(found.rawValue)"
        case .outOfRange(let value, let allowed):
            "\(value) is outside \(allowed.lowerBound) to \(allowed.upperBound)"
        case .tooLong(let bytes, let maximum): "it has \(bytes) bytes, at most \(maximum) are accepted"
        case .tooMany(let count, let maximum): "it has \(count) elements, at most \(maximum) are accepted"
        case .unknownMember: "it is not known here"
        case .unacceptable(let reason, _): reason
        }
    }

    package var hint: String? {
        switch kind {
        case .byteOrderMark: "Save the file as UTF-8 without a byte order mark."
        case .controlCharacter: "Write it as an escape, such as \\n or \\u001b."
        case .negativeZero: "Write 0."
        case .notCanonical: "Sort the keys by their bytes and remove white space and needless escapes."
        case .bareWord: "Put it into quotes."
        case .unclosedComment: "End it with */."
        case .invisibleCharacter: "Remove it, or write it as an escape in a string, such as \\u202e."
        case .missingMember(let similar): similar.map { "Is \($0.quotedForMessage) a misspelling of it?" }
        case .unknownMember(let nearest?): "Did you mean \(nearest.quotedForMessage)?"
        case .unknownMember(nil): "Remove it. It may belong elsewhere, or to a newer version."
        case .unacceptable(_, let hint): hint
        case .tooLarge, .tooDeep, .invalidUTF8, .unexpectedEnd, .unexpected, .trailingContent, .nulCharacter,
            .loneSurrogate, .invalidEscape, .notWholeNumber, .leadingZero, .integerTooLarge, .duplicateKey,
            .wrongKind, .outOfRange, .tooLong, .tooMany:
            nil
        }
    }
}
