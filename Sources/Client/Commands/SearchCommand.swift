// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Protocol

struct SearchCommand: Command {
    static let declaration = CommandDeclaration(
        name: "search", group: Groups.working, summary: "Find what was shown in sessions",
        discussion: """
            Looks through the output of every recording that you may replay, the latest first, and says where to look at it. \
            All words must stand in one line; words in quotes side by side; `post*` finds what begins so. Your search is \
            written into the ledger, as a replay is.
            """,
        parameters: [
            .positional("text", value: "TEXT", help: "The words."),
            .option("since", value: "WHEN", help: "Only what was shown since: 2d (ago), 2026-11-21 or 2026-11-21T08:00:00Z."),
            .option("node", value: "NODE", completes: .nodes, help: "Only on this node."),
            .option("person", value: "PERSON", completes: .people, help: "Only in this person's sessions."),
            .option("limit", value: "COUNT", help: "At most so many lines: 100 if left out."),
        ],
        examples: [
            .init("stint search 'DROP TABLE' --since 7d", "Who dropped a table this week?"),
            .init("stint search '\"permission denied\"' --node db-1", "Words that stand side by side, on one node."),
        ])

    private let setting: CommandSetting
    private let query: [(name: String, value: String)]

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        var query: [(name: String, value: String)] = [("text", values.required("text"))]
        let since = try values.moment("since", now: .now())
        let limit = try values.integer("limit", in: 1...Int64(Limits.listRows))
        if let since { query.append(("since", String(since.milliseconds))) }
        if let limit { query.append(("limit", String(limit))) }
        for name in ["node", "person"] {
            if let value = values.value(name) { query.append((name, value)) }
        }
        self.query = query
    }

    func run(in console: Console) throws -> Int32 {
        let rows = try Answer(try setting.signIn().broker.get(Route.search, query)).items()
        setting.show(rows, Self.table(rows), nothing: "Nothing was found in what you may replay.", in: console)
        if !setting.json, let first = rows.first, let session = first.optionalText("session") {
            console.errors("Look at it with: stint replay \(shown(session)) --from \(Self.offset(first))\n")
        }
        return rows.isEmpty ? 1 : 0
    }

    private static func table(_ rows: [Answer]) -> Table {
        var table = Table([
            .init("SESSION"), .init("AT", .trailing), .init("TIME"), .init("WHO"), .init("NODE"), .init("LINE", isFlexible: true),
        ])
        for row in rows {
            table.add([
                .init(row.optionalText("session") ?? ""), .init(offset(row)), .init(row.time("time").map(TimeText.local) ?? ""),
                .init(row.optionalText("person") ?? ""), .init(row.optionalText("node") ?? ""), .init(row.optionalText("text") ?? ""),
            ])
        }
        return table
    }

    /// As `stint replay --from` takes it.
    private static func offset(_ row: Answer) -> String {
        DurationText.format(.milliseconds(row.optionalInteger("atMilliseconds") ?? 0))
    }
}

extension ParsedValues {
    /// A moment: so long ago (`2d`), a day or a time in UTC.
    func moment(_ name: String, now: Timestamp) throws(UsageError) -> Timestamp? {
        try value(name, expecting: "a time ago as 2d or 90m, a day as 2026-11-21, or a time as 2026-11-21T08:00:00Z") { text in
            if let moment = Timestamp(rfc3339: text) ?? Timestamp(rfc3339: text + "T00:00:00Z") { return moment }
            // Not a length of time either: told by the caller in one sentence.
            return (try? DurationText.parse(text)).map { now - $0 }
        }
    }
}
