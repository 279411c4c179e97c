// SPDX-License-Identifier: Apache-2.0

import Access
import StrictJSON
import Testing

@Suite struct SelectorTests {
    // MARK: Tags

    @Test func `tags are read, sorted and written`() throws {
        let tags = try Tags(parsing: "role=db,env=prod,zone=eu/west:1@a+b")
        #expect(tags.description == "env=prod,role=db,zone=eu/west:1@a+b")
        #expect(tags["zone"] == "eu/west:1@a+b" && tags["zon"] == nil)
        #expect(try Tags(parsing: "").keys.isEmpty)
    }

    @Test(arguments: [
        ",", "env", "env=", "=prod", "env=prod,", ",env=prod", "env=prod,,role=db", "Env=prod", "env =prod", "env= prod", "1env=prod",
        "env=prod,env=dev", "name=db-1", "env=a b", "env=a|b", "env=*", "env=a=b", "env=ä", "énv=a", "env=a\0", "env=a\n", "-e=a",
        "env=$(id)", "env=a'", "env=a\u{301}", "env\u{301}=a", "=", "env=a,name=b",
    ])
    func `what is not a list of tags is refused`(text: String) {
        #expect(throws: Refusal.self) { try Tags(parsing: text) }
    }

    @Test func `a key of 63 and a value of 128 are tags and one more is not`() throws {
        let (key, value) = (String(repeating: "k", count: 63), String(repeating: "v", count: 128))
        #expect(try Tags([(key, value)])[key] == value)
        #expect(throws: Refusal.self) { try Tags([(key + "k", value)]) }
        #expect(throws: Refusal.self) { try Tags([(key, value + "v")]) }
    }

    @Test func `32 tags are taken and one more is not`() throws {
        let pairs = (0..<33).map { (key: "k\($0)", value: "v") }
        #expect(try Tags(Array(pairs.prefix(32))).keys.count == 32)
        #expect(throws: Refusal.tooManyTags(33)) { try Tags(pairs) }
    }

    @Test func `tags that come as pairs are checked like those on a command line`() {
        #expect(throws: Refusal.tagMalformed("env=a,role=b")) { try Tags([("env", "a,role=b")]) }
        #expect(throws: Refusal.self) { try Tags([("name", "db-1")]) }
        #expect(throws: Refusal.self) { try Tags([("env", "a"), ("env", "a")]) }
    }

    // MARK: Reading selectors

    @Test(arguments: [
        ("*", "*"), ("db-1", "name=db-1"), ("env=prod", "env=prod"), ("env=prod,role=db|cache", "env=prod,role=db|cache"),
        ("name=db-1|db-2", "name=db-1|db-2"),
    ])
    func `a selector is read and written in its full form`(text: String, full: String) throws {
        let selector = try Selector(text)
        #expect(selector.description == full)
        #expect(try Selector(full) == selector)
    }

    @Test(arguments: [
        "", " ", ",", "env=", "=prod", "env=prod,", ",env=prod", "env=prod,,role=db", "env=prod,env=dev", "env=|", "env=a|", "env=|a",
        "env=a||b", "Env=prod", "env=pr od", "env=prod ", " env=prod", "env=pro*", "**", "*,env=prod", "env=*", "env!=prod", "db-1,db-2",
        "db-1,name=db-2", "env=prod\0", "env=prod\n", "env=pröd", "env=prod\u{301}", "env\u{301}=prod", "env=\u{301}prod", "\u{301}=a",
        "env==prod", "env=a=b", "(env=prod)", "a b", "*\u{301}", "1env=a", "\u{FF0A}",
    ])
    func `what is not a selector is refused`(text: String) {
        #expect(throws: Refusal.self) { try Selector(text) }
    }

    @Test func `16 conditions and 64 values are a selector and one more is not`() throws {
        let conditions = (0..<17).map { "k\($0)=v" }
        #expect(try Selector(conditions.prefix(16).joined(separator: ",")).conditions.count == 16)
        #expect(throws: Refusal.self) { try Selector(conditions.joined(separator: ",")) }
        let values = (0..<65).map { "v\($0)" }
        #expect(try Selector("k=" + values.prefix(64).joined(separator: "|")).conditions[0].values.count == 64)
        #expect(throws: Refusal.self) { try Selector("k=" + values.joined(separator: "|")) }
    }

