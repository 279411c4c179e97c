// SPDX-License-Identifier: Apache-2.0

// SECURITY: text from outside cannot steer a terminal, nor show other words than it holds.

/// Makes text safe to show: what would move the cursor, start an escape sequence, reorder the line or hide
/// in it is written out as an escape, such as `\u{1b}`.
package enum PrintableText {
    package static func escaping(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where isUnsafe(scalar): result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Control characters (C0, DEL, C1), line and paragraph separators, and every character that reorders
    /// text or is invisible. The joiners U+200C and U+200D stay: Persian and emoji need them.
    package static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E: false
        case 0x00...0x1F, 0x7F...0x9F: true
        case 0xAD, 0x061C, 0x115F, 0x1160, 0x180E, 0x3164, 0xFFA0: true
        case 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x206F: true
        case 0xFEFF, 0xFFF9...0xFFFB, 0xE0000...0xE0FFF: true
        default: false
        }
    }
}
