// SPDX-License-Identifier: Apache-2.0
// SECURITY: evidence is shown to whoever may see the request, and holds the whole roll, which every enrolled party has.

import Access
import Evidence
import Storage
import StrictJSON

extension API {
    func showEvidence(_ call: Call, _ id: GrantID) throws {
        let (person, _) = try call.principal.person()
        core.readers.submit { [core] database in

            let roll = core.roll.current
            let request: RequestID = id.sibling()
            guard let stored = try database.request(request),
                Visibility(person: person, directory: roll.directory).sees(stored)
            else { throw BrokerError.notFound(kind: "grant", id.description) }
            return try core.evidence(of: stored, from: database)
        } completion: { call.responder.finish($0) }
    }
}

extension BrokerCore {
    fileprivate func evidence(of request: StoredRequest, from database: Connection) throws -> JSONValue {
        let id: GrantID = request.id.sibling()
        let sessions = try database.sessions(of: id)
        let extended = try database.extensions(of: request.id).filter { $0.machine.state == .approved }
        let subjects = [request.id.description, id.description] + sessions.map(\.id.description) + extended.map(\.id.description)
        let entries = try subjects.flatMap { try database.provenLedger(about: $0) }
        return GrantEvidence(
            roll: try BrokerDatabase.entries(database), request: request.statement, votes: request.votes,
            review: try database.review(of: request.id)?.statement, activation: try database.grant(id)?.activation,
            extensions: extended.compactMap { $0.extensionEvidence(onlyApprovals: false) },
            endings: try subjects.flatMap { try database.endings(about: $0) },
            sessions: try sessions.map { session in
                .init(
                    opening: session.opening, acceptance: session.acceptance, receipt: session.receipt,
                    recording: try database.recording(session.id)?.end)
            },
            entries: entries.sorted { $0.entry.number < $1.entry.number }, head: try heads.head(of: database)
        ).json
    }
}
