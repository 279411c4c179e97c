// SPDX-License-Identifier: Apache-2.0
// SECURITY: text of others that reaches a terminal in a list or a message can neither control the terminal nor
// deceive about what is there.

/// Text of others for lists, messages and errors.
package enum DisplayText {
    /// The text with everything made visible that is not: controls and invalid bytes as `\x1b`, direction controls
    /// and line separators as `\u{202e}`. A backslash stays as it is: this is for reading, not for reading back.
    package static func escaped(_ text: String) -> String { escaped(Array(text.utf8)) }

    package static func escaped(_ bytes: [UInt8]) -> String {
        var shown: [UInt8] = []
        shown.reserveCapacity(bytes.count)
        bytes.withUnsafeBufferPointer { buffer in
            var rest = buffer
            while !rest.isEmpty {
                let length = append(rest, to: &shown)
                rest = UnsafeBufferPointer(rebasing: rest[length...])
            }
        }
        return String(decoding: shown, as: UTF8.self)
    }

    /// Appends the character at the start and returns how many bytes it has.
    private static func append(_ bytes: UnsafeBufferPointer<UInt8>, to shown: inout [UInt8]) -> Int {
        switch UTF8Step(bytes) {
        case .scalar(let scalar, let length):
            if scalar < 0x20 || scalar == 0x7F {
                shown += hexadecimal(UInt8(scalar))
            } else if isInvisible(scalar) {
                shown += Array("\\u{\(String(scalar, radix: 16))}".utf8)
            } else {
                shown += bytes[..<length]
            }
            return length
        case .invalid(let length):
            for byte in bytes[..<length] { shown += hexadecimal(byte) }
            return length
        case .incomplete:
            for byte in bytes { shown += hexadecimal(byte) }
            return bytes.count
        }
    }

    /// What is not seen, or breaks a line, or is seen elsewhere than it stands.
    private static func isInvisible(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0x200B...0x200D, 0x2028, 0x2029, 0x2060...0x2064, 0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE007F: true
        default: Deception.isControl(scalar) || Deception.changesDirection(scalar)
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return [UInt8(ascii: "\\"), UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
}
