// SPDX-License-Identifier: Apache-2.0
// SECURITY: answers come from this client's own, verified roll. What means other people is told to administrators only, and
// a node that is unknown and one that is not covered are answered in the same words (P7).

import Access
import CommandLineKit
import Evidence
import Protocol
import StrictJSON

struct WhyCommand: Command {
    static let declaration = CommandDeclaration(
        name: "why", group: Groups.looking, summary: "Say what the policy allows on a node, and what is missing",
        discussion: """
            Every entitlement is tried with the function that decides requests. For each that does not cover the node, the \
            first missing fact is named, and what would change it.
            """,
        parameters: [
            .positional("node", value: "NODE", completes: .nodes, help: "The node, or a selector."),
            .positional("capability", value: "CAPABILITY", .optional, help: "What to do: shell if left out, or exec."),
            .option("as", value: "PERSON", completes: .people, help: "For another person; administrators only."),
            .option("run-as", value: "USER", help: "The user on the node to run as."), .duration,
        ],
        exitStatuses: [.init(3, "No entitlement covers it.")],
        examples: [.init("stint why db-1 shell", "May I, and who has to agree?")])

    private let setting: CommandSetting
    private let selector: Selector
    private let capability: Capability
    private let person: PersonName?
    private let runAs: RunAsName?
    private let duration: Duration?

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        selector = try values.requiredParsed("node") { text throws(Refusal) in try Selector(text) }
        capability = try values.parsed("capability") { text throws(Refusal) in try Capability(text) } ?? .shell
        person = try values.parsed("as") { text throws(Refusal) in try PersonName(text) }
        runAs = try values.parsed("run-as") { text throws(Refusal) in try RunAsName(user: text) }
        duration = try values.parsed("for") { text throws(Refusal) in try DurationText.parse(text) }
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        try user.synchronise()
        let subject = try self.subject(user)
        let now = Timestamp.now()
        let ask = Entitlement.Ask(
            person: subject, selector: selector, capabilities: [capability], runAs: runAs, duration: duration ?? .seconds(60),
            reason: "", at: now)
        let explanation = try Explanation(
            ask, in: user.directory, at: now, showsAll: user.directory.isAdministrator(user.identity.person))
        let text = ExplanationText(explanation, subject.name, user.directory, now, overdue: try overdue(user, subject, now))
        setting.show(text.json, in: console) { text.words(selector, capability) }
        return explanation.covering.isEmpty ? 3 : 0
    }

    /// What of the own reviews keeps one from breaking glass: known to the broker only.
    private func overdue(_ user: Operator, _ subject: Person, _ now: Timestamp) throws -> [String] {
        guard subject.name == user.identity.person else { return [] }
        return try Answer(try user.broker.get(Route.reviews, [("scope", "mine")])).items().compactMap { row in
            guard let due = row.json["review"].map(Answer.init)?.time("dueBefore"), now >= due else { return nil }
            return row.optionalText("id")
        }
    }

    private func subject(_ user: Operator) throws -> Person {
        let me = try user.me()
        guard let person, person != me.name else { return me }
        guard user.directory.isAdministrator(me.name) else { throw Refusal.notAnAdministrator(me.name) }
        guard let other = user.directory.people[person] else { throw Refusal.personUnknown(person) }
        return other
    }
}

/// An explanation for people and for scripts.
private struct ExplanationText {
    private let explanation: Explanation
    private let person: PersonName
    private let directory: Directory
    private let now: Timestamp
    private let overdue: [String]

    init(
        _ explanation: Explanation, _ person: PersonName, _ directory: Directory, _ now: Timestamp, overdue: [String]
    ) {
        self.overdue = overdue
        self.explanation = explanation
        self.person = person
        self.directory = directory
        self.now = now
    }

    func words(_ selector: Selector, _ capability: Capability) -> String {
        let answer = explanation.covering.isEmpty ? "may not ask for" : "may ask for"
        let head = "\(person) \(answer) \(capability.rawValue) on \(selector).\n"
        return head + explanation.attempts.map { attempt in
            var fields = FieldList()
            if let refusal = attempt.refusal {
                fields.add("no", refusal.message)
                fields.add("change", refusal.hint)
            } else {
                fields.add("yes", attempt.entitlement.autoApproval == nil ? "when these agree" : "approved by the policy itself")
                fields.add("needs", each: holders(of: attempt).map { "\($0.seat.count) of \($0.people.map(\.text).joined(separator: ", "))" })
                fields.add("at most", DurationText.format(attempt.entitlement.maximumDuration))
                if let opens = attempt.opens { fields.add("opens", TimeText.deadline(opens, now: now)) }
                fields.add("watched", words(attempt.entitlement.watching))
                fields.add("cut off", words(of: attempt.entitlement))
            }
            return "\(attempt.entitlement.name)\n\(fields.text)"
        }.joined() + explanation.breakingGlass.map(breakingGlass).joined()
    }

    private func breakingGlass(_ attempt: Explanation.Attempt) -> String {
        var fields = FieldList()
        if let refusal = attempt.refusal {
            fields.add("no", refusal.message)
            fields.add("change", refusal.hint)
        } else {
            fields.add(overdue.isEmpty ? "yes" : "not now", overdue.isEmpty
                ? "at once, without anybody's consent (`stint break-glass`)"
                : "the review of \(shown(overdue.joined(separator: ", "))) is overdue; the broker decides this")
            fields.add("change", overdue.first.map { "Ask another person to run `stint review \(shown($0))`." })
            fields.add("rule", attempt.entitlement.breakGlass?.description)
        }
        return "\(attempt.entitlement.name), breaking glass\n\(fields.text)"
    }

