// SPDX-License-Identifier: Apache-2.0
// SECURITY: a passphrase is typed at a terminal, unseen, and nowhere else: no argument, variable or pipe carries one.

import Access
import CommandLineKit
import Evidence
import StrictJSON
import Terminal

struct KeyPassphraseCommand: Command {
    static let declaration = CommandDeclaration(
        name: "passphrase", group: Groups.enrolling, summary: "Set, change or remove the passphrase of the device key",
        discussion: """
            Under a passphrase the key file alone is of no use to whoever copies it. It is asked for at the terminal, and the \
            key then stays open for 15 minutes (`stint key unlock`, `stint key lock`).

            The key stays the same, so nothing has to be enrolled again. It cannot be recovered without its passphrase.
            """,
        parameters: [.flag("remove", help: "Store the key without a passphrase.")],
        examples: [.init("stint key passphrase", "Protect the key of this device.")])

    private let setting: CommandSetting
    private let removes: Bool

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        removes = values.flag("remove")
    }

    func run(in console: Console) throws -> Int32 {
        let home = try setting.clientHome()
        let text = try home.keyText()
        let isProtected = ProtectedKey.isProtected(text)
        // Whoever finds the terminal open must not be able to take the protection away: it is asked for again.
        let seed = isProtected ? try home.openedSeed(text) : try home.seed()
        if removes {
            try home.storePlain(seed)
        } else {
            guard let first = try Passphrase.ask("New passphrase: ") else { throw ClientError.noPassphrase }
            guard first.count >= Passphrase.minimum else { throw ClientError.passphraseTooShort }
            guard let second = try Passphrase.ask("Once more: ") else { throw ClientError.noPassphrase }
            guard Passphrase.areEqual(first, second) else { throw ClientError.passphrasesDiffer }
            try home.store(seed, under: first)
        }
        _ = KeyHolder.forget(for: home)
        let state = removes ? "open" : "protected"
        setting.show(.object(["key": .string(state)]), in: console) {
            removes ? "The device key has no passphrase now.\n" : "The device key is under this passphrase now.\n"
        }
        return 0
    }
}

struct KeyUnlockCommand: Command {
    static let declaration = CommandDeclaration(
        name: "unlock", group: Groups.enrolling, summary: "Type the passphrase now, for the commands to come",
        discussion: "A process of yours holds the opened key in memory, and gives it to processes of your user only.",
        parameters: [.option("for", value: "DURATION", help: "How long, at most 12h; 15m if left out.")],
        examples: [.init("stint key unlock --for 1h", "Type it once for an hour.")])

    private let setting: CommandSetting
    private let life: Duration

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        life = try values.parsed("for") { text throws(Refusal) in try DurationText.parse(text) } ?? KeyHolder.usualLife
        guard life >= .seconds(1), life <= KeyHolder.longestLife else {
            throw UsageError(
                code: "usage.bad-value", message: "`\(DurationText.format(life))` is not a value of `--for`.",
                hint: "It takes up to \(DurationText.format(KeyHolder.longestLife)).")
        }
    }

    func run(in console: Console) throws -> Int32 {
        let home = try setting.clientHome()
        let text = try home.keyText()
        guard ProtectedKey.isProtected(text) else {
            setting.show(.object(["key": "open"]), in: console) { "The device key has no passphrase: it is always open.\n" }
            return 0
        }
        try KeyHolder.start(try home.openedSeed(text), for: home, life: life)
        setting.show(.object(["key": "unlocked", "seconds": .seconds(life)]), in: console) {
            "The device key is open for \(DurationText.format(life)).\n"
        }
        return 0
    }
}

struct KeyLockCommand: Command {
    static let declaration = CommandDeclaration(
        name: "lock", group: Groups.enrolling, summary: "Forget the opened key now")

    private let setting: CommandSetting

    init(_ values: ParsedValues) throws(UsageError) { setting = CommandSetting(values) }

    func run(in console: Console) throws -> Int32 {
        let wasOpen = KeyHolder.forget(for: try setting.clientHome())
        setting.show(.object(["key": "locked", "wasOpen": .bool(wasOpen)]), in: console) {
            wasOpen ? "The opened key is forgotten.\n" : "No opened key was held.\n"
        }
        return 0
    }
}

/// A passphrase, from the terminal into locked memory.
enum Passphrase {
    static let minimum = 8

    /// - Returns: nil where there is no terminal, or the person gave up.
    static func ask(_ prompt: String) throws -> SecretBytes? {
        try HiddenInput.ask(prompt) { typed in SecretBytes(count: typed.count) { $0.copyBytes(from: typed) } }
    }

    static func areEqual(_ first: borrowing SecretBytes, _ second: borrowing SecretBytes) -> Bool {
        first.reveal { left in second.reveal { right in left.elementsEqual(right) } }
    }
}
