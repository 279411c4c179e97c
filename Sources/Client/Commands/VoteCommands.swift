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
            """,
        parameters: [.requestID("The request."), .duration, .on, .note, .yes],
        exitStatuses: [.init(2, "The command line was not understood, or there was nobody to ask and no --yes.")],
        examples: [
            .init("stint approve r-7k2p9x", "Look at it, and say yes or no."),
            .init("stint approve r-7k2p9x --for 15m --on db-1 --yes", "Allow less than was asked, without a question."),
        ])

    private let setting: CommandSetting
    private let id: RequestID
    private let duration: Duration?
    private let selector: Selector?
    private let note: String
    private let isSure: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        id = try values.requiredParsed("id") { text throws(Refusal) in try RequestID(text) }
        duration = try values.parsed("for") { text throws(Refusal) in try DurationText.parse(text) }
        selector = try values.parsed("on") { text throws(Refusal) in try Selector(text) }
        note = values.value("note") ?? ""
        isSure = values.flag("yes")
    }

    func run(in console: Console) throws -> Int32 {
        let approver = try setting.signIn()
        let (request, answer) = try approver.checkedRequest(id)
        let me = try approver.me().name
        try Self.checkPending(answer, id)
        let vote = try request.approval(
            by: me, duration: duration, on: selector, note: note, in: approver.directory, at: .now())
        if !setting.json || !isSure { console.errors(VoteText.question(request, vote, answer, now: .now())) }
        if !isSure { try Confirmation.ask("Approve this?", in: console) }
        let result = try approver.cast(vote, on: request)
        setting.show(result.json, in: console) { VoteText.outcome(id, result) }
        return 0
    }
}

extension ApproveCommand {
    /// Nobody is asked for a yes that comes too late.
    private static func checkPending(_ answer: Answer, _ id: RequestID) throws(Refusal) {
        let state = answer.optionalText("state").flatMap(AccessRequest.State.init)
        if let state, state != .pending { throw .requestResolved(id, state) }
    }
}

struct DenyCommand: Command {
    static let declaration = CommandDeclaration(
        name: "deny", group: Groups.deciding, summary: "Deny a request",
        parameters: [.requestID("The request."), .note],
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
    package static func question(_ request: CheckedRequest, _ vote: Vote, _ answer: Answer, now: Timestamp) -> String {
        let terms = request.terms
        var fields = FieldList()
        fields.add("requester", terms.person.text)
        fields.add("reason", terms.reason)
        fields.add("stated", each: terms.fields.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" })
        fields.add("on", terms.selector.description)
        if case .approve(let nodes, let duration) = vote.verdict {
            fields.add("nodes now", each: nodes.sorted().map { name in
                let tags = request.nodes.first { $0.name == name }?.tags.description ?? ""
                return tags.isEmpty ? name.text : "\(name) (\(tags))"
            })
            let asked = duration == terms.duration ? "" : ", of \(DurationText.format(terms.duration)) asked for"
            fields.add("for", DurationText.format(duration) + asked)
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
        if let deadline = ObjectText.deadline(answer, "decideBefore", now: now) { fields.add("decide before", deadline) }
        return "Request \(terms.id)\n\(fields.text)"
    }

    static func outcome(_ id: RequestID, _ answer: Answer) -> String {
        let state = answer.optionalText("state") ?? "?"
        let missing = state == "pending" ? " More votes are needed: `stint show \(id)`." : ""
        return "Your vote is counted. Request \(id) is \(shown(state)).\(missing)\n"
    }
}

/// A yes that only a person can give.
enum Confirmation {
    /// - Throws: ``ClientError/needsConfirmation`` where there is nobody to ask, ``ClientError/notConfirmed`` for anything
    ///   but `y` or `yes`.
    static func ask(_ question: String, in console: Console) throws {
        guard StandardStream.input.isTerminal, StandardStream.error.isTerminal else { throw ClientError.needsConfirmation }
        console.errors("\(question) [y/N] ")
        var line: [UInt8] = []
        while line.count < 64, line.last != UInt8(ascii: "\n") {
            let piece = try Transfer.read(StandardStream.input.rawValue, maximum: 64)
            if piece.isEmpty { break }
            line += piece
        }
        let answer = line.filter { $0 > 0x20 }.map { $0 | 0x20 }
        guard answer == Array("y".utf8) || answer == Array("yes".utf8) else { throw ClientError.notConfirmed }
    }
}
