// SPDX-License-Identifier: Apache-2.0

/// Finds the commands of the user to Stint itself in what they type: `~` at the start of a line, and a key, as in
/// ssh(1).
///
///     line start ── ~ ──▶ tilde ── a command's key ──▶ command, line start again
///         ▲                 ├───── ~ ───────────────▶ one ~ goes to the program
///         └── return ──     └───── any other ───────▶ ~ and the key go to the program
package struct EscapeKeys: Sendable {
    package enum Command: UInt8, Sendable, CaseIterable {
        case end = 0x2E  // ~.
        case help = 0x3F  // ~?
        case timeLeft = 0x74  // ~t
        case moreTime = 0x2B  // ~+
    }

    package enum Segment: Equatable, Sendable {
        /// For the program.
        case forward([UInt8])
        /// For us.
        case command(Command)
    }

    private enum State { case lineStart, tilde, inLine }

    private var state = State.lineStart

    package init() {}

    /// Takes what was typed and gives its parts in order. A tilde at the end waits for the next key.
    package mutating func feed(_ bytes: [UInt8]) -> [Segment] {
        // Nearly every key: one byte, no tilde.
        if state != .tilde, !bytes.contains(Self.tilde) {
            if let last = bytes.last { state = Self.state(after: last) }
            return bytes.isEmpty ? [] : [.forward(bytes)]
        }
        var segments: [Segment] = []
        var forward: [UInt8] = []
        for byte in bytes {
            if state == .lineStart, byte == Self.tilde {
                state = .tilde
            } else if state == .tilde, let command = Command(rawValue: byte) {
                if !forward.isEmpty { segments.append(.forward(forward)) }
                forward = []
                segments.append(.command(command))
                state = .lineStart
            } else {
                if state == .tilde, byte != Self.tilde { forward.append(Self.tilde) }
                forward.append(byte)
                state = Self.state(after: byte)
            }
        }
        if !forward.isEmpty { segments.append(.forward(forward)) }
        return segments
    }

    /// What still waited when the input ended.
    package mutating func finish() -> [Segment] {
        defer { state = .lineStart }
        return state == .tilde ? [.forward([Self.tilde])] : []
    }

    private static let tilde = UInt8(ascii: "~")

    private static func state(after byte: UInt8) -> State {
        byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") ? .lineStart : .inLine
    }
}
