// SPDX-License-Identifier: Apache-2.0

/// A line of a recording, made byte by byte: a busy terminal passes through here.
struct JSONLine {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    mutating func append(_ text: String) { bytes += text.utf8 }

    /// `[12.000345, "o", `
    mutating func append(event code: UInt8, at time: Duration) {
        let (seconds, attoseconds) = time.components
        let micros = String(attoseconds / 1_000_000_000_000)
        append("[\(seconds).")
        for _ in micros.utf8.count..<6 { bytes.append(UInt8(ascii: "0")) }
        append(micros)
        append(", \"")
        bytes.append(code)
        append("\", ")
    }

    /// Appends a JSON string. Returns whether it says exactly these bytes; what is not UTF-8 becomes U+FFFD.
    @discardableResult
    mutating func append(quoting text: [UInt8]) -> Bool {
        bytes.append(UInt8(ascii: "\""))
        let isExact = text.withUnsafeBufferPointer { quote($0) }
        bytes.append(UInt8(ascii: "\""))
        return isExact
    }

    /// Appends bytes in base64, which a JSON string holds as it is.
    mutating func append(base64 data: [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        bytes += Base64.encode(data)
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func quote(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var isExact = true
        var index = 0
        while index < text.count {
            let plain = PlainRun.length(in: text, from: index)
            if plain > 0 { bytes += UnsafeBufferPointer(rebasing: text[index..<index + plain]) }
            index += plain
            guard index < text.count else { break }
            if text[index] < 0x80 {
                escape(text[index])
                index += 1
                continue
            }
            let character = UnsafeBufferPointer(rebasing: text[index...])
            switch UTF8Step(character) {
            case .scalar(_, let length):
                bytes += character[..<length]
                index += length
            case .invalid(let length):
                (isExact, index) = (false, index + length)
                bytes += UTF8Step.replacement
            case .incomplete:
                (isExact, index) = (false, text.count)
                bytes += UTF8Step.replacement
            }
        }
        return isExact
    }

    /// RFC 8259 §7: quote, backslash and controls cannot stand as they are.
    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\n"): bytes.append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): bytes.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): bytes.append(UInt8(ascii: "t"))
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x20...: bytes.append(byte)
        default:
            let low = byte & 15
            bytes += [
                UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0"), UInt8(ascii: "0") + (byte >> 4),
                low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10,
            ]
        }
    }
}

/// The bytes that stand in a JSON string as they are: ASCII without controls, quote and backslash.
enum PlainRun {
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// How many of them there are from `start` on.
    static func length(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var index = start
        // Eight at a time, as long as none of the eight is another: Mycroft's test for a byte below a limit.
        let raw = UnsafeRawBufferPointer(text)
        while index + 8 <= text.count {
            let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let others = below(word, 0x20) | below(word ^ (ones &* 0x22), 1) | below(word ^ (ones &* 0x5C), 1) | word
            guard others & (ones &* 0x80) == 0 else { break }
            index += 8
        }
        while index < text.count, isPlain(text[index]) { index += 1 }
        return index - start
    }

    /// The high bit of some byte is set exactly where one is below `limit`, of which none has its own high bit set.
    private static func below(_ word: UInt64, _ limit: UInt64) -> UInt64 { (word &- ones &* limit) & ~word }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
}
