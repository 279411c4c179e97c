// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// The programs under test, and the tools that the tests use beside them.
enum Programs {
    static let stint = directory + "/stint"
    static let stintd = directory + "/stintd"
    static let agent = directory + "/stint-agent"
    static let tamperingBroker = directory + "/stintd-tampering"
    static let sqlite = "/usr/bin/sqlite3"
    static let faketime = "/usr/bin/faketime"
    static let faketimeLibrary: String = {
        let roots = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib")) ?? []
        return roots.map { "/usr/lib/\($0)/faketime/libfaketime.so.1" }.first { FileManager.default.fileExists(atPath: $0) } ?? ""
    }()

    /// Where the test's own program lies, beside which the build puts the others.
    private static let directory = URL(fileURLWithPath: executable(of: getpid()) ?? "").deletingLastPathComponent().path

    static func executable(of pid: pid_t) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")  // nil for what is gone, or not ours
    }

    static func isOurs(_ pid: pid_t) -> Bool { executable(of: pid)?.hasPrefix(directory + "/") ?? false }

    /// The user that sessions of the tests run as: an agent that is not root can start no other.
    static let user: String = {
        guard let entry = getpwuid(geteuid()), let name = entry.pointee.pw_name else { return "root" }
        return String(cString: name)
    }()

    static let isRoot = geteuid() == 0
}
