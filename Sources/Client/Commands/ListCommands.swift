// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Protocol
import StrictJSON

struct RequestsCommand: Command {
    static let declaration = CommandDeclaration(
        name: "requests", group: Groups.asking, summary: "List requests",
        parameters: [
            .flag("to-decide", help: "Those that you may vote on. This is the default together with your own."),
            .flag("mine", help: "Those that you made."), .flag("all", help: "All that you may see."),
            .option(
                "state", value: "STATE", completes: .words(AccessRequest.State.allCases.map(\.rawValue)),
                help: "Only those in this state."),
            .watch,
        ],
        examples: [.init("stint requests --to-decide", "See what waits for your vote.")])

    private let setting: CommandSetting
    private let scopes: [String]
    private let state: String?
    private let isWatching: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        isWatching = values.flag("watch")
        let chosen = ["to-decide", "mine", "all"].filter { values.flag($0) }
        scopes = chosen.isEmpty ? ["to-decide", "mine"] : chosen
        state = values.value("state")
    }

    func run(in console: Console) throws -> Int32 {
        let reader = try setting.signIn()
        if isWatching { return try Refresh(console).run { try show(reader, in: $0) } }
        try show(reader, in: console)
        return 0
    }

    private var nothing: String {
        let which = state.map { " that is \($0)" } ?? ""
        return switch scopes {
        case ["to-decide"]: "No request\(which) waits for your vote."
        case ["mine"]: "You made no request\(which)."
        case let chosen where chosen.contains("all"): "You may see no request\(which)."
        default: "You made no request\(which), and none waits for your vote. `stint requests --all` lists those of others."
        }
    }

    private func show(_ reader: Operator, in console: Console) throws {
        var rows: [Answer] = []
        for scope in scopes {
            var query: [(name: String, value: String)] = [("scope", scope)]
            if let state { query.append(("state", state)) }
            let known = Set(rows.compactMap { $0.optionalText("id") })
            rows += try Answer(try reader.broker.get(Route.requests, query)).items().filter { row in
                row.optionalText("id").map { !known.contains($0) } ?? true
            }
        }
        setting.show(rows, Lists.requests(rows, now: .now()), nothing: nothing, in: console)
        guard !setting.json, !isWatching else { return }
        try tellOfReviews(reader, in: console)
        try tellOfProposals(reader, in: console)
    }

    /// Another administrator is told here that a charter waits for a second consent.
    private func tellOfProposals(_ reader: Operator, in console: Console) throws {
        let me = reader.identity.person
        guard reader.directory.isAdministrator(me), (reader.directory.charter?.policy.administratorsToAgree ?? 1) > 1 else { return }
        let waiting = try Answer(try reader.broker.get(Route.proposals)).items().filter { $0.optionalText("by") != me.text }
        guard !waiting.isEmpty else { return }
        let ids = waiting.compactMap { $0.optionalText("id") }.joined(separator: ", ")
        console.errors("\(waiting.count) proposed \(waiting.count == 1 ? "charter waits" : "charters wait") for your consent (\(shown(ids))): `stint policy proposals`.\n")
    }

    /// Whoever skipped somebody's consent is told of here, until a review says what of it.
    private func tellOfReviews(_ reader: Operator, in console: Console) throws {
        let waiting = try Answer(try reader.broker.get(Route.reviews, [("scope", "to-do")])).items()
        guard !waiting.isEmpty else { return }
        let who = Set(waiting.compactMap { $0.optionalText("requester") }).sorted().joined(separator: ", ")
        console.errors("\(waiting.count) broke glass and \(waiting.count == 1 ? "waits" : "wait") for a review (\(shown(who))): `stint reviews`.\n")
    }
}

struct GrantsCommand: Command {
    static let declaration = CommandDeclaration(
        name: "grants", group: Groups.asking, summary: "List grants",
        parameters: [
            .flag("all", help: "All that you may see, not only yours."),
            .option(
                "state", value: "STATE", completes: .words(Grant.State.allCases.map(\.rawValue)),
                help: "Only those in this state."),
            .watch,
        ])

    private let list: ScopedList

