// SPDX-License-Identifier: Apache-2.0
// SECURITY: tells what a session of root left that could let somebody in again (P3). It is a report and no barrier: root
// can hide from it, and the receipt says so.

import Access
import Glibc
import Posix

/// The files by which a machine starts programs and lets people in: seen before a session of root, compared after it.
struct SystemWatch {
    /// A file as one look found it.
    private struct Seen: Equatable {
        let inode: UInt64
        let changed: Int64
    }

    private enum Kind: String, CaseIterable {
        case cron, units = "systemd units", keys = "authorized keys", accounts = "accounts and sudo"
    }

    private let before: [Kind: [String: Seen]]
    private let roots: Roots
    private let startedAt: Int64

    /// Where to look; another one in tests.
    struct Roots {
        var prefix = ""
        /// Entries that one look visits at most, and how long it may take: the end of a session waits for it.
        var limit = 6000
        var time: Duration = .milliseconds(100)
    }

    private static let named = 5

    init(_ roots: Roots = Roots()) {
        self.roots = roots
        var look = Look(roots)
        before = Self.files(roots.prefix, &look)
        startedAt = Timestamp.now.milliseconds * 1_000_000
    }

    /// What is different now, a sentence for each kind.
    func changes() -> [String] {
        var look = Look(roots)
        let after = Self.files(roots.prefix, &look)
        var remarks: [String] = []
        for kind in Kind.allCases {
            let (old, new) = (before[kind] ?? [:], after[kind] ?? [:])
            let added = new.keys.filter { old[$0] == nil }.map { "\($0) (new)" }
            let changed = new.filter { name, seen in old[name].map { $0 != seen } ?? false }.map { "\($0.key) (changed)" }
            let removed = old.keys.filter { new[$0] == nil }.map { "\($0) (removed)" }
            remarks += Self.remark(kind.rawValue, added + changed + removed)
        }
        remarks += Self.remark("set-user-id and set-group-id files", newSetIDFiles(&look).map { "\($0) (new or changed)" })
        if look.isExhausted { remarks.append("Too many files to look at all of them for changes.") }
        return remarks
    }

    private static func remark(_ kind: String, _ paths: [String]) -> [String] {
        guard !paths.isEmpty else { return [] }
        let shown = paths.sorted().prefix(named).map { PlainText.cleaned($0, maximum: 120) }.joined(separator: ", ")
        let more = paths.count > named ? " and \(paths.count - named) more" : ""
        return ["Changed while the session lasted, \(kind): \(shown)\(more)."]
    }

    // MARK: Looking

    /// One bounded look.
    private struct Look {
        private var left: Int
        private let until: BootInstant
        private(set) var isExhausted = false

        init(_ roots: Roots) {
            left = roots.limit
            until = .now + roots.time
        }

        mutating func mayVisit() -> Bool {
            if left == 0 || (left % 32 == 0 && BootInstant.now >= until) { isExhausted = true }
            left -= isExhausted ? 0 : 1
            return !isExhausted
        }
    }

    private static func files(_ prefix: String, _ look: inout Look) -> [Kind: [String: Seen]] {
        var found: [Kind: [String: Seen]] = [:]
        for (kind, paths) in [
            (
                Kind.cron,
                [
                    "/etc/crontab", "/etc/anacrontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly",
                    "/etc/cron.monthly", "/var/spool/cron",
                ]
            ), (.units, ["/etc/systemd", "/run/systemd/system", "/run/systemd/transient", "/usr/local/lib/systemd", "/etc/init.d", "/etc/rc.local"]),
            (.accounts, ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/sudoers", "/etc/sudoers.d", "/etc/ld.so.preload"]),
        ] {
            for path in paths {
                walk(prefix + path, depth: 3, &look) { path, status in
                    if !status.isDirectory { found[kind, default: [:]][path] = Seen(inode: status.inode, changed: status.changed) }
                }
            }
        }
        for home in homes(prefix) {
            for name in ["authorized_keys", "authorized_keys2"] {
                let path = home + "/.ssh/" + name
                // Most people have none.
                guard look.mayVisit(), let status = try? FileStatus(ofLink: path) else { continue }
                found[.keys, default: [:]][path] = Seen(inode: status.inode, changed: status.changed)
            }
        }
        return found
    }

    private static func homes(_ prefix: String) -> [String] {
        // A machine without the directory has no homes there.
        let names = (try? DurableFile.listDirectory(prefix + "/home")) ?? []
        return [prefix + "/root"] + names.prefix(1000).map { "\(prefix)/home/\($0)" }
    }

    /// Regular files with those bits whose owner, mode or contents changed since the session began.
    private func newSetIDFiles(_ look: inout Look) -> [String] {
        var found: [String] = []
        // What is small comes first: on a slow machine the time is up in the others.
        let places = [
            "/usr/local/bin", "/usr/local/sbin", "/dev/shm", "/root", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/opt", "/tmp", "/var/tmp",
            "/home",
        ]
        for path in places {
            Self.walk(roots.prefix + path, depth: 3, &look) { path, status in
                if status.isRegular, status.permissions & 0o6000 != 0, status.changed >= startedAt { found.append(path) }
            }
        }
        return found
    }

    /// Visits a file, or a directory and what is below it. Links are not followed; what cannot be read is passed over.
    private static func walk(_ path: String, depth: Int, _ look: inout Look, _ visit: (String, FileStatus) -> Void) {
        guard look.mayVisit(), let status = try? FileStatus(ofLink: path) else { return }
        visit(path, status)
        guard status.isDirectory, depth > 0 else { return }
        // As above: what changed is found where it can be read.
        try? DurableFile.visitDirectory(path) { name in
            walk(path + "/" + name, depth: depth - 1, &look, visit)
            return !look.isExhausted
        }
    }
}
