// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Posix
import StrictJSON

struct WhoamiCommand: Command {
    static let declaration = CommandDeclaration(
        name: "whoami", group: Groups.looking, summary: "Say who you are here",
        parameters: [.flag("offline", help: "Ask nobody: say what this machine knows.")])

    private let setting: CommandSetting
    private let isOffline: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        isOffline = values.flag("offline")
    }

    func run(in console: Console) throws -> Int32 {
        if isOffline {
            let home = try setting.clientHome()
            let identity = try home.identity()
            try PrivateFile.check(home.keyPath)
            setting.show(identity.json, in: console) { Self.text(identity, nil) }
            return 0
        }
        let user = try setting.signIn()
        try user.synchronise()
        let me = try user.me()
        guard var object = user.identity.json.asObject else { return 1 }
        object["groups"] = .array(me.groups.sorted().map { .string($0.text) })
        object["administrator"] = .bool(user.directory.isAdministrator(me.name))
        setting.show(.object(object), in: console) {
            Self.text(user.identity, (me, user.directory.isAdministrator(me.name)))
        }
        return 0
    }

    private static func text(_ identity: Identity, _ known: (person: Person, administrator: Bool)?) -> String {
        var fields = FieldList()
        fields.add("device", "\(identity.label), \(identity.device.hex)")
        if let known {
            fields.add("groups", known.person.groups.sorted().map(\.text).joined(separator: ", "))
            fields.add("administrator", known.administrator ? "yes" : "no")
        }
        fields.add("broker", identity.broker)
        fields.add("installation", identity.root.hex)
        return "\(identity.person)\n\(fields.text)"
    }
}

struct StatusCommand: Command {
    static let declaration = CommandDeclaration(
        name: "status", group: Groups.looking, summary: "Check the broker, and that its roll is the one you know")

    private let setting: CommandSetting

    init(_ values: ParsedValues) throws(UsageError) { setting = CommandSetting(values) }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        let answer = try user.synchronise()
        setting.show(answer.json, in: console) {
            var fields = FieldList()
            fields.add("version", answer.optionalText("version"))
            fields.add("roll", "\(user.roll.number) entries, verified, head \(user.roll.head.hex)")
            let head = answer.optionalText("ledgerHead") ?? "?"
            fields.add("ledger", answer.optionalInteger("ledger").map { "\($0) entries, head \(head)" })
            if let time = answer.time("time") {
                fields.add("clock", "\(TimeText.utc(time)), \(Self.difference(time, .now()))")
            }
            return "Broker \(shown(user.identity.broker)): reachable\n\(fields.text)"
        }
        return 0
    }

    private static func difference(_ broker: Timestamp, _ here: Timestamp) -> String {
        let seconds = (broker - here).wholeSeconds
        guard seconds.magnitude >= 2 else { return "as here" }
        return "\(seconds.magnitude) s \(seconds > 0 ? "ahead of" : "behind") the clock here"
    }
}
