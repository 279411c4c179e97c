// SPDX-License-Identifier: Apache-2.0

/// What the bytes at one place are in UTF-8 (The Unicode Standard, table 3-7).
enum UTF8Step: Equatable {
    /// One character.
    case scalar(UInt32, length: Int)
    /// Not UTF-8: so many bytes stand for one U+FFFD (the longest start of a character, or one byte).
    case invalid(length: Int)
    /// The start of a character whose rest has not come yet.
    case incomplete

    /// U+FFFD, which stands for what is not UTF-8.
    static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    /// - Parameter bytes: not empty.
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        let first = bytes[0]
        if first < 0x80 {
            self = .scalar(UInt32(first), length: 1)
            return
        }
        let length: Int
        // The second byte is limited where longer forms of shorter characters, surrogates and what is beyond
        // U+10FFFF would be possible.
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default:
            self = .invalid(length: 1)
            return
        }
        var value = UInt32(first) & (0x7F >> UInt32(length))
        for index in 1..<length {
            guard index < bytes.count else {
                self = .incomplete
                return
            }
            let allowed = index == 1 ? second : 0x80...0xBF
            guard allowed.contains(bytes[index]) else {
                self = .invalid(length: index)
                return
            }
            value = value << 6 | UInt32(bytes[index] & 0x3F)
        }
        self = .scalar(value, length: length)
    }
}

/// Characters that change what the reader of a text believes to see.
enum Deception {
    /// The controls of writing direction, which can turn the order of a line around ("Trojan Source").
    static func changesDirection(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x061C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// C0 without exceptions, delete, and C1.
    static func isControl(_ scalar: UInt32) -> Bool { scalar < 0x20 || (0x7F...0x9F).contains(scalar) }
}
