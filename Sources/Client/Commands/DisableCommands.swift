// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import StrictJSON

/// What the three ways to disable share.
private struct Disabling {
    static let reason = Parameter.option("reason", "r", value: "TEXT", isRequired: true, help: "Why; others will read it.")

    let setting: CommandSetting
    let reason: String

    init(_ values: ParsedValues) {
        setting = CommandSetting(values)
        reason = values.required("reason")
    }

    func apply(_ subject: DisablingStatement.Subject, kind: String, name: String, in console: Console) throws -> Int32 {
        try setting.signIn().disable(subject, reason: reason)
        setting.show(["kind": .string(kind), "name": .string(name), "state": "disabled"], in: console) {
            "The \(kind) \(name) is disabled, for good.\n"
        }
        return 0
    }
}

struct DisablePersonCommand: Command {
    static let declaration = CommandDeclaration(
        name: "person", group: Groups.enrolling, summary: "Take a person away, with all devices and grants",
        parameters: [.positional("name", value: "NAME", completes: .people, help: "The person."), Disabling.reason])

    private let disabling: Disabling
    private let name: PersonName

    init(_ values: ParsedValues) throws(UsageError) {
        disabling = Disabling(values)
        name = try values.requiredParsed("name") { text throws(Refusal) in try PersonName(text) }
    }

    func run(in console: Console) throws -> Int32 {
        try disabling.apply(.person(name), kind: "person", name: name.text, in: console)
    }
}

struct DisableNodeCommand: Command {
    static let declaration = CommandDeclaration(
        name: "node", group: Groups.enrolling, summary: "Take a node away",
        parameters: [.positional("name", value: "NAME", completes: .nodes, help: "The node, as `stint nodes` lists it."), Disabling.reason])

    private let disabling: Disabling
    private let name: NodeName

    init(_ values: ParsedValues) throws(UsageError) {
        disabling = Disabling(values)
        name = try values.requiredParsed("name") { text throws(Refusal) in try NodeName(text) }
    }

    func run(in console: Console) throws -> Int32 {
        try disabling.apply(.node(name), kind: "node", name: name.text, in: console)
    }
}

struct DisableDeviceCommand: Command {
    static let declaration = CommandDeclaration(
        name: "device", group: Groups.enrolling, summary: "Take a device away: a lost laptop, an old key",
        parameters: [
            .positional("key", value: "KEY", help: "The device's public key, as `stint people --json` shows it."),
            Disabling.reason,
        ])

    private let disabling: Disabling
    private let key: PublicKey

    init(_ values: ParsedValues) throws(UsageError) {
        disabling = Disabling(values)
        let read = { (text: String) in PublicKey(hex: text) }
        guard let key = try values.value("key", expecting: "64 lower-case hexadecimal digits", read) else {
            throw UsageError(code: "usage.missing-argument", message: "KEY is missing.")
        }
        self.key = key
    }

    func run(in console: Console) throws -> Int32 {
        try disabling.apply(.device(key), kind: "device", name: key.hex, in: console)
    }
}
