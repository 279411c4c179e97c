// SPDX-License-Identifier: Apache-2.0
// SECURITY: raw memory. Room is made before each write for the most that it can take, and counted afterwards.

/// Lines of a recording, made byte by byte: a busy terminal passes through here. The memory is used again and again.
package struct JSONLine: ~Copyable {
    private var storage: UnsafeMutableRawBufferPointer
    private var count = 0

    package init(capacity: Int = 256) { storage = .allocate(byteCount: max(capacity, 64), alignment: 16) }

    deinit { storage.deallocate() }

    /// A copy of the bytes.
    var bytes: [UInt8] { withBytes { Array($0) } }

    package var isEmpty: Bool { count == 0 }

    /// Lends the bytes.
    package func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(rebasing: storage[..<count]))
    }

    /// Forgets the bytes and keeps the memory.
    package mutating func removeAll() { count = 0 }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// `[12.000345, "o", `
    mutating func append(event code: UInt8, at time: Duration) {
        let microseconds = UInt64(clamping: time.attoseconds / 1_000_000_000_000)
        append(byte: UInt8(ascii: "["))
        append(microseconds / 1_000_000, digits: 1)
        append(byte: UInt8(ascii: "."))
        append(microseconds % 1_000_000, digits: 6)
        let space = reserve(7)
        space[0] = UInt8(ascii: ",")
        space[1] = UInt8(ascii: " ")
        space[2] = UInt8(ascii: "\"")
        space[3] = code
        space[4] = UInt8(ascii: "\"")
        space[5] = UInt8(ascii: ",")
        space[6] = UInt8(ascii: " ")
        commit(7)
    }

    /// Appends a number in decimal, with zeros before it where it has fewer digits. A key's echo has two of them: no string
    /// is made.
    mutating func append(_ number: UInt64, digits minimum: Int) {
        var (length, rest) = (1, number / 10)
        while rest > 0 { (length, rest) = (length + 1, rest / 10) }
        length = max(length, minimum)
        let space = reserve(length)
        rest = number
        for index in stride(from: length - 1, through: 0, by: -1) {
            space[index] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        commit(length)
    }

    /// Appends a JSON string. Returns whether it says exactly these bytes; what is not UTF-8 becomes U+FFFD.
    @discardableResult
    mutating func append(quoting text: UnsafeRawBufferPointer) -> Bool {
        append(byte: UInt8(ascii: "\""))
        // The longest that a byte becomes is an escape of six; and plain text is written eight bytes at a time.
        let (length, isExact) = JSONQuoting.write(text, to: reserve(6 * text.count + 8))
        commit(length)
        append(byte: UInt8(ascii: "\""))
        return isExact
    }

    @discardableResult
    mutating func append(quoting text: [UInt8]) -> Bool { text.withUnsafeBytes { append(quoting: $0) } }

    /// Appends bytes in base64, which a JSON string holds as it is.
    mutating func append(base64 data: UnsafeRawBufferPointer) {
        append(byte: UInt8(ascii: "\""))
        commit(Base64.write(data, to: reserve(Base64.length(of: data.count))))
        append(byte: UInt8(ascii: "\""))
    }

    private mutating func append(byte: UInt8) {
        reserve(1)[0] = byte
        commit(1)
    }

    private mutating func append(_ more: UnsafeRawBufferPointer) {
        guard !more.isEmpty else { return }
        reserve(more.count).copyMemory(from: more)
        commit(more.count)
    }

    /// Memory of at least `minimum` bytes behind what is there.
    private mutating func reserve(_ minimum: Int) -> UnsafeMutableRawBufferPointer {
        if storage.count - count < minimum {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(2 * storage.count, count + minimum), alignment: 16)
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[..<count]))
            storage.deallocate()
            storage = larger
        }
        return UnsafeMutableRawBufferPointer(rebasing: storage[count...])
    }

    private mutating func commit(_ more: Int) {
        precondition(more >= 0 && more <= storage.count - count)
        count += more
    }
}

