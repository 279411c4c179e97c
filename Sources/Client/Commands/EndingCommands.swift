// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import StrictJSON

/// What all ways to end something share: a signed word, and what is left of the subject.
private struct Ending {
    static let reason = Parameter.option("reason", "r", value: "TEXT", help: "Why; others will read it.")

    let setting: CommandSetting
    let kind: EndingStatement.Kind
    let reason: String

    init(_ values: ParsedValues, _ kind: EndingStatement.Kind) {
        setting = CommandSetting(values)
        self.kind = kind
        reason = values.value("reason") ?? ""
    }

    func apply(_ subject: String, by ender: Operator, in console: Console) throws -> Int32 {
        let answer = try ender.end(kind, subject, reason: reason)
        setting.show(answer.json, in: console) { "\(subject) is \(shown(answer.optionalText("state") ?? "?")) now.\n" }
        return 0
    }
}

struct WithdrawCommand: Command {
    static let declaration = CommandDeclaration(
        name: "withdraw", group: Groups.asking, summary: "Take a request of yours back",
        parameters: [.requestID("The request, as `stint requests` lists it."), Ending.reason])

    private let ending: Ending
    private let id: RequestID

    init(_ values: ParsedValues) throws(UsageError) {
        ending = Ending(values, .withdraw)
        id = try values.requiredParsed("id") { text throws(Refusal) in try RequestID(text) }
    }

    func run(in console: Console) throws -> Int32 {
        try ending.apply(id.description, by: try ending.setting.signIn(), in: console)
    }
}

struct DoneCommand: Command {
    static let declaration = CommandDeclaration(
        name: "done", group: Groups.asking, summary: "Give a grant of yours back; its sessions end",
        parameters: [
            .positional("id", value: "ID", .optional, completes: .grants, help: "The grant; the only one you have if left out."),
            Ending.reason,
        ],
        examples: [.init("stint done", "The work is finished before its time.")])

    private let ending: Ending
    private let id: GrantID?

    init(_ values: ParsedValues) throws(UsageError) {
        ending = Ending(values, .release)
        id = try values.parsed("id") { text throws(Refusal) in try GrantID(ofGrantOrRequest: text) }
    }

    func run(in console: Console) throws -> Int32 {
        let holder = try ending.setting.signIn()
        let chosen = if let id { id } else { try Self.onlyLive(of: holder) }
        return try ending.apply(chosen.description, by: holder, in: console)
    }

    private static func onlyLive(of holder: Operator) throws -> GrantID {
        let live = try holder.grants().filter { $0.state == .ready || $0.state == .active }
        guard let first = live.first else { throw ClientError.nothingLive }
        guard live.count == 1 else {
            throw ClientError.ambiguous("You have more than one grant", choices: live.map(\.id.description))
        }
        return first.id
    }
}

struct RevokeCommand: Command {
    static let declaration = CommandDeclaration(
        name: "revoke", group: Groups.deciding, summary: "Take a grant back; its sessions end within a second",
        discussion: "Every approver of it may, and every administrator. Ending needs no second person.",
        parameters: [.positional("id", value: "ID", completes: .grants, help: "The grant, or its request."), Ending.reason],
        examples: [.init("stint revoke g-7k2p9x --reason 'wrong node'", "End it now.")])

    private let ending: Ending
    private let id: GrantID

    init(_ values: ParsedValues) throws(UsageError) {
        ending = Ending(values, .revoke)
        id = try values.requiredParsed("id") { text throws(Refusal) in try GrantID(ofGrantOrRequest: text) }
    }

    func run(in console: Console) throws -> Int32 {
        try ending.apply(id.description, by: try ending.setting.signIn(), in: console)
    }
}

struct EndCommand: Command {
    static let declaration = CommandDeclaration(
        name: "end", group: Groups.deciding, summary: "End one session and leave its grant",
        parameters: [.positional("id", value: "SESSION", completes: .sessions, help: "The session, as `stint sessions` lists it."), Ending.reason])

    private let ending: Ending
    private let id: SessionID

    init(_ values: ParsedValues) throws(UsageError) {
        ending = Ending(values, .end)
        id = try values.requiredParsed("id") { text throws(Refusal) in try SessionID(text) }
    }

    func run(in console: Console) throws -> Int32 {
        try ending.apply(id.description, by: try ending.setting.signIn(), in: console)
    }
}
