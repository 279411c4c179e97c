// SPDX-License-Identifier: Apache-2.0

/// The text of recorded output, line by line, for a search: without colours, without what moves the cursor, and safe to
/// show (``OutputSanitiser``).
///
/// What moves to another row ends a line; a backspace takes the character before it back. The picture of a full-screen
/// program is not made, only its words.
package struct OutputText: Sendable {
    package struct Line: Sendable, Equatable {
        /// When its first character came, since the start of the recording.
        package let at: Duration
        package let text: String

        package init(at: Duration, text: String) { (self.at, self.text) = (at, text) }
    }

    private enum State { case text, escape, sequence }

    /// Bytes of one line: a longer one is several.
    private static let longestLine = 1000

    private var sanitiser = OutputSanitiser()
    private var state = State.text
    private var line: [UInt8] = []
    private var begun = Duration.zero

    package init() {}

    /// Goes on with a line that is not whole.
    package init(continuing rest: Line) {
        line = Array(rest.text.utf8)
        begun = rest.at
    }

    /// The line that is not whole yet.
    package var rest: Line { Line(at: begun, text: String(decoding: line, as: UTF8.self)) }

    /// Takes the next output and gives the lines that are whole.
    package mutating func feed(_ bytes: [UInt8], at time: Duration) -> [Line] {
        var lines: [Line] = []
        let shown = sanitiser.feed(bytes)
        var index = 0
        while index < shown.count {
            index += takeRun(of: shown, from: index)
            guard index < shown.count else { break }
            let byte = shown[index]
            index += 1
            switch state {
            case .text: take(byte, at: time, &lines)
            case .escape:
                state = byte == UInt8(ascii: "[") ? .sequence : .text
                if state == .text { end(&lines) }
            case .sequence where (0x40...0x7E).contains(byte):
                state = .text
                finish(byte, at: time, &lines)
            case .sequence: break
            }
        }
        return lines
    }

    /// The last line, when nothing follows.
    package mutating func finish() -> [Line] {
        var lines: [Line] = []
        end(&lines)
        return lines
    }

    /// Takes plain characters behind others of their line, as far as the line goes, at once.
    ///
    /// - Returns: how many.
    private mutating func takeRun(of shown: [UInt8], from index: Int) -> Int {
        guard state == .text, !line.isEmpty else { return 0 }
        let end = min(shown.count, index + Self.longestLine - line.count)
        guard end > index else { return 0 }
        let last = shown.withUnsafeBytes { PlainRun.endOfPrintable(in: UnsafeRawBufferPointer(rebasing: $0[..<end]), from: index) }
        line += shown[index..<last]
        return last - index
    }

    private mutating func take(_ byte: UInt8, at time: Duration, _ lines: inout [Line]) {
        switch byte {
        case 0x1B: state = .escape
        case 0x0A, 0x0D: end(&lines)
        case 0x08: while let last = line.popLast(), last & 0xC0 == 0x80 {}
        case 0x09: append(0x20, at: time, &lines)
        default: append(byte, at: time, &lines)
        }
    }

    /// The final byte of a control sequence.
    private mutating func finish(_ byte: UInt8, at time: Duration, _ lines: inout [Line]) {
        switch byte {
        case UInt8(ascii: "A"), UInt8(ascii: "B"), UInt8(ascii: "E"), UInt8(ascii: "F"), UInt8(ascii: "H"), UInt8(ascii: "d"),
            UInt8(ascii: "f"), UInt8(ascii: "J"):
            end(&lines)
        case UInt8(ascii: "C"), UInt8(ascii: "G"): append(0x20, at: time, &lines)
        default: break
        }
    }

    private mutating func append(_ byte: UInt8, at time: Duration, _ lines: inout [Line]) {
        if line.count >= Self.longestLine, byte & 0xC0 != 0x80 { end(&lines) }
        if line.isEmpty {
            guard byte != 0x20 else { return }
            begun = time
        }
        line.append(byte)
    }

    private mutating func end(_ lines: inout [Line]) {
        while line.last == 0x20 { line.removeLast() }
        if !line.isEmpty { lines.append(rest) }
        line = []
    }
}
