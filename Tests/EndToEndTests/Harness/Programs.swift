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

    /// The user that sessions of the tests run as: an agent that is not root can start no other. Where it is root, they run
    /// as the account that the quickstart makes, too: root's own start-up files say what the machine wants, and one that
    /// waits for a lock of an earlier, killed shell keeps every prompt from coming.
    static let user: String = {
        if isRoot {
            if getpwnam(account) == nil { makeAccount() }
            return account
        }
        guard let entry = getpwuid(geteuid()), let name = entry.pointee.pw_name else { return "root" }
        return String(cString: name)
    }()

    /// Copies a program that is to be run, by cp(1): a file that this process has open for writing is, for a moment, open in every
    /// process that another test starts, and cannot be run then (ETXTBSY).
    static func copy(_ program: String, to path: String) throws {
        let copy = Process()
        copy.executableURL = URL(fileURLWithPath: "/bin/cp")
        copy.arguments = [program, path]
        try copy.run()
        copy.waitUntilExit()
        guard copy.terminationStatus == 0 else { throw HarnessError("\(program) was not copied") }
    }

    private static let account = "stint-user"

    private static func makeAccount() {
        let useradd = Process()
        useradd.executableURL = URL(fileURLWithPath: "/usr/sbin/useradd")
        useradd.arguments = ["--create-home", "--shell", "/bin/bash", account]
        try? useradd.run()  // without the account, every question for a session names what is missing
        if useradd.processIdentifier > 0 { useradd.waitUntilExit() }
    }

    static let isRoot = geteuid() == 0
}
