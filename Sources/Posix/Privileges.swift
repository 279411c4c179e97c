// SPDX-License-Identifier: Apache-2.0
// SECURITY: after `become` returned, the process has the ids and groups of the user and no way back. When anything
// is in doubt it throws, and the caller must exit.
import CLinux
import Glibc

/// Giving up root for good, in a process made for one session before it starts the user's program.
package enum Privileges {
    /// Becomes the user: groups first, then the group, then the user, because each step needs the right that the
    /// next one gives away. Reads everything back.
    ///
    /// Without root it only passes when the process already is that user; the groups stay as they are then.
    ///
    /// - Parameter groups: those beside the primary one; ``User/groups()`` are all that the user is in.
    package static func become(_ user: User, in groups: [UInt32]) throws(SystemError) {
        if geteuid() == 0 {
            try check("setgroups", user.name) { setgroups(groups.count, groups) }
            try check("setresgid", user.name) { setresgid(user.gid, user.gid, user.gid) }
            try check("setresuid", user.name) { setresuid(user.uid, user.uid, user.uid) }
            guard try Set(currentGroups()) == Set(groups) else {
                throw refusal("its groups are not those of the user", user)
            }
        }
        try verify(user)
    }

    /// Takes every capability out of those that this process and what it starts could ever gain (capabilities(7)). Without
    /// the right to do so, which root has, they stay; a process without new privileges gains none either way.
    package static func emptyBoundingSet() throws(SystemError) {
        // Fails where the kernel knows no such capabilities (before 4.3); then there are none.
        _ = stint_clear_ambient()
        for capability in 0..<Int32(64) where stint_drop_bounding(capability) != 0 {
            guard errno == EPERM else { throw SystemError(call: "prctl", errno: errno) }
            return
        }
    }

    /// Gives up every capability (capabilities(7)), as a user other than root has none anyway unless somebody gave it some.
    package static func dropCapabilities() throws(SystemError) {
        try check("capset") { stint_drop_capabilities() }
        guard stint_has_capabilities() == 0 else { throw SystemError(.privilegesKept("it has capabilities"), in: "capget", about: "uid \(geteuid())") }
    }

    /// Gives up every call that starts, signals, looks into or becomes another process (seccomp(2)), for good. The process's own
    /// threads may be made and ended. After ``ProcessControl/forbidNewPrivileges()``.
    ///
    /// A kernel that was built without this refuses nothing; ids, capabilities and limits hold there too.
    package static func refuseOtherProcesses() throws(SystemError) {
        guard stint_refuse_calls() != 0 else { return }
        guard errno == ENOSYS || errno == EINVAL else { throw SystemError(call: "seccomp", errno: errno) }
    }

    private static func verify(_ user: User) throws(SystemError) {
        var (real, effective, saved): (uid_t, uid_t, uid_t) = (0, 0, 0)
        try check("getresuid") { getresuid(&real, &effective, &saved) }
        guard real == user.uid, effective == user.uid, saved == user.uid else {
            throw refusal("it still has uid \(effective)", user)
        }
        try check("getresgid") { getresgid(&real, &effective, &saved) }
        guard real == user.gid, effective == user.gid, saved == user.gid else {
            throw refusal("it still has gid \(effective)", user)
        }
        // The proof that nothing is left: taking root back must fail.
        guard user.uid == 0 || setuid(0) != 0 else { throw refusal("it could take root back", user) }
    }

    private static func currentGroups() throws(SystemError) -> [UInt32] {
        let count = try check("getgroups") { getgroups(0, nil) }
        var groups = [gid_t](repeating: 0, count: Int(count))
        let filled = try check("getgroups") { getgroups(count, &groups) }
        return Array(groups.prefix(Int(filled)))
    }

    private static func refusal(_ reason: String, _ user: User) -> SystemError {
        SystemError(.privilegesKept(reason), in: "setresuid", about: user.name)
    }
}
