// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Posix
import StrictJSON

/// A policy in a file.
struct PolicyFile {
    static let parameter = Parameter.positional("file", value: "FILE", completes: .files, help: "The policy, JSON5.")

    let path: String

    func text() throws -> String {
        String(decoding: try DurableFile.read(path, maximumBytes: Policy.maximumLength), as: UTF8.self)
    }

    /// `bank.cases.json5` for `bank.json5`.
    var cases: String {
        let stem = path.hasSuffix(".json5") ? String(path.dropLast(6)) : path
        return stem + ".cases.json5"
    }
}

struct PolicyCheckCommand: Command {
    static let declaration = CommandDeclaration(
        name: "check", group: Groups.policy, summary: "Find what is wrong with a policy",
        discussion: """
            The text is read as a broker and every node read it. On a machine that has joined, it is also held against the \
            people and nodes there are: seats that nobody can fill are errors, rules that do nothing today are warnings.
            """,
        parameters: [PolicyFile.parameter],
        exitStatuses: [.init(3, "The policy has an error.")],
        examples: [.init("stint policy check policy.json5", "Look at it before it is applied.")])

    private let setting: CommandSetting
    private let file: PolicyFile

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        file = PolicyFile(path: values.required("file"))
    }

    func run(in console: Console) throws -> Int32 {
        let directory = try knownDirectory()
        let review = try PolicyReview(try file.text(), file: file.path, in: directory)
        setting.show(Self.json(review), in: console) { Self.words(review, isAlone: directory == nil) }
        return review.findings.contains(where: \.isError) ? 3 : 0
    }

    /// By this machine's own copy of the roll, as it is; nothing is asked over the network.
    private func knownDirectory() throws -> Directory? {
        let home = try setting.clientHome()
        let identity: Identity
        do {
            identity = try home.identity()
        } catch ClientError.notJoined {
            return nil
        }
        return try RollCache(home, root: identity.root, broker: identity.pin).roll.directory
    }

    static func words(_ review: PolicyReview, isAlone: Bool) -> String {
        let lines = review.findings.map { finding in
            "\(finding.isError ? "error" : "warning"): \(shown(finding.message))\(finding.hint.map { " \(shown($0))" } ?? "")\n"
        }
        let count = review.policy.entitlements.count
        let scope = isAlone ? " Only the text was checked: this machine has not joined." : ""
        let errors = review.findings.count(where: \.isError)
        let verdict = errors == 0 ? "can be applied" : "has \(errors) \(errors == 1 ? "error" : "errors")"
        return lines.joined() + "The policy with \(count) \(count == 1 ? "entitlement" : "entitlements") \(verdict).\(scope)\n"
    }

    private static func json(_ review: PolicyReview) -> JSONValue {
        .array(
            review.findings.map { finding in
                .object([
                    "severity": finding.isError ? "error" : "warning", "message": .string(finding.message),
                    "hint": finding.hint.map { .string($0) } ?? .null,
                ])
            })
    }
}

struct PolicyTestCommand: Command {
    static let declaration = CommandDeclaration(
        name: "test", group: Groups.policy, summary: "Decide the cases kept beside a policy",
        parameters: [
            PolicyFile.parameter,
            .option("cases", value: "FILE", completes: .files, help: "The cases: NAME.cases.json5 beside NAME.json5 if left out."),
        ],
        exitStatuses: [.init(3, "A case is decided otherwise than it says.")],
        examples: [.init("stint policy test bank.json5", "Decide what bank.cases.json5 says.")])

