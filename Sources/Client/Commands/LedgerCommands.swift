// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Posix
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
            Every entry is fetched, and the hashes of the chain and of the tree are computed here and held against the head \
            that the broker signed. The highest head is remembered: a broker whose database was set back to an older copy, \
            or that shows another history, is found out by this and every other command, and by every node.
            """,
        examples: [.init("stint ledger verify", "Make sure that nothing was changed or removed.")])

    private let setting: CommandSetting

    init(_ values: ParsedValues) throws(UsageError) { setting = CommandSetting(values) }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        let head = try ElapsedLine.show("Checking the ledger") { try user.verifyLedger() }
        let answer: JSONValue = [
            "number": .integer(head.size), "head": .string(head.chain.hex), "tree": .string(head.tree.hex),
            "signedAt": .string(head.at.description), "verified": true,
        ]
        setting.show(answer, in: console) {
            """
            \(head.size) entries hold together, as the broker signed at \(TimeText.utc(head.at)).
              last hash  \(head.chain.hex)
              tree       \(head.tree.hex)

            """
        }
        return 0
    }
}

struct LedgerExportCommand: Command {
    static let declaration = CommandDeclaration(
        name: "export", group: Groups.looking, summary: "Write the ledger, one entry a line",
        discussion: """
            Every hash is computed here. Entries come oldest first, none left out; the number of the last one written is where the next \
            export goes on with --after. On the broker's machine `stintd export` follows the ledger and sends it to a collector.
            """,
        parameters: [
            .option("after", value: "NUMBER", help: "Begin behind this entry."),
            .option("format", value: "FORMAT", help: "As json (if left out), cef or syslog."),
        ],
        examples: [.init("stint ledger export --after 1200 >>ledger.jsonl", "Go on behind entry 1200.")])

    private let setting: CommandSetting
    private let after: Int64
    private let format: LedgerFormat

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        let after = try values.integer("after", in: 0...Int64.max)
        self.after = after ?? 0
        let format = try values.value("format", expecting: "json, cef or syslog") { LedgerFormat(rawValue: $0) }
        self.format = format ?? .json
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        try user.synchronise()
        var last = after
        while true {
            let entries = try user.ledger(after: last)
            guard !entries.isEmpty else { return 0 }
            for entry in entries {
                let number = try entry.integer("number")
                guard number == last + 1 else {
                    throw EvidenceError.ledgerBroken(number: last + 1, what: "it is missing; entry \(number) follows")
                }
                console.output(format.line(try entry.ledgerEntry(), host: user.identity.broker) + "\n")
                last = number
            }
        }
    }
}

extension Answer {
    /// The entry, whose hash is computed here; the API's own must be the same.
    fileprivate func ledgerEntry() throws -> LedgerEntry {
        guard let previous = Digest(hex: try text("previous")) else { throw ClientError.unclearAnswer("`previous` is no digest") }
        let entry = try LedgerEntry(
            number: try integer("number"), at: Timestamp(milliseconds: try integer("atMilliseconds")), event: try text("event"),
            subject: try text("subject"), actor: optionalText("actor") ?? "", body: try text("body"), previous: previous)
        guard try text("hash") == entry.hash.hex else {
            throw EvidenceError.ledgerBroken(number: entry.number, what: "its content was changed")
        }
        return entry
    }
}
