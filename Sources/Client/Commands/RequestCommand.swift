// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import StrictJSON

struct RequestCommand: Command {
    static let declaration = CommandDeclaration(
        name: "request", group: Groups.asking, summary: "Ask for access",
        discussion: """
            The policy is looked at here first, on your own verified copy, and then by the broker and by every node, with \
            the same words. What you leave out comes from the entitlement that fits best.
            """,
        parameters: [
            .option(
                "on", value: "SELECTOR", isRequired: true, completes: .nodes,
                help: "Which nodes, as env=prod,role=db|cache, or a node's name."),
            .duration,
            .option("reason", "r", value: "TEXT", isRequired: true, help: "What you need it for; approvers read it."),
            .runAs,
            .option("capabilities", value: "A,B", help: "What you will do: shell, exec; all that is allowed if left out."),
            .option(
                "field", value: "NAME=VALUE", repeats: true, help: "What the entitlement wants stated beside the reason."),
            .option(
                "at", value: "TIME",
                help: "Begin then and not earlier: 09:30, 2026-01-05 09:30 (local), 2026-01-05T08:30:00Z or +2h; where the policy allows it."),
            .option("entitlement", value: "NAME", help: "Ask under this entitlement instead of the best that fits."),
            .flag("wait", "w", help: "Wait until it is decided."),
            .flag("dry-run", help: "Only show what would be asked, and who could decide it."),
        ],
        exitStatuses: [.init(3, "The policy refuses it, or with --wait somebody denied it.")],
        examples: [
            .init("stint request --on db-1 --for 30m --reason 'restore the index, INC-4711'", "Ask for half an hour."),
            .init("stint request --on env=staging --reason 'look at the slow job' --wait", "Ask, and wait for the answer."),
        ])

    private let setting: CommandSetting
    private let draft: RequestDraft
    private let waits: Bool
    private let isDryRun: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        var draft = RequestDraft(
            selector: try values.requiredParsed("on") { text throws(Refusal) in try Selector(text) },
            reason: values.required("reason"))
        draft.duration = try values.parsed("for") { text throws(Refusal) in try DurationText.parse(text) }
        draft.runAs = try values.parsed("as") { text throws(Refusal) in try RunAsName(user: text) }
        draft.capabilities = try values.list("capabilities") { text throws(Refusal) in try Capability(text) }.map { Set($0) }
        draft.entitlement = try values.parsed("entitlement") { text throws(Refusal) in try EntitlementName(text) }
        draft.start = try values.parsed("at") { text throws(Refusal) in try TimeText.parse(text, now: .now()) }
        draft.fields = try values.fields()
        self.draft = draft
        waits = values.flag("wait")
        isDryRun = values.flag("dry-run")
    }

    func run(in console: Console) throws -> Int32 {
        let requester = try setting.signIn()
        if isDryRun { return try rehearse(by: requester, in: console) }
        let (complete, answer) = try requester.request(draft)
        let report = RequestReport(complete, answer, by: requester.identity.person, in: requester.directory)
        guard waits else {
            setting.show(answer.json, in: console) { report.text(now: .now()) }
            return 0
        }
        if !setting.json { console.errors(report.text(now: .now())) }
        let id = try report.id()
        let waiting = DecisionWait(console, quiet: setting.json, asked: report.told, again: Self.again(id))
        guard case .decided(let decided) = try waiting.wait(for: id, of: requester, from: answer) else { return 130 }
        setting.show(decided.json, in: console) { ObjectText.request(decided, now: .now()) }
        return decided.optionalText("state") == AccessRequest.State.approved.rawValue ? 0 : 3
    }

    private static func again(_ id: RequestID) -> String { "stint show \(id) --watch" }

    private func rehearse(by requester: Operator, in console: Console) throws -> Int32 {
        try requester.synchronise()
        let complete = try draft.complete(for: try requester.me(), in: requester.directory, at: .now())
        let report = RequestReport(complete, Answer(.object([:])), by: requester.identity.person, in: requester.directory)
        setting.show(report.rehearsal, in: console) { report.rehearsalText }
        return 0
    }
}

/// What is told about a request that was just made.
struct RequestReport {
    private let complete: RequestDraft.Complete
    private let answer: Answer
    private let deciders: [(seat: Seat, people: [PersonName])]

    init(_ complete: RequestDraft.Complete, _ answer: Answer, by requester: PersonName, in directory: Directory) {
        self.complete = complete
        self.answer = answer
        deciders = complete.deciders(besides: requester, in: directory)
    }

    func id() throws -> RequestID { try RequestID(try answer.text("id")) }

    func text(now: Timestamp) -> String {
        let id = shown(answer.optionalText("id") ?? "?")
        var fields = what
        let isApproved = answer.optionalText("state") == AccessRequest.State.approved.rawValue
        if !isApproved { fields.add("decide before", ObjectText.deadline(answer, "decideBefore", now: now)) }
        let next = isApproved
            ? "The policy approves this by itself. Next: `stint shell NODE`."
            : "Next: they run `stint approve \(id)`; you see the answer with `stint show \(id)`."
        return "Request \(id): \(shown(answer.optionalText("state") ?? "?"))\n\(fields.text)\(next)\n"
    }

    /// Everybody who would be told: each once, whatever seats they may fill.
    var told: [PersonName] { Set(deciders.flatMap(\.people)).sorted() }

    var rehearsal: JSONValue {
        .object([
            "entitlement": .string(complete.entitlement.name.text), "selector": .string(complete.selector.description),
            "nodes": .names(complete.nodes.map(\.name)), "runAs": .string(complete.runAs.text),
            "capabilities": .array(complete.capabilities.sorted().map { .string($0.rawValue) }),
            "duration": .seconds(complete.duration), "startsAt": (complete.start?.description).map { .string($0) } ?? .null,
            "extension": .string(complete.entitlement.extending.summary(maximum: complete.entitlement.maximumDuration)), "told": .names(told),
            "seats": .array(
                deciders.map { row in
                    .object(["count": .integer(Int64(row.seat.count)), "people": .names(row.people)])
                }),
        ])
    }

    var rehearsalText: String {
        var fields = what
        if !told.isEmpty { fields.add("would be told", "\(told.count): \(told.map(\.text).joined(separator: ", "))") }
        return "Nothing was asked. This would be the request:\n\(fields.text)"
    }

    private var what: FieldList {
        var fields = FieldList()
        fields.add("on", "\(complete.selector): \(ObjectText.names(complete.nodes.map(\.name.text)))")
        fields.add("run as", complete.runAs.text)
        fields.add("may", complete.capabilities.sorted().map(\.rawValue).joined(separator: ", "))
        fields.add("for", DurationText.format(complete.duration))
        if let start = complete.start { fields.add("not before", TimeText.deadline(start, now: .now())) }
        fields.add("entitlement", complete.entitlement.name.text)
        fields.add("extension", complete.entitlement.extending.summary(maximum: complete.entitlement.maximumDuration))
        fields.add("may decide", each: deciders.map { row in
            "\(row.seat.count) of \(row.people.map(\.text).joined(separator: ", "))"
        })
        if complete.entitlement.autoApproval != nil { fields.add("approved", "by the policy, while this month's count lasts") }
        return fields
    }
}
