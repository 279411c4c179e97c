// SPDX-License-Identifier: Apache-2.0
// SECURITY: what comes out draws, and does nothing else: it makes a terminal send no byte, set no title or clipboard,
// print nothing, and change no mode that outlives `resetSequence`. What is not known to draw is dropped.

/// Makes the recorded output of another's session safe for the terminal of whoever looks at it.
///
/// Let through: printable UTF-8, line and carriage control, and the CSI sequences in ``ControlSequence``. Dropped: OSC,
/// DCS, APC, PM and SOS with their content, queries, modes of the mouse, keyboard and paste, C1, and the direction
/// controls of Unicode. What is not UTF-8 shows as U+FFFD. State is kept between calls, so that pieces may be cut
/// anywhere.
package struct OutputSanitiser: Sendable {
    private enum State: Equatable {
        case text
        case escape
        /// An escape with intermediate bytes, such as `ESC ( 0`: dropped with its last byte.
        case escapeIntermediate
        case controlSequence
        /// OSC and its like, up to their end.
        case string(endsWithBell: Bool, length: Int)
    }

    /// A string that goes on longer hides what a session showed; its rest is shown as text.
    private static let maximumString = 64 * 1024

    private var state = State.text
    private var sequence = ControlSequence()
    /// The start of a character that was cut between two pieces.
    private var carry: [UInt8] = []
    private var isInAlternateScreen = false

    package init() {}

    /// Takes the next piece and gives what may be shown.
    package mutating func feed(_ bytes: [UInt8]) -> [UInt8] {
        let all = carry.isEmpty ? bytes : carry + bytes
        carry = []
        var shown: [UInt8] = []
        shown.reserveCapacity(all.count)
        all.withUnsafeBufferPointer { buffer in
            var rest = buffer
            while !rest.isEmpty {
                let length = take(rest, &shown)
                rest = UnsafeBufferPointer(rebasing: rest[length...])
            }
        }
        return shown
    }

    /// Puts a terminal back that was left in the middle: screen, scroll region, colours, modes, cursor.
    package var resetSequence: [UInt8] {
        // Leaving the alternate screen without being in it would move the cursor.
        let leave = isInAlternateScreen ? "\u{1b}[?1049l" : ""
        return Array((leave + "\u{1b}[m\u{1b}7\u{1b}[r\u{1b}8\u{1b}[?6l\u{1b}[?7h\u{1b}[4l\u{1b}[?25h").utf8)
    }

    /// Takes from the start of the bytes and returns how many.
    private mutating func take(_ bytes: UnsafeBufferPointer<UInt8>, _ shown: inout [UInt8]) -> Int {
        let byte = bytes[0]
        switch state {
        case .text: return takeText(bytes, &shown)
        case .escape: return takeEscape(byte, &shown)
        case .escapeIntermediate:
            if byte == Self.escape { state = .escape } else if !(0x20...0x2F).contains(byte) { state = .text }
            return 1
        case .controlSequence: return takeSequence(byte, &shown)
        case .string(let endsWithBell, let length):
            if byte == Self.escape {
                state = .escape  // of `ESC \`, or of a sequence that breaks the string off
            } else if Self.cancels(byte) || (endsWithBell && byte == 0x07) || length == Self.maximumString {
                state = .text
            } else {
                state = .string(endsWithBell: endsWithBell, length: length + 1)
            }
            return 1
        }
    }

    private mutating func takeText(_ bytes: UnsafeBufferPointer<UInt8>, _ shown: inout [UInt8]) -> Int {
        let plain = PlainRun.endOfPrintable(in: UnsafeRawBufferPointer(bytes), from: 0)
        if plain > 0 {
            shown += bytes[..<plain]
            return plain
        }
        switch UTF8Step(bytes) {
        case .scalar(let scalar, let length):
            if scalar == 0x1B {
                state = .escape
            } else if scalar < 0x80 {
                if Self.isLayout(UInt8(scalar)) { shown.append(UInt8(scalar)) }
            } else if Deception.changesDirection(scalar) {
                shown += UTF8Step.replacement
            } else if !Deception.isControl(scalar) {
                shown += bytes[..<length]
            }
            return length
        case .invalid(let length):
            shown += UTF8Step.replacement
            return length
        case .incomplete:
            carry = Array(bytes)
            return bytes.count
        }
    }

    private mutating func takeEscape(_ byte: UInt8, _ shown: inout [UInt8]) -> Int {
        state = .text
        switch byte {
        case UInt8(ascii: "["):
            sequence = ControlSequence()
            state = .controlSequence
        case UInt8(ascii: "]"): state = .string(endsWithBell: true, length: 0)
        case UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"):
            state = .string(endsWithBell: false, length: 0)
        case 0x20...0x2F: state = .escapeIntermediate
        case Self.escape: state = .escape
        // Save and restore the cursor; index, next line, reverse index.
        case UInt8(ascii: "7"), UInt8(ascii: "8"), UInt8(ascii: "D"), UInt8(ascii: "E"), UInt8(ascii: "M"):
            shown += [Self.escape, byte]
        case 0x80...: return 0  // no part of an escape: looked at again as text
        default:
            if Self.isLayout(byte) {
                // Controls work inside of sequences too.
                shown.append(byte)
                state = .escape
            }
        }
        return 1
    }

    private mutating func takeSequence(_ byte: UInt8, _ shown: inout [UInt8]) -> Int {
        switch byte {
        case Self.escape: state = .escape
        case 0x18, 0x1A: state = .text
        case ..<0x20: if Self.isLayout(byte) { shown.append(byte) }
        case 0x20...0x3F: sequence.append(byte)
        case 0x40...0x7E:
            state = .text
            let allowed = sequence.allowed(final: byte)
            if let screen = allowed.alternateScreen { isInAlternateScreen = screen }
            shown += allowed.bytes
        case 0x7F: break
        default:
            state = .text
            return 0
        }
        return 1
    }

    private static let escape: UInt8 = 0x1B

    /// New line, carriage return, tabulator, backspace.
    private static func isLayout(_ byte: UInt8) -> Bool { (0x08...0x0A).contains(byte) || byte == 0x0D }

    /// CAN and SUB break any sequence off.
    private static func cancels(_ byte: UInt8) -> Bool { byte == 0x18 || byte == 0x1A }
}
