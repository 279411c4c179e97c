// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A file that only grows: recordings and spools. One owner writes.
package struct AppendFile: ~Copyable, Sendable {
    private let file: OwnedDescriptor
    private let path: String

    /// Opens the file, or makes it with this mode and makes its name durable.
    package init(_ path: String, mode: UInt32 = 0o600) throws(SystemError) {
        let file = try Self.open(path, O_CREAT, mode)
        try DurableFile.synchroniseDirectory(of: path)
        self.file = file
        self.path = path
    }

    /// Makes the file and puts its name and its beginning on disk together: a file system that keeps a journal then writes it
    /// once, not for each of them.
    ///
    /// - Throws: `system.eexist` where there is one.
    package init(making path: String, beginningWith bytes: [UInt8], mode: UInt32 = 0o600) throws(SystemError) {
        let file = try Self.open(path, O_CREAT | O_EXCL, mode)
        try file.writeAll(bytes)
        try check("fdatasync", path) { fdatasync(file.number) }
        try DurableFile.synchroniseDirectory(of: path)
        self.file = file
        self.path = path
    }

    private static func open(_ path: String, _ flags: Int32, _ mode: UInt32) throws(SystemError) -> OwnedDescriptor {
        let file = try DurableFile.open(path, flags | O_WRONLY | O_APPEND | O_NOFOLLOW, mode: mode)
        guard try FileStatus(of: file, path).isRegular else {
            throw SystemError(.notRegularFile, in: "open", about: path)
        }
        return file
    }

    /// The length in bytes, as the file is now.
    package var size: Int64 {
        get throws(SystemError) { try FileStatus(of: file, path).size }
    }

    /// Writes everything, into the kernel's cache.
    package func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        do {
            try file.writeAll(bytes)
        } catch {
            throw error.about(path)
        }
    }

    package func append(_ bytes: [UInt8]) throws(SystemError) {
        try bytes.span.bytes.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) throws(SystemError) in try append(buffer) }
    }

    /// Puts what was appended so far on disk.
    package func synchronise() throws(SystemError) {
        try check("fdatasync", path) { fdatasync(file.number) }
    }

    /// Lets the kernel use the memory that it holds these bytes in for something else. What is not on disk stays.
    ///
    /// A file that grows fast and is read late would otherwise take new memory all the time; on a virtual machine the first
    /// touch of each page is the host's business too, and costs more than the copy.
    package func forgetCached(from start: Int64, to end: Int64) {
        // It only saves work, so that a failure is none. Whole pages go: the one at the end is still written to.
        _ = posix_fadvise(file.number, Int(start), Int(end - start), POSIX_FADV_DONTNEED)
    }

    /// Cuts the file to `size` bytes: what a crash left of a half-written end.
    package func cut(to size: Int64) throws(SystemError) {
        try check("ftruncate", path) { ftruncate(file.number, Int(size)) }
    }
}
