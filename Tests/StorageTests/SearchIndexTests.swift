// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

@testable import Storage

@Suite struct SearchIndexTests {
    private let directory = TemporaryDirectory()
    private let connection: Connection
    private let index: SearchIndex
    private static let start = Timestamp(milliseconds: 1_800_000_000_000)

    init() throws {
        connection = try Connection(path: directory.path + "/search.db")
        try SearchIndex.migrator.migrate(connection)
        index = SearchIndex(connection)
    }

    private func fill(_ session: String, _ lines: [String], person: String = "alice") throws {
        var source = try index.source(
            of: try SessionID(session), node: try NodeName("db-1"), person: try PersonName(person), openedAt: Self.start)
        source.position += 100
        try index.add(lines.enumerated().map { .init(at: Int64($0.offset) * 1000, text: $0.element) }, to: source)
    }

    private func found(_ text: String, since: Timestamp = start, node: String = "", person: String = "", before: Int64 = .max) throws -> [String] {
        try connection.search(try SearchQuery(text), before: before, since: since, node: node, person: person, limit: 100).map(\.text)
    }

    @Test func `a line is found by its words, the latest first, and no other`() throws {
        try fill("s-000001", ["systemctl restart postgres", "permission denied", "denied, the permission"])
        #expect(try found("DENIED permission") == ["denied, the permission", "permission denied"])
        #expect(try found("\"permission denied\"") == ["permission denied"])
        #expect(try found("post*") == ["systemctl restart postgres"])
        #expect(try found("post").isEmpty)
        #expect(try found("denied", since: Self.start + .seconds(2)) == ["denied, the permission"])
        #expect(try found("denied", node: "db-2").isEmpty && found("denied", person: "bob").isEmpty)
    }

    @Test(arguments: [
        "text:denied", "denied OR 1=1", "NEAR(a b)", "a AND", "NOT", "* *", "denied)", "\"", "a\"b", "^denied", "{text} : x", "-denied",
        "a\"\u{301} OR b*", "\"\u{301}\" OR denied", "'; DROP TABLE line; --", "col : (", "+", "a + b", "\u{0}x", "é\"*", "*\"*\"*",
    ])
    func `the language of the index is never spoken`(text: String) throws {
        try fill("s-000001", ["permission denied"])
        do {
            #expect(try found(text).isEmpty || text == "-denied" || text == "denied)" || text == "^denied", "\(text)")
        } catch let error as SearchError {
            #expect(!error.message.isEmpty)
        }
    }

    @Test func `a query has words, and not too many`() throws {
        #expect(throws: SearchError.noWords("%% --")) { try SearchQuery("%% --") }
        #expect(throws: SearchError.tooLong(201)) { try SearchQuery(String(repeating: "a", count: 201)) }
        #expect(throws: Never.self) { try SearchQuery(String(repeating: "a", count: 200)) }
        #expect(throws: SearchError.tooMany(17)) { try SearchQuery(Array(repeating: "a", count: 17).joined(separator: " ")) }
        #expect(throws: Never.self) { try SearchQuery(Array(repeating: "a", count: 16).joined(separator: " ")) }
    }

    @Test func `what was read is not read again, and what was deleted is not found`() throws {
        try fill("s-000001", ["the first secret"])
        try fill("s-000002", ["the second secret"])
        let source = try index.source(
            of: try SessionID("s-000001"), node: try NodeName("db-1"), person: try PersonName("alice"), openedAt: Self.start)
        #expect(source.position == 100)
        try index.remove(try SessionID("s-000001"))
        #expect(try found("secret") == ["the second secret"])
        #expect(try connection.first("SELECT count(*) AS n FROM line")?.integer("n") == 1)
        try connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    }

    @Test func `hits come page by page`() throws {
        try fill("s-000001", ["word 1", "word 2", "word 3"])
        let all = try connection.search(try SearchQuery("word"), before: .max, since: Self.start, node: "", person: "", limit: 2)
        #expect(all.map(\.text) == ["word 3", "word 2"])
        #expect(try found("word", before: try #require(all.last).id) == ["word 1"])
    }
}
