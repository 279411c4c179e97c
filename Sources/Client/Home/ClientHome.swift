// SPDX-License-Identifier: Apache-2.0
// SECURITY: the directory and the device key belong to one person. What others can read, replace or own is refused, and
// the key's text never becomes a String.

import Access
package import Evidence
package import Posix
import StrictJSON

/// Where an operator's client keeps what it must remember: `$XDG_CONFIG_HOME/stint`, or what `--home` says (DESIGN 11).
package struct ClientHome: Sendable, Equatable {
    package let path: String

    /// - Parameters:
    ///   - given: of `--home`; wins over `STINT_HOME`, which wins over the usual place.
    ///   - variable: an environment variable's value.
    package init(given: String?, variable: (String) -> String? = { Environment.value($0) }) throws(ClientError) {
        func set(_ name: String) -> String? { variable(name).flatMap { $0.isEmpty ? nil : $0 } }
        if let chosen = given ?? set("STINT_HOME") {
            path = chosen
        } else if let configuration = set("XDG_CONFIG_HOME"), configuration.utf8.first == UInt8(ascii: "/") {
            path = configuration + "/stint"  // a relative path is to be ignored (XDG base directory specification)
        } else if let home = set("HOME") {
            path = home + "/.config/stint"
        } else {
            throw .noHome
        }
    }

    package var keyPath: String { path + "/device.key" }
    package var keySocketPath: String { path + "/key.sock" }
    package var identityPath: String { path + "/identity.json" }
    package var rollPath: String { path + "/roll.jsonl" }
    package var checkedRollPath: String { path + "/roll.checked" }
    package var ledgerHeadPath: String { path + "/ledger.json" }

    package func make() throws(SystemError) {
        try DurableFile.makeDirectory(path, intermediate: true)
        try PrivateFile.check(path)
    }

    // MARK: Files

    /// The file's bytes, or nil when there is none.
    package func read(_ file: String, maximumBytes: Int) throws(SystemError) -> [UInt8]? {
        do throws(SystemError) {
            return try DurableFile.read(file, maximumBytes: maximumBytes)
        } catch {
            if error.code == "system.enoent" { return nil }
            throw error
        }
    }

    // MARK: The device key

    private static let digits = Array("0123456789abcdef".utf8)

    /// The text of the device key's file.
    ///
    /// - Throws: ``ClientError/notJoined(_:)`` where there is none; an error with the remedy as its hint where others
    ///   could get at it.
    package func keyText() throws -> [UInt8] {
        do {
            try PrivateFile.check(keyPath)
        } catch {
            if error.code == "system.enoent" { throw ClientError.notJoined(path) }
            throw error
        }
        return try DurableFile.read(keyPath, maximumBytes: ProtectedKey.maximumBytes)
    }

    /// The device key. One under a passphrase is asked for at the terminal, unless it was opened a moment ago.
    package func seed(mayAsk: Bool = true) throws -> SecretBytes {
        let text = try keyText()
        guard ProtectedKey.isProtected(text) else { return try plainSeed(text) }
        if let held = KeyHolder.key(for: self) { return held }
        guard mayAsk else { throw ClientError.keyLocked(keyPath) }
        let seed = try openedSeed(text)
        // Without a holder the next command asks again, and that is all.
        try? KeyHolder.start(seed, for: self, life: KeyHolder.usualLife)
        return seed
    }

    /// Asks for the passphrase, three times at most.
    func openedSeed(_ text: [UInt8]) throws -> SecretBytes {
        for attempt in 1...3 {
            let prompt = attempt == 1 ? "Passphrase of your device key: " : "That is not it. Passphrase of your device key: "
            guard let passphrase = try Passphrase.ask(prompt) else { throw ClientError.keyLocked(keyPath) }
            if let seed = ProtectedKey.open(text, with: passphrase) { return seed }
        }
        throw ClientError.wrongPassphrase(keyPath)
    }

    /// Replaces the file of the device key.
    func store(_ seed: borrowing SecretBytes, under passphrase: borrowing SecretBytes) throws {
        try DurableFile.writeAtomically(try ProtectedKey.protect(seed, with: passphrase), to: keyPath, mode: 0o600)
    }

    /// As it is before it gets a passphrase: open to whoever can read the file.
    func storePlain(_ seed: borrowing SecretBytes) throws {
        var text = seed.reveal { bytes in bytes.flatMap { [Self.digits[Int($0 >> 4)], Self.digits[Int($0 & 15)]] } }
        defer { for index in text.indices { text[index] = 0 } }
        try DurableFile.writeAtomically(text + [UInt8(ascii: "\n")], to: keyPath, mode: 0o600)
    }

    private func plainSeed(_ file: [UInt8]) throws -> SecretBytes {
        var text = file
        defer { for index in text.indices { text[index] = 0 } }
        if text.last == UInt8(ascii: "\n") { text.removeLast() }
        guard text.count == 2 * SigningKey.seedLength else { throw ClientError.keyDamaged(keyPath) }
        var bytes = [UInt8](repeating: 0, count: SigningKey.seedLength)
        defer { for index in bytes.indices { bytes[index] = 0 } }
        for index in bytes.indices {
            guard let high = Self.digits.firstIndex(of: text[2 * index]),
                let low = Self.digits.firstIndex(of: text[2 * index + 1])
            else { throw ClientError.keyDamaged(keyPath) }
            bytes[index] = UInt8(high << 4 | low)
        }
        return SecretBytes(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    /// The device key of an interrupted joining, or a new one. On disk before anybody learns its public half.
    package func seedForJoining() throws -> SecretBytes {
        do {
            return try seed()
        } catch ClientError.notJoined {
            let seed = try SecretBytes(random: SigningKey.seedLength)
            try storePlain(seed)
            return seed
        }
    }
}
