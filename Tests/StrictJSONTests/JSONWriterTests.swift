// SPDX-License-Identifier: Apache-2.0

import StrictJSON
import Testing

@Suite struct JSONWriterTests {
    let sample: JSONValue = ["b": [1, nil, true, []], "a": ["y": "é", "x": [:]]]

    @Test func `text keeps the order of members`() {
        #expect(sample.text == #"{"b":[1,null,true,[]],"a":{"y":"é","x":{}}}"#)
    }

    @Test func `canonical sorts members at every level`() {
        #expect(sample.canonical == #"{"a":{"x":{},"y":"é"},"b":[1,null,true,[]]}"#)
    }

    @Test func `pretty indents by two spaces`() {
        #expect(
            sample.pretty == """
                {
                  "b": [
                    1,
                    null,
                    true,
                    []
                  ],
                  "a": {
                    "y": "é",
                    "x": {}
                  }
                }
                """)
    }

    @Test func `keys are sorted by UTF-8 bytes and not by UTF-16 units`() {
        // U+10000 sorts after U+FFFF in UTF-8, and before it in UTF-16.
        let value: JSONValue = ["\u{10000}": 1, "\u{FFFF}": 2, "b": 3, "B": 4, "": 5]
        #expect(value.canonical == "{\"\":5,\"B\":4,\"b\":3,\"\u{FFFF}\":2,\"\u{10000}\":1}")
    }

    @Test func `keys are sorted by bytes and not as Swift sorts strings`() {
        // Swift composes e + U+0301 before it compares: é, which stands after f.
        #expect(JSONValue.object(["f": 1, "e\u{301}": 2]).canonical == "{\"e\u{301}\":2,\"f\":1}")
    }

    @Test func `only the escapes that JSON demands are written`() {
        let text = "\"\\/\u{8}\u{9}\u{a}\u{b}\u{c}\u{d}\u{1f}\u{7f}é"
        #expect(JSONValue.string(text).canonical == #""\"\\/\b\t\n\u000b\f\r\u001f"# + "\u{7f}é\"")
    }

    @Test(arguments: [Int64.min, -1, 0, 1, Int64.max])
    func `integers survive`(number: Int64) throws {
        #expect(try JSONValue(canonical: JSONValue.integer(number).canonical) == .integer(number))
    }

    @Test func `the order of members makes no difference to equality`() {
        #expect(JSONValue.object(["a": 1, "b": 2]) == ["b": 2, "a": 1])
        #expect(JSONValue.object(["a": 1, "b": 2]) != ["a": 1, "b": 3])
        #expect(JSONValue.object(["a": 1]) != ["a": 1, "b": 2])
    }
}

@Suite struct CanonicalFormTests {
    @Test(arguments: [#"{"a":1,"b":[true,null,"\n\u001f"]}"#, "0", "\"é\"", "[]", "{}"])
    func `a canonical text is accepted`(text: String) throws {
        #expect(try JSONValue(canonical: text).canonical == text)
    }

    @Test(arguments: [
        (" 1", 1), ("1 ", 2), ("1\n", 2), (#"{"b":1,"a":2}"#, 3), (#"{"a": 1}"#, 6), ("[1, 2]", 4), (#""\u0041""#, 2),
        (#""\/""#, 2),
        (#""\u000a""#, 3), (#""\u001F""#, 7), (#""\u00e9""#, 2), ("\"\\u007f\"", 2),
    ])
    func `a text that departs from its canonical form is refused at that byte`(text: String, column: Int) {
        let error = #expect(throws: JSONError.self) { try JSONValue(canonical: text) }
        #expect(error?.kind == .notCanonical)
        #expect(error?.column == column)
    }

    @Test func `a text that is not JSON is refused as such`() {
        let error = #expect(throws: JSONError.self) { try JSONValue(canonical: "[1,]") }
        #expect(error?.code == "json.unexpected")
    }

    @Test func `the limits hold for canonical texts`() {
        let error = #expect(throws: JSONError.self) { try JSONValue(canonical: "[[]]", limits: JSONLimits(depth: 1)) }
        #expect(error?.kind == .tooDeep(limit: 1))
    }
}

@Suite struct JSONObjectTests {
    @Test func `a member is appended, replaced in place and removed`() {
        var object: JSONObject = ["a": 1, "b": 2]
        object["c"] = 3
        object["a"] = 4
        object["b"] = nil as JSONValue?
        #expect(object.members.map(\.key) == ["a", "c"])
        #expect(object["a"] == 4)
    }

    @Test func `a literal that names a key twice stops the program`() async {
        await #expect(processExitsWith: .failure) {
            _ = ["a": 1, "a": 2] as JSONValue
        }
    }

    @Test func `views of another kind are nil`() {
        let value: JSONValue = "x"
        #expect(value.asString == "x")
        #expect(value.asInteger == nil && value.asBool == nil && value.asArray == nil && value.asObject == nil)
        #expect(value["x"] == nil)
    }
}