    @Test func `2048 bytes are a selector and one more is not`() throws {
        let value = String(repeating: "v", count: 128)
        let most = "k=" + Array(repeating: value, count: 15).joined(separator: "|")
        let fitting = most + "|" + String(repeating: "w", count: 2048 - most.utf8.count - 1 - 3) + "|x"
        #expect(fitting.utf8.count == 2047)
        #expect(throws: Never.self) { try Selector(fitting + "x") }
        #expect(throws: Refusal.selectorMalformed(fitting + "xx", reason: "it is longer than 2048 bytes")) {
            try Selector(fitting + "xx")
        }
    }

    // MARK: Matching

    private func node(_ name: String, _ tags: String) throws -> Node {
        Node(name: try NodeName(name), key: Organisation.key(9), tags: try Tags(parsing: tags))
    }

    @Test(arguments: ["*", "env=prod", "env=dev|prod", "env=prod,role=db", "db-1", "name=db-1,env=prod", "name=db-2|db-1"])
    func `a node with all the tags matches`(text: String) throws {
        #expect(try Selector(text).matches(node("db-1", "env=prod,role=db")))
    }

    @Test(arguments: ["env=Prod", "env=pro", "env=prod1", "env=dev", "env=prod,role=web", "zone=eu", "db-2", "name=db", "env=prod,db-2"])
    func `a node that lacks one does not`(text: String) throws {
        #expect(!(try Selector(text).matches(node("db-1", "env=prod,role=db"))))
    }

    @Test func `a tag cannot pass for the name of a node`() throws {
        #expect(throws: Refusal.self) { try node("web-1", "name=db-1") }
        #expect(!(try Selector("db-1").matches(node("web-1", "env=db-1"))))
    }

    @Test func `a name is more specific than any number of tags`() throws {
        let tags = (0..<16).map { "k\($0)=v" }.joined(separator: ",")
        #expect(try Selector("db-1").specificity > Selector(tags).specificity)
        #expect(try Selector("a=b,c=d").specificity > Selector("a=b").specificity)
        #expect(Selector.everything.specificity == 0)
    }

    @Test func `damaged selectors and tags are refused without a trap`() {
        var random = SeededGenerator(seed: 4)
        let alphabet = Array("abe=|,*-\u{301}\0 \u{212A}é\u{200D}=,|\u{1F468}\u{1F3FD}\r\n".unicodeScalars)
        for _ in 0..<5000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...12, using: &random) { text.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)]) }
            if let selector = try? Selector(String(text)) {
                #expect((try? Selector(selector.description)) == selector)
                #expect(selector.description.utf8.allSatisfy { $0 < 0x80 })
            }
            if let tags = try? Tags(parsing: String(text)) { #expect((try? Tags(parsing: tags.description)) == tags) }
        }
    }

    // MARK: Principals and capabilities

    @Test(arguments: ["group:ops", "person:anna"])
    func `a principal is read and written`(text: String) throws {
        #expect(try Principal(text).description == text)
    }

    @Test(arguments: [
        "", "ops", "group:", "person:", "Group:ops", "group: ops", "group:Ops", "role:ops", "group:ops,dba", "group:group:ops",
        "group:\u{301}ops", "person:anna ", "*", "person:*",
    ])
    func `anything else names nobody`(text: String) {
        #expect(throws: Refusal.self) { try Principal(text) }
    }

    @Test func `a group of the name of a person is not that person`() throws {
        let anna = try Organisation.person("anna", ["ops"])
        for text in ["person:anna", "group:ops"] { #expect(try Principal(text).includes(anna)) }
        for text in ["group:anna", "person:ops"] { #expect(!(try Principal(text).includes(anna))) }
    }

    @Test(arguments: ["", "Shell", "shell ", "sudo", "shell,exec", "*", "she\u{301}ll"])
    func `an unknown capability is refused`(text: String) {
        #expect(throws: Refusal.capabilityUnknown(text)) { try Capability(text) }
    }

    @Test func `a node that is named is found by its name, and must match and be enabled all the same`() throws {
        var ours = try Organisation()
        func found(_ text: String) throws -> [String] { try ours.directory.nodes(matching: Selector(text)).map(\.name.text) }
        #expect(try found("name=web-1|db-1|db-9") == ["db-1", "web-1"])
        #expect(try found("name=db-1|db-2,env=test").isEmpty)
        #expect(try found("name=db-1,role=db") == ["db-1"])
        ours.directory.nodes[try NodeName("db-1")]?.isEnabled = false
        #expect(try found("name=db-1|db-2") == ["db-2"])
    }
}
