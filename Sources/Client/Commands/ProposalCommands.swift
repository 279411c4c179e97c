// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Protocol
import StrictJSON

extension Parameter {
    static let proposalID = Parameter.positional("id", value: "ID", help: "The proposal, as p-7k2p9x.")
    static let changeReason = Parameter.option("reason", "r", value: "TEXT", help: "Why; other administrators read it.")
    static let openFor = Parameter.option(
        "open-for", value: "DURATION", help: "Where a second administrator must agree: how long the proposal is open, 1d if left out.")
}

/// How a change of the charter is made, whatever it changes.
struct CharterChanging {
    static let parameters: [Parameter] = [.changeReason, .openFor, .yes]

    let setting: CommandSetting
    private let reason: String
    private let lifetime: Duration
    private let isSure: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        reason = values.value("reason") ?? ""
        lifetime = try values.parsed("open-for") { text throws(Refusal) in try DurationText.parse(text) } ?? CharterRule.consentLifetime
        guard lifetime >= .seconds(60), lifetime <= CharterRule.longestConsent else {
            throw UsageError(
                code: "usage.bad-value", message: "`\(DurationText.format(lifetime))` is not a value of `--open-for`.",
                hint: "It takes a duration from 1m to 7d.")
        }
        isSure = values.flag("yes")
    }

    /// The administrator who changes it, and the charter in force.
    func begin() throws -> (administrator: Operator, charter: Charter) {
        let administrator = try setting.signIn()
        try administrator.synchronise()
        let me = try administrator.me().name
        guard administrator.directory.isAdministrator(me) else { throw Refusal.notAnAdministrator(me) }
        guard let charter = administrator.directory.charter else { throw Refusal.noCharter }
        return (administrator, charter)
    }

    /// - Parameters:
    ///   - administrators: who would be; whoever is disabled is left out, since no charter may name them.
    ///   - words: what else changes; shown before anything is asked.
    func apply(
        _ administrators: Set<PersonName>, _ policy: String, over charter: Charter, by administrator: Operator, words: String = "",
        in console: Console
    ) throws -> Int32 {
        let kept = administrators.filter { administrator.directory.people[$0]?.isEnabled == true }
        let content = CharterContent(administrators: Array(kept), policy: policy)
        console.errors(
            words + CharterText.words(
                added: kept.subtracting(charter.administrators).sorted(), removed: charter.administrators.subtracting(kept).sorted()))
        let verb = charter.policy.administratorsToAgree > 1 ? "Propose" : "Sign"
        if !isSure { try Confirmation.ask("\(verb) this as version \(charter.version + 1) of the charter?", in: console) }
        let change = try administrator.change(content, over: charter, reason: reason, for: lifetime)
        setting.show(CharterText.json(change), in: console) { CharterText.words(change, now: .now()) }
        return 0
    }
}

struct PolicyProposalsCommand: Command {
    static let declaration = CommandDeclaration(
        name: "proposals", group: Groups.policy, summary: "List charters that wait for a second administrator",
        parameters: [.flag("all", help: "Also those that are agreed to, withdrawn or overtaken.")],
        examples: [.init("stint policy proposals", "See what another administrator wants.")])

    private let setting: CommandSetting
    private let isAll: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        isAll = values.flag("all")
    }

    func run(in console: Console) throws -> Int32 {
        let rows = try Answer(try setting.signIn().broker.get(Route.proposals, isAll ? [("scope", "all")] : [])).items()
        var table = Table([
            .init("ID"), .init("STATE"), .init("BY"), .init("VERSION", .trailing), .init("UNTIL"), .init("REASON", isFlexible: true),
        ])
        for row in rows {
            table.add([
                .init(row.optionalText("id") ?? ""), .init(row.optionalText("state") ?? ""), .init(row.optionalText("by") ?? ""),
                .init(String(row.optionalInteger("version") ?? 0)), .init(row.time("notAfter").map(TimeText.local) ?? ""),
                .init(row.optionalText("reason") ?? ""),
            ])
        }
        setting.show(rows, table, nothing: "No charter is proposed.", in: console)
        return 0
    }
}

struct PolicyAgreeCommand: Command {
    static let declaration = CommandDeclaration(
        name: "agree", group: Groups.policy, summary: "Agree to a proposed charter, which puts it into force",
        discussion: """
            What it changes is shown first, computed on this machine from what its proposer signed. Your consent names this very \
            text and the charter that it follows; the charter carries both consents, and every node counts them.
            """,
        parameters: [.proposalID, .changeReason, .yes],
        exitStatuses: [.init(3, "You may not agree to it."), .init(5, "It is stale, expired or resolved.")],
        examples: [.init("stint policy agree p-7k2p9x", "Show what changes, ask, and sign.")])

    private let setting: CommandSetting
    private let id: ProposalID
    private let reason: String
    private let isSure: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.requiredParsed("id") { text throws(Refusal) in try ProposalID(text) }
        reason = values.value("reason") ?? ""
        isSure = values.flag("yes")
    }

    func run(in console: Console) throws -> Int32 {
        let administrator = try setting.signIn()
        let proposal = try administrator.proposal(id)
        if let refusal = proposal.proposal.refusal(of: try administrator.me().name, in: administrator.directory, at: .now()) {
            throw refusal
        }
        let review = try PolicyReview(proposal.content.policy, file: "policy", in: administrator.directory)
        console.errors(CharterText.words(proposal, now: .now()) + PolicyCheckCommand.words(review, isAlone: false))
        if review.findings.contains(where: \.isError) { return 3 }
        if !isSure { try Confirmation.ask("Agree to this as version \(proposal.proposal.version) of the charter?", in: console) }
        let change = CharterChange.inForce(try administrator.agree(to: proposal, reason: reason))
        setting.show(CharterText.json(change), in: console) { CharterText.words(change, now: .now()) }
        return 0
    }
}

struct PolicyWithdrawCommand: Command {
    static let declaration = CommandDeclaration(
        name: "withdraw", group: Groups.policy, summary: "Withdraw a charter that you proposed",
        parameters: [.proposalID, .changeReason])

    private let setting: CommandSetting
    private let id: ProposalID
    private let reason: String

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.requiredParsed("id") { text throws(Refusal) in try ProposalID(text) }
        reason = values.value("reason") ?? ""
    }

    func run(in console: Console) throws -> Int32 {
        let answer = try setting.signIn().end(.withdraw, id.description, reason: reason)
        setting.show(answer.json, in: console) { "Proposal \(id) is withdrawn.\n" }
        return 0
    }
}
