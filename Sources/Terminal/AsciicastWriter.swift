// SPDX-License-Identifier: Apache-2.0

/// Writes a recording as asciicast v2 (docs.asciinema.org/manual/asciicast/v2): a header line, then one line for each
/// event, `[seconds, code, text]`. It makes the bytes; the caller stores them.
///
/// Nothing is lost: where the bytes of a terminal are not UTF-8, the event shows U+FFFD and the next line is an event
/// of code `x` at the same time, with all the bytes of the event before in base64. Players skip codes they do not know.
package struct AsciicastWriter: Sendable {
    /// Bytes of a character whose rest has not come yet: at most 3.
    private var outputCarry: [UInt8] = []
    private var inputCarry: [UInt8] = []
    private var last = Duration.zero

    package init() {}

    /// Goes on with a recording whose last event is at `time`.
    package init(continuingAt time: Duration) { last = time }

    /// Bytes of output, and of input, that wait for the rest of their character and are in no event yet.
    package var carriedOutput: Int { outputCarry.count }
    package var carriedInput: Int { inputCarry.count }

    /// The first line.
    ///
    /// - Parameter timestamp: seconds since 1970 UTC.
    package func header(
        _ size: WindowSize, timestamp: Int64, title: String, term: String, shell: String
    ) -> [UInt8] {
        var line = JSONLine()
        line.append("{\"version\":2,\"width\":\(size.columns),\"height\":\(size.rows),\"timestamp\":\(timestamp),")
        line.append("\"title\":")
        line.append(quoting: Array(title.utf8))
        line.append(",\"env\":{\"TERM\":")
        line.append(quoting: Array(term.utf8))
        line.append(",\"SHELL\":")
        line.append(quoting: Array(shell.utf8))
        line.append("}}\n")
        return line.bytes
    }

    /// What the terminal showed. May be empty: the bytes may be the start of a character.
    ///
    /// - Parameter time: since the start of the recording. A time before that of the event before counts as that.
    package mutating func output(_ bytes: [UInt8], at time: Duration) -> [UInt8] {
        let text = Self.wholeCharacters(of: bytes, &outputCarry)
        return text.isEmpty ? [] : event(UInt8(ascii: "o"), text, time)
    }

    /// What the operator typed.
    package mutating func input(_ bytes: [UInt8], at time: Duration) -> [UInt8] {
        let text = Self.wholeCharacters(of: bytes, &inputCarry)
        return text.isEmpty ? [] : event(UInt8(ascii: "i"), text, time)
    }

    /// A new size of the terminal.
    package mutating func resize(_ size: WindowSize, at time: Duration) -> [UInt8] {
        event(UInt8(ascii: "r"), Array("\(size.columns)x\(size.rows)".utf8), time)
    }

    /// A point that players can jump to.
    package mutating func marker(_ label: String, at time: Duration) -> [UInt8] {
        event(UInt8(ascii: "m"), Array(label.utf8), time)
    }

    /// How many bytes of output, error output and input are in the events before: where a broker that was restarted goes
    /// on. An event of code `p`, which players skip.
    package mutating func position(_ offsets: [UInt64], at time: Duration) -> [UInt8] {
        event(UInt8(ascii: "p"), Array(offsets.map(String.init).joined(separator: " ").utf8), time)
    }

    /// The end of a chunk, with its digest. An event of code `h`, which players skip.
    package mutating func seal(_ text: String, at time: Duration) -> [UInt8] {
        event(UInt8(ascii: "h"), Array(text.utf8), time)
    }

    /// What was still carried when the recording ended: the start of a character that never came whole.
    package mutating func finish(at time: Duration) -> [UInt8] {
        var lines: [UInt8] = []
        for (code, carry) in [(UInt8(ascii: "i"), inputCarry), (UInt8(ascii: "o"), outputCarry)] where !carry.isEmpty {
            lines += event(code, carry, time)
        }
        inputCarry = []
        outputCarry = []
        return lines
    }

    /// The carried bytes and these, up to the last whole character; the rest is carried on.
    private static func wholeCharacters(of bytes: [UInt8], _ carry: inout [UInt8]) -> [UInt8] {
        var all = carry.isEmpty ? bytes : carry + bytes
        let kept = incompleteSuffix(of: all)
        carry = Array(all.suffix(kept))
        all.removeLast(kept)
        return all
    }

    private mutating func event(_ code: UInt8, _ bytes: [UInt8], _ time: Duration) -> [UInt8] {
        last = max(last, time)
        var line = JSONLine(capacity: bytes.count + bytes.count / 4 + 32)
        line.append(event: code, at: last)
        let isExact = line.append(quoting: bytes)
        line.append("]\n")
        if !isExact {
            line.append(event: UInt8(ascii: "x"), at: last)
            line.append(quoting: Base64.encode(bytes))
            line.append("]\n")
        }
        return line.bytes
    }

    /// How many bytes at the end are the start of a character.
    private static func incompleteSuffix(of bytes: [UInt8]) -> Int {
        bytes.withUnsafeBufferPointer { buffer in
            for length in 1...3 where length <= buffer.count {
                let suffix = UnsafeBufferPointer(rebasing: buffer[(buffer.count - length)...])
                if suffix[0] & 0xC0 == 0x80 { continue }  // in the middle of a character: look further back
                return UTF8Step(suffix) == .incomplete ? length : 0
            }
            return 0
        }
    }
}

