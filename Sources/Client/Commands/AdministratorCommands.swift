// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import StrictJSON

struct AdministratorsCommand: Command {
    static let declaration = CommandDeclaration(
        name: "list", group: Groups.policy, summary: "List the administrators, and how many must agree")

    private let setting: CommandSetting

    init(_ values: ParsedValues) throws(UsageError) { setting = CommandSetting(values) }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        try user.synchronise()
        guard let charter = user.directory.charter else { throw Refusal.noCharter }
        let names = charter.administrators.sorted()
        let demanded = charter.policy.administratorsToAgree
        let object: JSONObject = [
            "administrators": .names(names), "demanded": .integer(Int64(demanded)), "charter": .integer(charter.version),
        ]
        setting.show(.object(object), in: console) {
            names.map { "\($0)\(user.directory.isAdministrator($0) ? "" : " (disabled)")\n" }.joined()
                + (demanded > 1 ? "\(demanded) of them must agree to the next charter.\n" : "Each of them may change the charter.\n")
        }
        return 0
    }
}

/// What adding and removing an administrator share.
private struct AdministratorChange {
    static let name = Parameter.positional("name", value: "NAME", completes: .people, help: "The person.")

    let changing: CharterChanging
    let name: PersonName

    init(_ values: ParsedValues) throws(UsageError) {
        changing = try CharterChanging(values)
        name = try values.requiredParsed("name") { text throws(Refusal) in try PersonName(text) }
    }

    func run(adding isAdding: Bool, in console: Console) throws -> Int32 {
        let (administrator, charter) = try changing.begin()
        let directory = administrator.directory
        guard isAdding else {
            guard charter.administrators.contains(name) else { throw Refusal.notAnAdministrator(name) }
            let left = charter.administrators.subtracting([name])
            guard left.contains(where: directory.isAdministrator) else { throw EvidenceError.lastAdministrator(name) }
            return try changing.apply(left, charter.text, over: charter, by: administrator, in: console)
        }
        guard let person = directory.people[name] else { throw Refusal.personUnknown(name) }
        guard person.isEnabled else { throw Refusal.personDisabled(name) }
        guard !charter.administrators.contains(name) else { throw Refusal.charter(.administratorAlready(name)) }
        return try changing.apply(charter.administrators.union([name]), charter.text, over: charter, by: administrator, in: console)
    }
}

struct AdministratorsAddCommand: Command {
    static let declaration = CommandDeclaration(
        name: "add", group: Groups.policy, summary: "Make a person administrator",
        discussion: """
            A new version of the charter with the same policy. Where the charter in force demands two administrators, it is \
            proposed, and another one agrees with `stint policy agree`.
            """,
        parameters: [AdministratorChange.name] + CharterChanging.parameters,
        examples: [.init("stint admins add lead -r 'second administrator'", "Name a second one.")])

    private let change: AdministratorChange

    init(_ values: ParsedValues) throws(UsageError) { change = try AdministratorChange(values) }

    func run(in console: Console) throws -> Int32 { try change.run(adding: true, in: console) }
}

struct AdministratorsRemoveCommand: Command {
    static let declaration = CommandDeclaration(
        name: "remove", group: Groups.policy, summary: "Make a person administrator no more",
        discussion: "The person stays what else the person is. As many administrators remain as the charter demands, and one at least.",
        parameters: [AdministratorChange.name] + CharterChanging.parameters)

    private let change: AdministratorChange

    init(_ values: ParsedValues) throws(UsageError) { change = try AdministratorChange(values) }

    func run(in console: Console) throws -> Int32 { try change.run(adding: false, in: console) }
}
