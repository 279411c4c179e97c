// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What a node says of itself is shown, and decides nothing.
@Suite(.serialized, .installation(.init(turn: .patient)))
struct FactTests {
    private struct Node: Decodable {
        struct Facts: Decodable {
            let system: String
            let kernel: String
            let processors: Int
            let users: [String]?
            let listening: [String]?
        }

        let name: String
        let tags: [String: String]
        let facts: Facts?
    }

    private func shown() async throws -> Node.Facts {
        let here = try Installation.here
        return try await eventually("the facts of db-1") {
            let node: Node = try await here.stint(as: "oncall", "node", "db-1", "--json").decoded()
            return node.facts
        }
    }

    @Test func `a node shows its facts to those who may see it`() async throws {
        let here = try Installation.here
        let facts = try await shown()
        #expect(facts.processors > 0 && !facts.kernel.isEmpty && facts.users?.contains("root") == true)
        #expect(facts.listening?.contains { $0.hasSuffix(here.address.suffix(5)) } == true, "the broker listens: \(facts)")
        let words = try await here.stint(as: "oncall", "node", "db-1").checked().text
        #expect(words.contains("Node db-1") && words.contains("by the node itself") && words.contains(facts.kernel))
        #expect(try await here.stint(as: "stranger", "node", "db-1").status == 4)
        #expect(try await here.stint(as: "oncall", "node", "db-2").status == 4)
    }

    @Test func `the list has them too, as a table and as values`() async throws {
        let here = try Installation.here
        let facts = try await shown()
        let nodes: [Node] = try await here.stint(as: "oncall", "nodes", "--json").decoded()
        #expect(nodes.map(\.name) == ["db-1"] && nodes[0].facts?.system == facts.system && nodes[0].facts?.listening == nil)
        let lines = try await here.stint(as: "oncall", "nodes", "--csv").checked().text.split(separator: "\r\n")
        #expect(lines.count == 2 && lines[0].hasPrefix("name,state,") && lines[1].hasPrefix("\"db-1\",\"connected\","))
        #expect(lines[1].contains("\"env=prod role=db\"") && lines[1].contains("\"\(facts.kernel)\""))
        #expect(nodes[0].tags == ["env": "prod", "role": "db"], "facts are no tags")
    }
}
