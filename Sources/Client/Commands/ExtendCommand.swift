// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import StrictJSON

struct ExtendCommand: Command {
    static let declaration = CommandDeclaration(
        name: "extend", group: Groups.asking, summary: "Ask for more time on a grant that is active",
        discussion: """
            Those who must agree are named by the policy (`extension`): the same seats as for the grant, others, or nobody. \
            When they have agreed, the end of the grant and of its live sessions moves; no shell is touched. A grant that \
            is over is never extended. In a session, ~+ does the same.
            """,
        parameters: [
            .positional("id", value: "GRANT", .optional, completes: .grants, help: "The grant; your only active one if left out."),
            .option("for", value: "DURATION", isRequired: true, help: "How much longer, as 30m or 1h."),
            .option("reason", "r", value: "TEXT", isRequired: true, help: "Why it takes longer; approvers read it."),
            .flag("wait", "w", help: "Wait until it is decided."),
            .flag("dry-run", help: "Only show what would be asked, and who could decide it."),
        ],
        exitStatuses: [.init(3, "The policy refuses it, or with --wait somebody denied it.")],
        examples: [
            .init("stint extend --for 30m --reason 'the index is half built'", "Ask for half an hour more."),
            .init("stint extend g-7k2p9x --for 30m -r 'the index is half built' --dry-run", "Who would have to agree?"),
        ])

    private let setting: CommandSetting
    private let id: GrantID?
    private let duration: Duration
    private let reason: String
    private let waits: Bool
    private let isDryRun: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.parsed("id") { text throws(Refusal) in try GrantID(ofGrantOrRequest: text) }
        duration = try values.requiredParsed("for") { text throws(Refusal) in try DurationText.parse(text) }
        reason = values.required("reason")
        waits = values.flag("wait")
        isDryRun = values.flag("dry-run")
    }

    func run(in console: Console) throws -> Int32 {
        let holder = try setting.signIn()
        let draft = try holder.extensionDraft(of: id, by: duration, reason: reason)
        let report = ExtensionReport(draft, in: holder.directory)
        if isDryRun {
            setting.show(report.json, in: console) { "Nothing was asked. This would be the request:\n" + report.fields(now: .now()) }
            return 0
        }
        let answer = try holder.ask(draft)
        guard waits else {
            setting.show(answer.json, in: console) { report.text(answer, now: .now()) }
            return 0
        }
        if !setting.json { console.errors(report.text(answer, now: .now())) }
        let id = try RequestID(try answer.text("id"))
        let waiting = DecisionWait(console, quiet: setting.json, asked: report.told, again: "stint show \(id)")
        switch try waiting.wait(for: id, of: holder, from: answer) {
        case .decided(let decided):
            setting.show(decided.json, in: console) { ObjectText.request(decided, now: .now()) }
            return decided.optionalText("state") == AccessRequest.State.approved.rawValue ? 0 : 3
        case .stopped(let status): return status
        }
    }
}

/// What is told about a request for more time.
struct ExtensionReport {
    private let draft: ExtensionDraft
    private let deciders: [(seat: Seat, people: [PersonName])]

    init(_ draft: ExtensionDraft, in directory: Directory) {
        self.draft = draft
        deciders = draft.deciders(in: directory)
    }

    var told: [PersonName] { Set(deciders.flatMap(\.people)).sorted() }

    func text(_ answer: Answer, now: Timestamp) -> String {
        let id = shown(answer.optionalText("id") ?? "?")
        let isApproved = answer.optionalText("state") == AccessRequest.State.approved.rawValue
        let next = isApproved ? "The policy approves this by itself." : "Next: they run `stint approve \(id)`; the end moves when they have agreed."
        return "Request \(id): \(shown(answer.optionalText("state") ?? "?"))\n\(fields(now: now))\(next)\n"
    }

    func fields(now: Timestamp) -> String {
        var fields = FieldList()
        fields.add("grant", draft.grant.description)
        fields.add("for", DurationText.format(draft.terms.duration) + " more")
        fields.add("ends now", TimeText.deadline(draft.endsNow, now: now))
        fields.add("would end", TimeText.deadline(draft.endsThen, now: now))
        fields.add("entitlement", draft.terms.entitlement.text)
        fields.add("extension", "number \((draft.terms.extends?.lease ?? 2) - 1) of \(draft.rules.extensionCount)")
        if draft.rules.isAutomatic { fields.add("approved", "by the policy") }
        fields.add("may decide", each: deciders.map { "\($0.seat.count) of \($0.people.map(\.text).joined(separator: ", "))" })
        return fields.text
    }

    var json: JSONValue {
        .object([
            "grant": .string(draft.grant.description), "entitlement": .string(draft.terms.entitlement.text),
            "duration": .seconds(draft.terms.duration), "endsNow": .string(draft.endsNow.description),
            "endsThen": .string(draft.endsThen.description), "lease": .integer(draft.terms.extends?.lease ?? 0),
            "automatic": .bool(draft.rules.isAutomatic), "told": .names(told),
            "seats": .array(
                deciders.map { .object(["count": .integer(Int64($0.seat.count)), "people": .names($0.people)]) }),
        ])
    }
}