/// A line of JSON that is made byte by byte.
private struct JSONLine {
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
        var isExact = true
        // No byte takes more than the six of `\u001b`.
        let quoted = [UInt8](unsafeUninitializedCapacity: text.count * 6 + 2) { buffer, count in
            var quote = JSONQuote(buffer)
            text.withUnsafeBufferPointer { quote.write($0) }
            count = quote.count
            isExact = quote.isExact
        }
        bytes += quoted
        return isExact
    }
}

/// Writes a JSON string into memory that has room for six times the text and two quotes: a busy terminal passes
/// through here.
private struct JSONQuote {
    private let out: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0
    /// False once something was not UTF-8.
    private(set) var isExact = true

    init(_ out: UnsafeMutableBufferPointer<UInt8>) { self.out = out }

    mutating func write(_ text: UnsafeBufferPointer<UInt8>) {
        put(UInt8(ascii: "\""))
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte < 0x80 {
                writeASCII(byte)
                index += 1
            } else {
                index += writeCharacter(UnsafeBufferPointer(rebasing: text[index...]))
            }
        }
        put(UInt8(ascii: "\""))
    }

    private mutating func put(_ byte: UInt8) {
        out[count] = byte
        count += 1
    }

    /// RFC 8259 §7: quote, backslash and controls cannot stand as they are.
    private mutating func writeASCII(_ byte: UInt8) {
        if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
            put(byte)
            return
        }
        put(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\n"): put(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): put(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): put(UInt8(ascii: "t"))
        case 0x08: put(UInt8(ascii: "b"))
        case 0x0C: put(UInt8(ascii: "f"))
        case 0x20...: put(byte)
        default:
            put(UInt8(ascii: "u"))
            put(UInt8(ascii: "0"))
            put(UInt8(ascii: "0"))
            put(UInt8(ascii: "0") + (byte >> 4))
            let low = byte & 15
            put(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
        }
    }

    /// Writes the character at the start, or U+FFFD, and returns how many bytes it has.
    private mutating func writeCharacter(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        let length: Int
        switch UTF8Step(text) {
        case .scalar(_, let count):
            for index in 0..<count { put(text[index]) }
            return count
        case .invalid(let count): length = count
        case .incomplete: length = text.count
        }
        isExact = false
        put(0xEF)
        put(0xBF)
        put(0xBD)
        return length
    }
}
