// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Protocol
import StrictJSON

struct PolicySimulateCommand: Command {
    static let declaration = CommandDeclaration(
        name: "simulate", group: Groups.policy, summary: "Replay past requests under another policy",
        discussion: """
            Every request that you may see is decided again with its votes: under the policy it was made under and under FILE, \
            both with the people and nodes of today. What would be decided differently is listed.
            """,
        parameters: [
            PolicyFile.parameter, .option("since", value: "DURATION", help: "How far back: 30d if left out."),
        ],
        examples: [.init("stint policy simulate new.json5 --since 7d", "What would last week have been?")])

    private let setting: CommandSetting
    private let file: PolicyFile
    private let since: Duration

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        file = PolicyFile(path: values.required("file"))
        since = try values.parsed("since") { text throws(Refusal) in try DurationText.parse(text) } ?? .seconds(30 * 86_400)
    }

    private struct Row {
        let id: RequestID
        let terms: RequestTerms
        let before: Replay.Outcome
        let after: Replay.Outcome
    }

    func run(in console: Console) throws -> Int32 {
        let policy = try Policy(parsing: try file.text(), file: file.path)
        let user = try setting.signIn()
        let answers = try Answer(try user.broker.get(Route.requests, [("scope", "all")])).items()
        try user.synchronise()  // after the requests, so that the roll reaches as far as their signers knew
        let filled = policy.withStatements(of: user.directory)
        let oldest = Timestamp.now() - since
        var rows: [Row] = []
        // More time on a grant is decided with its grant, which is in the list.
        for answer in answers where (answer.json["extended"] ?? .null) == .null {
            let signed = try Signed<RequestStatement>(try answer.signed())
            guard signed.value.at >= oldest, let charter = user.directory.charter(version: signed.value.charterVersion) else { continue }
            let replay = Replay(signed.terms, votes: try votes(of: answer), in: user.directory)
            rows.append(
                Row(
                    id: signed.id, terms: signed.terms, before: replay.outcome(under: charter.policy),
                    after: replay.outcome(under: filled)))
        }
        tell(rows, in: console)
        return 0
    }

    private func votes(of answer: Answer) throws -> [Vote] {
        try answer.objects("votes").map { vote in
            let nodes = Set(try vote.texts("nodes").map { try NodeName($0) })
            let seconds = min(max(vote.optionalInteger("duration") ?? 0, 0), DurationText.maximum.wholeSeconds)
            let approves = vote.optionalText("verdict") == "approve"
            return Vote(
                person: try PersonName(try vote.text("person")),
                verdict: approves ? .approve(nodes: nodes, duration: .seconds(seconds)) : .deny, note: "", at: .now())
        }
    }

    private func tell(_ rows: [Row], in console: Console) {
        let different = rows.filter { $0.before.word != $0.after.word }
        let json = JSONValue.array(
            different.map { row in
                .object([
                    "request": .string(row.id.description), "requester": .string(row.terms.person.text),
                    "selector": .string(row.terms.selector.description), "before": .string(row.before.word),
                    "after": .string(row.after.word), "detail": .string(row.after.detail),
                ])
            })
        setting.show(json, in: console) {
            var table = Table([.init("REQUEST"), .init("REQUESTER"), .init("ON", isFlexible: true), .init("BEFORE"), .init("AFTER"), .init("WHY", isFlexible: true)])
            for row in different {
                table.add([
                    .init(row.id.description), .init(row.terms.person.text), .init(row.terms.selector.description),
                    .init(row.before.word), .init(row.after.word), .init(row.after.detail),
                ])
            }
            let rest = "\(different.count) of \(rows.count) requests would be decided differently.\n"
            return (table.isEmpty ? "" : table.text(width: console.width, style: console.style)) + rest
        }
    }
}
