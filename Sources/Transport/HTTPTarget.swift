// SPDX-License-Identifier: Apache-2.0
// SECURITY: a path has one spelling once decoded: no empty or dot segments, no encoded slash, no control character.

/// The target of a request: a path and a query, percent-encoded on the wire (RFC 3986), decoded here.
struct HTTPTarget {
    let path: String
    let query: [(name: String, value: String)]

    init(path: String, query: [(name: String, value: String)]) {
        self.path = path
        self.query = query
    }

    init(parsing bytes: ArraySlice<UInt8>) throws(HTTPError) {
        guard bytes.first == UInt8(ascii: "/") else { throw .badTarget }
        let mark = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        path = try Self.path(bytes[..<mark])
        var query: [(name: String, value: String)] = []
        let rest = bytes[mark...].dropFirst()
        for part in rest.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false) where !rest.isEmpty {
            let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            let name = try Self.decoded(part[..<equals], isQuery: true)
            guard !name.isEmpty else { throw .badTarget }
            query.append((name, try Self.decoded(part[equals...].dropFirst(), isQuery: true)))
        }
        self.query = query
    }

    /// The bytes for the request line.
    var encoded: [UInt8] {
        var bytes = Self.encoded(path, keeping: "/")
        for (index, item) in query.enumerated() {
            bytes.append(index == 0 ? UInt8(ascii: "?") : UInt8(ascii: "&"))
            bytes += Self.encoded(item.name, keeping: "") + [UInt8(ascii: "=")] + Self.encoded(item.value, keeping: "")
        }
        return bytes
    }

    private static func path(_ bytes: ArraySlice<UInt8>) throws(HTTPError) -> String {
        var path = ""
        let segments = bytes.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for segment in segments {
            let text = try decoded(segment, isQuery: false)
            let isLoneRoot = segments.count == 1 && text.isEmpty
            guard isLoneRoot || !text.isEmpty, text != ".", text != ".." else { throw .badTarget }
            guard !text.utf8.contains(UInt8(ascii: "/")) else { throw .badTarget }
            path += "/" + text
        }
        return path
    }

    private static func decoded(_ bytes: ArraySlice<UInt8>, isQuery: Bool) throws(HTTPError) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var rest = bytes
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap(nibble), let low = rest.popFirst().flatMap(nibble) else {
                    throw .badTarget
                }
                result.append(high << 4 | low)
            } else {
                guard isPlain(byte) || isQuery && "/?".utf8.contains(byte) else { throw .badTarget }
                result.append(byte)
            }
        }
        guard !result.contains(where: { $0 < 0x20 || $0 == 0x7F }), let text = String(validating: result, as: UTF8.self)
        else { throw .badTarget }
        return text
    }

    /// Characters that stand for themselves, RFC 3986 `pchar` without `+`, which some read as a space.
    private static func isPlain(_ byte: UInt8) -> Bool {
        HTTPSyntax.isLetter(byte) || HTTPSyntax.isDigit(byte) || "-._~!$&'()*,;=:@".utf8.contains(byte)
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func encoded(_ text: String, keeping extra: String) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        return text.utf8.flatMap { byte in
            HTTPSyntax.isLetter(byte) || HTTPSyntax.isDigit(byte) || "-._~".utf8.contains(byte)
                || extra.utf8.contains(byte)
                ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}
