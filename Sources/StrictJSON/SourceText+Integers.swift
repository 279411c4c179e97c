// SPDX-License-Identifier: Apache-2.0
// SECURITY: numbers are read digit by digit with overflow checks, never through a converter that rounds.

extension SourceText {
    /// Reads a whole number that starts at the current byte.
    ///
    /// JSON has an optional minus and decimal digits, JSON5 a plus and hexadecimal digits as well.
    /// Errors point at the number's first byte.
    mutating func readInteger(in dialect: Dialect) throws(JSONError) -> Int64 {
        let start = offset
        let isNegative = take(UInt8(ascii: "-"))
        if !isNegative, dialect == .json5 { _ = take(UInt8(ascii: "+")) }
        let radix: Int64 = dialect == .json5 && takeHexadecimalPrefix() ? 16 : 10

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
