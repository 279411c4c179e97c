// SPDX-License-Identifier: Apache-2.0

import StrictJSON
import Testing

func document(_ text: String, limits: JSONLimits = JSONLimits()) throws(ConfigurationError) -> JSON5Document {
    try JSON5Document(parsing: Array(text.utf8), file: "t.json5", limits: limits)
}

/// What a configuration text is refused with; records an issue when it is accepted.
func configurationRefusal(of text: String) -> ConfigurationError? {
    #expect(throws: ConfigurationError.self) { try document(text) }
}

@Suite struct JSON5DocumentTests {
    @Test func `comments, trailing commas, bare keys and single quotes are read`() throws {
        let text = """
            // Who may ask.
            {
              groups: { ops: ['ann', "bob",], },  /* two
              lines */
              $limit_1: +0x1F, 'single "quoted"': -0x10,
              text: 'it\\'s \\
            one line', none: null, yes: true, no: false,
            }
            // the end
            """
        let expected: JSONValue = [
            "groups": ["ops": ["ann", "bob"]], "$limit_1": 31, "single \"quoted\"": -16, "text": "it's one line",
            "none": nil, "yes": true, "no": false,
        ]
        #expect(try document(text).value == expected)
    }

    @Test func `strict JSON means the same here`() throws {
        let text = #"{"a":[1,-2,{"b":"\u00e9\n\"\/"}],"c":{},"d":[]}"#
        #expect(try document(text).value == JSONValue(parsing: text))
    }

    @Test func `lines may end as on Windows`() throws {
        #expect(try document("{\r\n// x\r\n'a': 'b\\\r\nc',\r\n}").value == ["a": "bc"])
    }

    @Test func `keys and values know their places`() throws {
        let root = try document("// é\n{ 'é': 1,\n  b: [\n    2] }").root
        guard case .object(let members) = root.content, case .array(let elements) = members[1].value.content else {
            Issue.record("not an object with an array")
            return
        }
        #expect([root.line, root.column] == [2, 1])
        #expect([members[0].line, members[0].column, members[0].value.line, members[0].value.column] == [2, 3, 2, 8])
        #expect([members[1].line, members[1].column, members[1].value.line, members[1].value.column] == [3, 3, 3, 6])
        #expect([elements[0].line, elements[0].column] == [4, 5])
    }

    @Test(arguments: [
        "1.5", ".5", "5.", "-.5", "+.5", "1e3", "Infinity", "+Infinity", "-Infinity", "NaN", "-NaN", "0x1.8",
    ])
    func `what is not a whole number is refused in words`(number: String) {
        let error = configurationRefusal(of: "{a: \(number)}")
        #expect(error?.message == "t.json5:1:5: whole number expected, without fraction or exponent.")
    }

    @Test(arguments: [
        ("010", "leading-zero"), ("-0", "negative-zero"), ("0x", "unexpected"), ("0xG", "unexpected"),
        ("1h", "unexpected"),
        ("0x8000000000000000", "integer-too-large"), ("--1", "unexpected"), ("+-1", "unexpected"),
        ("1 2", "unexpected"),
    ])
    func `a number with two readings or none is refused`(number: String, code: String) {
        #expect(configurationRefusal(of: "{a: \(number)}")?.code == "configuration.\(code)")
    }

    @Test func `a number that runs into letters is refused where they begin`() {
        let error = configurationRefusal(of: "{maximum: 60m}")
        #expect(error?.message == "t.json5:1:13: the end of the number is expected here, not `m`.")
    }

    @Test func `the edges of 64 bits are read in base sixteen too`() throws {
        let value = try document("[0x7fffffffffffffff, -0x8000000000000000, +0]").value
        #expect(value == [.integer(.max), .integer(.min), 0])
    }

    @Test(arguments: [
        "", "{", "{a", "{a:", "{a:1", "{a:1,", "[", "[1,", "{,}", "[,]", "[1,,]", "{a:1,,}", "{a:1 b:2}", "{1a:1}",
        "{a-b:1}",
        "{é:1}", "{\\u0061:1}", "{a:1}}", "{a:1} b", "/", "/ /", "/* x", "{/*/}", "'a", "\"a'", "'\n'", "#x\n1", "`a`",
        "{a}", "{a=1}",
    ])
    func `a text that is not JSON5 is refused`(text: String) {
        #expect(configurationRefusal(of: text) != nil)
    }

