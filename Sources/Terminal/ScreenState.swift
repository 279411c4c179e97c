// SPDX-License-Identifier: Apache-2.0

/// What a terminal is in the middle of, after the bytes that were written to it: whether a line of ours would garble a
/// sequence, a character, or the picture of a full-screen program.
package struct ScreenState: Sendable {
    private enum State: Equatable {
        case text
        /// Inside a character of UTF-8: so many bytes follow.
        case character(missing: Int)
        case escape
        case sequence
        /// OSC, DCS and their like, up to BEL or ST.
        case string
    }

    private var state = State.text
    /// Between `ESC [` and its final byte: modes of the screen are short.
    private var body: [UInt8] = []
    /// Whether a full-screen program has taken the whole window (the alternate screen of xterm).
    package private(set) var isFullScreen = false

    private static let longestBody = 32
    private static let escape: UInt8 = 0x1B

    package init() {}

    /// Whether bytes of ours may stand between what came and what comes.
    package var isBetween: Bool { state == .text }

    package mutating func feed(_ bytes: UnsafeRawBufferPointer) {
        var index = 0
        while index < bytes.count {
            if state == .text {
                // Nearly everything: plain text up to the next escape or longer character.
                index = PlainRun.endOfText(in: bytes, from: index)
                guard index < bytes.count else { return }
            }
            take(bytes[index])
            index += 1
        }
    }

    private mutating func take(_ byte: UInt8) {
        switch state {
        case .text: begin(byte)
        case .character(let missing):
            guard byte & 0xC0 == 0x80 else { return begin(byte) }
            state = missing > 1 ? .character(missing: missing - 1) : .text
        case .escape:
            switch byte {
            case UInt8(ascii: "["): (state, body) = (.sequence, [])
            case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"): state = .string
            case 0x20...0x2F, Self.escape: break  // the final byte follows
            default: state = .text
            }
        case .sequence:
            switch byte {
            case 0x40...0x7E: endSequence(byte)
            case Self.escape: state = .escape
            case 0x18, 0x1A: state = .text
            default: if body.count < Self.longestBody { body.append(byte) }
            }
        case .string:
            switch byte {
            case 0x07, 0x18, 0x1A: state = .text
            case Self.escape: state = .escape  // of ST, whose backslash ends the escape
            default: break
            }
        }
    }

    private mutating func begin(_ byte: UInt8) {
        switch byte {
        case Self.escape: state = .escape
        case 0xC2...0xDF: state = .character(missing: 1)
        case 0xE0...0xEF: state = .character(missing: 2)
        case 0xF0...0xF4: state = .character(missing: 3)
        default: state = .text
        }
    }

    private mutating func endSequence(_ final: UInt8) {
        state = .text
        guard body.first == UInt8(ascii: "?"), final == UInt8(ascii: "h") || final == UInt8(ascii: "l") else { return }
        let modes = body.dropFirst().split(separator: UInt8(ascii: ";")).map { String(decoding: $0, as: UTF8.self) }
        if modes.contains(where: { ["47", "1047", "1049"].contains($0) }) { isFullScreen = final == UInt8(ascii: "h") }
    }
}
