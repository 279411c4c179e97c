// SPDX-License-Identifier: Apache-2.0
// SECURITY: a backup that is put back has been verified, whole, by code that shares nothing with the broker's.

import Access
import Evidence
import Glibc
import Posix
import Storage
import StrictJSON
package import Verifier

/// `stintd backup`, `stintd restore` and `stintd check`.
package enum Upkeep {
    /// Copies the database of a broker that may serve meanwhile.
    ///
    /// - Returns: how many ledger entries the copy holds.
    package static func backUp(_ home: BrokerHome, to path: String) throws -> Int64 {
        try home.check()
        try Backup.copy(try Connection(path: home.database, mode: .readOnly), to: path)
        return try Connection(path: path, mode: .readOnly).ledgerHead().number
    }

    /// Looks at everything that must be true of the database and of the recordings.
    ///
    /// - Parameter head: a file with a head of the ledger that a client or node keeps (`ledger.json`).
    package static func check(_ home: BrokerHome, head: String?) throws -> Verification {
        try home.check()
        return try Verification(database: home.database, recordings: home.recordings, head: try head.map(readHead))
    }

    /// What a broker's operator wants to know at a glance, line by line. The broker may serve meanwhile, or not.
    package static func status(_ home: BrokerHome) throws -> (fields: [(name: String, value: String)], isFine: Bool) {
        try home.check()
        let database = try Connection(path: home.database, mode: .readOnly)
        let quota = try Quota.measure(home, try BrokerSettings.read(home))
        let (growing, kept) = try (database.growingRecordings().count, database.keptRecordingCount())
        // A lock that can be taken is nobody's.
        let serves = (try? FileLock(home.lockPath)) == nil
        let address = serves ? String(decoding: try DurableFile.read(home.address, maximumBytes: 300).dropLast(), as: UTF8.self) : ""
        let head = try database.ledgerHead()
        let fields = [
            ("broker", serves ? "serves on \(address)" : "does not serve"),
            ("ledger", "\(head.number) entries, the last at \(try database.ledgerTime().map { $0.description } ?? "no time")"),
            ("recordings", "\(growing) growing, \(kept) ended"),
            ("room", quota.words), ("level", quota.level.rawValue),
        ]
        let exports = try (access(home.exports, F_OK) == 0 ? DurableFile.listDirectory(home.exports) : [])
            .filter { !$0.hasSuffix(".lock") && !$0.hasSuffix(".new") }
            .map { name in ("export", "`\(name)` is \(head.number - (try ExportCursor(home, name).read().number)) entries behind") }
        return (fields + exports, quota.level == .fine)
    }

    /// Puts a backup in the place of the database.
    ///
    /// The database that was there stays beside it. No broker may serve meanwhile.
    ///
    /// - Parameter allowsSettingBack: takes a backup that holds less than the database, although nodes and clients that
    ///   have seen more will refuse this broker.
    /// - Returns: where the database that was there is now, and how many ledger entries there are.
    /// - Throws: `restore.broken` for a backup in which anything is found, `restore.other-broker`, `restore.sets-back`.
    package static func restore(_ home: BrokerHome, from path: String, allowsSettingBack: Bool) throws -> (kept: String, entries: Int64) {
        try home.check()
        let lock = try FileLock(home.lockPath)
        defer { withExtendedLifetime(lock) {} }
        let verification = try Verification(database: path)
        if let finding = verification.findings.first { throw UpkeepError.broken(path, finding.description) }
        let key = try SigningKey(seed: try home.readKey()).publicKey
        guard verification.broker == key.hex || verification.rollEntries == 0 else { throw UpkeepError.otherBroker(path) }
        let present = emptyLog(of: home.database)
        if let present, present > verification.ledgerEntries, !allowsSettingBack {
            throw UpkeepError.setsBack(from: present, to: verification.ledgerEntries)
        }
        let new = home.database + ".new"
        try DurableFile.remove(new)
        try Backup.copy(try Connection(path: path, mode: .readOnly), to: new)
        let kept = home.database + ".before-\(BootClock.wallMilliseconds())"
        try replace(home.database, by: new, keeping: kept)
        return (kept, verification.ledgerEntries)
    }

    /// Brings the write-ahead log into the database, so that nothing of it is applied to the backup.
    ///
    /// - Returns: the ledger's size; `nil` for a database too damaged to read, which is what a restore is for.
    private static func emptyLog(of path: String) -> Int64? {
        // What cannot be opened is put aside as it is, with its log.
        guard let connection = try? Connection(path: path) else { return nil }
        _ = try? connection.query("PRAGMA wal_checkpoint(TRUNCATE)")  // a log that stays is put aside as well
        return try? connection.ledgerHead().number
    }

    /// At every moment there is a database of that name, and never one with another's log.
    private static func replace(_ path: String, by new: String, keeping kept: String) throws {
        if access(path + "-wal", F_OK) == 0 { try rename(path + "-wal", to: kept + "-wal") }
        try DurableFile.remove(path + "-shm")
        guard link(path, kept) == 0 else { throw SystemError(call: "link", errno: errno, subject: kept) }
        try rename(new, to: path)
        try DurableFile.synchroniseDirectory(of: path)
    }

    private static func rename(_ path: String, to other: String) throws(SystemError) {
        guard Glibc.rename(path, other) == 0 else { throw SystemError(call: "rename", errno: errno, subject: path) }
    }

    private static func readHead(_ path: String) throws -> Signed<LedgerHeadStatement> {
        try Signed(try SignedText(try JSONValue(parsing: try DurableFile.read(path, maximumBytes: 16 * 1024))))
    }
}

/// Why a backup is not put back.
package enum UpkeepError: Explainable, Equatable {
    case broken(String, String)
    case otherBroker(String)
    case setsBack(from: Int64, to: Int64)

    package var code: String {
        switch self {
        case .broken: "restore.broken"
        case .otherBroker: "restore.other-broker"
        case .setsBack: "restore.sets-back"
        }
    }

    package var message: String {
        switch self {
        case .broken(let path, let finding): "\(path) does not hold together: \(finding)."
        case .otherBroker(let path): "\(path) is the database of another broker."
        case .setsBack(let present, let backup):
            "The database here has \(present) ledger entries, the backup \(backup): what happened since would be lost."
        }
    }

    package var hint: String? {
        switch self {
        case .broken: "Take another backup; this one was changed or damaged."
        case .otherBroker: "Name the home that belongs to it with --home."
        case .setsBack:
            "Add --set-back if it must be. Every node and client that has seen more will refuse this broker until ledger.json is "
                + "removed from its home."
        }
    }
}
