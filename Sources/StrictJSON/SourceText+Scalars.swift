// SPDX-License-Identifier: Apache-2.0
// SECURITY: numbers are read digit by digit with overflow checks, never through a converter that rounds.

extension SourceText {
    /// Which integers a dialect writes.
    enum IntegerForm {
        /// JSON: an optional minus and decimal digits.
        case decimal
        /// JSON5: a plus sign and hexadecimal digits as well.
        case decimalOrHexadecimal
    }

    /// Reads a whole number that starts at the current byte.
    ///
    /// Errors point at the number's first byte.
    mutating func readInteger(allowing form: IntegerForm) throws(JSONError) -> Int64 {
        let start = offset
        let isNegative = take(UInt8(ascii: "-"))
        if !isNegative, form == .decimalOrHexadecimal { _ = take(UInt8(ascii: "+")) }
        let radix: Int64 = form == .decimalOrHexadecimal && takeHexadecimalPrefix() ? 16 : 10

        let firstDigit = offset
        // Counted below zero, where there is room for one more number than above it.
        var negated: Int64 = 0
        while let digit = peek().flatMap({ Self.digit($0, radix: radix) }) {
            let (shifted, overflow) = negated.multipliedReportingOverflow(by: radix)
            let (next, overflowAgain) = shifted.subtractingReportingOverflow(digit)
            guard !overflow, !overflowAgain else { throw error(.integerTooLarge, at: start) }
            negated = next
            advance()
        }
        guard offset > firstDigit else { throw unexpected(expected: "a digit") }
        if let next = peek(), [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(next) {
            throw error(.notWholeNumber, at: start)
        }
        if radix == 10, offset > firstDigit + 1, bytes[firstDigit] == UInt8(ascii: "0") {
            throw error(.leadingZero, at: start)
        }
        if isNegative {
            guard negated != 0 else { throw error(.negativeZero, at: start) }
            return negated
        }
        guard negated != .min else { throw error(.integerTooLarge, at: start) }
        return -negated
    }

    /// Reads `\uXXXX` at the current byte, or two of them that are a surrogate pair.
    ///
    /// - Throws: `invalidEscape`, `loneSurrogate` or, for U+0000, `nulCharacter`, at the backslash.
    mutating func readUnicodeEscape() throws(JSONError) -> UnicodeScalar {
        let start = offset
        let first = try readFourHexadecimalDigits()
        guard first != 0 else { throw error(.nulCharacter, at: start) }
        if let scalar = UnicodeScalar(first) { return scalar }
        guard first < 0xDC00, peek() == UInt8(ascii: "\\"), peek(1) == UInt8(ascii: "u") else {
            throw error(.loneSurrogate, at: start)
        }
        let second = try readFourHexadecimalDigits()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = UnicodeScalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
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

    private mutating func takeHexadecimalPrefix() -> Bool {
        take("0x") || take("0X")
    }

    /// The value of an ASCII digit below `radix`, 10 or 16.
    static func digit(_ byte: UInt8, radix: Int64) -> Int64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f") where radix == 16: Int64(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F") where radix == 16: Int64(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
