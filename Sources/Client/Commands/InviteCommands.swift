// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Posix
import StrictJSON

/// What the three ways to invite share.
private struct Invitation {
    static let parameters: [Parameter] = [
        .option("valid-for", value: "DURATION", help: "How long the token works: 15m if left out, at most 7d."),
        .option("output", "o", value: "FILE", completes: .files, help: "Write the token to this new file, readable by you only."),
    ]

    let setting: CommandSetting
    let lifetime: Duration
    let file: String?

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        lifetime = try values.parsed("valid-for") { text throws(Refusal) in try DurationText.parse(text) }
            ?? InvitationStatement.lifetime
        guard lifetime >= .seconds(1), lifetime <= .seconds(7 * 86_400) else {
            throw UsageError(
                code: "usage.bad-value", message: "`\(DurationText.format(lifetime))` is not a value of `--valid-for`.",
                hint: "It takes a duration from 1s to 7d.")
        }
        file = values.value("output")
    }

    func issue(_ subject: InvitationStatement.Subject, use: String, by inviter: Operator, in console: Console) throws -> Int32 {
        let (token, notAfter) = try inviter.invite(subject, lifetime: lifetime)
        if let file { try DurableFile.writeAtomically(Array((token + "\n").utf8), to: file, mode: 0o600) }
        if setting.json {
            let object: JSONObject = ["token": .string(token), "notAfter": .string(notAfter.description)]
            console.output(JSONValue.object(object).pretty + "\n")
            return 0
        }
        if file == nil { console.output(token + "\n") }
        console.errors("The token works once, until \(TimeText.deadline(notAfter, now: .now())).\nUse it with: \(use)\n")
        return 0
    }
}

struct InvitePersonCommand: Command {
    static let declaration = CommandDeclaration(
        name: "person", group: Groups.enrolling, summary: "Make a token for a new person",
        parameters: [
            .positional("name", value: "NAME", help: "The person's name here."),
            .option("groups", value: "A,B", help: "The groups the person will be in."),
            .option("attributes", value: "K=V,..", help: "Attributes that a policy may refer to."),
        ] + Invitation.parameters,
        examples: [.init("stint invite person bob --groups ops", "Let bob join as a member of ops.")])

    private let invitation: Invitation
    private let subject: InvitationStatement.Subject

    init(_ values: ParsedValues) throws(UsageError) {
        invitation = try Invitation(values)
        let attributes = try values.parsed("attributes") { text throws(Refusal) in try Tags(parsing: text) }
        subject = .person(
            try values.requiredParsed("name") { text throws(Refusal) in try PersonName(text) },
            groups: try values.list("groups") { text throws(Refusal) in try GroupName(text) } ?? [],
            attributes: Dictionary(uniqueKeysWithValues: attributes?.sorted ?? []))
    }

    func run(in console: Console) throws -> Int32 {
        try invitation.issue(subject, use: "stint join -", by: try invitation.setting.signIn(), in: console)
    }
}

struct InviteNodeCommand: Command {
    static let declaration = CommandDeclaration(
        name: "node", group: Groups.enrolling, summary: "Make a token for a new node",
        parameters: [
            .positional("name", value: "NAME", help: "The node's name here."),
            .option("tags", value: "K=V,..", help: "The node's tags; only an administrator's word counts."),
        ] + Invitation.parameters,
        examples: [.init("stint invite node db-1 --tags env=prod,role=db", "Let a database node join.")])

    private let invitation: Invitation
    private let subject: InvitationStatement.Subject

    init(_ values: ParsedValues) throws(UsageError) {
        invitation = try Invitation(values)
        subject = .node(
            try values.requiredParsed("name") { text throws(Refusal) in try NodeName(text) },
            try values.parsed("tags") { text throws(Refusal) in try Tags(parsing: text) } ?? Tags())
    }

    func run(in console: Console) throws -> Int32 {
        try invitation.issue(subject, use: "stint-agent join -", by: try invitation.setting.signIn(), in: console)
    }
}

struct InviteDeviceCommand: Command {
    static let declaration = CommandDeclaration(
        name: "device", group: Groups.enrolling, summary: "Make a token for another device of yours",
        parameters: Invitation.parameters, examples: [.init("stint invite device", "Enrol your second machine.")])

    private let invitation: Invitation

    init(_ values: ParsedValues) throws(UsageError) { invitation = try Invitation(values) }

    func run(in console: Console) throws -> Int32 {
        let inviter = try invitation.setting.signIn()
        return try invitation.issue(.device(inviter.identity.person), use: "stint join -", by: inviter, in: console)
    }
}
