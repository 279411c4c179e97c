// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
package import Posix
package import Protocol
import StrictJSON
package import Transport

/// Why the agent cannot do something, or refuses to.
package enum AgentError: Error, Equatable {
    case system(SystemError)
    case transport(TransportError)
    case evidence(EvidenceError)
    case token(TokenError)
    /// The broker said no.
    case broker(Problem)

    // The home and joining
    case notJoined(home: String)
    case alreadyJoined(NodeName, home: String)
    case homeDamaged(path: String, reason: String)
    case otherRoot(pinned: Digest, found: Digest)
    case otherBroker(pinned: PublicKey, found: PublicKey?)
    case rollUnsettled(tries: Int)
    case invitationNotAccepted
    case notEnrolled(NodeName)
    /// The broker has not shown on this channel that its ledger continues what was seen here.
    case ledgerNotShown
    /// Why the process that reads the network for us has no connection.
    case connection(Problem)
    /// What that process did, for a sentence that begins with “it”.
    case readerFault(String)

    // An opening that is refused here
    case otherNode(asked: NodeName, here: NodeName)
    case openingReplayed(SessionID)
    case openingTooOld(Timestamp)
    case openingMemoryFull
    case leaseOutdated(GrantID, version: Int64, seen: Int64)
    case commandMissing
    case commandUnexpected
    case userUnknown(RunAsName)
    case userNotPossible(RunAsName, agentUser: String)
    case userBelowMinimum(RunAsName, Int64, minimum: Int64)
    case accountNotPossible(RunAsName, reason: String)
    case sudoNotPossible(reason: String)
    case tooManySessions(Int)

    package init(_ error: any Error) {
        switch error {
        case let error as AgentError: self = error
        case let error as SystemError: self = .system(error)
        case let error as TransportError: self = .transport(error)
        case let error as WebSocketError: self = .transport(.webSocket(error))
        case let error as TokenError: self = .token(error)
        case let error as Problem: self = .broker(error)
        default: self = .evidence(EvidenceError(error))
        }
    }
}

extension AgentError: Explainable {
    package var code: String {
        switch self {
        case .system(let error): error.code
        case .transport(let error): error.code
        case .evidence(let error): error.code
        case .token(let error): error.code
        case .broker(let problem): problem.code
        case .notJoined: "agent.not-joined"
        case .alreadyJoined: "agent.already-joined"
        case .homeDamaged: "agent.home-damaged"
        case .otherRoot: "agent.other-root"
        case .otherBroker: "agent.other-broker"
        case .rollUnsettled: "agent.roll-unsettled"
        case .notEnrolled: "agent.not-enrolled"
        case .invitationNotAccepted: "invitation.not-accepted"
        case .ledgerNotShown: "ledger.not-shown"
        case .connection(let problem): problem.code
        case .readerFault: "agent.reader-fault"
        case .otherNode: "opening.other-node"
        case .openingReplayed: "opening.replayed"
        case .openingTooOld: "opening.too-old"
        case .openingMemoryFull: "opening.too-many"
        case .leaseOutdated: "lease.outdated"
        case .commandMissing: "opening.command-missing"
        case .commandUnexpected: "opening.command-unexpected"
        case .userUnknown: "run-as.unknown-user"
        case .userNotPossible: "run-as.not-possible"
        case .userBelowMinimum: "run-as.below-minimum"
        case .accountNotPossible: "run-as.no-account"
        case .sudoNotPossible: "sudo.not-possible"
        case .tooManySessions: "node.too-many-sessions"
        }
    }