    init(_ values: ParsedValues) throws(UsageError) { list = ScopedList(values, "grant", Route.grants) }

    func run(in console: Console) throws -> Int32 {
        try list.run(in: console) { Lists.grants($0, now: .now()) }
    }
}

struct SessionsCommand: Command {
    static let declaration = CommandDeclaration(
        name: "sessions", group: Groups.working, summary: "List sessions",
        parameters: [
            .flag("all", help: "All that you may see, not only yours."),
            .option(
                "state", value: "STATE", completes: .words(Session.State.allCases.map(\.rawValue)),
                help: "Only those in this state."),
            .watch,
        ])

    private let list: ScopedList

    init(_ values: ParsedValues) throws(UsageError) { list = ScopedList(values, "session", Route.sessions) }

    func run(in console: Console) throws -> Int32 {
        try list.run(in: console) { Lists.sessions($0, now: .now()) }
    }
}

struct NodesCommand: Command {
    static let declaration = CommandDeclaration(
        name: "nodes", group: Groups.looking, summary: "List the nodes that you may ask for",
        discussion: "System, load and memory are what each node says of itself; nothing is decided by them.",
        parameters: [.flag("csv", help: "As comma-separated values, with more that the nodes say of themselves.")])

    private let setting: CommandSetting
    private let asValues: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        asValues = values.flag("csv")
    }

    func run(in console: Console) throws -> Int32 {
        let rows = try Answer(try setting.signIn().broker.get(Route.nodes)).items()
        if asValues {
            console.output(NodeText.values(rows))
            return 0
        }
        setting.show(rows, Lists.nodes(rows, now: .now()), nothing: "There is no node that you may ask for.", in: console)
        return 0
    }
}

struct NodeCommand: Command {
    static let declaration = CommandDeclaration(
        name: "node", group: Groups.looking, summary: "Show a node and what it says of itself",
        parameters: [.positional("node", value: "NODE", completes: .nodes, help: "The node, as `stint nodes` lists it.")])

    private let setting: CommandSetting
    private let node: NodeName

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        node = try values.requiredParsed("node") { text throws(Refusal) in try NodeName(text) }
    }

    func run(in console: Console) throws -> Int32 {
        let answer = Answer(try setting.signIn().broker.get("\(Route.nodes)/\(node)"))
        setting.show(answer.json, in: console) { NodeText.words(answer, now: .now()) }
        return 0
    }
}

struct PeopleCommand: Command {
    static let declaration = CommandDeclaration(
        name: "people", group: Groups.looking, summary: "List the people, their groups and devices")

    private let setting: CommandSetting

    init(_ values: ParsedValues) throws(UsageError) { setting = CommandSetting(values) }

    func run(in console: Console) throws -> Int32 {
        let rows = try Answer(try setting.signIn().broker.get(Route.people)).items()
        setting.show(rows, Lists.people(rows), nothing: "There is nobody.", in: console)
        return 0
    }
}

/// A list of one's own things, or of all.
private struct ScopedList {
    private let setting: CommandSetting
    private let isWatching: Bool
    private let path: String
    private let query: [(name: String, value: String)]
    private let nothing: String

    /// - Parameter kind: one of them, as people call it.
    init(_ values: ParsedValues, _ kind: String, _ path: String) {
        setting = CommandSetting(values)
        isWatching = values.flag("watch")
        self.path = path
        let which = kind + (values.value("state").map { " that is \($0)" } ?? "")
        nothing = values.flag("all")
            ? "You may see no \(which)." : "You have no \(which). `stint \(kind)s --all` lists those of others that you may see."
        query = [("scope", values.flag("all") ? "all" : "mine")] + (values.value("state").map { [("state", $0)] } ?? [])
    }

    func run(in console: Console, _ table: @escaping ([Answer]) -> Table) throws -> Int32 {
        let reader = try setting.signIn()
        let show = { (console: Console) in
            let rows = try Answer(try reader.broker.get(path, query)).items()
            setting.show(rows, table(rows), nothing: nothing, in: console)
        }
        if isWatching { return try Refresh(console).run(show) }
        try show(console)
        return 0
    }
}
