// SPDX-License-Identifier: Apache-2.0
// SECURITY: only a name that has the form of a name reaches the user database. A number, `-1` or an empty name
// never becomes a uid.
import CLinux
import Glibc

/// A user of this machine with everything a session of theirs needs.
package struct User: Equatable, Sendable {
    package let name: String
    package let uid: UInt32
    package let gid: UInt32
    package let home: String
    package let shell: String
    /// Looks a user up by name.
    ///
    /// - Throws: `system.invalid-user-name` for anything but `[a-z_][a-z0-9_-]{0,31}`, `system.unknown-user`.
    package static func named(_ name: String) throws(SystemError) -> User {
        guard isName(name) else { throw SystemError(.invalidUserName, in: "getpwnam", about: name) }
        return try lookUp("getpwnam", name) { getpwnam_r(name, $0, $1, $2, $3) }
    }

    /// The user this process acts as.
    package static func current() throws(SystemError) -> User {
        let uid = geteuid()
        return try lookUp("getpwuid", "uid \(uid)") { getpwuid_r(uid, $0, $1, $2, $3) }
    }

    package static func isName(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, bytes.count <= 32 else { return false }
        let isLetter = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "_")
        }
        let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        return isLetter(first) && bytes.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
    }

    private typealias LookUp = (
        UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32

    private static func lookUp(_ call: String, _ subject: String, _ function: LookUp) throws(SystemError) -> User {
        var size = 1024
        while true {
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let strings = UnsafeMutablePointer<CChar>.allocate(capacity: size)
            defer { strings.deallocate() }
            let number = function(&entry, strings, size, &found)
            if number == ERANGE, size < 1 << 20 {
                size *= 2
                continue
            }
            if number == EINTR { continue }
            guard number == 0 else { throw SystemError(call: call, errno: number, subject: subject) }
            guard found != nil else { throw SystemError(.unknownUser, in: call, about: subject) }
            return try User(entry)
        }
    }

    private init(_ entry: passwd) throws(SystemError) {
        name = entry.pw_name.map { String(cString: $0) } ?? ""
        uid = entry.pw_uid
        gid = entry.pw_gid
        home = entry.pw_dir.map { String(cString: $0) } ?? "/"
        let shell = entry.pw_shell.map { String(cString: $0) } ?? ""
        self.shell = shell.isEmpty ? "/bin/sh" : shell  // passwd(5): an empty field means /bin/sh
    }

    /// All groups, the primary one among them. Asks every source of groups that the machine has.
    package func groups() throws(SystemError) -> [UInt32] {
        var capacity: Int32 = 64
        while true {
            var count = capacity
            var list = [gid_t](repeating: 0, count: Int(capacity))
            if getgrouplist(name, gid, &list, &count) >= 0 { return Array(list.prefix(Int(count))) }
            // Linux allows 65536 groups a process (NGROUPS_MAX); whoever has more cannot be served.
            guard capacity < 1 << 16 else { throw SystemError(call: "getgrouplist", errno: ERANGE, subject: name) }
            capacity = max(count, capacity * 2)
        }
    }
}
