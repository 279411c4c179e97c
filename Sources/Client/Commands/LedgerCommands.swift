// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Protocol
import StrictJSON

struct LedgerListCommand: Command {
    static let declaration = CommandDeclaration(
        name: "list", group: Groups.looking, summary: "List what happened",
        parameters: [
            .option("after", value: "NUMBER", help: "Begin behind this entry."),
            .option("limit", value: "COUNT", help: "At most so many: 100 if left out."),
        ])

    private let setting: CommandSetting
    private let after: Int64
    private let limit: Int64

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        let after = try values.integer("after", in: 0...Int64.max)
        let limit = try values.integer("limit", in: 1...Int64(Limits.listRows))
        self.after = after ?? 0
        self.limit = limit ?? 100
    }

    func run(in console: Console) throws -> Int32 {
        let query: [(name: String, value: String)] = [("after", String(after)), ("limit", String(limit))]
        let rows = try Answer(try setting.signIn().broker.get(Route.ledger, query)).items()
        setting.show(rows, Lists.ledger(rows), nothing: "There is no entry behind \(after).", in: console)
        return 0
    }
}

struct LedgerVerifyCommand: Command {
    static let declaration = CommandDeclaration(
        name: "verify", group: Groups.looking, summary: "Check the whole ledger here, entry by entry",
        discussion: """
            Every entry is fetched and its hash computed here. The end is remembered: a broker that later shows less, or \
            something else, is found out.
            """,
        examples: [.init("stint ledger verify", "Make sure that nothing was changed or removed.")])

    private let setting: CommandSetting

    init(_ values: ParsedValues) throws(UsageError) { setting = CommandSetting(values) }

    func run(in console: Console) throws -> Int32 {
        let reader = try setting.signIn()
        let end = try reader.verifyLedger()
        let answer: JSONValue = ["number": .integer(end.number), "head": .string(end.head.hex), "verified": true]
        setting.show(answer, in: console) { "\(end.number) entries hold together. The last has the hash \(end.head.hex).\n" }
        return 0
    }
}
