// SPDX-License-Identifier: Apache-2.0
// SECURITY: tells what a session of an ordinary user left for others to run later (P3): nothing that was killed, and nothing
// that is kept from running. Root's sessions are looked after by `SystemWatch`.

import Access
import Evidence
import Glibc
import Posix

/// Work of one user for cron, at and the user's own service manager that is newer than a session.
struct HandedOver {
    private let user: User
    private let since: Int64
    /// Before every path; another one in tests.
    private let prefix: String

    /// Entries of a directory that are looked at: the end of a session waits for it.
    private static let limit = 1000

    init(by user: User, since: Timestamp, under prefix: String = "") {
        self.user = user
        self.since = since.milliseconds * 1_000_000
        self.prefix = prefix
    }

    /// A sentence, or none.
    var remarks: [String] {
        var found: [String] = []
        if ["/var/spool/cron/crontabs/", "/var/spool/cron/"].contains(where: { isNew($0 + user.name) }) {
            found.append("a crontab")
        }
        let jobs = ["/var/spool/cron/atjobs", "/var/spool/at", "/var/spool/atjobs"].reduce(0) { $0 + newFiles(in: $1) }
        if jobs > 0 { found.append("\(jobs) job\(jobs == 1 ? "" : "s") for at") }
        let units = newFiles(in: "/run/user/\(user.uid)/systemd/transient")
        if units > 0 { found.append("\(units) transient unit\(units == 1 ? "" : "s") of systemd") }
        if isNew("/var/lib/systemd/linger/" + user.name, ofAnybody: true) { found.append("services that go on without a session (linger)") }
        return found.isEmpty ? [] : ["Left to run later as `\(user.name)`, while the session lasted: \(found.joined(separator: ", "))."]
    }

    /// Files that are not there, or not the user's, were not left by the user. cron(8) and at(1) keep the owner.
    private func isNew(_ path: String, ofAnybody: Bool = false) -> Bool {
        guard let status = try? FileStatus(ofLink: prefix + path), status.isRegular else { return false }
        return (ofAnybody || status.owner == user.uid) && status.changed >= since
    }

    private func newFiles(in folder: String) -> Int {
        var (seen, found) = (0, 0)
        // As above: a directory that is not there has nothing in it.
        try? DurableFile.visitDirectory(prefix + folder) { name in
            seen += 1
            if isNew(folder + "/" + name) { found += 1 }
            return seen < Self.limit
        }
        return found
    }
}

extension SessionTerms {
    /// What the session left for others to run; nothing for root, for whom ``SystemWatch`` looks.
    var handedOver: [String] {
        // A name that means nobody any more has left nothing that could run as it.
        guard let user = try? User.named(opening.value.runAs.text), user.uid != 0 else { return [] }
        return HandedOver(by: user, since: startedAt).remarks
    }
}
