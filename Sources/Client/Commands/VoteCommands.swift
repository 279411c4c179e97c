// SPDX-License-Identifier: Apache-2.0
// SECURITY: what is shown before a yes comes from the signed bytes that this client verified (DESIGN 6).

package import Access
import CommandLineKit
import Evidence
import Posix
import StrictJSON

struct ApproveCommand: Command {
    static let declaration = CommandDeclaration(
        name: "approve", group: Groups.deciding, summary: "Approve a request",
        discussion: """
            What you see is what the requester signed, checked by this client against its own copy of the roll. Your vote \
            names exactly the nodes shown; it may narrow the request and never widens it.

            Without an id it lists what waits for you, and lets you pick.
            """,
        parameters: [
            .positional("id", value: "ID", .optional, completes: .requests, help: "The request; pick one if left out."),
            .duration, .on, .note, .yes,
            .option("digest", value: "HEX", help: "Only if the request's digest begins so; for scripts, beside --yes."),
        ],
        exitStatuses: [.init(2, "The command line was not understood, or there was nobody to ask and no --yes.")],
        examples: [
            .init("stint approve", "See what waits for you, and pick."),
            .init("stint approve r-7k2p9x", "Look at it, and say yes or no."),
            .init("stint approve r-7k2p9x --for 15m --on db-1 --yes", "Allow less than was asked, without a question."),
        ])

    private let setting: CommandSetting
    private let given: RequestID?
    private let digest: String?
    private let duration: Duration?
    private let selector: Selector?
    private let note: String
    private let isSure: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        given = try values.parsed("id") { text throws(Refusal) in try RequestID(text) }
        digest = try values.value("digest").map(Self.checkedDigest)
        duration = try values.parsed("for") { text throws(Refusal) in try DurationText.parse(text) }
        selector = try values.parsed("on") { text throws(Refusal) in try Selector(text) }
        note = values.value("note") ?? ""
        isSure = values.flag("yes")
    }

    /// An id has 30 bits of the digest; whoever names the digest to be sure names at least twice as many.
    private static let shortestDigest = 16

    private static func checkedDigest(_ text: String) throws(UsageError) -> String {
        let isHexadecimal = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
        }
        guard isHexadecimal, (shortestDigest...64).contains(text.utf8.count) else {
            throw UsageError(
                code: "usage.bad-value", message: "`\(text)` is not a value of `--digest`.",
                hint: "It takes \(shortestDigest) to 64 hexadecimal digits, as `stint approve` shows them.")
        }
        return text
    }

    func run(in console: Console) throws -> Int32 {
        let approver = try setting.signIn()
        let chosen = if let given { given } else { try RequestChoice(approver, console).pick() }
        guard let id = chosen else { return 0 }
        let (request, answer) = try approver.checkedRequest(id)
        let me = try approver.me().name
        try Self.checkPending(answer, id)
        if let digest, !request.digest.hex.utf8.starts(with: digest.utf8) {
            throw ClientError.otherDigest(id.description, got: request.digest.hex)
        }
        var vote = try request.approval(
            by: me, duration: duration, on: selector, note: note, in: approver.directory, at: .now())
        if !setting.json || !isSure {
            let history = RequesterHistory(of: request.terms.person, seenBy: approver, now: .now())
            console.errors(VoteText.question(request, vote, answer, history, in: approver.directory, now: .now()))
        }
        if !isSure {
            try Confirmation.ask("Approve this?", in: console)
            // Signed is the moment of the yes: whoever thinks for a while must not be refused for an old statement.
            vote.at = .now()
        }
        let result = try approver.cast(vote, on: request)
        setting.show(result.json, in: console) { VoteText.outcome(id, result) }
        return 0
    }

    /// Nobody is asked for a yes that comes too late.
    private static func checkPending(_ answer: Answer, _ id: RequestID) throws(Refusal) {
        let state = answer.optionalText("state").flatMap(AccessRequest.State.init)
        if let state, state != .pending { throw .requestResolved(id, state) }
    }
}

