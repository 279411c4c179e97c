// SPDX-License-Identifier: Apache-2.0
// SECURITY: as in `JSONParser`, one text has one reading, and no text makes this parser trap.

/// A recursive descent over the part of JSON5 that ``JSON5Document`` names.
struct JSON5Parser {
    private var text: SourceText
    private let depthLimit: Int
    private var cursor = PositionCursor()

    init(text: SourceText, depthLimit: Int) {
        self.text = text
        self.depthLimit = depthLimit
    }

    mutating func parseDocument() throws(JSONError) -> JSON5Node {
        let node = try parseNode(depth: 0)
        try skipSpace()
        guard text.isAtEnd else { throw text.error(.trailingContent) }
        return node
    }

    /// - Parameter depth: how many arrays and objects stand around this value.
    private mutating func parseNode(depth: Int) throws(JSONError) -> JSON5Node {
        try skipSpace()
        let (line, column) = cursor.advance(to: text.offset, in: text.bytes)
        return JSON5Node(content: try parseContent(depth: depth), line: line, column: column)
    }

    private mutating func parseContent(depth: Int) throws(JSONError) -> JSON5Node.Content {
        guard let byte = text.peek() else { throw text.unexpected(expected: "a value") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try parseMembers(depth: depth))
        case UInt8(ascii: "["): return .array(try parseElements(depth: depth))
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try text.readString(in: .json5))
        case UInt8(ascii: "."): throw text.error(.notWholeNumber)
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return .integer(try parseInteger())
        case _ where Self.beginsName(byte): return try parseWord()
        default: throw text.unexpected(expected: "a value")
        }
    }

    private mutating func parseInteger() throws(JSONError) -> Int64 {
        if let next = text.peek(1), [UInt8(ascii: "."), UInt8(ascii: "I"), UInt8(ascii: "N")].contains(next) {
            throw text.error(.notWholeNumber)
        }
        let number = try text.readInteger(in: .json5)
        if let next = text.peek(), Self.continuesName(next) {
            throw text.unexpected(expected: "the end of the number")
        }
        return number
    }

    /// Reads `true`, `false` or `null`: the only values that are words.
    private mutating func parseWord() throws(JSONError) -> JSON5Node.Content {
        let start = text.offset
        switch readName() {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        case "Infinity", "NaN": throw text.error(.notWholeNumber, at: start)
        case let word: throw text.error(.bareWord(word), at: start)
        }
    }

    private mutating func parseElements(depth: Int) throws(JSONError) -> [JSON5Node] {
        try enter(depth)
        var elements: [JSON5Node] = []
        while true {
            try skipSpace()
            if text.take(UInt8(ascii: "]")) { return elements }
            elements.append(try parseNode(depth: depth + 1))
            try skipSpace()
            if text.take(UInt8(ascii: "]")) { return elements }
            guard text.take(UInt8(ascii: ",")) else { throw text.unexpected(expected: "`,` or `]`") }
        }
    }

    private mutating func parseMembers(depth: Int) throws(JSONError) -> [JSON5Node.Member] {
        try enter(depth)
        var members: [JSON5Node.Member] = []
        var seen: Set<UTF8Key> = []
        while true {
            try skipSpace()
            if text.take(UInt8(ascii: "}")) { return members }
            let start = text.offset
            let (line, column) = cursor.advance(to: start, in: text.bytes)
            let key = try parseKey()
            guard seen.insert(UTF8Key(key)).inserted else { throw text.error(.duplicateKey(key), at: start) }
            try skipSpace()
            guard text.take(UInt8(ascii: ":")) else { throw text.unexpected(expected: "`:`") }
            let value = try parseNode(depth: depth + 1)
            members.append(JSON5Node.Member(key: key, line: line, column: column, value: value))
            try skipSpace()
            if text.take(UInt8(ascii: "}")) { return members }
            guard text.take(UInt8(ascii: ",")) else { throw text.unexpected(expected: "`,` or `}`") }
        }
    }

    private mutating func parseKey() throws(JSONError) -> String {
        switch text.peek() {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return try text.readString(in: .json5)
        case let byte? where Self.beginsName(byte): return readName()
        default: throw text.unexpected(expected: "a key")
        }
    }

    /// Reads the name that begins at the current byte.
    private mutating func readName() -> String {
        let start = text.offset
        while let byte = text.peek(), Self.continuesName(byte) { text.advance() }
        return String(decoding: text.bytes[start..<text.offset], as: UTF8.self)
    }

    /// Passes over the bracket that opens an array or object inside `depth` others.
    private mutating func enter(_ depth: Int) throws(JSONError) {
        guard depth < depthLimit else { throw text.error(.tooDeep(limit: depthLimit)) }
        text.advance()
    }

    /// Passes over white space and comments.
    private mutating func skipSpace() throws(JSONError) {
        while let byte = text.peek() {
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D: text.advance()
            case UInt8(ascii: "/") where text.peek(1) == UInt8(ascii: "/"):
                while let byte = text.peek(), byte != 0x0A { text.advance() }
            case UInt8(ascii: "/") where text.peek(1) == UInt8(ascii: "*"): try skipBlockComment()
            default: return
            }
        }
    }

    private mutating func skipBlockComment() throws(JSONError) {
        let start = text.offset
        text.advance(2)
        while !text.take("*/") {
            guard !text.isAtEnd else { throw text.error(.unclosedComment, at: start) }
            text.advance()
        }
    }

    private static func beginsName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: "$"):
            true
        default: false
        }
    }

    private static func continuesName(_ byte: UInt8) -> Bool {
        beginsName(byte) || SourceText.digit(byte, radix: 10) != nil
    }
}

/// Counts lines and columns forward only, so that all positions of a text cost one pass over it.
private struct PositionCursor {
    private var offset = 0
    private var line = 1
    private var column = 1

    /// - Parameter target: not before the last one.
    mutating func advance(to target: Int, in bytes: [UInt8]) -> (line: Int, column: Int) {
        while offset < target {
            if bytes[offset] == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if !UTF8.isContinuation(bytes[offset]) {
                column += 1
            }
            offset += 1
        }
        return (line, column)
    }
}
