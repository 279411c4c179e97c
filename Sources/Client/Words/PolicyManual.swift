// SPDX-License-Identifier: Apache-2.0

import CommandLineKit

/// The manual pages of the files that `stint` reads: stint-policy(5) and stint-cases(5).
enum PolicyManual {
    static let all = [policy, cases]

    private static let nodes = FileManual.Key("nodes", "SELECTOR", "Which nodes, as env=prod,role=db|cache, a name, or * for all.")
    private static let name = FileManual.Key("name", "NAME", "Its name, once in the list. It stands in refusals.")

    static let policy = FileManual(
        name: "stint-policy", summary: "who may ask for access, where, for how long, and who must agree",
        discussion: """
            An administrator signs this text as part of the charter, comments included, and every node decides by it. It is \
            JSON5: keys without quotes, comments, commas at the end. An unknown key, a duplicate key or an invisible character \
            makes the whole text invalid. What no entitlement covers is refused.

            People are group:NAME, person:NAME, attribute:KEY=VALUE, or roster:NAME for whoever is on call when a request is \
            made. Lengths of time are written 45s, 30m, 1h30m or 2d. `stint policy check` finds what can never work, `stint \
            policy test` decides cases that are kept beside a policy, `stint policy apply` signs it into force.
            """,
        parts: [top, entitlement, seat, field, window, extending, automatic, breakGlass, watching, forbid, retention, roster, document, parameter]
            + preferences + [charter],
        files: [.init("Config/policy.json5", "A first policy, with every key explained."), .init("Config/policies/", "Policies of whole organisations.")])

    private static let top = FileManual.Part(
        "The policy",
        [
            .init("entitlements", "LIST", "The rules under which something may be asked for. At least one."),
            .init("forbid", "LIST", "What nobody may do, whatever an entitlement says."),
            .init("retention", "LIST", "How long recordings are kept: for ever, where no rule matches."),
            .init("documents", "LIST", "Commands that a rule allows as exec:NAME and nothing else."),
            .init("preferences", "LIST", "How sessions are set up on the nodes that a rule means. Where several do, the stricter holds."),
            .init("rosters", "LIST", "Who is on call."),
            .init("charter", "OBJECT", "How the charter itself is changed."),
        ])

    private static let entitlement = FileManual.Part(
        "Each of entitlements",
        [
            name, nodes,
            .init("requesters", "LIST", "Who may ask."),
            .init("capabilities", "LIST", "Of shell, exec, copy and ssh, forward:HOST:PORT for one destination, and exec:NAME for a command document."),
            .init("runAs", "LIST", "Users of the node that a session may run as. The first is used where a request names none."),
            .init("seats", "LIST", "Every seat must be filled, each by another person. It may be left out with autoApproval."),
            .init("maximumDuration", "LENGTH", "The longest grant that may be asked for, 1m to 1d."),
            .init("sessionMaximum", "LENGTH", "The longest single session, 1m to 1d. It is 1d if left out."),
            .init("idleLimit", "LENGTH", "A session without activity ends after it, 1m to 1h."),
            .init("idleCounts", "WORD", "What activity is: input, or inputAndOutput."),
            .init("minimumReasonLength", "NUMBER", "Characters of a reason that are no white space."),
            .init("tickets", "LIST", "Forms of which the reason must name one, as INC-#. # is a number."),
            .init("fields", "LIST", "What must be stated beside the reason."),
            .init("denyThreshold", "NUMBER", "So many denials end a request. It is 1 if left out."),
            .init("pendingFor", "LENGTH", "A request that nobody decides lapses after it, 1m to 7d."),
            .init("activateWithin", "LENGTH", "A grant that nobody uses lapses after it, 1m to 7d."),
            .init("windows", "OBJECT", "Only at these hours. Any time, if left out."),
            .init("extension", "OBJECT", "More time on a grant that is active. Twice, with the same seats, up to maximumDuration in all, if left out."),
            .init("scheduledStart", "LENGTH", "How far ahead a start may be planned, 1m to 30d. Not at all, if left out."),
            .init("oneShot", "BOOL", "The grant is over with its first session."),
            .init("autoApproval", "OBJECT", "So many requests are approved without anybody."),
            .init("breakGlass", "OBJECT", "In an emergency the requesters may do without the seats. Nobody may, if left out."),
            .init("withoutBroker", "WORD", "What a node does that no longer hears from the broker: lease, or untilDeadline."),
            .init("lease", "LENGTH", "How long a node goes on without the broker, 30s to 1h."),
            .init("detachedFor", "LENGTH", "How long a session waits for a client that was lost, 1s to 1h."),
            .init("recording", "WORD", "With required there is no session without a recorder; bestEffort lets it run."),
            .init("watching", "OBJECT", "Who may look on at a live session."),
        ])

