// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The kind, owner, mode and size of a file.
package struct FileStatus: Sendable {
    private let raw: stint_file_status

    package init(of file: borrowing OwnedDescriptor, _ path: String) throws(SystemError) {
        var raw = stint_file_status()
        let number = file.number
        try check("fstat", path) { stint_descriptor_status(number, &raw) }
        self.raw = raw
    }

    /// A symbolic link is described itself.
    package init(ofLink path: String) throws(SystemError) {
        try refuseNul(path, in: "stat")
        var raw = stint_file_status()
        try check("stat", path) { stint_link_status(path, &raw) }
        self.raw = raw
    }

    package var size: Int64 { raw.size }
    package var owner: UInt32 { raw.owner }
    package var permissions: UInt32 { raw.mode & 0o7777 }
    package var isRegular: Bool { raw.mode & 0o170000 == 0o100000 }
    package var isLink: Bool { raw.mode & 0o170000 == 0o120000 }
    package var inode: UInt64 { raw.inode }
    package var device: UInt64 { raw.device }
    /// When contents, mode or owner last changed, in nanoseconds since 1970.
    package var changed: Int64 { raw.changed }
    package var isDirectory: Bool { raw.mode & 0o170000 == 0o040000 }
}
