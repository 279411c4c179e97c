// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// What the process was started with. Nothing here is ever changed: `setenv` is not safe beside other threads.
package enum Environment {
    /// The value of a variable; nil when it is not set.
    package static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// All variables, for another process of the same program. Never for somebody else's: see ``SpawnRequest``.
    package static var all: [(name: String, value: String)] {
        var variables: [(name: String, value: String)] = []
        var next = stint_environment()
        while let entry = next?.pointee {
            let text = String(cString: entry)
            // What has no name cannot be handed on, and means nothing to anybody.
            if let end = text.utf8.firstIndex(of: UInt8(ascii: "=")), end > text.startIndex {
                variables.append((String(text[..<end]), String(text[text.utf8.index(after: end)...])))
            }
            next = next?.advanced(by: 1)
        }
        return variables
    }

    /// The name of this machine, as it calls itself.
    package static func hostName() -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            // It fails only for a buffer that is too small, and names have at most 64 bytes (gethostname(2)).
            guard gethostname(buffer.baseAddress!, 255) == 0 else { return "localhost" }
            buffer[255] = 0
            return String(cString: buffer.baseAddress!)
        }
    }

    /// The file this process runs. After an upgrade in place it is the new file under the same path.
    package static func executablePath() throws(SystemError) -> String {
        let path = "/proc/self/exe"
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            let length = buffer.withMemoryRebound(to: CChar.self) { readlink(path, $0.baseAddress!, 4096) }
            if length < 0 { failure = SystemError(call: "readlink", errno: errno, subject: path) }
            count = max(0, length)
        }
        if let failure { throw failure }
        let deleted = Array(" (deleted)".utf8)
        return String(
            decoding: bytes.suffix(deleted.count) == deleted[...] ? bytes.dropLast(deleted.count) : bytes[...],
            as: UTF8.self)
    }
}

/// The three descriptors every process has.
package enum StandardStream: Int32, Sendable {
    case input = 0
    case output = 1
    case error = 2

    package var isTerminal: Bool { isatty(rawValue) == 1 }

    /// Puts /dev/null in its place.
    package func replaceWithNull() throws(SystemError) {
        let null = try DurableFile.open("/dev/null", O_RDWR)
        try check("dup2") { dup2(null.number, rawValue) }
    }

    /// Throws away what was typed at the terminal and not read: it was no answer to a question that comes now. Elsewhere
    /// it does nothing.
    package func discardTypedAhead() { _ = tcflush(rawValue, TCIFLUSH) }

    /// Writes text.
    ///
    /// - Throws: `system.epipe` when the reader is gone, such as `| head`.
    package func write(_ text: String) throws(SystemError) { try Transfer.writeAll(rawValue, Array(text.utf8)) }
}
