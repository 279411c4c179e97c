// SPDX-License-Identifier: Apache-2.0
// SECURITY: accounts and sudo for the time of a grant. Made after the decision and before the session, removed when the
// grant is over and none of its sessions lives; looked after at every start of the agent.

import Access
import Evidence
import Glibc
import Posix
import StrictJSON

/// What grants have brought to this node: one file for each.
struct Provisions {
    private let directory: String
    private let grants: GrantMemory

    init(_ directory: String, grants: GrantMemory) {
        self.directory = directory
        self.grants = grants
    }

    // MARK: Making

    /// Makes what the session's settings ask for and is not there. Nothing is left when it throws, or the next
    /// ``clean(at:besides:)`` removes it.
    func provide(for terms: SessionTerms) throws {
        let (user, settings) = (terms.opening.value.runAs, terms.settings)
        guard settings.account != nil || settings.sudo != nil, geteuid() == 0 else { return }
        let all = try all()
        let known = all.first { $0.request == terms.request }
        let isMissing = !Self.exists(user)
        // An account that another grant brought stays until both are over.
        let isOurs = isMissing || all.contains { $0.user == user && $0.account != nil }
        let provision = Provision(
            request: terms.request, grant: terms.grant, user: user, account: isOurs ? settings.account : nil, sudo: settings.sudo,
            notAfter: terms.notAfter)
        guard provision.account != nil || provision.sudo != nil else { return }
        if provision != known { try save(provision) }
        if isMissing, let account = settings.account { try make(account, of: user, for: terms.grant) }
        if settings.sudo != nil, provision != known || access(provision.sudoersPath, F_OK) != 0 { try allowSudo(provision) }
    }

    private static func exists(_ user: RunAsName) -> Bool {
        do throws(SystemError) {
            return try find(user) != nil
        } catch {
            return true
        }
    }

    /// - Returns: `nil` when there is none of that name.
    private static func find(_ user: RunAsName) throws(SystemError) -> User? {
        do throws(SystemError) {
            return try User.named(user.text)
        } catch {
            guard error.refusal == .unknownUser else { throw error }
            return nil
        }
    }

    private func make(_ account: SessionSettings.Account, of user: RunAsName, for grant: GrantID) throws {
        let tool = SystemTool.addUser
        guard tool.isThere else { throw AgentError.accountNotPossible(user, reason: "there is no \(tool.path)") }
        var arguments = ["--create-home", "--shell", "/bin/bash", "--comment", "stint \(grant)"]
        if !account.groups.isEmpty { arguments += ["--groups", account.groups.map(\.text).joined(separator: ",")] }
        // A home that was kept belongs to a number; it must not become somebody else's.
        if let owner = try? FileStatus(ofLink: "/home/" + user.text).owner { arguments += ["--uid", String(owner)] }
        if let failure = try tool.run(arguments + [user.text]) { throw AgentError.accountNotPossible(user, reason: failure) }
        Log.info("\(grant): account `\(user)` was made")
    }

    private func allowSudo(_ provision: Provision) throws {
        let tool = SystemTool.checkSudoers
        guard tool.isThere, access(DurableFile.directory(of: provision.sudoersPath), W_OK) == 0 else {
            throw AgentError.sudoNotPossible(reason: "sudo is not installed")
        }
        let draft = directory + "/sudoers.new"
        try DurableFile.writeAtomically(Array(provision.sudoers.utf8), to: draft, mode: 0o440)
        defer { unlink(draft) }
        if let failure = try tool.run(["--check", "--strict", "--quiet", "--file=" + draft]) {
            throw AgentError.sudoNotPossible(reason: failure)
        }
        // sudo reads no file whose name has a dot, so the temporary name of this write never counts.
        try DurableFile.writeAtomically(Array(provision.sudoers.utf8), to: provision.sudoersPath, mode: 0o440)
        Log.info("\(provision.grant): sudo for `\(provision.user)` until \(provision.notAfter)")
    }

    // MARK: Removing

    /// Removes what belongs to grants that are over.
    ///
    /// - Parameter living: the requests of the sessions that live, or whose receipt is still to be made. Not asked for where
    ///   nothing was made.
    func clean(at now: GrantMemory.Moment, besides living: () throws -> Set<Digest>) throws {
        let all = try all()
        guard !all.isEmpty else { return }
        let living = try living()
        for provision in all where !living.contains(provision.request) {
            guard try grants.isOver(provision.request, at: now) else { continue }
            do {
                try remove(provision)
            } catch {
                // The file stays, so the next look tries again.
                Log.error("\(provision.grant): \(AgentError(error).message)")
            }
        }
    }

