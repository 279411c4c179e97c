// SPDX-License-Identifier: Apache-2.0

/// What somebody presses while a recording plays.
enum ReplayKey: Equatable {
    case character(UInt8)
    case left, right, up, down, enter, backspace, escape
    /// Ctrl-C or Ctrl-D.
    case interrupt

    /// The keys of one read. A sequence that is cut in two counts as an escape, and as the keys behind it.
    static func decode(_ bytes: [UInt8]) -> [ReplayKey] {
        var keys: [ReplayKey] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            switch byte {
            case 0x03, 0x04: keys.append(.interrupt)
            case 0x0A, 0x0D: keys.append(.enter)
            case 0x08, 0x7F: keys.append(.backspace)
            case 0x1B: keys.append(sequence(&rest) ?? .escape)
            case 0x20...0xFF: keys.append(.character(byte))
            default: break
            }
        }
        return keys
    }

    /// An arrow, in either of the forms that terminals send (xterm's ctlseqs, "cursor keys").
    private static func sequence(_ rest: inout ArraySlice<UInt8>) -> ReplayKey? {
        guard rest.count >= 2, let first = rest.first, first == UInt8(ascii: "[") || first == UInt8(ascii: "O") else { return nil }
        let key: ReplayKey
        switch rest[rest.startIndex + 1] {
        case UInt8(ascii: "A"): key = .up
        case UInt8(ascii: "B"): key = .down
        case UInt8(ascii: "C"): key = .right
        case UInt8(ascii: "D"): key = .left
        default: return nil
        }
        rest = rest.dropFirst(2)
        return key
    }
}