    var json: JSONValue {
        .object([
            "person": .string(person.text), "covered": .bool(!explanation.covering.isEmpty),
            "breakGlass": .array(
                explanation.breakingGlass.map { attempt in
                    .object([
                        "entitlement": .string(attempt.entitlement.name.text),
                        "covers": .bool(attempt.refusal == nil), "code": (attempt.refusal?.code).map { .string($0) } ?? .null,
                        "message": (attempt.refusal?.message).map { .string($0) } ?? .null,
                        "overdue": .array(overdue.map { .string($0) }),
                    ])
                }),
            "attempts": .array(
                explanation.attempts.map { attempt in
                    .object([
                        "entitlement": .string(attempt.entitlement.name.text), "covers": .bool(attempt.refusal == nil),
                        "code": (attempt.refusal?.code).map { .string($0) } ?? .null,
                        "message": (attempt.refusal?.message).map { .string($0) } ?? .null,
                        "hint": (attempt.refusal?.hint).map { .string($0) } ?? .null,
                        "opens": (attempt.opens?.description).map { .string($0) } ?? .null,
                        "watching": .string(attempt.entitlement.watching.description),
                        "withoutBroker": .string(attempt.entitlement.withoutBroker.rawValue),
                        "seats": .array(
                            attempt.refusal == nil
                                ? holders(of: attempt).map { row in
                                    .object(["count": .integer(Int64(row.seat.count)), "people": .names(row.people)])
                                } : []),
                    ])
                }),
        ])
    }

    private func words(_ watching: Watching) -> String {
        let watchers = watching.by.map { $0.map(\.description).joined(separator: ", ") } ?? "approvers and administrators"
        switch watching.mode {
        case .open: return "\(watchers) may look on; you are told"
        case .silent: return "\(watchers) may look on, and you are not told"
        case .off: return "nobody may look on"
        }
    }

    /// What a session does when its node no longer hears from the broker.
    private func words(of entitlement: Entitlement) -> String {
        switch entitlement.withoutBroker {
        case .lease: "a session ends \(DurationText.format(entitlement.lease)) after its node lost the broker"
        case .untilDeadline: "a session goes on to its end without the broker"
        }
    }

    private func holders(of attempt: Explanation.Attempt) -> [(seat: Seat, people: [PersonName])] {
        Seats.holders(of: attempt.entitlement.seats, besides: person, in: directory)
    }
}

struct WhoCanApproveCommand: Command {
    static let declaration = CommandDeclaration(
        name: "who-can-approve", group: Groups.looking, summary: "Say who may decide a request, or would",
        parameters: [
            .positional("id", value: "ID", .optional, completes: .requests, help: "A request."),
            .option("on", value: "SELECTOR", completes: .nodes, help: "Instead of a request: which nodes you would ask for."),
            .option("entitlement", value: "NAME", help: "With --on: the entitlement to ask under."),
        ],
        examples: [.init("stint who-can-approve r-7k2p9x", "Whose vote is still missing?")])

    private let setting: CommandSetting
    private let id: RequestID?
    private let selector: Selector?
    private let entitlement: EntitlementName?

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.parsed("id") { text throws(Refusal) in try RequestID(text) }
        selector = try values.parsed("on") { text throws(Refusal) in try Selector(text) }
        entitlement = try values.parsed("entitlement") { text throws(Refusal) in try EntitlementName(text) }
        guard (id == nil) != (selector == nil) else {
            throw UsageError(
                code: "usage.missing", message: "Either a request or --on is needed, and not both.",
                hint: "stint who-can-approve ID, or stint who-can-approve --on SELECTOR")
        }
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        let rows: [(seat: Seat, people: [PersonName])]
        var votes: [String] = []
        if let id {
            let (request, answer) = try user.checkedRequest(id)
            votes = answer.objects("votes").compactMap { $0.optionalText("person") }
            rows = try request.deciders(in: user.directory)
        } else {
            try user.synchronise()
            rows = try rehearsed(by: user)
        }
        setting.show(.array(rows.map { .object(["count": .integer(Int64($0.seat.count)), "people": .names($0.people)]) }), in: console) {
            guard !rows.isEmpty else { return "Nobody has to: the policy approves it by itself.\n" }
            return rows.map { row in
                let names = row.people.map { votes.contains($0.text) ? "\($0) (has voted)" : $0.text }
                return "\(row.seat.count) of \(names.isEmpty ? "nobody" : names.joined(separator: ", "))\n"
            }.joined()
        }
        return 0
    }

    private func rehearsed(by user: Operator) throws -> [(seat: Seat, people: [PersonName])] {
        let me = try user.me()
        guard let charter = user.directory.charter else { throw Refusal.noCharter }
        let ask = Entitlement.Ask(
            person: me, selector: selector ?? .everything, capabilities: [], runAs: nil, duration: .seconds(60), reason: "-",
            at: .now())
        let chosen = try charter.policy.withoutReasonRules.choose(for: ask, wanted: entitlement, in: user.directory)
        return Seats.holders(of: chosen.seats, besides: me.name, in: user.directory)
    }
}

extension CheckedRequest {
    /// Who may fill each seat under both policies; never the requester.
    func deciders(in directory: Directory) throws -> [(seat: Seat, people: [PersonName])] {
        Seats.holders(of: rules.current.seats, besides: terms.person, in: directory).map { row in
            (row.seat, row.people.filter { rules.voteRefusal(of: $0, on: terms, in: directory) == nil })
        }
    }
}
