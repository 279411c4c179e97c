// SPDX-License-Identifier: Apache-2.0
// SECURITY: the one place where this node says yes. On the evidence, its own copy of the roll, its own clocks and its own
// memory; never on the broker's word (P1).

package import Access
package import Evidence
package import Posix

/// Decides about openings.
package struct Gatekeeper: ~Copyable {
    private let node: NodeName
    /// The user that this agent runs as.
    private let agentUser: User
    private var openings: OpeningMemory
    package let grants: GrantMemory

    /// Sessions on one node at a time.
    package static let maximumSessions = 512

    package init(node: NodeName, agentUser: User, openings: consuming OpeningMemory, grants: GrantMemory) {
        self.node = node
        self.agentUser = agentUser
        self.openings = openings
        self.grants = grants
    }

    /// Decides whether a session may open. When this returns, the opening is used up and the grant's time runs.
    ///
    /// - Parameter sessions: how many there are on this node.
    /// - Throws: the first thing that is missing or does not hold.
    package mutating func decide(
        _ evidence: OpeningEvidence, with roll: Roll, at now: GrantMemory.Moment, sessions: Int
    ) throws -> SessionTerms {
        let opening = evidence.opening
        guard opening.value.node == node else { throw AgentError.otherNode(asked: opening.value.node, here: node) }
        let lease = try evidence.decide(with: roll, at: now.wall)
        let device = try roll.signer(of: opening, mustBe: opening.value.person)
        try checkPossible(opening.value, under: lease.settings)
        guard sessions < Self.maximumSessions else { throw AgentError.tooManySessions(Self.maximumSessions) }
        try openings.take(opening, at: now.wall)
        let request = evidence.request.digest
        let anchor = try grants.anchor(lease, of: request, at: now)
        return SessionTerms(
            opening: opening, request: request, device: device, lease: lease, anchor: anchor, startedAt: now.wall)
    }

    /// Decides whether a session that lives gets a later end. Like an opening, on evidence alone: extension, votes and
    /// whatever they rest on.
    ///
    /// - Parameter terms: of the session. The evidence must be of the very same opening.
    /// - Throws: the first thing that is missing or does not hold. What has ended stays ended.
    package func prolong(
        _ terms: SessionTerms, by evidence: OpeningEvidence, with roll: Roll, at now: GrantMemory.Moment
    ) throws -> LeaseMove {
        guard evidence.opening.digest == terms.opening.digest, evidence.request.digest == terms.request else {
            throw EvidenceError.doesNotBelong(type: ExtensionStatement.type, to: "session")
        }
        let lease = try evidence.decideLease(with: roll, at: now.wall)
        return LeaseMove(try grants.anchor(lease, of: terms.request, at: now))
    }

    /// Whether this node can do what is asked.
    private func checkPossible(_ opening: OpeningStatement, under settings: SessionSettings) throws {
        switch opening.capability {
        case .shell: guard opening.command.isEmpty else { throw AgentError.commandUnexpected }
        case .exec: guard !opening.command.isEmpty else { throw AgentError.commandMissing }
        case .document: break  // the charter has said what it runs
        case .forward, .ssh, .copy: break  // what the opening says is checked with the rest of it
        }
        let user: User
        do throws(SystemError) {
            user = try User.named(opening.runAs.text)
        } catch {
            switch error.refusal {
            case .unknownUser where settings.account != nil && agentUser.uid == 0: return  // it is made for the grant
            case .unknownUser, .invalidUserName: throw AgentError.userUnknown(opening.runAs)
            default: throw error
            }
        }
        guard Int64(user.uid) >= settings.minimumUserID else {
            throw AgentError.userBelowMinimum(opening.runAs, Int64(user.uid), minimum: settings.minimumUserID)
        }
        guard agentUser.uid == 0 || agentUser.uid == user.uid else {
            throw AgentError.userNotPossible(opening.runAs, agentUser: agentUser.name)
        }
    }
}
