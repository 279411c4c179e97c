// SPDX-License-Identifier: Apache-2.0
// SECURITY: how a session is set up on its node, as the charter says it. Where two rules speak, the stricter wins; what
// gives more (an account, sudo) needs every rule's word (P6).

/// How sessions on some nodes are set up; nothing of it is for a requester to choose.
package struct SessionSettings: Sendable, Equatable {
    /// A limit of what a session's programs may use (setrlimit(2)).
    package enum Limit: String, Sendable, CaseIterable, Comparable {
        case coreBytes, openFiles, processes, memoryBytes, fileBytes, processorSeconds

        package static func < (left: Limit, right: Limit) -> Bool { left.rawValue < right.rawValue }
    }

    /// An account of the node that is made for a grant and removed after it.
    package struct Account: Sendable, Equatable {
        package enum Home: String, Sendable, CaseIterable { case wipe, keep }

        package var home: Home
        /// Groups of the node besides the account's own.
        package var groups: [RunAsName]

        package init(home: Home, groups: [RunAsName]) {
            self.home = home
            self.groups = groups
        }
    }

    package var sessionMaximum: Duration?
    package var idleLimit: Duration?
    /// The path of the shell in place of the user's own.
    package var shell: String?
    /// Where a session begins; the home directory if not set.
    package var directory: String?
    package var environment: [String: String] = [:]
    /// Lines that the shell of a `shell` session runs first.
    package var commands: [String] = []
    /// The lowest number of a user that a session may run as. 1 keeps root out.
    package var minimumUserID: Int64 = 0
    package var noNewPrivileges = false
    package var limits: [Limit: Int64] = [:]
    /// Processes of a session where the policy says nothing: enough for a build, too few to take a machine down.
    package static let usualProcesses: Int64 = 4096
    /// Whether a shell shows the message of the day and the last login.
    package var greets = false
    /// Whether sessions stand in utmp and wtmp, where the node keeps them.
    package var keepsLoginRecord = false
    package var account: Account?
    /// Commands for sudo, as sudoers(5) writes them; `ALL` for every one.
    package var sudo: [String]?

    package init() {}

    /// What holds where both do: rules of one policy that mean the same node. Of what cannot be compared, the first counts.
    func joined(with other: SessionSettings) -> SessionSettings {
        var joined = stricter(with: other)
        joined.account = account ?? other.account
        joined.sudo = sudo ?? other.sudo
        return joined
    }

    /// What holds under both of two policies: what gives more only where both give it alike.
    package func stricter(with other: SessionSettings) -> SessionSettings {
        var result = self
        result.sessionMaximum = [sessionMaximum, other.sessionMaximum].compactMap { $0 }.min()
        result.idleLimit = [idleLimit, other.idleLimit].compactMap { $0 }.min()
        result.shell = shell ?? other.shell
        result.directory = directory ?? other.directory
        result.environment.merge(other.environment) { first, _ in first }
        result.commands += other.commands.filter { !commands.contains($0) }
        result.minimumUserID = max(minimumUserID, other.minimumUserID)
        result.noNewPrivileges = noNewPrivileges || other.noNewPrivileges
        result.limits.merge(other.limits) { min($0, $1) }
        result.greets = greets || other.greets
        result.keepsLoginRecord = keepsLoginRecord || other.keepsLoginRecord
        result.account = account == other.account ? account : nil
        result.sudo = sudo == other.sudo ? sudo : nil
        return result
    }
}

/// Settings for the nodes that a selector means.
package struct Preferences: Sendable, Equatable {
    package let name: RuleName
    package let nodes: Selector
    package let settings: SessionSettings

    package init(name: RuleName, nodes: Selector, settings: SessionSettings) {
        self.name = name
        self.nodes = nodes
        self.settings = settings
    }
}

extension Policy {
    /// The settings of a session on `node`.
    package func settings(on node: Node) -> SessionSettings {
        preferences.filter { $0.nodes.matches(node) }
            .reduce(SessionSettings()) { $0.joined(with: $1.settings) }
    }

    package func document(_ name: DocumentName) -> CommandDocument? { documents.first { $0.name == name } }
}
