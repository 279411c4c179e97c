// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// One process at a time owns a home directory (flock(2)). The lock ends with its owner, also after a kill -9.
package struct FileLock: ~Copyable, Sendable {
    private let file: OwnedDescriptor

    /// Takes the lock or fails at once.
    ///
    /// - Throws: `system.in-use`, naming the process that has it.
    package init(_ path: String) throws(SystemError) {
        let file = try DurableFile.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw SystemError(call: "flock", errno: errno, subject: path) }
            throw SystemError(.inUse(byProcess: Self.holder(written: file)), in: "flock", about: path)
        }
        // The number only makes the message of the next one better; the lock does not depend on it.
        try check("ftruncate", path) { ftruncate(file.number, 0) }
        try file.writeAll(Array("\(getpid())\n".utf8))
        self.file = file
    }

    private static func holder(written file: borrowing OwnedDescriptor) -> Int32? {
        // The message does without the number when it cannot be read.
        guard let bytes = try? file.read(maximum: 16) else { return nil }
        return Int32(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}
