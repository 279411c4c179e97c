// SPDX-License-Identifier: Apache-2.0
// SECURITY: proposed charters are for administrators only.

import Access
import Evidence
import Protocol
import Storage
import StrictJSON
import Transport

extension API {
    func propose(_ call: Call) throws {
        let (_, device) = try call.principal.person()
        var reader = try ObjectReader(try JSONValue(parsing: call.request.body, limits: JSONLimits(bytes: SignedText.maximumLength)))
        let consent = try Signed<ConsentStatement>(try SignedText(try reader.value("consent")))
        let content = try CharterContent(try reader.value("content"))
        try reader.finish()
        core.write { try $0.propose(consent, content, from: device) } completion: { result in
            call.responder.finish(result.map { .object(["id": .string($0.description)]) })
        }
    }

    /// Those that are open, or with `scope=all` every one.
    func listProposals(_ call: Call) throws {
        try checkAdministrator(call)
        let isAll = call.parameter("scope") == "all"
        let now = core.clock.now
        read(call) { database in
            let found = try isAll
                ? database.proposals(limit: Limits.listRows)
                : database.openProposals().filter { now < $0.consent.value.notAfter }
            return .items(found.map { Self.json($0, withContent: false) })
        }
    }

    func showProposal(_ call: Call, _ id: ProposalID) throws {
        try checkAdministrator(call)
        read(call) { database in
            guard let stored = try database.proposal(id) else { throw BrokerError.notFound(kind: "proposal", id.description) }
            return Self.json(stored, withContent: true)
        }
    }

    private func checkAdministrator(_ call: Call) throws {
        let (person, _) = try call.principal.person()
        guard core.roll.current.directory.isAdministrator(person.name) else { throw Refusal.notAnAdministrator(person.name) }
    }

    private static func json(_ stored: StoredProposal, withContent: Bool) -> JSONValue {
        let value = stored.consent.value
        var object: JSONObject = [
            "id": .string(stored.id.description), "state": .string(stored.state.rawValue), "by": .string(value.person.text),
            "version": .integer(value.version), "reason": .string(value.reason), "at": Presentation.time(stored.at),
            "notAfter": Presentation.time(value.notAfter), "resolvedAt": Presentation.time(stored.resolvedAt),
            "statement": .string(stored.consent.source.text), "signatures": stored.consent.source.signaturesJSON,
        ]
        if withContent { object["content"] = stored.content.json }
        return .object(object)
    }
}
