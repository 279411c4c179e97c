// SPDX-License-Identifier: Apache-2.0
// SECURITY: what `writeAtomically` returned from is on disk whole, and a reader sees the old file or the new one,
// never a part. No call here follows a symbolic link in the last component.
import CLinux
import Glibc

/// Files that must survive a power cut.
package enum DurableFile {
    /// Reads a regular file.
    ///
    /// - Throws: `system.eloop` for a symbolic link, `system.not-a-file` for a directory, a pipe or a device,
    ///   `system.too-large` beyond `maximumBytes`.
    package static func read(_ path: String, maximumBytes: Int) throws(SystemError) -> [UInt8] {
        // Non-blocking, so that a named pipe in the place of the file does not hold us in `open`.
        let file = try open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        let status = try FileStatus(of: file, path)
        guard status.isRegular else { throw SystemError(.notRegularFile, in: "read", about: path) }
        guard status.size <= maximumBytes else {
            throw SystemError(.tooLarge(limit: maximumBytes), in: "read", about: path)
        }
        do {
            return try file.readToEnd(maximum: maximumBytes)
        } catch {
            throw error.about(path)
        }
    }

    /// Opens a regular file to read it piece by piece.
    ///
    /// - Throws: `system.eloop` for a symbolic link, `system.not-a-file` for a directory, a pipe or a device.
    package static func openToRead(_ path: String) throws(SystemError) -> OwnedDescriptor {
        let file = try open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        guard try FileStatus(of: file, path).isRegular else { throw SystemError(.notRegularFile, in: "read", about: path) }
        return file
    }

    /// Reads a file of /proc or /sys, whose size the kernel does not tell.
    package static func readKernelFile(_ path: String, maximumBytes: Int) throws(SystemError) -> [UInt8] {
        try open(path, O_RDONLY).readToEnd(maximum: maximumBytes)
    }

    /// Replaces the file or makes it, with exactly this mode whatever the umask. Durable when it returns.
    package static func writeAtomically(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(SystemError) {
        let temporary = path + "." + Random.hexadecimal(bytes: 8) + ".new"
        let file = try open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
        do {
            try check("fchmod", path) { fchmod(file.number, mode) }
            try file.writeAll(bytes)
            try check("fsync", path) { fsync(file.number) }
            try file.close()
            try check("rename", path) { rename(temporary, path) }
        } catch {
            // Nobody looks at the temporary file; a left-over costs its bytes only.
            unlink(temporary)
            throw error.about(path)
        }
        try synchroniseDirectory(of: path)
    }

    /// Makes the directory, and those above it when `intermediate`, each durable in its parent. One that is there
    /// is left as it is.
    package static func makeDirectory(
        _ path: String, mode: UInt32 = 0o700, intermediate: Bool = false
    ) throws(SystemError) {
        try refuseNul(path, in: "mkdir")
        let parent = directory(of: path)
        if intermediate, parent != path, access(parent, F_OK) != 0 {
            try makeDirectory(parent, mode: mode, intermediate: true)
        }
        if mkdir(path, mode) == 0 {
            try synchroniseDirectory(of: path)
            return
        }
        guard errno == EEXIST else { throw SystemError(call: "mkdir", errno: errno, subject: path) }
        guard try FileStatus(ofLink: path).isDirectory else {
            throw SystemError(.notDirectory, in: "mkdir", about: path)
        }
    }

    /// The names in a directory without `.` and `..`, sorted by their bytes. A name that is not UTF-8 is left out:
    /// none of ours is.
    package static func listDirectory(_ path: String) throws(SystemError) -> [String] {
        var names: [String] = []
        try visitDirectory(path) { name in
            names.append(name)
            return true
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The same names in the order of the disk, one at a time, until `body` says that it has seen enough.
    package static func visitDirectory(_ path: String, _ body: (String) -> Bool) throws(SystemError) {
        try refuseNul(path, in: "opendir")
        guard let stream = opendir(path) else { throw SystemError(call: "opendir", errno: errno, subject: path) }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(validating: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let name, name != ".", name != "..", !body(name) { return }
        }
    }

    /// Removes a file, durably. One that is not there is fine.
    package static func remove(_ path: String) throws(SystemError) {
        try refuseNul(path, in: "unlink")
        guard unlink(path) == 0 else {
            if errno == ENOENT { return }
            throw SystemError(call: "unlink", errno: errno, subject: path)
        }
        try synchroniseDirectory(of: path)
    }

    /// Removes a directory with all that is in it. Links are removed, not followed.
    package static func removeDirectory(_ path: String) throws(SystemError) {
        for name in try listDirectory(path) {
            let child = path + "/" + name
            if try FileStatus(ofLink: child).isDirectory {
                try removeDirectory(child)
            } else {
                try check("unlink", child) { unlink(child) }
            }
        }
        try check("rmdir", path) { rmdir(path) }
    }

    /// Makes the names in the directory that holds `path` durable.
    package static func synchroniseDirectory(of path: String) throws(SystemError) {
        let parent = directory(of: path)
        let handle = try open(parent, O_RDONLY | O_DIRECTORY)
        try check("fsync", parent) { fsync(handle.number) }
    }

    /// The path without its last component: `.` for a bare name, `/` for the root.
    package static func directory(of path: String) -> String {
        let trimmed = path.utf8.reversed().drop { $0 == UInt8(ascii: "/") }
        let parent = trimmed.drop { $0 != UInt8(ascii: "/") }.drop { $0 == UInt8(ascii: "/") }
        guard parent.isEmpty else { return String(decoding: parent.reversed(), as: UTF8.self) }
        return path.utf8.first == UInt8(ascii: "/") ? "/" : "."
    }

    static func open(_ path: String, _ flags: Int32, mode: UInt32 = 0) throws(SystemError) -> OwnedDescriptor {
        try refuseNul(path, in: "open")
        return OwnedDescriptor(owning: try check("open", path) { stint_open(path, flags | O_CLOEXEC, mode) })
    }
}

extension SystemError {
    /// The same error, told about a path.
    func about(_ path: String) -> SystemError {
        if let refusal { return SystemError(refusal, in: call, about: path) }
        return SystemError(call: call, errno: errno, subject: path)
    }
}