/// The inside of a JSON string.
enum JSONQuoting {
    /// Writes `text` as it stands between quotes.
    ///
    /// - Parameter target: at least six bytes for each of `text`, and eight more.
    /// - Returns: how many bytes were written, and whether they say exactly `text`.
    static func write(_ text: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) -> (length: Int, isExact: Bool) {
        precondition(target.count >= 6 * text.count + 8)
        var (isExact, index, end) = (true, 0, 0)
        while index < text.count {
            // Eight at a time. The word is stored whole: what is behind its plain bytes is overwritten.
            if index + 8 <= text.count {
                let word = text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                target.storeBytes(of: word, toByteOffset: end, as: UInt64.self)
                let plain = PlainRun.length(in: UInt64(littleEndian: word))
                index += plain
                end += plain
                if plain == 8 { continue }
            }
            let byte = text[index]
            if PlainRun.isPlain(byte) {
                target[end] = byte
                index += 1
                end += 1
            } else if byte < 0x80 {
                end += escape(byte, to: target, at: end)
                index += 1
            } else {
                let character = UnsafeBufferPointer<UInt8>(rebasing: text.assumingMemoryBound(to: UInt8.self)[index...])
                switch UTF8Step(character) {
                case .scalar(_, let length):
                    for _ in 0..<length {
                        target[end] = text[index]
                        index += 1
                        end += 1
                    }
                case .invalid(let length):
                    (isExact, index) = (false, index + length)
                    end += replace(in: target, at: end)
                case .incomplete:
                    (isExact, index) = (false, text.count)
                    end += replace(in: target, at: end)
                }
            }
        }
        return (end, isExact)
    }

    private static func replace(in target: UnsafeMutableRawBufferPointer, at place: Int) -> Int {
        for (index, byte) in UTF8Step.replacement.enumerated() { target[place + index] = byte }
        return UTF8Step.replacement.count
    }

    /// RFC 8259 §7: quote, backslash and controls cannot stand as they are.
    private static func escape(_ byte: UInt8, to target: UnsafeMutableRawBufferPointer, at place: Int) -> Int {
        target[place] = UInt8(ascii: "\\")
        switch byte {
        case UInt8(ascii: "\n"): target[place + 1] = UInt8(ascii: "n")
        case UInt8(ascii: "\r"): target[place + 1] = UInt8(ascii: "r")
        case UInt8(ascii: "\t"): target[place + 1] = UInt8(ascii: "t")
        case 0x08: target[place + 1] = UInt8(ascii: "b")
        case 0x0C: target[place + 1] = UInt8(ascii: "f")
        case 0x20...: target[place + 1] = byte
        default:
            let low = byte & 15
            target[place + 1] = UInt8(ascii: "u")
            target[place + 2] = UInt8(ascii: "0")
            target[place + 3] = UInt8(ascii: "0")
            target[place + 4] = UInt8(ascii: "0") + (byte >> 4)
            target[place + 5] = low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10
            return 6
        }
        return 2
    }
}

/// The bytes that stand in a JSON string as they are: ASCII without controls, quote and backslash.
enum PlainRun {
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// How many of the eight bytes of a word there are before the first other one; the first byte is the lowest.
    static func length(in word: UInt64) -> Int {
        // Mycroft's test for a byte below a limit. What it borrows goes upwards, so that the lowest byte found is right.
        let others = below(word, 0x20) | below(word ^ (ones &* 0x22), 1) | below(word ^ (ones &* 0x5C), 1) | word
        return (others & (ones &* 0x80)).trailingZeroBitCount / 8
    }

    /// The high bit of some byte is set exactly where one is below `limit`, of which none has its own high bit set.
    private static func below(_ word: UInt64, _ limit: UInt64) -> UInt64 { (word &- ones &* limit) & ~word }

    /// The index behind the printable ASCII that begins at `start`.
    static func endOfPrintable(in text: UnsafeRawBufferPointer, from start: Int) -> Int {
        end(in: text, from: start) { word in below(word, 0x20) | below(word ^ (ones &* 0x7F), 1) | word }
    }

    /// The index of the first byte from `start` on that a JSON string has not as it is: quote, backslash, control.
    static func endOfString(in text: UnsafeRawBufferPointer, from start: Int) -> Int {
        end(in: text, from: start) { word in
            below(word, 0x20) | below(word ^ (ones &* 0x22), 1) | below(word ^ (ones &* 0x5C), 1)
        }
    }

    /// The index of the first escape, or first byte of a character of several, from `start` on.
    static func endOfText(in text: UnsafeRawBufferPointer, from start: Int) -> Int {
        end(in: text, from: start) { word in below(word ^ (ones &* 0x1B), 1) | (word & word << 1) }
    }

    /// - Parameter others: sets the high bit of the lowest byte that ends the run, and of none below it.
    @inline(__always)
    private static func end(in text: UnsafeRawBufferPointer, from start: Int, _ others: (UInt64) -> UInt64) -> Int {
        var index = start
        while index + 8 <= text.count {
            let found = others(UInt64(littleEndian: text.loadUnaligned(fromByteOffset: index, as: UInt64.self))) & (ones &* 0x80)
            if found != 0 { return index + found.trailingZeroBitCount / 8 }
            index += 8
        }
        // The last few bytes, each as a word that ends nothing otherwise.
        while index < text.count {
            if others(ones &* 0x40 & ~0xFF | UInt64(text[index])) & 0x80 != 0 { break }
            index += 1
        }
        return index
    }

    static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }
}
