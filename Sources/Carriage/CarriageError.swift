// SPDX-License-Identifier: Apache-2.0

package import Access
package import Posix
import StrictJSON
package import Transport

/// Why nothing can be carried.
package enum CarriageError: Error, Equatable {
    /// The other end of the session sent what it must not.
    case protocolBroken(String)
    /// None of the addresses of the destination may be dialled.
    case noAddress(Destination, reason: String)
    case archiverMissing
    case archiveFailed(status: Int32)
    case archiveEmpty
    /// The sender could not read everything, or was cut off.
    case notWhole
    /// `/`, `.` and `..`.
    case nameless(String)
    /// What came is not what was asked for.
    case archiveForeign(String)
    case noSuchFolder(String)
    case folderInTheWay(String)
    case needsFolder(String)
    case system(SystemError)
    case transport(TransportError)
}

extension CarriageError: Explainable {
    package var code: String {
        switch self {
        case .protocolBroken: "carriage.protocol"
        case .noAddress: "destination.no-address"
        case .archiverMissing: "copy.no-tar"
        case .archiveFailed: "copy.archive-failed"
        case .archiveEmpty: "copy.nothing-came"
        case .notWhole: "copy.not-whole"
        case .nameless: "copy.no-name"
        case .archiveForeign: "copy.not-asked-for"
        case .noSuchFolder: "copy.no-such-folder"
        case .folderInTheWay: "copy.folder-in-the-way"
        case .needsFolder: "copy.needs-folder"
        case .system(let error): error.code
        case .transport(let error): error.code
        }
    }

    package var message: String {
        switch self {
        case .protocolBroken(let what): "The other end of the session sent \(what)."
        case .noAddress(let destination, let reason): "`\(destination)` cannot be dialled: \(reason)."
        case .archiverMissing: "This machine has no tar, which packs what is copied."
        case .archiveFailed(let status): "`tar` ended with status \(status), so not everything was copied."
        case .archiveEmpty: "Nothing came that could be put in place."
        case .notWhole: "Not everything could be read or sent; nothing was put in place."
        case .nameless(let path): "`\(path)` has no name to be copied under."
        case .archiveForeign(let name): "`\(name)` came, which was not asked for; nothing was put in place."
        case .noSuchFolder(let path): "There is no folder \(path)."
        case .folderInTheWay(let path): "\(path) is there already, and is a folder."
        case .needsFolder(let path): "\(path) is no folder, and more than one file is copied."
        case .system(let error): error.message
        case .transport(let error): error.message
        }
    }

    package var hint: String? {
        switch self {
        case .folderInTheWay: "A folder is not mixed with one that is there: name another, or move it away."
        case .noSuchFolder: "Make it first; only the last part of a path is made."
        case .needsFolder: "Name a folder that is there."
        case .archiverMissing: "Install it; the package is called tar."
        case .nameless: "Name a file or a folder."
        case .system(let error): error.hint
        case .archiveFailed, .archiveEmpty, .notWhole, .protocolBroken, .noAddress, .archiveForeign, .transport: nil
        }
    }
}

extension CarriageError {
    static func of<Value: ~Copyable>(_ call: () throws(SystemError) -> Value) throws(CarriageError) -> Value {
        do throws(SystemError) { return try call() } catch { throw .system(error) }
    }
}
