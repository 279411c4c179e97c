// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Posix
import StrictJSON

struct PreferencesShowCommand: Command {
    static let declaration = CommandDeclaration(
        name: "show", group: Groups.policy, summary: "Show how sessions on a node are set up",
        parameters: [.positional("node", value: "NODE", completes: .nodes, help: "The node, as `stint nodes` lists it.")])

    private let setting: CommandSetting
    private let node: NodeName

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        node = try values.requiredParsed("node") { text throws(Refusal) in try NodeName(text) }
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        try user.synchronise()
        guard let charter = user.directory.charter else { throw Refusal.noCharter }
        guard let node = user.directory.nodes[node] else { throw Refusal.noNodeMatches(try Selector(node.text)) }
        let settings = charter.policy.settings(on: node).json
        setting.show(settings, in: console) { settings.pretty + "\n" }
        return 0
    }
}

struct PreferencesImportCommand: Command {
    static let declaration = CommandDeclaration(
        name: "import", group: Groups.policy, summary: "Turn session preferences of AWS into rules of a policy",
        discussion: """
            Takes the JSON document of AWS Systems Manager (schemaVersion, inputs), writes an entry for `preferences` of a \
            policy, and says of each key whether the entry holds it. Nothing is applied.
            """,
        parameters: [
            .positional("file", value: "FILE", completes: .files, help: "The document, JSON."),
            .option("name", value: "NAME", help: "The name of the entry; `imported` if left out."),
            .option("on", value: "SELECTOR", help: "The nodes that it is for; all if left out."),
        ],
        examples: [.init("stint preferences import SessionManagerRunShell.json --on env=prod", "See what of it there is here.")])

    private let setting: CommandSetting
    private let file: String
    private let name: RuleName?
    private let selector: Selector

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        file = values.required("file")
        name = try values.parsed("name") { text throws(Refusal) in try RuleName(text) }
        selector = try values.parsed("on") { text throws(Refusal) in try Selector(text) } ?? .everything
    }

    func run(in console: Console) throws -> Int32 {
        let imported = try ImportedPreferences(try JSONValue(parsing: try DurableFile.read(file, maximumBytes: 256 * 1024)))
        var entry: JSONObject = ["name": .string(name?.text ?? "imported"), "nodes": .string(selector.description)]
        for (key, value) in imported.settings.json.asObject?.members ?? [] { entry[key] = value }
        if setting.json {
            let notes = imported.notes.map { note in
                JSONValue.object(["key": .string(note.key), "mapped": .bool(note.isMapped), "message": .string(note.message)])
            }
            console.output(JSONValue.object(["preferences": .object(entry), "notes": .array(notes)]).pretty + "\n")
        } else {
            for note in imported.notes {
                console.errors("\(note.isMapped ? "taken" : "not taken"): \(shown(note.key)): \(shown(note.message))\n")
            }
            console.output(JSONValue.object(entry).pretty + "\n")
        }
        return 0
    }
}
