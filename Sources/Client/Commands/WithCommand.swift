// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Glibc
import Posix
import StrictJSON

struct WithCommand: Command {
    static let declaration = CommandDeclaration(
        name: "with", group: Groups.working, summary: "Run a command on this machine while a grant is active",
        discussion: """
            Gets a grant as `stint shell` does, starts its clock, and runs the command here. The command finds the grant's id \
            in STINT_GRANT, which `stint shell` and `stint exec` use by themselves. Afterwards the grant is given back, and \
            its sessions end, unless it was active before.
            """,
        parameters: [
            .option("on", value: "SELECTOR", isRequired: true, completes: .nodes, help: Parameter.on.help),
            .option("reason", "r", value: "TEXT", help: "Ask for access with this reason, if you have none."), .duration, .runAs,
            .rest("command", value: "CMD", help: "The command and its arguments."),
        ],
        exitStatuses: [
            .init(3, "Refused, or there is no grant and no --reason to ask with. Otherwise the command's own status."),
            .init(127, "There is no such command."),
        ],
        examples: [
            .init("stint with --on role=db -r 'INC-4711: restart them' --for 15m -- ./restart-all.sh", "Ask, wait, run, give back.")
        ])

    /// Holds the grant's id for what runs under it.
    static let variable = "STINT_GRANT"

    private let setting: CommandSetting
    private let selector: Selector
    private let reason: String?
    private let duration: Duration?
    private let runAs: RunAsName?
    private let command: [String]

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        selector = try values.requiredParsed("on") { text throws(Refusal) in try Selector(text) }
        reason = values.value("reason")
        duration = try values.parsed("for") { text throws(Refusal) in try DurationText.parse(text) }
        runAs = try values.parsed("as") { text throws(Refusal) in try RunAsName(user: text) }
        command = values.rest
    }

    func run(in console: Console) throws -> Int32 {
        let executable = try LocalCommand.find(command.first ?? "")
        let user = try setting.signIn()
        try user.synchronise()
        _ = try user.me()
        let nodes = user.directory.nodes(matching: selector).filter(\.isEnabled).map(\.name)
        guard !nodes.isEmpty else { throw Refusal.noNodeMatches(selector) }
        let again = "stint with --on '\(selector)'"
        let quest = GrantQuest(
            user: user, console: console,
            need: AccessNeed(nodes: Set(nodes), capabilities: [], runAs: runAs, duration: duration), selector: selector,
            reason: reason, again: shown("\(again) -- \(CommandText.shown(command) ?? "CMD")"),
            ask: .noCoveringGrant(
                "that covers all of `\(selector)`",
                hint: "Ask for one: \(again) --reason WHY --for 30m -- \(CommandText.shown(command) ?? "CMD")"))
        switch try quest.run() {
        case .stopped(let status): return status
        case .grant(let grant):
            let isOurs = grant.state == .ready
            _ = try user.activation(of: grant)
            let status = try LocalCommand.run(executable, command, with: (Self.variable, grant.id.description))
            return isOurs ? giveBack(grant.id, by: user, status, console) : status
        }
    }

    private func giveBack(_ id: GrantID, by user: Operator, _ status: Int32, _ console: Console) -> Int32 {
        do {
            _ = try user.end(.release, id.description, reason: "")
            console.errors("Grant \(id) is given back.\n")
            return status
        } catch {
            let (code, message, _) = Failures.words(of: error)
            if code == "grant.over" { return status }  // its time was up, or somebody took it back
            console.errors("stint: error: Grant \(id) could not be given back: \(shown(message)) (\(code))\n")
            console.errors("stint: hint: It ends by itself. Try again: stint done \(id)\n")
            return status == 0 ? 1 : status
        }
    }
}

/// A command on the operator's own machine.
enum LocalCommand {
    static let notFound: Int32 = 127

    /// The path of a command, as a shell finds it.
    static func find(_ name: String) throws(ClientError) -> String {
        let folders = name.utf8.contains(UInt8(ascii: "/"))
            ? [""] : (Environment.value("PATH") ?? "/usr/bin:/bin").utf8.split(separator: UInt8(ascii: ":")).map { String(Substring($0)) + "/" }
        guard !name.isEmpty, !name.utf8.contains(0),
            let found = folders.map({ $0 + name }).first(where: { access($0, X_OK) == 0 && !isFolder($0) })
        else { throw .noSuchCommand(name) }
        return found
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Runs it in the foreground and returns its status as a shell tells it. Ctrl-C is the command's; what is meant to end
    /// us is passed on to it.
    static func run(_ executable: String, _ words: [String], with variable: (name: String, value: String)) throws -> Int32 {
        let signals: [Signal] = [.interrupt, .terminate, .hangUp]
        try Signals.block(signals)
        let news = try SignalDescriptor(signals)
        let environment = Environment.all.filter { $0.name != variable.name } + [variable]
        var request = SpawnRequest(executable, words, environment: environment)
        request.descriptors = [.descriptor(0), .descriptor(1), .descriptor(2)]
        let process = try request.start()
        var entries = [PollEntry(news.number, .input), PollEntry(process.pidfd.number, .input)]
        while true {
            if let status = try process.status() { return status.shellCode }
            _ = try Poll.wait(&entries, timeout: nil)
            while let signal = try news.next() {
                if signal != .interrupt { try process.signal(signal) }
            }
        }
    }
}
