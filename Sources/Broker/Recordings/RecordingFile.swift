// SPDX-License-Identifier: Apache-2.0

import Glibc
import Posix

/// Reading a part of a recording.
enum RecordingFile {
    /// - Returns: the bytes from `offset`, at most `maximum` of them, and the size of the whole as it is now. A live
    ///   session writes on meanwhile.
    static func read(_ path: String, from offset: Int64, maximum: Int) throws -> (bytes: [UInt8], size: Int64) {
        let number = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { throw BrokerError.notFound(kind: "recording", "of this session") }
        let file = OwnedDescriptor(owning: number)
        let size = lseek(file.number, 0, SEEK_END)
        guard size >= 0, lseek(file.number, Int(min(offset, Int64(size))), SEEK_SET) >= 0 else {
            throw SystemError(call: "lseek", errno: errno, subject: path)
        }
        let wanted = Int(max(0, min(Int64(maximum), Int64(size) - offset)))
        return (try file.read(maximum: wanted), Int64(size))
    }
}
