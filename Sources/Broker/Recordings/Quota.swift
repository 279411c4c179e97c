// SPDX-License-Identifier: Apache-2.0

import Access
import Glibc
import Posix
import Storage
import StrictJSON
import Synchronization

/// What the broker's operator set in `settings.json5`; everything has a default.
struct BrokerSettings: Sendable, Equatable {
    /// Bytes that recordings may take; `nil` for as many as the disk has.
    var recordingsLimit: Int64?
    /// Bytes that stay free on the disk of the home: the database must be able to go on.
    var leaveFree: Int64 = 256 << 20

    static func read(_ home: BrokerHome) throws -> BrokerSettings {
        guard access(home.settings, F_OK) == 0 else { return BrokerSettings() }
        let text = try DurableFile.read(home.settings, maximumBytes: 64 * 1024)
        return try JSON5Document(parsing: text, file: home.settings).read { reader throws(JSONError) in
            var settings = BrokerSettings()
            if var recordings = try reader.optionalObject("recordings") {
                settings.recordingsLimit = try Self.size("limit", &recordings)
                settings.leaveFree = try Self.size("leaveFree", &recordings) ?? settings.leaveFree
                try recordings.finish()
            }
            return settings
        }
    }

    /// `512MiB`, `20GiB` or `2TiB`.
    private static func size(_ key: String, _ reader: inout ObjectReader) throws(JSONError) -> Int64? {
        guard let text = try reader.optionalString(key, maximum: 16) else { return nil }
        let digits = text.utf8.prefix { (0x30...0x39).contains($0) }
        let units: [String: Int64] = ["MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40]
        guard (1...6).contains(digits.count), let number = Int64(String(Substring(digits))), number > 0,
            let unit = units[String(text.dropFirst(digits.count))]
        else { throw reader.unacceptable(key, "`\(text)` is no size", hint: "Write 512MiB, 20GiB or 2TiB.") }
        return number * unit
    }
}

/// How much room recordings have.
struct Quota: Sendable, Equatable {
    enum Level: String, Sendable { case fine, warned = "warning", full }

    let settings: BrokerSettings
    /// Bytes that recordings take.
    let used: Int64
    /// Bytes that are free on the disk of the home.
    let free: Int64

    /// Of the limit, in hundredths.
    private static let warnAt: Int64 = 80

    var level: Level {
        let limit = settings.recordingsLimit ?? .max
        if used >= limit || free <= settings.leaveFree { return .full }
        if used >= limit / 100 * Self.warnAt || free / 2 <= settings.leaveFree { return .warned }
        return .fine
    }

    /// A sentence.
    var words: String {
        let limit = settings.recordingsLimit.map { " of \(Self.text($0))" } ?? ""
        return "Recordings take \(Self.text(used))\(limit); \(Self.text(free)) are free on their disk, of which \(Self.text(settings.leaveFree)) stay free."
    }

    static func text(_ bytes: Int64) -> String {
        bytes < 10 << 20 ? "\(bytes >> 10) KiB" : bytes < 10 << 30 ? "\(bytes >> 20) MiB" : "\(bytes >> 30) GiB"
    }

    static func measure(_ home: BrokerHome, _ settings: BrokerSettings) throws -> Quota {
        var used: Int64 = 0
        for name in try DurableFile.listDirectory(home.recordings) {
            var status = stat()
            // One that was deleted meanwhile takes nothing.
            if lstat(home.recordings + "/" + name, &status) == 0 { used += Int64(status.st_blocks) * 512 }
        }
        var disk = statvfs()
        guard statvfs(home.recordings, &disk) == 0 else {
            throw SystemError(call: "statvfs", errno: errno, subject: home.recordings)
        }
        return Quota(settings: settings, used: used, free: Int64(clamping: UInt64(disk.f_bavail) * UInt64(disk.f_frsize)))
    }
}

extension BrokerCore {
    /// Looks at the disk, and tells the log and the ledger when it gets tight, and when it no longer is.
    func watchQuota() throws {
        let quota = try Quota.measure(home, settings)
        let before = self.quota.withLock { known in
            defer { known = quota }
            return known?.level ?? .fine
        }
        guard quota.level != before else { return }
        if quota.level == .fine { Log.info(quota.words) } else { Log.error(quota.words) }
        try writer.perform { [clock, roll] connection in
            try Workflow(connection, roll.working, at: clock.now).record(
                "quota." + quota.level.rawValue, "recordings", ["used": .integer(quota.used), "free": .integer(quota.free)])
        }
    }

    /// - Throws: ``BrokerError/noRoom(_:)`` where no further session can be recorded.
    func checkQuota() throws(BrokerError) {
        guard let known = quota.withLock({ $0 }), known.level == .full else { return }
        throw .noRoom(known.words)
    }
}
