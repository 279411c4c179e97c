// SPDX-License-Identifier: Apache-2.0
// SECURITY: a hold tells of an inquiry: only administrators see it, and only they put it on or take it away.

import Access
import Evidence
import Protocol
import Storage
import StrictJSON

extension API {
    func hold(_ call: Call) throws {
        let (_, device) = try call.principal.person()
        let statement: Signed<HoldStatement> = try call.statement(of: device)
        core.write { try $0.hold(statement, from: device) } completion: { result in
            call.responder.finish(result.map { .object(["name": .string($0.text)]) })
        }
    }

    func listHolds(_ call: Call) throws {
        let (person, _) = try call.principal.person()
        guard core.roll.current.directory.isAdministrator(person.name) else { throw Refusal.notAnAdministrator(person.name) }
        let isAll = call.parameter("scope") == "all"
        read(call) { database in
            .items(try (isAll ? database.allHolds(limit: Limits.listRows) : database.holds()).map(Self.json))
        }
    }

    private static func json(_ hold: StoredHold) -> JSONValue {
        let added = hold.added.value
        return .object([
            "name": .string(added.name.text), "scope": .string(added.scope.description), "reason": .string(added.reason),
            "by": .string(added.person.text), "at": Presentation.time(hold.addedAt),
            "removedBy": (hold.removed?.value.person.text).map { .string($0) } ?? .null, "removedAt": Presentation.time(hold.removedAt),
            "state": hold.removed == nil ? "in force" : "removed",
        ])
    }
}