    private static let seat = FileManual.Part(
        "Each of seats", [.init("count", "NUMBER", "How many persons."), .init("of", "LIST", "Of whom. Who asks never fills a seat.")])

    private static let field = FileManual.Part(
        "Each of fields",
        [
            name,
            .init("type", "WORD", "One of text, number, choice and yesNo."),
            .init("required", "BOOL", "Whether it must be stated. It must, if left out."),
            .init("minimumLength", "NUMBER", "Of a text: its least characters."),
            .init("minimum", "NUMBER", "Of a number: the lowest."), .init("maximum", "NUMBER", "Of a number: the highest."),
            .init("choices", "LIST", "Of a choice: what may be chosen."),
        ])

    private static let window = FileManual.Part(
        "windows",
        [
            .init("zone", "ZONE", "The clocks that count, as Europe/Berlin."),
            .init("open", "LIST", "Days and hours, as mon-fri 08:00-18:00. A grant ends when they do."),
        ])

    private static let extending = FileManual.Part(
        "extension",
        [
            .init("approval", "WORD", "Who agrees: sameSeats, or automatic for nobody."), .init("seats", "LIST", "Instead of approval: seats of its own."),
            .init("count", "NUMBER", "Extensions of one grant, 0 to 16. 0 is none."),
            .init("maximum", "LENGTH", "The longest single one: as long as was granted first, if left out."),
            .init("total", "LENGTH", "The longest from the first activation, 1m to 1d."),
        ])

    private static let automatic = FileManual.Part(
        "autoApproval", [.init("perMonth", "NUMBER", "For each person. Then the seats decide, and without them the policy refuses.")])

    private static let breakGlass = FileManual.Part(
        "breakGlass",
        [
            .init("perMonth", "NUMBER", "How often a person may."), .init("maximumDuration", "LENGTH", "The longest such grant, at most 1h."),
            .init("reviewWithin", "LENGTH", "Another person must judge it within this time."),
            .init("reviewers", "LIST", "Who reviews: whoever may fill a seat, if left out."),
            .init("requesters", "LIST", "Only these of the requesters."), .init("capabilities", "LIST", "Only these of the capabilities."), nodes,
        ])

    private static let watching = FileManual.Part(
        "watching",
        [
            .init("mode", "WORD", "With open the operator is told, with silent only the ledger tells, with off nobody may."),
            .init("by", "LIST", "Who may: whoever may fill a seat, and administrators, if left out."),
        ])

    private static let forbid = FileManual.Part(
        "Each of forbid",
        [
            name, nodes, .init("requesters", "LIST", "Only for these people."), .init("capabilities", "LIST", "Only these capabilities; forward alone is every destination."),
            .init("runAs", "LIST", "Only as these users."),
        ])

    private static let retention = FileManual.Part(
        "Each of retention", [nodes, .init("keepDays", "NUMBER", "Days after the end of a recording. Of several rules the longest counts.")])

    private static let roster = FileManual.Part(
        "Each of rosters",
        [
            name,
            .init("zone", "ZONE", "Of turns of one week: the clocks that count."), .init("start", "TIME", "When the first of people begins, as 2026-01-05 09:00."),
            .init("people", "LIST", "Who has a turn, in their order."),
            .init("key", "HEX", "Of signed statements instead: the public key that signs them."),
            .init("maximumAge", "LENGTH", "How long a signed statement counts."),
        ])

    private static let document = FileManual.Part(
        "Each of documents",
        [
            name, .init("version", "NUMBER", "A change needs a new one."), .init("summary", "TEXT", "One line for people."),
            .init("command", "LIST", "The words that run, without a shell, with ${NAME} for a value."),
            .init("interactive", "BOOL", "Whether it gets a terminal."), .init("parameters", "OBJECT", "What may stand for each ${NAME}."),
        ])

    private static let parameter = FileManual.Part(
        "Each of parameters, which has one rule for its values",
        [
            .init("values", "LIST", "One of these."), .init("minimum", "NUMBER", "A whole number, from here."), .init("maximum", "NUMBER", "To here."),
            .init("below", "DIRECTORY", "A path in this directory."), .init("pattern", "TEXT", "Of this form: # is digits, * a word, ? one character of a word."),
            .init("default", "TEXT", "The value where none is given."),
        ])

