// SPDX-License-Identifier: Apache-2.0
// SECURITY: who the processes are that read the network. After `become` returned, the process is that account for good, in no
// group, without a capability and without a way to gain one.

import Glibc
package import Posix

/// The account of this node's processes that read the network (docs/decisions/0053).
package struct UnprivilegedAccount: Sendable, Equatable {
    /// `nil` where the agent itself is an ordinary user: there is nothing to give up.
    package let user: User?

    /// Made by the packages, for nothing else.
    package static let name = "stint-agent"
    /// Where nobody made it. Other programs may be this one too, so nothing of ours lies open to it.
    package static let fallback = "nobody"

    /// Looks it up in the user database.
    ///
    /// - Throws: where this process is root and neither account exists, or is root itself.
    package static func find() throws -> UnprivilegedAccount {
        guard try User.current().uid == 0 else { return UnprivilegedAccount(user: nil) }
        do throws(SystemError) {
            return try UnprivilegedAccount(checked: User.named(name))
        } catch {
            guard case .unknownUser = error.refusal else { throw error }
            return try UnprivilegedAccount(checked: User.named(fallback))
        }
    }

    private init(user: User?) { self.user = user }

    private init(checked user: User) throws(SystemError) {
        guard user.uid != 0, user.gid != 0 else { throw SystemError(call: "setresuid", errno: EPERM, subject: user.name) }
        self.user = user
    }

    /// Becomes the account, for good. For the first lines of a process, before it has read anything.
    ///
    /// Beside the account: no capability and no new privileges, no core dump, nobody of the same account may look into it, and no
    /// call that starts, signals or looks into another process: those of the same account are other connections'.
    package func become() throws(SystemError) {
        if let user { try Privileges.become(user, in: []) }
        try Privileges.dropCapabilities()
        try ProcessControl.forbidNewPrivileges()
        try ProcessControl.forbidInspection()
        try ProcessControl.setLimit(.coreSize, soft: 0, hard: 0)
        try Privileges.refuseOtherProcesses()
    }
}
