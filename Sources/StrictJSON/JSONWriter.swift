// SPDX-License-Identifier: Apache-2.0
// SECURITY: the canonical form is what is signed. Equal values have the same canonical bytes, and
// unequal values have different ones.

extension JSONValue {
    /// Compact JSON, the members in their order.
    package var text: String { JSONWriter.write(self, as: .compact) }

    /// Compact JSON, the members sorted by the UTF-8 bytes of their keys, and only the escapes that
    /// JSON demands: `\"`, `\\`, `\b \f \n \r \t`, and `\u00xx` in lower case for other control characters.
    package var canonical: String { JSONWriter.write(self, as: .canonical) }

    /// JSON for people: two spaces of indentation, the members in their order, no line feed at the end.
    package var pretty: String { JSONWriter.write(self, as: .pretty) }
}

/// Writes a value's JSON into bytes.
struct JSONWriter {
    enum Style { case compact, canonical, pretty }

    private let style: Style
    private var bytes: [UInt8] = []

    static func write(_ value: JSONValue, as style: Style) -> String {
        var writer = JSONWriter(style: style)
        writer.append(value, depth: 0)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private init(style: Style) { self.style = style }

    private mutating func append(_ value: JSONValue, depth: Int) {
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .integer(let value): append(String(value))
        case .string(let value): appendQuoted(value)
        case .array(let elements):
            appendList(elements, open: "[", close: "]", depth: depth) { writer, element in
                writer.append(element, depth: depth + 1)
            }
        case .object(let object):
            let members = style == .canonical ? object.sortedMembers : object.members
            appendList(members, open: "{", close: "}", depth: depth) { writer, member in
                writer.appendQuoted(member.key)
                writer.append(writer.style == .pretty ? ": " : ":")
                writer.append(member.value, depth: depth + 1)
            }
        }
    }

    private mutating func appendList<Element>(
        _ elements: [Element], open: String, close: String, depth: Int,
        each appendElement: (inout JSONWriter, Element) -> Void
    ) {
        append(open)
        for (index, element) in elements.enumerated() {
            if index > 0 { append(",") }
            appendLineBreak(depth: depth + 1)
            appendElement(&self, element)
        }
        if !elements.isEmpty { appendLineBreak(depth: depth) }
        append(close)
    }

    private mutating func appendLineBreak(depth: Int) {
        guard style == .pretty else { return }
        append("\n" + String(repeating: "  ", count: depth))
    }

    private mutating func appendQuoted(_ string: String) {
        append("\"")
        // Most strings need no escape, and then all bytes go at once.
        if !string.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
            append(string)
            return append("\"")
        }
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\\"): append("\\\\")
            case 0x08: append("\\b")
            case 0x09: append("\\t")
            case 0x0A: append("\\n")
            case 0x0C: append("\\f")
            case 0x0D: append("\\r")
            case 0x00...0x0F: append("\\u000" + String(byte, radix: 16))
            case 0x10...0x1F: append("\\u00" + String(byte, radix: 16))
            default: bytes.append(byte)
            }
        }
        append("\"")
    }

    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }
}
