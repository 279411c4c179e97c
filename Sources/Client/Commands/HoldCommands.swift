// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Protocol
import StrictJSON

/// A hold with its name and what it is on.
private struct HoldWord {
    static let name = Parameter.positional("name", value: "NAME", help: "The hold's name, as case-42.")
    static let reason = Parameter.option("reason", "r", value: "TEXT", help: "Why; other administrators read it.")

    let setting: CommandSetting
    let name: HoldName
    let reason: String

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        name = try values.requiredParsed("name") { text throws(Refusal) in try HoldName(text) }
        reason = values.value("reason") ?? ""
    }

    func say(_ kind: HoldStatement.Kind, on scope: HoldScope, by user: Operator) throws {
        try HumanText.check(reason)
        let statement = HoldStatement(
            root: user.identity.root, kind: kind, name: name, scope: scope, person: user.identity.person, reason: reason,
            nonce: try Evidence.Random.nonce(), at: .now())
        _ = try user.broker.post(Route.holds, try statement.signed(with: user.key.signing).source)
    }

    func show(_ state: String, _ scope: HoldScope, in console: Console) {
        setting.show(["name": .string(name.text), "scope": .string(scope.description), "state": .string(state)], in: console) {
            "Hold \(name) on \(scope): \(state).\n"
        }
    }
}

struct HoldAddCommand: Command {
    static let declaration = CommandDeclaration(
        name: "add", group: Groups.working, summary: "Keep recordings from being deleted",
        discussion: """
            While the hold is in force, the policy's retention deletes none of them, however old. Only administrators put holds on, \
            and each is signed and in the ledger.
            """,
        parameters: [
            HoldWord.name,
            .option("on", value: "WHAT", help: "A session's or a grant's id, person:NAME, or nodes as env=prod; * for all."), HoldWord.reason,
        ],
        examples: [.init("stint hold add case-42 --on person:alice --reason 'inquiry 42'", "Keep all that alice did.")])

    private let word: HoldWord
    private let scope: HoldScope

    init(_ values: ParsedValues) throws(UsageError) {
        word = try HoldWord(values)
        let scope = try values.parsed("on") { text throws(Refusal) in try HoldScope(text) }
        guard let scope else {
            throw UsageError(code: "usage.missing", message: "What the hold is on is missing.", hint: "Add --on, as --on env=prod.")
        }
        self.scope = scope
    }

    func run(in console: Console) throws -> Int32 {
        try word.say(.add, on: scope, by: try word.setting.signIn())
        word.show("in force", scope, in: console)
        return 0
    }
}

struct HoldRemoveCommand: Command {
    static let declaration = CommandDeclaration(
        name: "remove", group: Groups.working, summary: "Let recordings go by the policy's retention again",
        parameters: [HoldWord.name, HoldWord.reason])

    private let word: HoldWord

    init(_ values: ParsedValues) throws(UsageError) { word = try HoldWord(values) }

    func run(in console: Console) throws -> Int32 {
        let user = try word.setting.signIn()
        let holds = try Answer(try user.broker.get(Route.holds)).items()
        guard let scope = holds.first(where: { $0.optionalText("name") == word.name.text })?.optionalText("scope") else {
            throw ClientError.noHold(word.name.text)
        }
        let known = try HoldScope(scope)
        try word.say(.remove, on: known, by: user)
        word.show("removed", known, in: console)
        return 0
    }
}

struct HoldListCommand: Command {
    static let declaration = CommandDeclaration(
        name: "list", group: Groups.working, summary: "List holds on recordings",
        parameters: [.flag("all", help: "Also those that were removed.")])

    private let setting: CommandSetting
    private let isAll: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        isAll = values.flag("all")
    }

    func run(in console: Console) throws -> Int32 {
        let rows = try Answer(try setting.signIn().broker.get(Route.holds, isAll ? [("scope", "all")] : [])).items()
        var table = Table([
            .init("NAME"), .init("ON", isFlexible: true), .init("STATE"), .init("BY"), .init("SINCE"), .init("REASON", isFlexible: true),
        ])
        for row in rows {
            let cells = ["name", "scope", "state", "by"].map { Table.Cell(row.optionalText($0) ?? "") }
            table.add(cells + [.init(row.time("at").map(TimeText.local) ?? ""), .init(row.optionalText("reason") ?? "")])
        }
        setting.show(rows, table, nothing: "No recording is held.", in: console)
        return 0
    }
}
