// SPDX-License-Identifier: Apache-2.0

import Broker
import CommandLineKit
import Posix
import Verifier

private let group = "Looking after it"

struct BackupCommand: Command {
    static let declaration = CommandDeclaration(
        name: "backup", group: group, summary: "Copy the database, also while the broker serves",
        discussion: """
            The copy holds one moment and is whole and on disk when the command ends. Recordings and the broker's key are \
            files of the home and are not in it.
            """,
        parameters: [.positional("file", value: "FILE", completes: .files, help: "Where to write; it must not exist.")],
        examples: [.init("stintd backup /backup/stint-2026-11-21.db", "Make a backup.")])

    private let home: BrokerHome
    private let file: String

    init(_ values: ParsedValues) throws(UsageError) {
        home = stintHome(values)
        file = values.required("file")
    }

    func run(in console: Console) throws -> Int32 {
        let entries = try ElapsedLine.show("Copying the database") { try Upkeep.backUp(home, to: file) }
        console.output("\(file): \(entries) ledger entries\n")
        return 0
    }
}

struct RestoreCommand: Command {
    static let declaration = CommandDeclaration(
        name: "restore", group: group, summary: "Put a backup in the place of the database",
        discussion: """
            The backup is verified first, as `stintd check` does, and refused if anything is found. The database that was there \
            is kept beside it. No broker may serve the home meanwhile.
            """,
        parameters: [
            .positional("file", value: "FILE", completes: .files, help: "What `stintd backup` wrote."),
            .flag("set-back", help: "Take a backup that is older than the database here; nodes and clients will notice."),
        ],
        examples: [.init("stintd restore /backup/stint-2026-11-21.db", "After the disk was lost.")])

    private let home: BrokerHome
    private let file: String
    private let setsBack: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        home = stintHome(values)
        file = values.required("file")
        setsBack = values.flag("set-back")
    }

    func run(in console: Console) throws -> Int32 {
        let (kept, entries) = try ElapsedLine.show("Verifying the backup") {
            try Upkeep.restore(home, from: file, allowsSettingBack: setsBack)
        }
        console.output("Restored \(entries) ledger entries. The database that was here is \(kept) now.\n")
        return 0
    }
}

struct CheckCommand: Command {
    static let declaration = CommandDeclaration(
        name: "check", group: group, summary: "Look for anything in the database and the recordings that must not be",
        discussion: """
            Computes every hash and verifies every signature anew, holds each state against the statements that must have led \
            to it, and each recording against its end in the ledger. The broker may serve meanwhile. Exits with 1 if anything \
            is found.
            """,
        parameters: [
            .option(
                "head", value: "FILE", completes: .files,
                help: "A ledger.json of a client or a node: the ledger must contain what it saw."),
        ],
        examples: [.init("stintd check --head /var/lib/stint-agent/ledger.json", "Also notice that the database was set back.")])

    private let home: BrokerHome
    private let head: String?

    init(_ values: ParsedValues) throws(UsageError) {
        home = stintHome(values)
        head = values.value("head")
    }

    func run(in console: Console) throws -> Int32 {
        let verification = try ElapsedLine.show("Checking everything") { try Upkeep.check(home, head: head) }
        for finding in verification.findings { console.output("\(finding)\n") }
        console.output(
            "\(verification.ledgerEntries) ledger entries, \(verification.rollEntries) roll entries, \(verification.sessions) sessions: "
                + "\(verification.findings.count) findings\n")
        return verification.findings.isEmpty ? 0 : 1
    }
}

struct StatusCommand: Command {
    static let declaration = CommandDeclaration(
        name: "status", group: group, summary: "Show how the broker of this home is doing",
        discussion: """
            Reads the home and asks nobody. Exits with 1 where room for recordings gets tight: a monitor may run it. At 80 % of the \
            limit it warns, and when the limit is reached, or the disk has no more free than it is to leave, no session is opened.
            """,
        examples: [.init("stintd status", "See how much room recordings have.")])

    private let home: BrokerHome

    init(_ values: ParsedValues) throws(UsageError) { home = stintHome(values) }

    func run(in console: Console) throws -> Int32 {
        let status = try Upkeep.status(home)
        let width = status.fields.map(\.name.utf8.count).max() ?? 0
        for (name, value) in status.fields {
            console.output(name + String(repeating: " ", count: width - name.utf8.count + 2) + value + "\n")
        }
        return status.isFine ? 0 : 1
    }
}
