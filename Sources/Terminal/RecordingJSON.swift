// SPDX-License-Identifier: Apache-2.0

/// The JSON of recordings, which unlike our signed texts has fractions and is read with what others put into it.
enum RecordingJSON: Equatable {
    case null
    case bool(Bool)
    /// Whole units and billionths, for times. An exponent is refused: nobody writes one there.
    case number(Int64, nanos: Int64)
    case string([UInt8])
    case array([RecordingJSON])
    case object([String: RecordingJSON])

    /// Nil for anything that is not one JSON value, or nests deeper than 16.
    static func parse(_ text: [UInt8]) -> RecordingJSON? {
        var parser = RecordingJSONParser(text: text)
        guard let value = parser.value(depth: 0) else { return nil }
        parser.skipSpace()
        return parser.isAtEnd ? value : nil
    }
}

private struct RecordingJSONParser {
    let text: [UInt8]
    private var index = 0

    init(text: [UInt8]) { self.text = text }

    var isAtEnd: Bool { index == text.count }

    mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0D { index += 1 }
    }

    mutating func value(depth: Int) -> RecordingJSON? {
        guard depth <= 16 else { return nil }
        skipSpace()
        switch peek {
        case UInt8(ascii: "\""): return string().map { .string($0) }
        case UInt8(ascii: "["): return array(depth)
        case UInt8(ascii: "{"): return object(depth)
        case UInt8(ascii: "n"): return word("null") ? .null : nil
        case UInt8(ascii: "t"): return word("true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return word("false") ? .bool(false) : nil
        default: return number()
        }
    }

    private var peek: UInt8? { index < text.count ? text[index] : nil }

    private mutating func take(_ byte: Character) -> Bool {
        skipSpace()
        guard peek == byte.asciiValue else { return false }
        index += 1
        return true
    }

    private mutating func word(_ word: String) -> Bool {
        guard text[index...].starts(with: word.utf8) else { return false }
        index += word.utf8.count
        return true
    }

    private mutating func array(_ depth: Int) -> RecordingJSON? {
        guard take("[") else { return nil }
        var values: [RecordingJSON] = []
        if take("]") { return .array(values) }
        repeat {
            guard let value = value(depth: depth + 1) else { return nil }
            values.append(value)
        } while take(",")
        return take("]") ? .array(values) : nil
    }

    private mutating func object(_ depth: Int) -> RecordingJSON? {
        guard take("{") else { return nil }
        var members: [String: RecordingJSON] = [:]
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            guard let key = string(), take(":"), let value = value(depth: depth + 1) else { return nil }
            guard members.updateValue(value, forKey: String(decoding: key, as: UTF8.self)) == nil else { return nil }
        } while take(",")
        return take("}") ? .object(members) : nil
    }

    private mutating func number() -> RecordingJSON? {
        var isNegative = false
        if peek == UInt8(ascii: "-") {
            isNegative = true
            index += 1
        }
        guard let whole = digits(maximum: 18) else { return nil }
        var nanos: Int64 = 0
        if peek == UInt8(ascii: ".") {
            index += 1
            let start = index
            guard let fraction = digits(maximum: 18) else { return nil }
            let places = index - start
            nanos = fraction
            // Nine places are kept; further ones are below a nanosecond.
            for _ in places..<max(places, 9) { nanos *= 10 }
            for _ in 9..<max(places, 9) { nanos /= 10 }
        }
        return isNegative ? .number(-whole, nanos: -nanos) : .number(whole, nanos: nanos)
    }

    private mutating func digits(maximum: Int) -> Int64? {
        let start = index
        var number: Int64 = 0
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            guard index - start < maximum else { return nil }
            number = number * 10 + Int64(byte - UInt8(ascii: "0"))
            index += 1
        }
        return index > start ? number : nil
    }

    /// The bytes that a string means, valid UTF-8.
    private mutating func string() -> [UInt8]? {
        guard take("\"") else { return nil }
        var bytes: [UInt8] = []
        while true {
            let end = text.withUnsafeBytes { PlainRun.endOfString(in: $0, from: index) }
            bytes += text[index..<end]
            index = end
            guard let byte = peek, byte >= 0x20 else { return nil }
            index += 1
            if byte == UInt8(ascii: "\"") { break }
            guard let scalar = escape() else { return nil }
            if scalar.isASCII { bytes.append(UInt8(scalar.value)) } else { bytes += Array(String(Character(scalar)).utf8) }
        }
        return isUTF8(bytes) ? bytes : nil
    }

    private func isUTF8(_ bytes: [UInt8]) -> Bool {
        do {
            _ = try UTF8Span(validating: bytes.span)
            return true
        } catch {
            return false
        }
    }

    /// What stands after a backslash.
    private mutating func escape() -> Unicode.Scalar? {
        guard let byte = peek else { return nil }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "u"): break
        default: return nil
        }
        guard let first = hexadecimal() else { return nil }
        guard (0xD800...0xDBFF).contains(first) else { return Unicode.Scalar(first) }
        guard text[index...].starts(with: "\\u".utf8) else { return nil }
        index += 2
        guard let second = hexadecimal(), (0xDC00...0xDFFF).contains(second) else { return nil }
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    }

    private mutating func hexadecimal() -> UInt32? {
        guard text.count - index >= 4 else { return nil }
        var value: UInt32 = 0
        for byte in text[index..<(index + 4)] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        index += 4
        return value
    }
}
