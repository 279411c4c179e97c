// SPDX-License-Identifier: Apache-2.0

import Access
import Glibc
import Posix

/// Makes an archive of files and folders: each under its own name, links followed, as scp and `cp` do.
package struct ArchiveSender {
    private let archiver: Archiver
    private let arguments: [String]

    /// The last byte of what ``runSealed(to:)`` writes: whether all of it is there.
    static let whole: UInt8 = 1
    static let broken: UInt8 = 0

    /// - Parameter paths: relative ones begin in the working directory.
    package init(_ paths: [String]) throws(CarriageError) {
        archiver = try Archiver()
        var arguments = ["--create", "--file=-", "--dereference", "--hard-dereference"]
        for path in paths {
            guard let name = CopyOrder.name(of: path) else { throw .nameless(path) }
            let folder = path.utf8.dropLast(while: { $0 == UInt8(ascii: "/") }).dropLast(while: { $0 != UInt8(ascii: "/") })
            // `--directory` counts from the one before, so each is absolute.
            let start = path.utf8.first == UInt8(ascii: "/") ? "" : try Self.workingDirectory() + "/"
            arguments += ["--directory=" + start + String(Substring(folder)), "--add-file=" + name]
        }
        self.arguments = arguments
    }

    /// Writes the archive, and waits until it is written.
    ///
    /// - Throws: ``CarriageError/archiveFailed(status:)`` where something could not be read: what was written is not all.
    package func run(to output: Int32) throws(CarriageError) {
        let child = try archiver.start(arguments, input: .null, output: .descriptor(output))
        try Archiver.collect(child)
    }

    /// The same, and one byte more that says whether it is all: for a reader who cannot see our end.
    package func runSealed(to output: Int32) throws(CarriageError) {
        do throws(CarriageError) {
            try run(to: output)
        } catch {
            // Who reads has gone, or is told.
            try? Transfer.writeAll(output, [Self.broken])
            throw error
        }
        try CarriageError.of { () throws(SystemError) in try Transfer.writeAll(output, [Self.whole]) }
    }

    private static func workingDirectory() throws(CarriageError) -> String {
        guard let path = getcwd(nil, 0) else { throw .system(SystemError(call: "getcwd", errno: errno)) }
        defer { free(path) }
        return String(cString: path)
    }
}

extension Substring.UTF8View {
    fileprivate func dropLast(while isDropped: (UInt8) -> Bool) -> Substring.UTF8View {
        var end = endIndex
        while end > startIndex, isDropped(self[index(before: end)]) { end = index(before: end) }
        return self[..<end]
    }
}

extension String.UTF8View {
    fileprivate func dropLast(while isDropped: (UInt8) -> Bool) -> Substring.UTF8View { self[...].dropLast(while: isDropped) }
}
