// SPDX-License-Identifier: Apache-2.0

import Foundation
import Posix
import Testing

/// Records of logins keep nobody waiting: whoever may read utmp and wtmp may lock them.
struct LoginRecordTests {
    @Test func `a file that another process keeps locked is known, and one that nobody locks`() throws {
        let path = NSTemporaryDirectory() + "stint-wtmp-\(UInt32.random(in: 0 ... .max))"
        try Data().write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        #expect(!LoginRecords.isLocked(path))
        #expect(!LoginRecords.isLocked(path + "-that-is-not-there"))

        let locker = Foundation.Process()
        let (input, output) = (Foundation.Pipe(), Foundation.Pipe())
        locker.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        locker.arguments = [
            "python3", "-c",
            "import fcntl, sys; f = open(sys.argv[1]); fcntl.lockf(f, fcntl.LOCK_SH); print('locked', flush=True); sys.stdin.read()", path,
        ]
        (locker.standardInput, locker.standardOutput) = (input, output)
        try locker.run()
        #expect(output.fileHandleForReading.availableData.starts(with: Data("locked".utf8)))
        #expect(LoginRecords.isLocked(path))
        try input.fileHandleForWriting.close()
        locker.waitUntilExit()
        #expect(!LoginRecords.isLocked(path))
    }
}
