// SPDX-License-Identifier: Apache-2.0

import StrictJSON
import Testing

@Suite struct ObjectReaderTests {
    let message: JSONValue = [
        "name": "ops", "count": 3, "urgent": true, "tags": ["a", "b"], "inner": ["x": 1],
        "nodes": [["id": 1], ["id": 2]],
        "none": nil,
    ]

    /// What reading something out of `message` is refused with.
    func refusal<Value>(
        path: String = "", _ read: (inout ObjectReader) throws(JSONError) -> Value
    ) throws -> JSONError? {
        var reader = try ObjectReader(message, path: path)
        return #expect(throws: JSONError.self) { try read(&reader) }
    }

    @Test func `every kind of member is read`() throws {
        var reader = try ObjectReader(message)
        #expect(try reader.string("name") == "ops")
        #expect(try reader.integer("count", in: 0...3) == 3)
        #expect(try reader.bool("urgent"))
        #expect(try reader.strings("tags", maximum: 2) == ["a", "b"])
        #expect(try reader.value("none") == nil as JSONValue)
        var inner = try reader.object("inner")
        #expect(try inner.integer("x") == 1)
        try inner.finish()
        #expect(try reader.objects("nodes", maximum: 2).map(\.path) == ["nodes[0]", "nodes[1]"])
        try reader.finish()
    }

    @Test func `absent optional members are nil`() throws {
        var reader = try ObjectReader(JSONValue.object([:]))
        #expect(try reader.optionalString("a") == nil)
        #expect(try reader.optionalInteger("a") == nil)
        #expect(try reader.optionalBool("a") == nil)
        #expect(try reader.optionalArray("a", maximum: 1) == nil)
        #expect(try reader.optionalStrings("a", maximum: 1) == nil)
        #expect(try reader.optionalObject("a")?.path == nil)
        #expect(reader.optionalValue("a") == nil)
        try reader.finish()
    }

    @Test func `a missing member is named by its path`() throws {
        let error = try refusal(path: "request") { reader throws(JSONError) in try reader.string("who") }
        #expect(error?.kind == .missingMember(similar: nil))
        #expect(error?.message == "\"request.who\": it is missing.")
    }

    @Test func `a null is neither a value nor an absent member`() throws {
        let error = try refusal { reader throws(JSONError) in try reader.optionalString("none") }
        #expect(error?.kind == .wrongKind(expected: .string, found: .null))
    }

    @Test func `a member of another kind is refused`() throws {
        #expect(try refusal { r throws(JSONError) in try r.string("count") }?.code == "json.wrong-kind")
        #expect(try refusal { r throws(JSONError) in try r.integer("name") }?.code == "json.wrong-kind")
        #expect(try refusal { r throws(JSONError) in try r.bool("count") }?.code == "json.wrong-kind")
        #expect(try refusal { r throws(JSONError) in try r.array("inner", maximum: 9) }?.code == "json.wrong-kind")
        #expect(try refusal { r throws(JSONError) in try r.object("tags") }?.code == "json.wrong-kind")
        #expect(try refusal { r throws(JSONError) in try r.strings("nodes", maximum: 9) }?.path == "nodes[0]")
        #expect(try refusal { r throws(JSONError) in try r.objects("tags", maximum: 9) }?.path == "tags[0]")
    }

    @Test func `a string at its maximum is read and one byte less is refused`() throws {
        var reader = try ObjectReader(message)
        #expect(try reader.string("name", maximum: 3) == "ops")
        let error = try refusal { r throws(JSONError) in try r.string("name", maximum: 2) }
        #expect(error?.kind == .tooLong(bytes: 3, maximum: 2))
    }

    @Test func `a maximum counts bytes`() throws {
        var reader = try ObjectReader(["a": "éé"])
        #expect(throws: JSONError(.tooLong(bytes: 4, maximum: 3), path: "a")) { try reader.string("a", maximum: 3) }
    }

    @Test func `an array with one element too many is refused`() throws {
        let error = try refusal { r throws(JSONError) in try r.strings("tags", maximum: 1) }
        #expect(error?.kind == .tooMany(count: 2, maximum: 1))
    }

    @Test func `a string in an array is measured too`() throws {
        var reader = try ObjectReader(["a": ["x", "yy"]])
        #expect(throws: JSONError(.tooLong(bytes: 2, maximum: 1), path: "a[1]")) {
            try reader.strings("a", maximum: 2, maximumBytes: 1)
        }
    }

    @Test(arguments: [0...2, 4...9] as [ClosedRange<Int64>])
    func `a number outside its range is refused`(range: ClosedRange<Int64>) throws {
        let error = try refusal { r throws(JSONError) in try r.integer("count", in: range) }
        #expect(error?.kind == .outOfRange(3, allowed: range))
    }

    @Test func `the first member nobody read is named`() throws {
        let error = try refusal(path: "vote") { reader throws(JSONError) in
            _ = try reader.string("name")
            _ = reader.optionalValue("urgent")
            try reader.finish()
        }
        #expect(error?.kind == .unknownMember(nearest: nil))
        #expect(error?.path == "vote.count")
    }

    @Test func `a key that only looks equal is unknown`() throws {
        var reader = try ObjectReader(["e\u{301}": 1])
        #expect(reader.optionalValue("\u{e9}") == nil)
        #expect(throws: JSONError.self) { try reader.finish() }
    }

    @Test(arguments: [nil, true, 1, "x", []] as [JSONValue])
    func `what is not an object is refused`(value: JSONValue) {
        #expect(throws: JSONError(.wrongKind(expected: .object, found: value.kind), path: "p")) {
            try ObjectReader(value, path: "p")
        }
    }

    @Test func `a value without meaning is refused in the caller's words`() throws {
        let error = try ObjectReader(message, path: "request").unacceptable("name", "\"ops\" is nobody's name")
        #expect(error.message == "\"request.name\": \"ops\" is nobody's name.")
        #expect(error.code == "json.unacceptable")
    }

    @Test func `another type's refusal keeps its words and its hint`() throws {
        let cause = JSONError(.negativeZero, line: 1, column: 1)
        let error = try ObjectReader(message).unacceptable("name", because: cause)
        #expect(error.message == "\"name\": line 1, column 1: -0 is not accepted.")
        #expect(error.hint == "Write 0.")
    }

    @Test func `an unknown member is compared with the names that were asked for`() throws {
        var reader = try ObjectReader(["maxmumDuration": 5])
        _ = try reader.optionalString("reason")
        _ = try reader.optionalInteger("maximumDuration")
        let error = #expect(throws: JSONError.self) { try reader.finish() }
        #expect(error?.hint == "Did you mean \"maximumDuration\"?")
    }

    @Test func `a missing member is compared with the members nobody read`() throws {
        var reader = try ObjectReader(["reason": "x", "maxDuration": 5])
        _ = try reader.string("reason")
        let error = #expect(throws: JSONError.self) { try reader.integer("maximumDuration") }
        #expect(error?.hint == "Is \"maxDuration\" a misspelling of it?")
    }
}
