// SPDX-License-Identifier: Apache-2.0
// SECURITY: everything in here is the agent's alone: directories 0700, files 0600, checked at every start.

package import Access
import Glibc
package import Posix

/// The directory in which a node keeps what must survive its processes.
///
///     node.key         the seed of the node's key, 64 hexadecimal digits
///     node.json        name, broker, pin, root; its presence means that the node has joined
///     roll.jsonl       the entries of the roll, as accepted
///     ledger.json      the highest head of the ledger that was seen
///     openings         digests of openings seen lately
///     grants/          what is remembered of each grant
///     provisions/      what was made on this machine for grants: accounts, rules for sudo
///     sessions/ID/     lease.json, control.fifo, receipt.json of each session not settled yet
///     lock             held by the one agent that owns the directory
package struct AgentHome: Sendable {
    package let path: String

    package static let standard = "/var/lib/stint-agent"

    /// - Parameter given: what `--home` says; else STINT_HOME, else ``standard``.
    package init(_ given: String?) {
        let path = given ?? Environment.value("STINT_HOME") ?? Self.standard
        // Supervisors are told the path, so it must not depend on where this process stands.
        self.path = path.utf8.first == UInt8(ascii: "/") ? path : Self.workingDirectory + "/" + path
    }

    package var keyPath: String { path + "/node.key" }
    package var identityPath: String { path + "/node.json" }
    package var rollPath: String { path + "/roll.jsonl" }
    package var ledgerPath: String { path + "/ledger.json" }
    package var openingsPath: String { path + "/openings" }
    package var grantsPath: String { path + "/grants" }
    package var provisionsPath: String { path + "/provisions" }
    package var sessionsPath: String { path + "/sessions" }

    package var isJoined: Bool { access(identityPath, F_OK) == 0 }

    package func folder(of session: SessionID) -> SessionFolder {
        SessionFolder(id: session, path: sessionsPath + "/" + session.description)
    }

    /// Makes the directories, and refuses what others can read or change.
    package func prepare() throws {
        try DurableFile.makeDirectory(path, intermediate: true)
        try DurableFile.makeDirectory(grantsPath)
        try DurableFile.makeDirectory(sessionsPath)
        for directory in [path, grantsPath, sessionsPath] { try PrivateFile.check(directory) }
        for file in [keyPath, identityPath, rollPath, ledgerPath, openingsPath] where access(file, F_OK) == 0 {
            try PrivateFile.check(file)
        }
    }

    /// Takes the directory for this process.
    ///
    /// - Throws: `system.in-use`, naming the process that has it.
    package func lock() throws -> FileLock { try FileLock(path + "/lock") }

    package func identity() throws -> NodeIdentity {
        guard isJoined else { throw AgentError.notJoined(home: path) }
        return try NodeIdentity.load(identityPath)
    }

    private static var workingDirectory: String {
        guard let raw = getcwd(nil, 0) else { return "" }
        defer { free(raw) }
        return String(cString: raw)
    }
}