    package var message: String {
        switch self {
        case .system(let error): error.message
        case .transport(let error): error.message
        case .evidence(let error): error.message
        case .token(let error): error.message
        case .broker(let problem): problem.message
        case .notJoined(let home): "This machine is not a node yet: there is no identity in \(home)."
        case .alreadyJoined(let name, let home): "This machine is already the node `\(name)`; its identity is in \(home)."
        case .homeDamaged(let path, let reason): "\(path) cannot be used: \(reason)."
        case .otherRoot(let pinned, let found):
            "The roll begins with \(found), and this node trusts only the one that begins with \(pinned)."
        case .otherBroker(let pinned, let found):
            "The roll names the broker key \(found?.hex ?? "none"), and the token names \(pinned)."
        case .rollUnsettled(let tries): "The roll changed under each of \(tries) tries to join."
        case .invitationNotAccepted:
            "The broker does not take this invitation: it was used, has expired, or was never known there."
        case .notEnrolled(let name): "The broker took the enrolment of `\(name)`, and its roll does not have it."
        case .ledgerNotShown: "The broker has not shown yet that its ledger continues the one that this node has seen."
        case .connection(let problem): problem.message
        case .readerFault(let words): "The process that reads the network for this command was ended: \(words)."
        case .otherNode(let asked, let here): "The opening is for node `\(asked)`, and this is node `\(here)`."
        case .openingReplayed(let id): "The opening of session \(id) was used already."
        case .openingTooOld(let time): "The opening was signed at \(time), before the time that this node still remembers."
        case .openingMemoryFull: "This node has seen more openings in two minutes than it can remember."
        case .leaseOutdated(let grant, let version, let seen):
            "Version \(version) of the lease of \(grant) is older than version \(seen), which this node has seen."
        case .commandMissing: "The opening asks for `exec` and names no command."
        case .commandUnexpected: "The opening asks for `shell` and names a command."
        case .userUnknown(let name): "This node has no user `\(name)`."
        case .userNotPossible(let name, let user):
            "The agent of this node runs as `\(user)`, so it cannot start a session as `\(name)`."
        case .userBelowMinimum(let name, let uid, let minimum):
            "User `\(name)` has the number \(uid) on this node, and the policy allows none below \(minimum)."
        case .accountNotPossible(let name, let reason): "The account `\(name)` cannot be made on this node: \(reason)."
        case .sudoNotPossible(let reason): "This node cannot give sudo for the grant: \(reason)."
        case .tooManySessions(let limit): "This node has \(limit) sessions, and more are not allowed."
        }
    }

    package var hint: String? {
        switch self {
        case .system(let error): error.hint
        case .transport(let error): error.hint
        case .evidence(let error): error.hint
        case .token(let error): error.hint
        case .broker(let problem): problem.hint
        case .notJoined: "Ask an administrator for a token (`stint invite node NAME`) and run `stint-agent join`."
        case .alreadyJoined: "To make it another node, disable this one and use another directory (--home)."
        case .homeDamaged: "Put the file back from a backup, or disable the node and join again in an empty directory."
        case .otherRoot, .otherBroker: "Somebody serves another history. Ask who runs the broker; do not go on."
        case .rollUnsettled: "Try again in a moment."
        case .notEnrolled: "Ask who runs the broker."
        case .invitationNotAccepted: "Ask whoever invited this node for a new token: one works once."
        case .ledgerNotShown: "Try again in a moment; if it stays so, ask who runs the broker."
        case .connection(let problem): problem.hint
        case .readerFault: "Try again. If it does so each time, somebody may be attacking this machine through its broker: ask who runs it."
        case .otherNode, .openingReplayed, .openingTooOld, .openingMemoryFull: "Open the session again."
        case .leaseOutdated: "The broker may have been restored from an old copy. Ask who runs it."
        case .commandMissing, .commandUnexpected: nil
        case .userUnknown: "Ask for a user that exists there, or have it made on the node."
        case .userNotPossible: "Run the agent as root, or ask for the user that it runs as."
        case .userBelowMinimum: "Ask for another user, or have the policy changed."
        case .accountNotPossible, .sudoNotPossible: "Ask who runs the node."
        case .tooManySessions: "End a session on this node, or wait."
        }
    }

    /// The exit status of `stint-agent` (DESIGN 10): 1 failed, 2 usage, 3 refused, 6 unreachable, 7 not authenticated.
    package var exitStatus: Int32 {
        switch self {
        case .token(.notAToken), .token(.damaged): 2
        case .token, .alreadyJoined, .otherRoot, .otherBroker, .invitationNotAccepted: 3
        case .transport(let error): Self.exitStatus(ofConnection: error.code)
        case .connection(let problem): Self.exitStatus(ofConnection: problem.code)
        case .broker(let problem): problem.status == 401 ? 7 : problem.status >= 500 ? 1 : 3
        case .evidence(let error): error.code.utf8.starts(with: "internal".utf8) ? 1 : 3
        default: 1
        }
    }

    /// Of a ``TransportError``'s code, which may have come from another process.
    private static func exitStatus(ofConnection code: String) -> Int32 {
        switch code {
        case "transport.name-not-found", "transport.unreachable", "transport.timed-out", "transport.closed", "transport.truncated",
            "transport.handshake-failed", "transport.wrong-protocol":
            6
        case "transport.wrong-key", "transport.unacceptable-certificate", "transport.refused-by-peer": 7
        case "transport.bad-endpoint": 2
        default: 1
        }
    }
}
