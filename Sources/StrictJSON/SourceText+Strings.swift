// SPDX-License-Identifier: Apache-2.0
// SECURITY: what a string means is decided here alone, for both dialects. NUL and lone surrogates
// do not get in, by no spelling.

extension SourceText {
    /// Reads a string whose opening quote is the current byte; the same quote closes it.
    mutating func readString(in dialect: Dialect) throws(JSONError) -> String {
        let quote = peek()
        advance()
        var content: [UInt8] = []
        while let byte = peek() {
            switch byte {
            case quote:
                advance()
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try readEscape(in: dialect, into: &content)
                continue
            case 0x09 where dialect == .json5: content.append(byte)
            case 0x00...0x1F: throw error(.controlCharacter(byte))
            default: content.append(byte)
            }
            advance()
        }
        throw unexpected(expected: "the closing quote of a string")
    }

    /// Reads the escape at the current byte, a backslash, and appends what it stands for.
    private mutating func readEscape(in dialect: Dialect, into content: inout [UInt8]) throws(JSONError) {
        switch peek(1) {
        case UInt8(ascii: "\""): content.append(UInt8(ascii: "\""))
        case UInt8(ascii: "\\"): content.append(UInt8(ascii: "\\"))
        case UInt8(ascii: "/"): content.append(UInt8(ascii: "/"))
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            content.append(contentsOf: String(try readUnicodeEscape()).utf8)
            return
        case UInt8(ascii: "'") where dialect == .json5: content.append(UInt8(ascii: "'"))
        case 0x0A where dialect == .json5: break  // a line that continues
        case 0x0D where dialect == .json5 && peek(2) == 0x0A: advance()
        default: throw error(.invalidEscape)
        }
        advance(2)
    }

    /// Reads `\uXXXX` at the current byte, or two of them that are a surrogate pair.
    ///
    /// - Throws: `invalidEscape`, `loneSurrogate` or, for U+0000, `nulCharacter`, at the backslash.
    private mutating func readUnicodeEscape() throws(JSONError) -> UnicodeScalar {
        let start = offset
        let first = try readFourHexadecimalDigits()
        guard first != 0 else { throw error(.nulCharacter, at: start) }
        if let scalar = UnicodeScalar(first) { return scalar }
        guard first < 0xDC00, peek() == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "u") else {
            throw error(.loneSurrogate, at: start)
        }
        let second = try readFourHexadecimalDigits()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = UnicodeScalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        else { throw error(.loneSurrogate, at: start) }
        return scalar
    }

    private mutating func readFourHexadecimalDigits() throws(JSONError) -> UInt32 {
        let start = offset
        advance(2)  // `\u`
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = peek().flatMap({ Self.digit($0, radix: 16) }) else {
                throw error(.invalidEscape, at: start)
            }
            value = value << 4 | UInt32(digit)
            advance()
        }
        return value
    }
}