    private static let preferences = [
        FileManual.Part(
            "Each of preferences",
            [
                name, nodes, .init("sessionMaximum", "LENGTH", "The longest session, 1m to 1d."), .init("idleLimit", "LENGTH", "The longest idleness, 1m to 1h."),
                .init("shell", "PATH", "The login shell."), .init("directory", "PATH", "Where a session begins."),
                .init("environment", "OBJECT", "Variables. PATH, IFS, LD_* and STINT_* are kept."),
                .init("commands", "LIST", "Lines that run before the login shell."),
                .init("minimumUserID", "NUMBER", "No session as a user with a lower number."),
                .init("noNewPrivileges", "BOOL", "No program of a session gains privileges, sudo included."),
                .init("limits", "OBJECT", "What a session may use up."), .init("greets", "BOOL", "Whether the node's greeting is shown."),
                .init("keepsLoginRecord", "BOOL", "Whether who and last know of the session."),
                .init("account", "OBJECT", "An account that is made for a grant and removed after it."),
                .init("sudo", "LIST", "Commands by their whole path that the account may run as root until then, or ALL."),
            ]),
        FileManual.Part(
            "limits",
            [
                .init("openFiles", "NUMBER", "Open files of a process."), .init("processes", "NUMBER", "Processes and threads of the user, and of the session where its control group can count them. Left out, 4096 for a session beside what the user has running. Root is bound by a control group only."),
                .init("memoryBytes", "NUMBER", "Memory of a process."), .init("fileBytes", "NUMBER", "The largest file."),
                .init("coreBytes", "NUMBER", "The largest core dump."), .init("processorSeconds", "NUMBER", "Processor time of a process."),
            ]),
        FileManual.Part(
            "account",
            [
                .init("home", "WORD", "What becomes of its home directory: wipe, or keep."), .init("groups", "LIST", "Groups of the node that it is in."),
            ]),
    ]

    private static let charter = FileManual.Part(
        "charter", [.init("administrators", "NUMBER", "So many must agree to the next charter: 1 or 2. It is 1 if left out.")])

    static let cases = FileManual(
        name: "stint-cases", summary: "cases that a policy must decide as they say",
        discussion: """
            Kept beside a policy as NAME.cases.json5 and decided by `stint policy test`, with people and nodes of their own: nobody \
            is asked, and nothing has to exist.
            """,
        parts: [
            .init(
                "The file",
                [
                    .init("people", "LIST", "The people there are."), .init("nodes", "LIST", "The nodes there are."),
                    .init("rosters", "LIST", "What signed statements say of a roster."), .init("cases", "LIST", "What is asked, and what must come of it."),
                ]),
            .init(
                "Each of people",
                [name, .init("groups", "LIST", "The groups the person is in."), .init("attributes", "OBJECT", "Attributes that a policy may refer to.")]),
            .init("Each of nodes", [name, .init("tags", "TAGS", "As env=prod,role=db.")]),
            .init(
                "Each of rosters",
                [.init("roster", "NAME", "The roster."), .init("at", "TIME", "When it was said."), .init("shifts", "LIST", "Who is on call, and when.")]),
            .init("Each of shifts", [.init("person", "NAME", "Who."), .init("from", "TIME", "From when."), .init("until", "TIME", "Until when.")]),
            .init(
                "Each of cases",
                [
                    name, .init("person", "NAME", "Who asks."), .init("on", "SELECTOR", "For which nodes."), .init("for", "LENGTH", "For how long."),
                    .init("as", "USER", "To run as whom."), .init("capabilities", "LIST", "To do what."), .init("reason", "TEXT", "With which reason."),
                    .init("fields", "OBJECT", "What is stated beside it."), .init("entitlement", "NAME", "Under this entitlement only."),
                    .init("breakGlass", "BOOL", "Whether it breaks glass."), .init("at", "TIME", "When it is asked."),
                    .init("approve", "LIST", "Who approves."), .init("deny", "LIST", "Who denies."), .init("activate", "TIME", "When the clock starts."),
                    .init("ends", "TIME", "When the grant must be over."), .init("under", "NAME", "The entitlement it must come under."),
                    .init("expect", "WORD", "pending, approved, denied, or the code of the refusal."),
                ]),
        ])
}
