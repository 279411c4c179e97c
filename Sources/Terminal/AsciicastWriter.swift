// SPDX-License-Identifier: Apache-2.0

/// Writes a recording as asciicast v2 (docs.asciinema.org/manual/asciicast/v2): a header line, then one line for each
/// event, `[seconds, code, text]`. It makes the bytes; the caller stores them.
///
/// Nothing is lost: where the bytes of a terminal are not UTF-8, the event shows U+FFFD and the next line is an event
/// of code `x` at the same time, with all the bytes of the event before in base64. Players skip codes they do not know.
/// A piece of a command's stream that is no text at all (an archive, an image) shows only how long it is, and `x` has it.
package struct AsciicastWriter: Sendable {
    private enum Side { case output, input }

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

    /// What the terminal showed. May be no line: the bytes may be the start of a character.
    ///
    /// - Parameter time: since the start of the recording. A time before that of the event before counts as that.
    package mutating func output(_ bytes: UnsafeRawBufferPointer, at time: Duration, to lines: inout JSONLine) {
        withWholeCharacters(of: bytes, .output) { writer, text in writer.write(UInt8(ascii: "o"), text, time, to: &lines) }
    }

    /// What a command without a terminal wrote: mostly text, and sometimes none at all.
    package mutating func data(_ bytes: UnsafeRawBufferPointer, at time: Duration, to lines: inout JSONLine) {
        withWholeCharacters(of: bytes, .output) { writer, text in writer.writeData(UInt8(ascii: "o"), text, time, to: &lines) }
    }

    /// What the operator typed, or sent to a command.
    package mutating func input(_ bytes: UnsafeRawBufferPointer, at time: Duration, to lines: inout JSONLine) {
        withWholeCharacters(of: bytes, .input) { writer, text in writer.writeData(UInt8(ascii: "i"), text, time, to: &lines) }
    }

    package mutating func output(_ bytes: [UInt8], at time: Duration) -> [UInt8] {
        var lines = JSONLine()
        bytes.withUnsafeBytes { output($0, at: time, to: &lines) }
        return lines.bytes
    }

    package mutating func data(_ bytes: [UInt8], at time: Duration) -> [UInt8] {
        var lines = JSONLine()
        bytes.withUnsafeBytes { data($0, at: time, to: &lines) }
        return lines.bytes
    }

    package mutating func input(_ bytes: [UInt8], at time: Duration) -> [UInt8] {
        var lines = JSONLine()
        bytes.withUnsafeBytes { input($0, at: time, to: &lines) }
        return lines.bytes
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
        var lines = JSONLine()
        position(offsets, at: time, to: &lines)
        return lines.bytes
    }

    package mutating func position(_ offsets: [UInt64], at time: Duration, to lines: inout JSONLine) {
        last = max(last, time)
        lines.append(event: UInt8(ascii: "p"), at: last)
        var separator = "\""
        for offset in offsets {
            lines.append(separator)
            lines.append(offset, digits: 1)
            separator = " "
        }
        lines.append(offsets.isEmpty ? "\"\"]\n" : "\"]\n")
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

    /// Lends the carried bytes and these, up to the last whole character; the rest is carried on. Nothing is copied where
    /// nothing was carried.
    private mutating func withWholeCharacters(
        of bytes: UnsafeRawBufferPointer, _ side: Side, _ body: (inout Self, UnsafeRawBufferPointer) -> Void
    ) {
        let carried = side == .output ? outputCarry : inputCarry
        guard carried.isEmpty else {
            carry([], side)
            return (carried + Array(bytes)).withUnsafeBytes { withWholeCharacters(of: $0, side, body) }
        }
        let kept = Self.incompleteSuffix(of: bytes)
        if kept > 0 { carry(Array(bytes.suffix(kept)), side) }
        if bytes.count > kept { body(&self, UnsafeRawBufferPointer(rebasing: bytes.dropLast(kept))) }
    }

    private mutating func carry(_ bytes: [UInt8], _ side: Side) {
        switch side {
        case .output: outputCarry = bytes
        case .input: inputCarry = bytes
        }
    }

    private mutating func event(_ code: UInt8, _ bytes: [UInt8], _ time: Duration) -> [UInt8] {
        var lines = JSONLine()
        bytes.withUnsafeBytes { write(code, $0, time, to: &lines) }
        return lines.bytes
    }

    private mutating func write(_ code: UInt8, _ bytes: UnsafeRawBufferPointer, _ time: Duration, to lines: inout JSONLine) {
        last = max(last, time)
        lines.append(event: code, at: last)
        let isExact = lines.append(quoting: bytes)
        lines.append("]\n")
        if !isExact { lines.append(exactly: bytes, at: last) }
    }

    private mutating func writeData(_ code: UInt8, _ bytes: UnsafeRawBufferPointer, _ time: Duration, to lines: inout JSONLine) {
        guard bytes.count >= 64, Self.isBinary(bytes) else { return write(code, bytes, time, to: &lines) }
        last = max(last, time)
        lines.append(event: code, at: last)
        lines.append("\"[\(bytes.count) bytes that are not text]\\r\\n\"]\n")
        lines.append(exactly: bytes, at: last)
    }

    /// Whether one byte of eight is no character, or a control that text does not have.
    ///
    /// A long piece is judged by its beginning. A wrong guess costs room and nothing else.
    private static func isBinary(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let text = UnsafeBufferPointer(rebasing: bytes.assumingMemoryBound(to: UInt8.self).prefix(1024))
        var strange = 0
        var index = 0
        while index < text.count {
            switch UTF8Step(UnsafeBufferPointer(rebasing: text[index...])) {
            case .scalar(let scalar, let length):
                if scalar < 0x20, !(0x07...0x0D).contains(scalar), scalar != 0x1B { strange += 1 }
                index += length
            case .invalid(let length):
                strange += length
                index += length
            case .incomplete: index = text.count
            }
        }
        return strange * 8 > text.count
    }

    /// How many bytes at the end are the start of a character.
    private static func incompleteSuffix(of bytes: UnsafeRawBufferPointer) -> Int {
        let buffer = bytes.assumingMemoryBound(to: UInt8.self)
        for length in 1...3 where length <= buffer.count {
            let suffix = UnsafeBufferPointer(rebasing: buffer[(buffer.count - length)...])
            if suffix[0] & 0xC0 == 0x80 { continue }  // in the middle of a character: look further back
            return UTF8Step(suffix) == .incomplete ? length : 0
        }
        return 0
    }
}

extension JSONLine {
    fileprivate mutating func append(exactly bytes: UnsafeRawBufferPointer, at time: Duration) {
        append(event: UInt8(ascii: "x"), at: time)
        append(base64: bytes)
        append("]\n")
    }
}
