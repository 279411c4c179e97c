// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import StrictJSON

struct RunCommand: Command {
    static let declaration = CommandDeclaration(
        name: "run", group: Groups.working, summary: "Run a command document on a node",
        discussion: """
            A command document is a command that the policy names, with places for values that the policy limits. It is run \
            without a shell. `stint documents` lists those there are and what they take.
            """,
        parameters: [
            .positional("node", value: "NODE", completes: .nodes, help: "The node, as `stint nodes` lists it."),
            .positional("document", value: "DOCUMENT", help: "The command document."),
            .positional("values", value: "NAME=VALUE", .any, help: "A value for each parameter that has none."),
            .runAs, .option("reason", "r", value: "TEXT", help: "Ask for access with this reason, if you have none."), .duration,
            SessionUse.grantOption,
        ],
        exitStatuses: SessionUse.exitStatuses,
        examples: [
            .init("stint run web-1 tail-log file=/var/log/syslog lines=50", "Read the end of one log and nothing else."),
        ])

    private let use: SessionUse

    init(_ values: ParsedValues) throws(UsageError) {
        let name = try values.requiredParsed("document") { text throws(Refusal) in try DocumentName(text) }
        var given: [String: String] = [:]
        for word in values.many("values") {
            guard let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")),
                given.updateValue(String(word[word.utf8.index(after: equals)...]), forKey: String(word[..<equals])) == nil
            else {
                throw UsageError(
                    code: "usage.not-a-value", message: "`\(word)` is not a value for one parameter.", hint: "Write NAME=VALUE, each once.")
            }
        }
        use = try SessionUse(values, .document(name, given))
    }

    func run(in console: Console) throws -> Int32 { try use.run(in: console) }
}

struct DocumentsCommand: Command {
    static let declaration = CommandDeclaration(
        name: "documents", group: Groups.looking, summary: "List the command documents that you may ask for",
        parameters: [.flag("all", help: "All that the policy has.")])

    private let setting: CommandSetting
    private let all: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        all = values.flag("all")
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        try user.synchronise()
        let person = try user.me()
        let policy = user.directory.charter?.policy ?? Policy(entitlements: [])
        let mine = policy.entitlements.filter { rule in rule.requesters.contains { policy.mayMean(person, by: $0) } }
            .reduce(into: Set<Capability>()) { $0.formUnion($1.capabilities) }
        let rows = policy.documents.filter { all || mine.contains(.document($0.name)) }.map { Answer(Self.json($0)) }
        setting.show(rows, Self.table(rows), nothing: "There is no command document for you.", in: console)
        return 0
    }

    private static func json(_ document: CommandDocument) -> JSONValue {
        let parameters = document.parameters.map { parameter in
            JSONValue.object([
                "name": .string(parameter.name), "value": .string(parameter.rule.expectation),
                "default": parameter.fallback.map { .string($0) } ?? .null,
            ])
        }
        return .object([
            "name": .string(document.name.text), "version": .integer(document.version), "summary": .string(document.summary),
            "command": .array(document.command.map { .string($0.description) }), "interactive": .bool(document.isInteractive),
            "parameters": .array(parameters),
        ])
    }

    private static func table(_ rows: [Answer]) -> Table {
        var table = Table([
            .init("DOCUMENT"), .init("VERSION", .trailing), .init("VALUES", isFlexible: true), .init("COMMAND", isFlexible: true),
            .init("SUMMARY", isFlexible: true),
        ])
        for row in rows {
            let values = row.objects("parameters").map { parameter in
                let standard = parameter.optionalText("default").map { ", or \($0)" } ?? ""
                return "\(parameter.optionalText("name") ?? "")=\(parameter.optionalText("value") ?? "")\(standard)"
            }
            table.add([
                .init(row.optionalText("name") ?? ""), .init(String(row.optionalInteger("version") ?? 0)),
                .init(values.joined(separator: "; ")), .init(row.texts("command").joined(separator: " ")),
                .init(row.optionalText("summary") ?? ""),
            ])
        }
        return table
    }
}
