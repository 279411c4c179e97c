// SPDX-License-Identifier: Apache-2.0
// SECURITY: the broker's own files: 0700 and 0600, checked at every start (SECURITY 6.4).

import Access
import Evidence
import Glibc
import Posix
import StrictJSON

/// Where a broker keeps its state.
package struct BrokerHome: Sendable {
    package let path: String

    /// - Parameter given: `--home` or STINT_HOME; otherwise `/var/lib/stint`.
    package init(_ given: String?) { path = given ?? "/var/lib/stint" }

    var key: String { path + "/broker.key" }
    var founding: String { path + "/founding.json" }
    var policy: String { path + "/policy.json5" }
    var database: String { path + "/stint.db" }
    var recordings: String { path + "/recordings" }
    /// The words of the recordings; made again when it is not there.
    /// How far each export of the ledger is.
    var exports: String { path + "/exports" }
    var settings: String { path + "/settings.json5" }
    var searchIndex: String { path + "/search.db" }
    /// How much of the roll is verified; made again when it is not there.
    var rollMark: String { path + "/roll.checked" }
    var lockPath: String { path + "/serve.lock" }
    /// The address that `stintd serve` listens on now, for scripts.
    package var address: String { path + "/address" }

    func recording(of session: SessionID) -> String { recordings + "/" + session.description + ".cast" }

    func make() throws(SystemError) {
        try DurableFile.makeDirectory(path, mode: 0o700, intermediate: true)
        try DurableFile.makeDirectory(recordings, mode: 0o700, intermediate: false)
    }

    /// Refuses to go on with files that others could read or change.
    ///
    /// - Throws: ``HomeError/notInitialised(_:)`` where there is no broker's key, or a `SystemError`.
    func check() throws {
        guard access(key, F_OK) == 0 || errno != ENOENT else { throw HomeError.notInitialised(path) }
        for file in [path, recordings, key, founding] { try PrivateFile.check(file) }
    }

    /// The seed of the broker's key.
    func readKey() throws -> SecretBytes { try KeyFile.read(key) }
}

/// A file that holds the 32 bytes of a private key in hexadecimal.
enum KeyFile {
    static func read(_ path: String) throws -> SecretBytes {
        try PrivateFile.check(path)
        var bytes = try DurableFile.read(path, maximumBytes: 65)
        defer { for index in bytes.indices { bytes[index] = 0 } }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        guard let seed = Hex.decode(String(decoding: bytes, as: UTF8.self)), seed.count == 32 else {
            throw HomeError.notAKey(path)
        }
        return SecretBytes(count: 32) { $0.copyBytes(from: seed) }
    }

    static func write(_ seed: borrowing SecretBytes, to path: String) throws(SystemError) {
        let text = seed.reveal { Hex.encode($0) } + "\n"
        try DurableFile.writeAtomically(Array(text.utf8), to: path)
    }
}

/// What is wrong with a home.
package enum HomeError: Explainable, Equatable {
    case notAKey(String)
    case notInitialised(String)
    case alreadyInitialised(String)
    case malformed(String, String)
    case alreadyFounded

    package var code: String {
        switch self {
        case .notAKey: "home.not-a-key"
        case .notInitialised: "home.not-initialised"
        case .alreadyInitialised: "home.already-initialised"
        case .malformed: "home.malformed"
        case .alreadyFounded: "founding.over"
        }
    }

    package var message: String {
        switch self {
        case .notAKey(let path): "\(path) does not hold a key of 64 hexadecimal digits."
        case .notInitialised(let path): "\(path) is not the home of a broker."
        case .alreadyInitialised(let path): "\(path) is the home of a broker already."
        case .malformed(let path, let what): "\(path) is damaged: \(what)"
        case .alreadyFounded: "The first administrator has joined already."
        }
    }

    package var hint: String? {
        switch self {
        case .notAKey: "Restore it from a backup; it cannot be made again."
        case .notInitialised: "Run `stintd init --home DIR` first."
        case .alreadyInitialised: "`stintd serve --home DIR` starts it; `stintd init --renew-token` makes a new founding token."
        case .malformed: "Restore it from a backup."
        case .alreadyFounded: "Ask an administrator for an invitation."
        }
    }
}
