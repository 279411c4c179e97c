// SPDX-License-Identifier: Apache-2.0
// SECURITY: carries the evidence of an extension to the nodes whose sessions live under the grant. Nothing depends on it
// for safety: a node decides by itself, and one that hears nothing keeps the earlier end (P1, P2).

import Access
import Evidence
import Protocol
import Storage

/// Tells nodes of new leases: when a grant was extended, and again whenever a node says hello, so that neither a message
/// that was lost nor a broker that was killed in between costs anybody the time that was agreed to.
struct LeaseDelivery: Sendable {
    let core: BrokerCore

    init(_ core: BrokerCore) { self.core = core }

    /// To every node that has a session of the grant.
    func tell(_ grant: GrantID) {
        deliver { database in
            guard let stored = try database.grant(grant) else { return [] }
            return try database.sessions(of: grant).compactMap { try Self.lease(of: $0, under: stored, in: database) }
        }
    }

    /// To one node, of the sessions that live there.
    func tell(_ node: NodeName, about sessions: [SessionID]) {
        deliver { database in
            try sessions.compactMap { id in
                guard let session = try database.session(id), session.opening.value.node == node,
                    let grant = try database.grant(session.machine.grant), grant.machine.lease > 1
                else { return nil }
                return try Self.lease(of: session, under: grant, in: database)
            }
        }
    }

    private func deliver(_ find: @escaping @Sendable (Connection) throws -> [OpeningEvidence]) {
        core.readers.submit(find) { [core] result in
            switch result {
            case .success(let leases):
                for evidence in leases {
                    let node = evidence.opening.value.node
                    core.agents.bringForward(node, from: core.roll)
                    core.agents.send(.lease(evidence), to: node)
                }
            case .failure(let error): Log.error("leases: \(error)")
            }
        }
    }

    private static func lease(of session: StoredSession, under grant: StoredGrant, in database: Connection) throws -> OpeningEvidence? {
        switch session.machine.state {
        case .opening, .live, .detached: try database.evidence(for: session.opening, under: grant)
        case .ending, .ended: nil
        }
    }
}