    private let setting: CommandSetting
    private let file: PolicyFile
    private let cases: String

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        file = PolicyFile(path: values.required("file"))
        cases = values.value("cases") ?? file.cases
    }

    func run(in console: Console) throws -> Int32 {
        let policy = try Policy(parsing: try file.text(), file: file.path)
        let text = String(decoding: try DurableFile.read(cases, maximumBytes: 1024 * 1024), as: UTF8.self)
        let verdicts = try PolicyCases(parsing: text, file: cases).run(on: policy)
        let wrong = verdicts.filter { !$0.isRight }
        let rows = JSONValue.array(
            verdicts.map { verdict in
                .object([
                    "case": .string(verdict.name), "right": .bool(verdict.isRight), "expected": .string(verdict.expected),
                    "found": .string(verdict.found), "detail": .string(verdict.detail),
                ])
            })
        setting.show(rows, in: console) {
            wrong.map { "wrong: \(shown($0.name)): expected \(shown($0.expected)), found \(shown($0.found)).\($0.detail.isEmpty ? "" : " ")\(shown($0.detail))\n" }.joined()
                + "\(verdicts.count - wrong.count) of \(verdicts.count) cases are decided as they say.\n"
        }
        return wrong.isEmpty ? 0 : 3
    }
}

struct PolicyShowCommand: Command {
    static let declaration = CommandDeclaration(
        name: "show", group: Groups.policy, summary: "Print the policy in force, or what a proposal changes",
        parameters: [
            .option("charter", value: "NUMBER", help: "Of this version of the charter; the one in force if left out."),
            .option("proposal", value: "ID", help: "What this proposal would change, with its policy under --json."),
        ])

    private let setting: CommandSetting
    private let version: Int64?
    private let proposal: ProposalID?

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        version = try values.integer("charter", in: 1...1_000_000)
        proposal = try values.parsed("proposal") { text throws(Refusal) in try ProposalID(text) }
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        if let proposal { return try show(try user.proposal(proposal), in: console) }
        try user.synchronise()
        guard let charter = version.map({ user.directory.charter(version: $0) }) ?? user.directory.charter else {
            throw version.map { Refusal.charterUnknown($0) } ?? Refusal.noCharter
        }
        let object: JSONObject = [
            "version": .integer(charter.version), "administrators": .names(charter.administrators), "policy": .string(charter.text),
        ]
        setting.show(.object(object), in: console) { charter.text.hasSuffix("\n") ? charter.text : charter.text + "\n" }
        return 0
    }

    private func show(_ proposal: CheckedProposal, in console: Console) throws -> Int32 {
        let object: JSONObject = [
            "id": .string(proposal.id.description), "by": .string(proposal.proposal.by.text),
            "version": .integer(proposal.proposal.version), "reason": .string(proposal.consent.value.reason),
            "notAfter": .string(proposal.proposal.notAfter.description), "administrators": .names(proposal.content.administrators),
            "changes": .string(
                CharterText.words(added: proposal.added, removed: proposal.removed) + CharterText.words(proposal.difference)),
            "policy": .string(proposal.content.policy),
        ]
        setting.show(.object(object), in: console) { CharterText.words(proposal, now: .now()) }
        return 0
    }
}

struct PolicyApplyCommand: Command {
    static let declaration = CommandDeclaration(
        name: "apply", group: Groups.policy, summary: "Sign a policy into force, as the next version of the charter",
        discussion: """
            What changes is shown, rule by rule, before you are asked. Pending requests that the new policy would refuse end; \
            what was granted goes on under the stricter of both policies. A policy with an error is not applied. Where the \
            charter in force demands two administrators, the policy is proposed, and is in force when another one agrees.
            """,
        parameters: [PolicyFile.parameter] + CharterChanging.parameters,
        examples: [.init("stint policy apply policy.json5", "Show what changes, ask, and sign.")])

    private let changing: CharterChanging
    private let file: PolicyFile

    init(_ values: ParsedValues) throws(UsageError) {
        changing = try CharterChanging(values)
        file = PolicyFile(path: values.required("file"))
    }

    func run(in console: Console) throws -> Int32 {
        let (administrator, charter) = try changing.begin()
        let text = try file.text()
        let review = try PolicyReview(text, file: file.path, in: administrator.directory)
        let words = PolicyCheckCommand.words(review, isAlone: false)
            + CharterText.words(PolicyDifference(from: charter.policy, to: review.policy))
        if review.findings.contains(where: \.isError) {
            console.errors(words + "Nothing was signed: mend the errors first.\n")
            return 3
        }
        return try changing.apply(charter.administrators, text, over: charter, by: administrator, words: words, in: console)
    }
}