struct DenyCommand: Command {
    static let declaration = CommandDeclaration(
        name: "deny", group: Groups.deciding, summary: "Deny a request",
        parameters: [.requestID("The request, as `stint requests` lists it."), .note],
        examples: [.init("stint deny r-7k2p9x --note 'not during the freeze'", "Say no, and why.")])

    private let setting: CommandSetting
    private let id: RequestID
    private let note: String

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.requiredParsed("id") { text throws(Refusal) in try RequestID(text) }
        note = values.value("note") ?? ""
    }

    func run(in console: Console) throws -> Int32 {
        let approver = try setting.signIn()
        let (request, _) = try approver.checkedRequest(id)
        let vote = try request.denial(by: try approver.me().name, note: note, in: approver.directory, at: .now())
        let result = try approver.cast(vote, on: request)
        setting.show(result.json, in: console) { VoteText.outcome(id, result) }
        return 0
    }
}

/// What an approver is shown.
package enum VoteText {
    /// - Parameter answer: the broker's object. Only the deadline is taken from it, which nobody signs.
    package static func question(
        _ request: CheckedRequest, _ vote: Vote, _ answer: Answer, _ history: RequesterHistory? = nil,
        in directory: Directory, now: Timestamp
    ) -> String {
        let terms = request.terms
        var fields = FieldList()
        fields.add("requester", terms.person.text)
        fields.add("reason", terms.reason)
        if terms.extends != nil {
            fields.add("asked first", "\(request.first.value.reason) (\(request.first.id))")
            fields.add("ends now", ObjectText.deadline(answer, "endsNow", now: now))
        }
        fields.add("not before", terms.start.map { TimeText.deadline($0, now: now) })
        fields.add("stated", each: terms.fields.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" })
        fields.add("on", terms.selector.description)
        if case .approve(let nodes, let duration) = vote.verdict {
            fields.add("nodes now", each: nodes.sorted().map { name in
                let tags = request.nodes.first { $0.name == name }?.tags.description ?? ""
                return tags.isEmpty ? name.text : "\(name) (\(tags))"
            })
            let asked = duration == terms.duration ? "" : ", of \(DurationText.format(terms.duration)) asked for"
            fields.add("for", DurationText.format(duration) + (terms.extends == nil ? "" : " more") + asked)
            if nodes.count < request.nodes.count {
                fields.add("left out", "\(request.nodes.count - nodes.count) of the nodes that were asked for")
            }
        }
        fields.add("run as", terms.runAs.text)
        fields.add("may", terms.capabilities.sorted().map(\.rawValue).joined(separator: ", "))
        fields.add("entitlement", terms.entitlement.text)
        fields.add("needs", each: request.rules.current.seats.map(\.description))
        let age = TimeText.relative(terms.at, now: now)
        fields.add("signed", "\(TimeText.local(terms.at)), \(age), by a device of \(terms.person)")
        fields.add("digest", request.digest.hex)
        fields.add("policy", each: policyChanges(request, in: directory))
        fields.add("last 30 days", each: history?.lines(now: now) ?? [])
        if let deadline = ObjectText.deadline(answer, "decideBefore", now: now) { fields.add("decide before", deadline) }
        return "Request \(terms.id)\n\(fields.text)"
    }

    /// What of the request's rules was changed since it was made. Each is decided by the stricter of both.
    private static func policyChanges(_ request: CheckedRequest, in directory: Directory) -> [String] {
        let before = request.terms.charterVersion
        guard let now = directory.charter?.version, now != before else { return [] }
        let lines = zip(request.rules.frozen.summary, request.rules.current.summary).filter { $0.value != $1.value }
            .map { "\($0.key): \($0.value.isEmpty ? "none" : $0.value) → \($1.value.isEmpty ? "none" : $1.value)" }
        let what = lines.isEmpty ? "this entitlement is the same" : "the stricter of both counts"
        return ["changed since the request, version \(before) → \(now); \(what)"] + lines
    }

    static func outcome(_ id: RequestID, _ answer: Answer) -> String {
        let state = answer.optionalText("state") ?? "?"
        let missing = state == "pending" ? " More votes are needed: `stint show \(id)`." : ""
        return "Your vote is counted. Request \(id) is \(shown(state)).\(missing)\n"
    }
}