    @Test(arguments: [#"'\x41'"#, #"'\v'"#, #"'\0'"#, #"'\a'"#, #"'\u{41}'"#, "'\\"])
    func `an escape outside JSON's is refused`(text: String) {
        #expect(configurationRefusal(of: text)?.code == "configuration.invalid-escape")
    }

    @Test func `a word without quotes is refused with the remedy`() {
        let error = configurationRefusal(of: "{\n  mode: strict\n}")
        #expect(error?.message == "t.json5:2:9: the word \"strict\" stands without quotes.")
        #expect(error?.hint == "Put it into quotes.")
    }

    @Test(arguments: ["{a:1, a:2}", "{a:1, 'a':2}", "{a:1, \"\\u0061\":2}"])
    func `a key that occurs twice is refused at the second`(text: String) {
        let error = configurationRefusal(of: text)
        #expect(error?.code == "configuration.duplicate-key")
        #expect(error?.column == 7)
    }

    @Test func `a comment without an end is refused where it begins`() {
        let error = configurationRefusal(of: "{}\n /* never ends")
        #expect(error?.message == "t.json5:2:2: a comment begins here and has no end.")
    }

    @Test func `sixteen levels are accepted and one more is refused`() throws {
        let sixteen = String(repeating: "[", count: 16) + String(repeating: "]", count: 16)
        _ = try document(sixteen)
        #expect(configurationRefusal(of: "{a:" + sixteen + "}")?.code == "configuration.too-deep")
    }

    @Test func `a text at the limit of bytes is accepted and one byte more is refused`() throws {
        _ = try document("{a:1}", limits: JSONLimits(bytes: 5))
        #expect(throws: ConfigurationError.self) { try document("{a:1} ", limits: JSONLimits(bytes: 5)) }
    }

    @Test func `every proper prefix of an object is refused`() throws {
        let whole = "{a:[1,0x2,'é\\u00e9'],/* c */b:{c:true,},}"
        _ = try document(whole)
        for length in 0..<whole.count {
            #expect(configurationRefusal(of: String(whole.prefix(length))) != nil)
        }
    }

    @Test func `a file of a hundred thousand values on one line is read in one pass`() throws {
        let text = "[" + String(repeating: "1,", count: 100_000) + "]"
        #expect(try document(text).value.asArray?.count == 100_000)
    }
}

@Suite struct JSON5VisibilityTests {
    @Test(arguments: [
        "\u{202E}", "\u{2066}", "\u{200B}", "\u{200D}", "\u{2028}", "\u{2029}", "\u{85}", "\u{7F}", "\u{1B}", "\u{0}",
        "\r", "\u{FEFF}",
        "\u{AD}", "\u{E0041}", "\u{B}",
    ])
    func `a character that hides text is refused in a comment and in a string`(character: String) {
        let inComment = configurationRefusal(of: "{} // a\(character)b")
        #expect(inComment?.code == "configuration.invisible-character")
        #expect(inComment?.column == 8)
        #expect(configurationRefusal(of: "['\(character)']")?.code == "configuration.invisible-character")
    }

    @Test func `a comment cannot end where its reader sees no end`() {
        #expect(
            configurationRefusal(of: "{ // agreed\u{2028}, forbid: [] \n}")?.code == "configuration.invisible-character"
        )
    }

    @Test func `letters of every script and emoji are accepted`() throws {
        #expect(try document("// grüße 日本語 😀\n['ñ', 'ключ']").value == ["ñ", "ключ"])
    }

    @Test func `a hidden character may be written as an escape`() throws {
        #expect(try document(#"['\u202e']"#).value == ["\u{202E}"])
    }

    @Test func `a byte order mark is refused by name`() {
        #expect(configurationRefusal(of: "\u{FEFF}{}")?.code == "configuration.byte-order-mark")
    }
}

@Suite struct JSON5ReadingTests {
    let text = """
        {
          name: "dba",
          limits: {
            maxmumDuration: 60,
          },
          seats: [{ of: "ops" }, { off: "sec" }],
        }
        """

    /// What `read` is refused with, located in `text`.
    func refusal<Value>(_ read: (inout ObjectReader) throws(JSONError) -> Value) throws -> ConfigurationError? {
        let file = try document(text)
        return #expect(throws: ConfigurationError.self) { try file.read(read) }
    }

    @Test func `a file is read by the code that reads messages`() throws {
        let names = try document("{name: 'x', seats: ['a']}").read { reader throws(JSONError) in
            [try reader.string("name")] + (try reader.strings("seats", maximum: 1))
        }
        #expect(names == ["x", "a"])
    }

    @Test func `an unknown key is named with its place and the nearest known key`() throws {
        let error = try refusal { reader throws(JSONError) in
            var limits = try reader.object("limits")
            _ = try limits.optionalInteger("idle")
            _ = try limits.optionalInteger("maximumDuration")
            try limits.finish()
        }
        #expect(error?.message == "t.json5:4:5: \"limits.maxmumDuration\": it is not known here.")
        #expect(error?.hint == "Did you mean \"maximumDuration\"?")
        #expect(error?.code == "configuration.unknown-member")
    }

    @Test func `an unknown key of the root is found without being asked for`() throws {
        let error = try refusal { reader throws(JSONError) in
            _ = reader.optionalValue("limits")
            _ = reader.optionalValue("seats")
        }
        #expect(error?.message == "t.json5:2:3: \"name\": it is not known here.")
    }

    @Test func `a wrong value is placed at the value`() throws {
        let error = try refusal { reader throws(JSONError) in try reader.integer("name") }
        #expect(error?.message == "t.json5:2:9: \"name\": a whole number is expected, not a string.")
    }

    @Test func `a missing key is placed at its object and names the likely misspelling`() throws {
        let error = try refusal { reader throws(JSONError) in
            for var seat in try reader.objects("seats", maximum: 9) { _ = try seat.string("of") }
        }
        #expect(error?.message == "t.json5:6:26: \"seats[1].of\": it is missing.")
        #expect(error?.hint == "Is \"off\" a misspelling of it?")
    }

    @Test func `a root that is not an object is refused`() throws {
        let file = try document("[]")
        let error = #expect(throws: ConfigurationError.self) { try file.read { reader throws(JSONError) in () } }
        #expect(error?.message == "t.json5:1:1: an object is expected, not an array.")
    }

    @Test func `the keys of a table are listed in their order`() throws {
        let keys = try document("{b: 1, a: 2}").read { reader throws(JSONError) in
            for key in reader.keys { _ = try reader.integer(key) }
            return reader.keys
        }
        #expect(keys == ["b", "a"])
    }
}
