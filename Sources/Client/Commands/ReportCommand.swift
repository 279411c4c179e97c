// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Posix
import Protocol
import StrictJSON

struct ReportCommand: Command {
    private enum Format: String { case text, csv, html, json }

    static let declaration = CommandDeclaration(
        name: "report", group: Groups.looking, summary: "Write an access review: who held what, and what was done",
        discussion: """
            Every grant that was in force in the period and that you may see: who held it, when, why, who agreed, and each session \
            with what its node's receipt says. An administrator sees all. What a reviewer should look at stands first: \
            sessions without a receipt, processes left behind, truncated recordings, grants that no person approved.
            """,
        parameters: [
            .option("since", value: "WHEN", help: "From when on: 30d (ago) if left out, or 2026-11-01."),
            .option("until", value: "WHEN", help: "Up to when: now if left out."),
            .option("format", value: "FORMAT", help: "As text (if left out), csv, html or json."),
            .option("output", value: "FILE", completes: .files, help: "Where to write, instead of standard output."),
        ],
        examples: [.init("stint report --since 2026-10-01 --until 2026-11-01 --format html --output october.html", "The review of a month.")])

    private static let usual: Duration = .seconds(30 * 86_400)

    private let setting: CommandSetting
    private let since: Timestamp
    private let until: Timestamp
    private let format: Format
    private let output: String?

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        let now = Timestamp.now()
        let since = try values.moment("since", now: now)
        let until = try values.moment("until", now: now)
        let format = try values.value("format", expecting: "text, csv, html or json") { Format(rawValue: $0) }
        self.since = since ?? now - Self.usual
        self.until = until ?? now
        self.format = format ?? (setting.json ? .json : .text)
        output = values.value("output")
        guard self.since < self.until else {
            throw UsageError(code: "usage.value", message: "The period ends before it begins.", hint: "Give --since a time before --until.")
        }
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        try user.synchronise()
        let review = AccessReview(
            since: since, until: until, reader: user.identity.person.text, grants: try user.heldGrants(from: since, to: until))
        let text: String
        switch format {
        case .text: text = review.text
        case .csv: text = review.csv
        case .html: text = review.html
        case .json: text = review.json.pretty + "\n"
        }
        guard let output else {
            console.output(text)
            return 0
        }
        try DurableFile.writeAtomically(Array(text.utf8), to: output)
        console.errors("Wrote \(output): \(review.grants.count) grants.\n")
        return 0
    }
}

extension Operator {
    /// Every grant in force in the period, page by page.
    func heldGrants(from since: Timestamp, to until: Timestamp) throws -> [Answer] {
        var grants: [Answer] = []
        var query: [(name: String, value: String)] = [("since", String(since.milliseconds)), ("until", String(until.milliseconds))]
        while true {
            let page = Answer(try broker.get(Route.report, query))
            grants += try page.items()
            guard let next = page.json["next"].map(Answer.init), let before = next.optionalInteger("before"),
                let behind = next.optionalText("behind")
            else { return grants }
            query = Array(query.prefix(2)) + [("before", String(before)), ("behind", behind)]
        }
    }
}
