// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import StrictJSON

struct BreakGlassCommand: Command {
    static let declaration = CommandDeclaration(
        name: "break-glass", group: Groups.asking, summary: "Open access now, alone, and answer for it",
        discussion: """
            For an emergency in which nobody can be asked, where the policy has such a rule for you. Everybody whose consent \
            was skipped is told, all of it is recorded, and another person has to review it; while a review of yours is \
            overdue you cannot break glass again.

            With a node, the session opens at once: a shell, or the command after --. With --on, only the access is opened; \
            use it with `stint shell` and `stint exec`.
            """,
        parameters: [
            .positional("node", value: "NODE", .optional, completes: .nodes, help: "The node to work on."), .on,
            .option("reason", "r", value: "TEXT", isRequired: true, help: "What the emergency is; reviewers read it."),
            .duration, .runAs,
            .option("field", value: "NAME=VALUE", repeats: true, help: "What the entitlement wants stated beside the reason."),
            .option("entitlement", value: "NAME", help: "Under this entitlement instead of the best that fits."), .yes,
            .rest("command", value: "CMD", isRequired: false, help: "A command to run on the node instead of a shell."),
        ],
        exitStatuses: SessionUse.exitStatuses,
        examples: [
            .init("stint break-glass db-1 -r 'the pager says the replica is down, nobody answers' --for 30m", "Work on db-1, now."),
            .init("stint break-glass db-1 -r 'disk full, nobody answers' --for 10m --yes -- df -h", "Run one command, now."),
            .init("stint break-glass --on env=prod,role=db -r 'split brain, nobody answers' --for 1h", "Open access to several."),
        ])

    private let setting: CommandSetting
    private let node: NodeName?
    private let draft: RequestDraft
    private let command: [String]
    private let isSure: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        node = try values.parsed("node") { text throws(Refusal) in try NodeName(text) }
        let selector = try values.parsed("on") { text throws(Refusal) in try Selector(text) }
        command = values.rest
        guard (node == nil) != (selector == nil) else {
            throw UsageError(
                code: "usage.missing", message: "Either a node or --on is needed, and not both.",
                hint: "stint break-glass NODE --reason WHY --for 30m, or stint break-glass --on SELECTOR …")
        }
        guard node != nil || command.isEmpty else {
            throw UsageError(
                code: "usage.unexpected", message: "A command needs a node to run on, and --on may mean several.",
                hint: "Open the access with --on, then use `stint exec`.")
        }
        try SessionUse.check(command)
        let own = try node.map { name throws(UsageError) in try ParsedValues.understood { () throws(Refusal) in try Selector(name.text) } }
        var draft = RequestDraft(selector: selector ?? own ?? .everything, reason: values.required("reason"))
        draft.isBreakGlass = true
        draft.duration = try values.parsed("for") { text throws(Refusal) in try DurationText.parse(text) }
        draft.runAs = try values.parsed("as") { text throws(Refusal) in try RunAsName(user: text) }
        draft.entitlement = try values.parsed("entitlement") { text throws(Refusal) in try EntitlementName(text) }
        draft.fields = try values.fields()
        self.draft = draft
        isSure = values.flag("yes")
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        try user.synchronise()
        let complete = try complete(for: user)
        let told = try Self.told(complete, besides: user)
        if !isSure {
            console.errors(Self.warning(complete, told))
            try Confirmation.ask("Break the glass?", in: console)
        }
        let (_, answer) = try user.request(draft(for: complete))
        let id = try RequestID(try answer.text("id"))
        let grant = try user.grant(id.sibling())
        let activation = try user.activation(of: grant)
        guard let node else {
            let opened = try user.grant(grant.id)
            setting.show(opened.answer.json, in: console) {
                "\(Self.line(id, told))\n\(ObjectText.grant(opened.answer, now: .now()))Next: `stint shell NODE`; give it back with `stint done`.\n"
            }
            return 0
        }
        console.errors(Self.line(id, told) + "\n")
        let use = GrantUse(node: node, capability: command.isEmpty ? .shell : .exec, runAs: draft.runAs)
        let plan = SessionPlan.here(use, command: command, hasTerminal: command.isEmpty)
        let session = try user.open(plan, under: grant, activation: activation)
        let status = try SessionReport(session, of: grant.id, console).run()
        console.errors("This session broke glass: \(id) owes a review, to be given by another person.\n")
        return status
    }

    /// Asks for exactly what the session needs, where one is opened.
    private func draft(for complete: RequestDraft.Complete) -> RequestDraft {
        var exact = draft
        exact.capabilities = complete.capabilities
        exact.duration = complete.duration
        exact.runAs = complete.runAs
        exact.entitlement = complete.entitlement.name
        return exact
    }

    private func complete(for user: Operator) throws -> RequestDraft.Complete {
        var draft = draft
        if node != nil { draft.capabilities = [command.isEmpty ? .shell : .exec] }
        return try draft.complete(for: try user.me(), in: user.directory, at: .now())
    }

    private static func told(_ complete: RequestDraft.Complete, besides user: Operator) throws -> [PersonName] {
        let me = try user.me().name
        let principals = complete.entitlement.seats.flatMap(\.of) + complete.entitlement.reviewers
        return user.directory.people.values.filter { person in
            person.isEnabled && person.name != me && principals.contains { $0.includes(person) }
        }.map(\.name).sorted()
    }

    private static func warning(_ complete: RequestDraft.Complete, _ told: [PersonName]) -> String {
        var fields = FieldList()
        fields.add("on", "\(complete.selector): \(ObjectText.names(complete.nodes.map(\.name.text)))")
        fields.add("run as", complete.runAs.text)
        fields.add("for", DurationText.format(complete.duration))
        fields.add("entitlement", complete.entitlement.name.text)
        fields.add("told", told.map(\.text).joined(separator: ", "))
        fields.add("review", complete.entitlement.breakGlass.map { "by another person within \(DurationText.format($0.reviewWithin))" })
        return "Nobody will have agreed to this.\n\(fields.text)"
    }

    private static func line(_ id: RequestID, _ told: [PersonName]) -> String {
        "BREAK-GLASS \(id): nobody agreed to this. Told: \(told.map(\.text).joined(separator: ", ")). Another person will review it."
    }
}
