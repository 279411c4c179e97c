// SPDX-License-Identifier: Apache-2.0
// SECURITY: an archive of the other end is unpacked in a new folder of its own, without owners and without set-uid bits, and
// only what was asked for is moved out of it. tar(1) itself keeps names and links inside of that folder.

import Access
import Glibc
package import Posix

/// Puts the files of an archive in place: all of them or none, each with one rename, so that nobody ever sees half a file.
package struct ArchiveReceiver: ~Copyable {
    /// Where it is put.
    private let folder: String
    /// nil: each under its own name.
    private let name: String?
    /// The only names that may come; nil: any.
    private let expected: Set<String>?
    private let archiver: Archiver
    /// Where it is unpacked, in ``folder``.
    private let workshop: String

    private static let piece = 64 * 1024

    /// - Parameters:
    ///   - path: a folder that is there, or a name in one.
    ///   - expected: the names that were asked for; nil where the sender says what it sends.
    /// - Throws: ``CarriageError/noSuchFolder(_:)``, or what the system says about making a folder there.
    package init(into path: String, expected: Set<String>? = nil) throws(CarriageError) {
        let archiver = try Archiver()
        var (folder, name) = try Self.place(of: path)
        while folder.utf8.count > 1, folder.utf8.last == UInt8(ascii: "/") { folder.removeLast() }
        var template = Array((folder + "/.stint-copy-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw .system(SystemError(call: "mkdtemp", errno: errno, subject: folder)) }
        let workshop = String(decoding: template.dropLast().map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
        (self.folder, self.name, self.expected, self.archiver, self.workshop) = (folder, name, expected, archiver, workshop)
    }

    private static func place(of path: String) throws(CarriageError) -> (folder: String, name: String?) {
        if isFolder(path) { return (path, nil) }
        guard path.utf8.last != UInt8(ascii: "/"), let last = CopyOrder.name(of: path) else { throw .noSuchFolder(path) }
        let parent = String(path.utf8.dropLast(last.utf8.count)) ?? ""
        let folder = parent.isEmpty ? "." : parent
        guard isFolder(folder) else { throw .noSuchFolder(folder) }
        return (folder, last)
    }

    deinit {
        // What is left in it is not wanted. Where it cannot be removed, its name says whose it is.
        try? DurableFile.removeDirectory(workshop)
    }

    /// Begins to unpack what comes from `input`, to its end. See ``place()``.
    package func unpack(from input: consuming OwnedDescriptor) throws(CarriageError) -> ChildProcess {
        try archiver.start(
            ["--extract", "--file=-", "--directory=" + workshop, "--no-same-owner", "--no-same-permissions"],
            input: .descriptor(input.number), output: .null)
    }

    /// Unpacks what ``ArchiveSender/runSealed(to:)`` wrote, and puts it in place.
    ///
    /// - Throws: also where its last byte says that it is not all, or does not come.
    package consuming func receive(from input: Int32) throws(CarriageError) {
        let (reading, writing) = try CarriageError.of { () throws(SystemError) in try Pipe().release() }
        let feed = OwnedDescriptor(owning: writing)
        let child = try unpack(from: OwnedDescriptor(owning: reading))
        let isWhole = try Self.pass(from: input, to: feed.number)
        do throws(SystemError) { try feed.close() } catch { throw .system(error) }
        let status = try Archiver.status(of: child)
        guard isWhole else { throw .notWhole }
        guard status == .exited(0) else { throw .archiveFailed(status: status.shellCode) }
        try place()
    }

    /// Moves what was unpacked to where it belongs.
    ///
    /// - Throws: without having moved anything where a name is foreign, or stands where a folder is.
    package consuming func place() throws(CarriageError) {
        let workshop = workshop
        let names = try CarriageError.of { () throws(SystemError) in try DurableFile.listDirectory(workshop) }
        if let expected, let foreign = names.first(where: { !expected.contains($0) }) { throw .archiveForeign(foreign) }
        guard !names.isEmpty else { throw .archiveEmpty }
        try Self.refuseDevices(in: workshop)
        if let name, names.count > 1 { throw .needsFolder(folder + "/" + name) }
        let moves = names.map { (from: workshop + "/" + $0, to: folder + "/" + (name ?? $0)) }
        for move in moves where Self.isRealFolder(move.to) { throw .folderInTheWay(move.to) }
        for move in moves {
            guard rename(move.from, move.to) == 0 else { throw .system(SystemError(call: "rename", errno: errno, subject: move.to)) }
        }
    }

    /// Devices, pipes and sockets are no files to copy; for root tar(1) would make them.
    private static func refuseDevices(in folder: String) throws(CarriageError) {
        for name in try CarriageError.of({ () throws(SystemError) in try DurableFile.listDirectory(folder) }) {
            let path = folder + "/" + name
            let status = try CarriageError.of { () throws(SystemError) in try FileStatus(ofLink: path) }
            if status.isDirectory {
                try refuseDevices(in: path)
            } else if !status.isRegular, !status.isLink {
                throw .archiveForeign(name)
            }
        }
    }

    /// Hands on all bytes but the last.
    ///
    /// - Returns: whether the last says that they are all.
    private static func pass(from input: Int32, to output: Int32) throws(CarriageError) -> Bool {
        var last: UInt8?
        var listens = true
        while true {
            let bytes = try CarriageError.of { () throws(SystemError) in try Transfer.read(input, maximum: piece) }
            guard let end = bytes.last else { return last == ArchiveSender.whole }
            let ready = (last.map { [$0] } ?? []) + bytes.dropLast()
            last = end
            guard listens else { continue }
            do throws(SystemError) {
                try Transfer.writeAll(output, ready)
            } catch {
                guard error.errno == EPIPE else { throw .system(error) }
                listens = false  // tar has seen the end of its archive, or given up: its status says which
            }
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func isRealFolder(_ path: String) -> Bool { (try? FileStatus(ofLink: path).isDirectory) ?? false }
}