    private func remove(_ provision: Provision) throws {
        try removeSudo(provision)
        let others = try all().filter { $0.request != provision.request && $0.user == provision.user && $0.account != nil }
        if let account = provision.account, others.isEmpty { try remove(account, of: provision) }
        try DurableFile.remove(path(of: provision.request))
        Log.info("\(provision.grant): what was made for it is removed")
    }

    private func removeSudo(_ provision: Provision) throws(SystemError) {
        try DurableFile.remove(provision.sudoersPath)
        let folder = DurableFile.directory(of: provision.sudoersPath)
        guard provision.sudo != nil, access(folder, F_OK) == 0 else { return }
        // What a write that was cut off has left; sudo reads no name with a dot.
        for name in try DurableFile.listDirectory(folder) where (folder + "/" + name).hasPrefix(provision.sudoersPath + ".") {
            try DurableFile.remove(folder + "/" + name)
        }
    }

    private func remove(_ account: SessionSettings.Account, of provision: Provision) throws {
        let name = provision.user
        if let user = try Self.find(name) {
            guard user.uid != 0, try UserProcesses.end(of: user.uid) else {
                throw AgentError.accountNotPossible(name, reason: "a process of it does not end")
            }
            if provision.leaving != user.uid { try beginRemoval(provision, of: user) }
            try removeJobs(of: user)
        } else if let uid = provision.leaving {
            try makeWhole(name, uid)
        } else {
            return  // it was never made, or somebody else removed it
        }
        if let failure = try SystemTool.removeUser.run((account.home == .wipe ? ["--remove"] : []) + [name.text]), Self.exists(name) {
            throw AgentError.accountNotPossible(name, reason: failure)
        }
    }

    /// Puts down whose traces are to be gone, before the first of them is.
    func beginRemoval(_ provision: Provision, of user: User) throws {
        var leaving = provision
        leaving.leaving = user.uid
        try save(leaving)
    }

    /// userdel(8) writes one file after the other: a removal that was cut off leaves groups that the name belongs to, its own
    /// group, its home. It finds them by the account's line, so that is made again, without a password, for it to remove.
    private func makeWhole(_ name: RunAsName, _ uid: UInt32) throws {
        let tool = SystemTool.addUser
        let arguments = ["--no-create-home", "--no-log-init", "--shell", "/usr/sbin/nologin"]
            + (getgrnam(name.text) == nil ? ["--user-group"] : ["--gid", name.text])
        guard try tool.run(arguments + ["--uid", String(uid), name.text]) != nil else { return }
        // Somebody has got the number meanwhile; what belongs to it is theirs, and a home with it is told, not removed.
        if let failure = try tool.run(arguments + [name.text]) { throw AgentError.accountNotPossible(name, reason: failure) }
        Log.warning("the number of account `\(name)` is another's by now: look whether /home/\(name) is still there")
    }

    /// Work for later that would run as whoever gets the number next.
    private func removeJobs(of user: User) throws(SystemError) {
        try DurableFile.remove("/var/spool/cron/crontabs/" + user.name)
        for folder in ["/var/spool/cron/atjobs", "/var/lib/systemd/linger"] where access(folder, F_OK) == 0 {
            for name in try DurableFile.listDirectory(folder) {
                let path = folder + "/" + name
                let isTheirs = try FileStatus(ofLink: path).owner == user.uid
                if name == user.name || isTheirs { try DurableFile.remove(path) }
            }
        }
    }

    // MARK: Files

    private func path(of request: Digest) -> String { directory + "/" + request.hex + ".json" }

    private func all() throws -> [Provision] {
        guard access(directory, F_OK) == 0 else { return [] }
        return try DurableFile.listDirectory(directory).filter { $0.hasSuffix(".json") }.map { name in
            let path = directory + "/" + name
            do {
                return try Provision(try JSONValue(parsing: try DurableFile.read(path, maximumBytes: 64 * 1024)))
            } catch {
                throw AgentError.homeDamaged(path: path, reason: AgentError(error).message)
            }
        }
    }

    private func save(_ provision: Provision) throws {
        try DurableFile.makeDirectory(directory)
        try DurableFile.writeAtomically(Array((provision.json.text + "\n").utf8), to: path(of: provision.request))
    }
}
