// SPDX-License-Identifier: Apache-2.0

import Protocol
import StrictJSON
import Testing

@testable import Agent

/// What a node says of itself.
@Suite struct FactTests {
    @Test func `the facts of this machine are read, and survive the wire`() throws {
        let facts = NodeFacts.gather()
        #expect(facts.processors > 0 && facts.memoryBytes > facts.availableBytes && facts.availableBytes > 0)
        #expect(!facts.kernel.isEmpty && !facts.system.isEmpty && facts.uptimeSeconds > 0 && facts.users.contains("root"))
        #expect(try NodeFacts(facts.json) == facts)
        #expect(try ControlMessage(ControlMessage.facts(facts).text) == .facts(facts))
    }

    @Test(arguments: [
        ("0100007F:1CFC", "127.0.0.1:7420"), ("00000000:0016", "0.0.0.0:22"),
        ("00000000000000000000000001000000:0050", "[::1]:80"), ("00000000000000000000000000000000:01BB", "[::]:443"),
    ])
    func `an address of the kernel's table is shown as people write it`(text: String, shown: String) {
        #expect(NodeFacts.address(text) == shown)
    }

    @Test(arguments: ["", "0100007F", "0100007F:", "0100007F:1CFCC", "010000:1CFC", "0100007G:1CFC", "0100007F:1:2"])
    func `what is no address is left out`(text: String) {
        #expect(NodeFacts.address(text) == nil)
    }

    @Test func `a node cannot send more than people want to read`() throws {
        var facts = NodeFacts()
        facts.users = Array(repeating: "u", count: NodeFacts.maximumUsers)
        #expect(throws: Never.self) { try NodeFacts(facts.json) }
        facts.users.append("u")
        #expect(throws: JSONError.self) { try NodeFacts(facts.json) }
        facts = NodeFacts()
        facts.system = String(repeating: "x", count: 257)
        #expect(throws: JSONError.self) { try NodeFacts(facts.json) }
        var object = try #require(NodeFacts().json.asObject)
        object["tags"] = "env=prod"
        #expect(throws: JSONError.self) { try NodeFacts(.object(object)) }
    }
}
