// SPDX-License-Identifier: Apache-2.0

import StrictJSON
import Testing

/// The kind of error that a text is refused with; records an issue when it is accepted.
func refusal(of text: String, limits: JSONLimits = JSONLimits()) -> JSONError.Kind? {
    refusal(of: Array(text.utf8), limits: limits)
}

func refusal(of text: [UInt8], limits: JSONLimits = JSONLimits()) -> JSONError.Kind? {
    do {
        let value = try JSONValue(parsing: text, limits: limits)
        Issue.record("accepted as \(value)")
        return nil
    } catch {
        return error.kind
    }
}

@Suite struct JSONParserTests {
    @Test func `every kind of value is read`() throws {
        let value = try JSONValue(parsing: #" { "a" : [ null , true , false , -12 , "x" , { } , [ ] ] } "#)
        #expect(value == ["a": [nil, true, false, -12, "x", [:], []]])
    }

    @Test func `members keep their order`() throws {
        let value = try JSONValue(parsing: #"{"b":1,"a":2}"#)
        #expect(value.asObject?.members.map(\.key) == ["b", "a"])
    }

    @Test(arguments: [
        ("0", 0), ("7", 7), ("-1", -1), ("10", 10),
        ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min),
    ])
    func `a whole number of 64 bits is read`(text: String, expected: Int64) throws {
        #expect(try JSONValue(parsing: text) == .integer(expected))
    }

    @Test(arguments: ["9223372036854775808", "-9223372036854775809", "18446744073709551616", "99999999999999999999999"])
    func `a number one past 64 bits is refused`(text: String) {
        #expect(refusal(of: text) == .integerTooLarge)
    }

    @Test(arguments: ["1.0", "1e3", "0E1", "-1.5", "0.1", "1."])
    func `a fraction or exponent is refused`(text: String) {
        #expect(refusal(of: text) == .notWholeNumber)
    }

    @Test(arguments: ["01", "-01", "00", "-00"])
    func `a superfluous zero is refused`(text: String) {
        #expect(refusal(of: text) == .leadingZero)
    }

    @Test func `minus zero is refused`() {
        #expect(refusal(of: "-0") == .negativeZero)
    }

    @Test(arguments: [
        "", " ", "nul", "tru", "True", "+1", "-", ".5", "NaN", "Infinity", "-Infinity", "0x10", "'a'", "[1,]", "[,1]",
        "[1 2]",
        "[", "[1", "[1,", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}", "]", "}", ":", ",", "\"", "\"a", "\"\\", "// x\n1", "/* */1", "\u{a0}1", "\u{0b}1",
    ])
    func `a text that is not JSON is refused`(text: String) {
        switch refusal(of: text) {
        case .unexpected, .unexpectedEnd, .trailingContent, .invalidEscape: break
        case let other: Issue.record("refused as \(other as Any)")
        }
    }

    @Test(arguments: ["1 1", "{}{}", "null,", "[]]", "1\0", "0x10", "\"a\"b"])
    func `anything after the value is refused`(text: String) {
        #expect(refusal(of: text) == .trailingContent)
    }

    @Test func `every proper prefix of an object is refused`() throws {
        let whole = Array(#"{"a":[1,-2,"é\u00e9\ud83d\ude00"],"b":{"c":true}}"#.utf8)
        _ = try JSONValue(parsing: whole)
        for length in 0..<whole.count {
            #expect(refusal(of: Array(whole.prefix(length))) != nil)
        }
    }

    @Test func `a byte order mark is refused`() {
        #expect(refusal(of: [0xEF, 0xBB, 0xBF] + Array("1".utf8)) == .byteOrderMark)
    }
}

@Suite struct JSONStringTests {
    @Test func `every escape is read`() throws {
        let value = try JSONValue(parsing: #""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00""#)
        #expect(value == .string("\"\\/\u{8}\u{c}\n\r\tAé😀"))
    }

    @Test(arguments: UInt8(0)...0x1F)
    func `an unescaped control character is refused`(byte: UInt8) {
        #expect(refusal(of: [0x22, byte, 0x22]) == .controlCharacter(byte))
    }

    @Test func `an escaped NUL is refused in a value and in a key`() {
        #expect(refusal(of: #""a\u0000b""#) == .nulCharacter)
        #expect(refusal(of: #"{"\u0000":1}"#) == .nulCharacter)
    }

    @Test(arguments: [
        #""\ud83d""#, #""\ude00""#, #""\ud83d\ud83d""#, #""\ude00\ud83d""#, #""\ud83dx""#, #""\ud83d\n""#,
        #""\ud83d\u0041""#, #""\ud800\ue000""#, #""\ud800\udbff""#, #""\udbff\ue000""#,
    ])
    func `a lone surrogate is refused`(text: String) {
        #expect(refusal(of: text) == .loneSurrogate)
    }

    @Test(arguments: [#""\x41""#, #""\'""#, #""\u12""#, #""\u12g4""#, #""\U0041""#, #""\v""#, #""\0""#, #""\u+123""#])
    func `an escape that JSON does not have is refused`(text: String) {
        #expect(refusal(of: text) == .invalidEscape)
    }

    @Test(
        arguments: [
            [0xFF], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0x80], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]])
    func `invalid UTF-8 is refused in a string and outside of it`(bytes: [UInt8]) {
        #expect(refusal(of: [0x22] + bytes + [0x22]) == .invalidUTF8)
        #expect(refusal(of: bytes) == .invalidUTF8)
    }

    @Test(arguments: ["\u{1}", "\u{7F}", "\u{10FFFF}", "\u{FFFF}", "\u{E000}"])
    func `the edges of Unicode survive`(character: String) throws {
        #expect(try JSONValue(parsing: JSONValue.string(character).text) == .string(character))
    }
}

@Suite struct JSONLimitTests {
    @Test func `sixteen levels are accepted and one more is refused`() throws {
        let sixteen = String(repeating: "[", count: 16) + String(repeating: "]", count: 16)
        _ = try JSONValue(parsing: sixteen)
        #expect(refusal(of: "[" + sixteen + "]") == .tooDeep(limit: 16))
    }

