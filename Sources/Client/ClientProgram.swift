// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Protocol
package import CommandLineKit

/// The program `stint`.
package enum ClientProgram {
    package static let version = "0.1.0"

    /// Does what the command line asks.
    ///
    /// - Parameter arguments: without the program's own name.
    /// - Returns: the exit status.
    package static func run(_ arguments: [String]) -> Int32 {
        if arguments.first == KeyHolder.argument { return KeyHolder.run(Array(arguments.dropFirst())) }
        return program.main(arguments: arguments)
    }

    package static var program: Program {
        Program(
            name: "stint", summary: "Temporary elevated access, agreed to by a second person", version: version,
            date: "2026-11-21", discussion: discussion,
            topics: Topics.all, manuals: PolicyManual.all, nodes: nodes, globals: [.home, .json, .jsonLines], exitStatuses: Failures.statuses,
            environment: [
                .init("STINT_HOME", "The directory to use where --home is not given."),
                .init("XDG_CONFIG_HOME", "The directory is `stint` in here; ~/.config if not set."),
                .init(WithCommand.variable, "The grant that sessions use where --grant is not given."),
                .init("NO_COLOR", "No colour, if set to anything."),
            ],
            files: [
                .init("~/.config/stint/device.key", "The device key. Whoever has it, and its passphrase if it has one, is you."),
                .init("~/.config/stint/identity.json", "Who you are, and which broker you trust."),
                .init("~/.config/stint/roll.jsonl", "Who and what exists, as administrators signed it; verified here."),
                .init("~/.config/stint/ledger.json", "The highest head of the ledger that was seen; an older one is refused."),
            ],
            explain: { Failures.explain($0) },
            candidates: { kind, globals in Candidates.words(of: kind, home: globals.value(Parameter.home.name)) })
    }

    private static let discussion = """
        Ask for access with a reason, have it approved by a second person, work, and give it back. Every access ends by \
        itself, and what is left of it is told.
        """

    private static let nodes: [CommandNode] = [
        .command(RequestCommand.self), .command(BreakGlassCommand.self), .command(RequestsCommand.self), .command(ShowCommand.self),
        .command(GrantsCommand.self), .command(ExtendCommand.self), .command(WithdrawCommand.self), .command(DoneCommand.self),
        .command(ApproveCommand.self), .command(DenyCommand.self), .command(ReviewCommand.self), .command(ReviewsCommand.self),
        .command(WatchRequestsCommand.self),
        .command(WatchCommand.self),
         .command(RevokeCommand.self), .command(EndCommand.self),
        .command(ShellCommand.self), .command(ExecCommand.self), .command(RunCommand.self), .command(ForwardCommand.self),
        .command(ProxyCommand.self), .command(CopyCommand.self), .command(AttachCommand.self),
        .command(WithCommand.self), .command(SessionsCommand.self),
        .command(ReplayCommand.self), .command(SearchCommand.self),
        .family(
            CommandFamily(
                name: "hold", group: Groups.working, summary: "Keep recordings from being deleted",
                commands: [HoldListCommand.self, HoldAddCommand.self, HoldRemoveCommand.self], standard: HoldListCommand.self)),
        .command(NodesCommand.self), .command(NodeCommand.self), .command(DocumentsCommand.self), .command(PeopleCommand.self), .command(WhoamiCommand.self),
        .command(StatusCommand.self),
        .family(
            CommandFamily(
                name: "ledger", group: Groups.looking, summary: "List, verify or export what happened",
                commands: [LedgerListCommand.self, LedgerVerifyCommand.self, LedgerExportCommand.self], standard: LedgerListCommand.self)),
        .family(
            CommandFamily(
                name: "roster", group: Groups.looking, summary: "Say who is on call, or publish it",
                commands: [RosterListCommand.self, RosterKeyCommand.self, RosterSignCommand.self, RosterPublishCommand.self],
                standard: RosterListCommand.self)),
        .command(ReportCommand.self), .command(EvidenceCommand.self), .command(VerifyCommand.self),
        .command(WhyCommand.self), .command(WhoCanApproveCommand.self),
        .family(
            CommandFamily(
                name: "policy", group: Groups.policy, summary: "Check, test, show or change who may do what",
                commands: [
                    PolicyShowCommand.self, PolicyCheckCommand.self, PolicyTestCommand.self, PolicySimulateCommand.self,
                    PolicyApplyCommand.self, PolicyProposalsCommand.self, PolicyAgreeCommand.self, PolicyWithdrawCommand.self,
                ], standard: PolicyShowCommand.self)),
        .family(
            CommandFamily(
                name: "admins", group: Groups.policy, summary: "List, add or remove administrators",
                commands: [AdministratorsCommand.self, AdministratorsAddCommand.self, AdministratorsRemoveCommand.self],
                standard: AdministratorsCommand.self)),
        .family(
            CommandFamily(
                name: "preferences", group: Groups.policy, summary: "Show or import how sessions are set up",
                commands: [PreferencesShowCommand.self, PreferencesImportCommand.self])),
        .command(JoinCommand.self),
        .family(
            CommandFamily(
                name: "key", group: Groups.enrolling, summary: "Protect the device key with a passphrase",
                commands: [KeyPassphraseCommand.self, KeyUnlockCommand.self, KeyLockCommand.self])),
        .family(
            CommandFamily(
                name: "invite", group: Groups.enrolling, summary: "Make a token for a person, a node or a device",
                commands: [InvitePersonCommand.self, InviteNodeCommand.self, InviteDeviceCommand.self])),
        .family(
            CommandFamily(
                name: "disable", group: Groups.enrolling, summary: "Take a person, a node or a device away",
                commands: [DisablePersonCommand.self, DisableNodeCommand.self, DisableDeviceCommand.self])),
    ]
}

/// Words for completion: names from this client's own copy of the roll, ids from the broker.
private enum Candidates {
    static func words(of kind: String, home: String?) -> [String] {
        // Completion offers nothing where anything is wrong; the command itself will say what.
        if ["requests", "grants", "sessions"].contains(kind) { return (try? ids(of: kind, home: home)) ?? [] }
        guard let home = try? ClientHome(given: home), let identity = try? home.identity(),
            let cache = try? RollCache(home, root: identity.root, broker: identity.pin)
        else { return [] }
        let directory = cache.roll.directory
        switch kind {
        case "nodes": return directory.nodes.values.filter(\.isEnabled).map(\.name).sorted().map(\.text)
        case "people": return directory.people.values.filter(\.isEnabled).map(\.name).sorted().map(\.text)
        default: return []
        }
    }

    /// Longer nobody waits for the tabulator.
    private static let patience: Duration = .seconds(2)
    private static let most = 50

    /// Ids that live now, from the broker. Nobody is asked for a passphrase meanwhile.
    private static func ids(of kind: String, home: String?) throws -> [String] {
        let user = try Operator(try ClientHome(given: home), mayAsk: false)
        user.broker.answerTime = patience
        let rows: [Answer] =
            switch kind {
            case "requests":
                try ["to-decide", "mine"].flatMap { scope in
                    try Answer(try user.broker.get(Route.requests, [("scope", scope)])).items()
                }
            case "grants": try Answer(try user.broker.get(Route.grants, [("scope", "mine")])).items()
            default: try Answer(try user.broker.get(Route.sessions, [("scope", "all")])).items()
            }
        return Array(rows.compactMap { $0.optionalText("id") }.prefix(most))
    }
}
