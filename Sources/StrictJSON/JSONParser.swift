// SPDX-License-Identifier: Apache-2.0
// SECURITY: one text has one reading. A duplicate key, a fraction, a NUL, a lone surrogate, anything
// after the value, and whatever else two parsers could read differently is refused, and no text
// makes this parser trap: recursion is bounded by the depth limit, reads by `SourceText`.

extension JSONValue {
    /// Reads strict JSON (RFC 8259), and less: numbers must be whole and fit into 64 bits.
    package init(parsing text: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        var parser = JSONParser(text: try SourceText(text, limit: limits.bytes), depthLimit: limits.depth)
        self = try parser.parseDocument()
    }

    /// Reads strict JSON (RFC 8259), and less: numbers must be whole and fit into 64 bits.
    package init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }

    /// Reads JSON that is byte for byte its own canonical form, as everything signed must be.
    ///
    /// - Throws: `notCanonical` at the first byte that departs, besides every error of parsing.
    package init(canonical text: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        let source = try SourceText(text, limit: limits.bytes)
        var parser = JSONParser(text: source, depthLimit: limits.depth)
        self = try parser.parseDocument()
        let expected = Array(canonical.utf8)
        guard text != expected else { return }
        let same = zip(text, expected).prefix { $0 == $1 }.count
        throw source.error(.notCanonical, at: same)
    }

    /// Reads JSON that is byte for byte its own canonical form, as everything signed must be.
    package init(canonical text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        try self.init(canonical: Array(text.utf8), limits: limits)
    }
}

/// A recursive descent over RFC 8259.
struct JSONParser {
    var text: SourceText
    let depthLimit: Int

    mutating func parseDocument() throws(JSONError) -> JSONValue {
        let value = try parseValue(depth: 0)
        skipSpace()
        guard text.isAtEnd else { throw text.error(.trailingContent) }
        return value
    }

    /// - Parameter depth: how many arrays and objects stand around this value.
    private mutating func parseValue(depth: Int) throws(JSONError) -> JSONValue {
        skipSpace()
        switch text.peek() {
        case UInt8(ascii: "{"): return try parseObject(depth: depth)
        case UInt8(ascii: "["): return try parseArray(depth: depth)
        case UInt8(ascii: "\""): return .string(try text.readString(in: .json))
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            return .integer(try text.readInteger(in: .json))
        default:
            if text.take("true") { return .bool(true) }
            if text.take("false") { return .bool(false) }
            if text.take("null") { return .null }
            throw text.unexpected(expected: "a value")
        }
    }

    private mutating func parseArray(depth: Int) throws(JSONError) -> JSONValue {
        try enter(depth)
        var elements: [JSONValue] = []
        skipSpace()
        if text.take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try parseValue(depth: depth + 1))
            skipSpace()
            if text.take(UInt8(ascii: "]")) { return .array(elements) }
            guard text.take(UInt8(ascii: ",")) else { throw text.unexpected(expected: "`,` or `]`") }
        }
    }

    private mutating func parseObject(depth: Int) throws(JSONError) -> JSONValue {
        try enter(depth)
        var members: [(key: String, value: JSONValue)] = []
        var seen: Set<UTF8Key> = []
        skipSpace()
        if text.take(UInt8(ascii: "}")) { return .object(JSONObject()) }
        while true {
            skipSpace()
            let keyOffset = text.offset
            guard text.peek() == UInt8(ascii: "\"") else { throw text.unexpected(expected: "a key in quotes") }
            let key = try text.readString(in: .json)
            guard seen.insert(UTF8Key(key)).inserted else { throw text.error(.duplicateKey(key), at: keyOffset) }
            skipSpace()
            guard text.take(UInt8(ascii: ":")) else { throw text.unexpected(expected: "`:`") }
            members.append((key, try parseValue(depth: depth + 1)))
            skipSpace()
            if text.take(UInt8(ascii: "}")) { return .object(JSONObject(distinct: members)) }
            guard text.take(UInt8(ascii: ",")) else { throw text.unexpected(expected: "`,` or `}`") }
        }
    }

    /// Passes over the bracket that opens an array or object inside `depth` others.
    private mutating func enter(_ depth: Int) throws(JSONError) {
        guard depth < depthLimit else { throw text.error(.tooDeep(limit: depthLimit)) }
        text.advance()
    }

    private mutating func skipSpace() {
        while let byte = text.peek(), [0x20, 0x09, 0x0A, 0x0D].contains(byte) { text.advance() }
    }
}
