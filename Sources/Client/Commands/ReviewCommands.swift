// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Protocol
import StrictJSON

struct ReviewsCommand: Command {
    static let declaration = CommandDeclaration(
        name: "reviews", group: Groups.deciding, summary: "List what broke glass and waits for a review",
        parameters: [
            .flag("mine", help: "Those of your own requests that nobody has reviewed."),
            .flag("all", help: "All that you may see, reviewed or not."),
        ],
        examples: [.init("stint reviews", "See what waits for your judgement.")])

    private let setting: CommandSetting
    private let scope: String

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        scope = values.flag("all") ? "all" : values.flag("mine") ? "mine" : "to-do"
    }

    func run(in console: Console) throws -> Int32 {
        let rows = try Answer(try setting.signIn().broker.get(Route.reviews, [("scope", scope)])).items()
        setting.show(rows, Lists.reviews(rows, now: .now()), nothing: "No review waits.", in: console)
        return 0
    }
}

struct ReviewCommand: Command {
    static let declaration = CommandDeclaration(
        name: "review", group: Groups.deciding, summary: "Judge what was done when the glass was broken",
        discussion: """
            Look at `stint show ID` and at the recordings (`stint sessions --all`, `stint replay`) first. Your judgement is \
            signed, and it stands.
            """,
        parameters: [
            .positional("id", value: "ID", .optional, completes: .requests, help: "The request; the only one that waits for you if left out."),
            .option(
                "verdict", value: "VERDICT", isRequired: true, completes: .words(Review.Verdict.allCases.map(\.rawValue)),
                help: "Whether it was right, or somebody has to look into it."),
            .option("reason", "r", value: "TEXT", isRequired: true, help: "What you looked at, and found."),
        ],
        examples: [
            .init("stint review r-7k2p9x --verdict accepted -r 'watched the recording; only the index was rebuilt'", "It was right."),
            .init("stint review --verdict concern -r 'read the customer table, no ticket says why'", "It has to be looked into."),
        ])

    private let setting: CommandSetting
    private let id: RequestID?
    private let verdict: Review.Verdict
    private let text: String

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.parsed("id") { text throws(Refusal) in try RequestID(text) }
        let word = values.required("verdict")
        guard let verdict = Review.Verdict(rawValue: word) else {
            throw UsageError(code: "usage.bad-value", message: "`\(word)` is not a verdict.", hint: "Write accepted or concern.")
        }
        self.verdict = verdict
        text = values.required("reason")
    }

    func run(in console: Console) throws -> Int32 {
        let reviewer = try setting.signIn()
        let request = try reviewer.requestToReview(try id ?? onlyOne(reviewer))
        let answer = try reviewer.judge(request, verdict, text)
        setting.show(answer.json, in: console) {
            let state = answer.json["review"]?["state"]?.asString ?? "?"
            return "The review of \(request.id) is \(shown(state)).\n"
        }
        return 0
    }

    private func onlyOne(_ reviewer: Operator) throws -> RequestID {
        let waiting = try Answer(try reviewer.broker.get(Route.reviews, [("scope", "to-do")])).items()
        guard waiting.count == 1, let only = waiting.first else {
            throw UsageError(
                code: "usage.missing",
                message: waiting.isEmpty ? "No review waits for you." : "\(waiting.count) reviews wait for you: name the one you mean.",
                hint: waiting.isEmpty ? "`stint reviews --all` lists those that were judged." : "`stint reviews` lists them.")
        }
        return try RequestID(try only.text("id"))
    }
}

extension Operator {
    /// Fetches a request to be reviewed and verifies that its requester signed it as breaking glass.
    func requestToReview(_ id: RequestID) throws -> Signed<RequestStatement> {
        let answer = Answer(try broker.get("\(Route.requests)/\(id)"))
        try synchronise()  // after the request, so that the roll reaches as far as its signer knew
        let request = try Signed<RequestStatement>(try answer.signed())
        guard request.id == id else { throw ClientError.wrongObject(asked: id.description, got: request.id.description) }
        guard request.value.root == identity.root else { throw EvidenceError.otherInstallation(type: RequestStatement.type) }
        // The requester may be disabled by now; the review is owed all the same.
        let devices = directory.people[request.value.person]?.devices ?? []
        guard devices.contains(where: { request.isSigned(by: $0.key) }) else {
            throw EvidenceError.notSigned(type: RequestStatement.type, by: "a device of `\(request.value.person)`")
        }
        return request
    }

    func judge(_ request: Signed<RequestStatement>, _ verdict: Review.Verdict, _ text: String) throws -> Answer {
        try HumanText.check(reason: text, minimum: ReviewStatement.minimumLength)
        if let refusal = Review.refusal(of: try me().name, on: request.terms, in: directory) { throw refusal }
        let statement = ReviewStatement(
            root: identity.root, request: request.digest, person: identity.person, verdict: verdict, text: text,
            rollNumber: roll.number, nonce: try Evidence.Random.nonce(), at: .now())
        return Answer(try broker.post(Route.reviews, try statement.signed(with: key.signing).source))
    }
}
