// SPDX-License-Identifier: Apache-2.0

extension String {
    /// Whether both are the same bytes. `==` on `String` ignores differences of Unicode normalisation.
    package func hasSameBytes(as other: String) -> Bool {
        utf8.elementsEqual(other.utf8)
    }

    /// This text in quotes, for a message: short, and harmless to a terminal.
    ///
    /// Whatever is not printable ASCII is shown as `\u{…}`: a key or value from outside must not
    /// colour, hide or reorder the message that refuses it. Cut after 64 characters.
    package var quotedForMessage: String {
        var quoted = "\""
        for scalar in unicodeScalars.prefix(64) {
            switch scalar {
            case "\"", "\\": quoted += "\\" + String(scalar)
            case " "..."~": quoted.unicodeScalars.append(scalar)
            default: quoted += "\\u{" + String(scalar.value, radix: 16) + "}"
            }
        }
        return quoted + (unicodeScalars.dropFirst(64).isEmpty ? "\"" : "…\"")
    }
}

/// A string that hashes and compares by its UTF-8 bytes.
struct UTF8Key: Hashable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (one: UTF8Key, other: UTF8Key) -> Bool { one.text.hasSameBytes(as: other.text) }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
