// SPDX-License-Identifier: Apache-2.0
// SECURITY: the files of a group belong to root, so a process in it that is not root cannot leave. One of root can:
// the walk of `SessionProcesses` comes after.
import CLinux
import Glibc

/// A control group (cgroups(7), version 2) for the processes of one session, which the kernel ends all at once.
package struct ControlGroup: Equatable, Sendable {
    /// The directory, for a process that joins by itself.
    package let path: String

    /// A group that was made before, by this process or another.
    package init(existing path: String) { self.path = path }

    /// The unit of a service manager that is there for the groups of sessions. It has one process, for a manager removes the
    /// group of a unit without any, and that one can be moved: the kernel counts the processes of groups below one that has none
    /// of its own (cgroups(7), "no internal processes").
    private static let unit = "stint-sessions.service"

    /// Makes a group `stint/NAME` below the unit for sessions beside our own, or below our own group, or else at the top.
    ///
    /// - Throws: why there can be none: `system.no-control-group`, or what the system says, as is usual without root.
    package static func make(_ name: String) throws(SystemError) -> ControlGroup {
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 != UInt8(ascii: "/") && $0 != 0 && $0 != UInt8(ascii: ".") })
        else { throw SystemError(call: "mkdir", errno: EINVAL, subject: name) }
        guard let mount = try mountPoint() else {
            throw SystemError(.noControlGroup("no cgroup2 is mounted"), in: "mkdir", about: name)
        }
        let own = try ownPath()
        // One that we may not write to was handed to somebody else.
        let unit = mount + DurableFile.directory(of: own) + "/" + Self.unit
        if own.hasSuffix(".service"), access(unit, W_OK) == 0 {
            // Where it was taken away meanwhile, our own does.
            if let group = try? make(name, in: unit) { return group }
        }
        do {
            return try make(name, in: mount + own)
        } catch {
            // Under a service manager only our own branch is ours; elsewhere ours may not be writable and the top is.
            return try make(name, in: mount)
        }
    }

    private static func make(_ name: String, in parent: String) throws(SystemError) -> ControlGroup {
        let base = (parent.utf8.last == UInt8(ascii: "/") ? String(parent.dropLast()) : parent) + "/stint"
        try makeDirectory(base)
        let group = ControlGroup(existing: base + "/" + name)
        // What a supervisor that was killed left behind; with a process in it the removal fails, and so do we.
        try group.remove()
        try makeDirectory(group.path)
        guard access(group.path + "/cgroup.kill", F_OK) == 0 else {
            try group.remove()
            throw SystemError(.noControlGroup("the kernel has no cgroup.kill (Linux 5.14)"), in: "mkdir", about: name)
        }
        return group
    }

    /// Whoever is in the group may read what its limits are, whatever our umask says. One that is there stays.
    private static func makeDirectory(_ path: String) throws(SystemError) {
        guard mkdir(path, 0o755) == 0 else {
            if errno == EEXIST { return }
            throw SystemError(call: "mkdir", errno: errno, subject: path)
        }
        try check("chmod", path) { chmod(path, 0o755) }
    }

    /// Moves a process into the group; 0 is the caller.
    package func add(_ pid: Int32) throws(SystemError) { try write("\(pid)", to: "cgroup.procs") }

    /// Lets no more than `count` processes and threads be in the group at a time.
    ///
    /// - Returns: whether the kernel will see to it. It cannot where the controller `pids` is of version 1, or was not handed
    ///   down to us.
    package func limitProcesses(to count: Int64) throws(SystemError) -> Bool {
        if access(path + "/pids.max", F_OK) != 0 {
            let base = ControlGroup(existing: DurableFile.directory(of: path))
            if try !base.mayCountProcesses() {
                let unit = ControlGroup(existing: DurableFile.directory(of: base.path))
                // Never the agent's own: no service manager could start the agent in it again while a session lives.
                guard unit.path.hasSuffix("/" + Self.unit), try unit.mayCountProcesses() else { return false }
                try unit.moveOwnMembers(to: "rest")
                try unit.write("+pids", to: "cgroup.subtree_control")
            }
            // There is no process in this one either.
            try base.write("+pids", to: "cgroup.subtree_control")
        }
        try write(count < Self.unlimited ? String(count) : "max", to: "pids.max")
        return true
    }

    /// Whether the controller `pids` was handed down to this group.
    private func mayCountProcesses() throws(SystemError) -> Bool {
        try DurableFile.readKernelFile(path + "/cgroup.controllers", maximumBytes: 4096)
            .split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.contains { $0.elementsEqual("pids".utf8) }
    }

    /// As many as the kernel has numbers for (PID_MAX_LIMIT).
    private static let unlimited: Int64 = 4 << 20

    /// The processes in the group and in groups that the session made below it.
    package func members() throws(SystemError) -> [Int32] {
        var members = try ownMembers()
        for child in try childGroups() { members += try child.members() }
        return members
    }

    private func ownMembers() throws(SystemError) -> [Int32] {
        try DurableFile.readKernelFile(path + "/cgroup.procs", maximumBytes: 1 << 20).split(separator: UInt8(ascii: "\n")).compactMap {
            Decimal.parse($0).flatMap(Int32.init(exactly:))
        }
    }

    private func moveOwnMembers(to name: String) throws(SystemError) {
        let below = ControlGroup(existing: path + "/" + name)
        try Self.makeDirectory(below.path)
        for pid in try ownMembers() { try below.add(pid) }
    }

    /// Whether a process is in the group or below it.
    package func isPopulated() throws(SystemError) -> Bool {
        let bytes = try DurableFile.readKernelFile(path + "/cgroup.events", maximumBytes: 4096)
        return !bytes.split(separator: UInt8(ascii: "\n")).contains { $0.elementsEqual("populated 0".utf8) }
    }

    /// Keeps every process in the group from running, so that a list of them stays true. False when it takes longer
    /// than the deadline allows.
    package func freeze(until deadline: BootInstant) throws(SystemError) -> Bool {
        try write("1", to: "cgroup.freeze")
        return try waitFor("frozen 1", until: deadline)
    }

    /// Ends every process in the group and below with SIGKILL, frozen ones too.
    package func kill() throws(SystemError) { try write("1", to: "cgroup.kill") }

    /// Waits until no process is left in the group and below. False when there still is one at the deadline.
    package func waitUntilEmpty(until deadline: BootInstant) throws(SystemError) -> Bool {
        try waitFor("populated 0", until: deadline)
    }

    /// Removes the group with those below it. It must be empty; one that is not there is fine.
    package func remove() throws(SystemError) {
        guard access(path, F_OK) == 0 else { return }
        for child in try childGroups() { try child.remove() }
        try check("rmdir", path) { rmdir(path) }
    }

    private func childGroups() throws(SystemError) -> [ControlGroup] {
        var groups: [ControlGroup] = []
        for name in try DurableFile.listDirectory(path) where try FileStatus(ofLink: path + "/" + name).isDirectory {
            groups.append(ControlGroup(existing: path + "/" + name))
        }
        return groups
    }

    private func write(_ text: String, to name: String) throws(SystemError) {
        let file = try DurableFile.open(path + "/" + name, O_WRONLY)
        do {
            try file.writeAll(Array(text.utf8))
        } catch {
            throw error.about(path + "/" + name)
        }
    }

    /// The kernel marks `cgroup.events` with POLLPRI when a line changes.
    private func waitFor(_ line: String, until deadline: BootInstant) throws(SystemError) -> Bool {
        let events = path + "/cgroup.events"
        let file = try DurableFile.open(events, O_RDONLY)
        let wanted = Array(line.utf8)
        while true {
            try check("lseek", events) { lseek(file.number, 0, SEEK_SET) }
            let lines = try file.readToEnd(maximum: 4096).split(separator: UInt8(ascii: "\n"))
            if lines.contains(where: { $0.elementsEqual(wanted) }) { return true }
            let left = BootInstant.now.duration(to: deadline)
            guard left > .zero else { return false }
            var entries = [PollEntry(file.number, .priority)]
            _ = try Poll.wait(&entries, timeout: left)
        }
    }

    /// Whether the caller is in a group that lets only so many processes be.
    package static func limitsProcesses() throws(SystemError) -> Bool {
        guard let mount = try mountPoint() else { return false }
        let path = mount + (try ownPath()) + "/pids.max"
        guard access(path, F_OK) == 0 else { return false }
        return try !DurableFile.readKernelFile(path, maximumBytes: 64).starts(with: "max".utf8)
    }

    /// Where version 2 is mounted: /sys/fs/cgroup, or beside version 1 in a directory of its own.
    private static func mountPoint() throws(SystemError) -> String? {
        let bytes = try DurableFile.readKernelFile("/proc/self/mountinfo", maximumBytes: 4 << 20)
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            // ID PARENT DEVICE ROOT MOUNT-POINT OPTIONS... - TYPE SOURCE OPTIONS (proc(5))
            let fields = line.split(separator: UInt8(ascii: " "))
            guard let dash = fields.firstIndex(where: { $0.elementsEqual([UInt8(ascii: "-")]) }), dash > 5,
                fields.count > dash + 1, fields[dash + 1].elementsEqual("cgroup2".utf8)
            else { continue }
            // A mount point with spaces is written with octal escapes; nobody mounts it there, and we do not follow.
            if !fields[4].contains(UInt8(ascii: "\\")) { return String(decoding: fields[4], as: UTF8.self) }
        }
        return nil
    }

    /// Our own group below the mount point, from the line `0::PATH`. Empty when it lies outside of what we can see.
    private static func ownPath() throws(SystemError) -> String {
        let bytes = try DurableFile.readKernelFile("/proc/self/cgroup", maximumBytes: 1 << 16)
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: "0::/".utf8) {
            let path = String(decoding: line.dropFirst(3), as: UTF8.self)
            return path.utf8.starts(with: "/..".utf8) ? "" : path
        }
        return ""
    }
}