    @Test func `objects count as levels too`() throws {
        let two = #"{"a":{"a":1}}"#
        _ = try JSONValue(parsing: two, limits: JSONLimits(depth: 2))
        #expect(refusal(of: "[" + two + "]", limits: JSONLimits(depth: 2)) == .tooDeep(limit: 2))
    }

    @Test func `siblings do not add to the depth`() throws {
        _ = try JSONValue(parsing: "[[],[],[[]],[]]", limits: JSONLimits(depth: 3))
    }

    @Test func `a million brackets are refused without a trap`() {
        let limits = JSONLimits(bytes: 1_000_000)
        #expect(refusal(of: String(repeating: "[", count: 1_000_000), limits: limits) == .tooDeep(limit: 16))
    }

    @Test func `a text at the limit of bytes is accepted and one byte more is refused`() throws {
        let limits = JSONLimits(bytes: 6)
        _ = try JSONValue(parsing: "[1,22]", limits: limits)
        #expect(refusal(of: "[1,22] ", limits: limits) == .tooLarge(bytes: 7, limit: 6))
    }

    @Test func `an object of fifty thousand keys is read in one pass`() throws {
        let members = (0..<50_000).map { "\"k\($0)\":1" }.joined(separator: ",")
        let value = try JSONValue(parsing: "{" + members + "}", limits: JSONLimits(bytes: 1 << 20))
        #expect(value.asObject?.members.count == 50_000)
    }
}

@Suite struct JSONDuplicateKeyTests {
    @Test(arguments: [#"{"a":1,"a":1}"#, #"{"a":1,"b":2,"\u0061":3}"#, #"[{"":1,"":2}]"#])
    func `a key that occurs twice is refused, however it is spelt`(text: String) {
        guard case .duplicateKey = refusal(of: text) else {
            Issue.record("another refusal")
            return
        }
    }

    @Test func `keys that differ in bytes are different keys`() throws {
        let value = try JSONValue(parsing: #"{"\u00e9":1,"e\u0301":2,"E\u0301":3}"#)
        #expect(value["\u{e9}"] == 1)
        #expect(value["e\u{301}"] == 2)
    }

    @Test func `the same key in two objects is accepted`() throws {
        _ = try JSONValue(parsing: #"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#)
    }

    @Test func `strings that differ in bytes are unequal`() {
        #expect(JSONValue.string("\u{e9}") != .string("e\u{301}"))
        #expect(JSONValue.object(["\u{e9}": 1]) != .object(["e\u{301}": 1]))
    }
}

@Suite struct JSONErrorPositionTests {
    @Test(arguments: [
        ("{\n  \"a\": 1,\n  \"a\": 2\n}", 3, 3), ("[1,\n 2.5]", 2, 2), ("[\"é\", x]", 1, 7), ("", 1, 1),
        ("[1,\r\n\r\n", 3, 1),
        ("1\n2", 2, 1), ("\"\\ud800\"", 1, 2),
    ])
    func `an error tells line and column`(text: String, line: Int, column: Int) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.line == line)
        #expect(error?.column == column)
    }

    @Test func `invalid UTF-8 is placed where it begins`() {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xC3, 0xA9, 0xFF, 0x22]) }
        #expect(error?.column == 3)
    }

    @Test func `a message shows what was found and what was expected`() {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: "{\"a\";1}") }
        #expect(error?.message == "line 1, column 5: `:` is expected here, not `;`.")
        #expect(error?.code == "json.unexpected")
    }

    @Test func `a hostile key cannot reach the terminal through the message`() {
        let error = #expect(throws: JSONError.self) {
            try JSONValue(parsing: #"{"\u001b[2J\u202e":1,"\u001b[2J\u202e":1}"#)
        }
        #expect(
            error?.message == #"line 1, column 22: the key "\u{1b}[2J\u{202e}" occurs a second time in its object."#)
    }
}
