// SPDX-License-Identifier: Apache-2.0
// SECURITY: a report tells nobody more than `stint show` would, one by one.

import Access
import Evidence
import Protocol
import Storage
import StrictJSON

extension API {
    /// Who held what between two moments: grants that were in force then, a page at a time, the latest first.
    func report(_ call: Call) throws {
        let (person, _) = try call.principal.person()
        let since = try call.number("since", in: Timestamp.validRange) ?? 0
        let until = try call.number("until", in: Timestamp.validRange) ?? Timestamp.validRange.upperBound
        let period = Timestamp(milliseconds: since)..<Timestamp(milliseconds: max(since, until))
        let before = Timestamp(milliseconds: try call.number("before", in: Timestamp.validRange) ?? until)
        let behind = call.parameter("behind") ?? ""
        read(call) { [core] database in
            let roll = core.roll.current
            let visibility = Visibility(person: person, directory: roll.directory)
            let presentation = Presentation(database: database, roll: roll)
            let page = try database.grants(
                from: period.lowerBound - Self.longestWait, before: before, behind: behind, limit: Limits.reportRows)
            var items: [JSONValue] = []
            for grant in page where grant.wasInForce(in: period) {
                guard let request = try database.request(grant.request), visibility.sees(request) else { continue }
                items.append(try presentation.review(grant, of: request))
            }
            var answer: JSONObject = ["items": .array(items), "next": .null]
            if page.count == Limits.reportRows, let last = page.last {
                answer["next"] = .object(["before": .integer(last.createdAt.milliseconds), "behind": .string(last.id.description)])
            }
            return .object(answer)
        }
    }

    /// From a grant's making to its end at most: a week to activate it, a day of use, and room.
    private static let longestWait: Duration = .seconds(9 * 86_400)
}

extension StoredGrant {
    /// From when it could be used to its end, or without one.
    fileprivate func wasInForce(in period: Range<Timestamp>) -> Bool {
        let begin = machine.notBefore ?? createdAt
        let end = endedAt ?? machine.notAfter ?? machine.activateBefore
        return begin < period.upperBound && end >= period.lowerBound
    }
}

extension Presentation {
    /// One grant for an access review.
    fileprivate func review(_ grant: StoredGrant, of request: StoredRequest) throws -> JSONValue {
        guard case .object(var object) = try self.grant(grant, of: request) else { return .null }
        let terms = request.machine.terms
        for key in ["activation", "requestDigest", "activationDigest"] { object[key] = nil }
        object["entitlement"] = .string(terms.entitlement.text)
        object["reason"] = .string(terms.reason)
        object["fields"] = .keyedStrings(terms.fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        object["requestedAt"] = Self.time(terms.at)
        object["votes"] = .array(
            request.votes.map { signed in
                let vote = signed.value.vote
                return .object([
                    "person": .string(vote.person.text), "verdict": .string(vote.approves ? "approve" : "deny"),
                    "note": .string(vote.note), "at": Self.time(vote.at),
                ])
            })
        object["sessions"] = .array(try database.sessions(of: grant.id).map { try review($0) })
        return .object(object)
    }

    private func review(_ session: StoredSession) throws -> JSONValue {
        let opening = session.opening.value
        let recording = try database.recording(session.id)
        var object: JSONObject = [
            "id": .string(session.id.description), "node": .string(opening.node.text), "capability": .string(opening.capability.rawValue),
            "command": .array(opening.command.map { .string($0) }), "startedAt": Self.time(session.startedAt),
            "endedAt": Self.time(session.endedAt), "state": .string(session.machine.state.rawValue),
            "endReason": (session.machine.endReason?.rawValue).map { .string($0) } ?? .null,
            "recording": (recording?.state.rawValue).map { .string($0) } ?? .null, "killed": .null, "left": .null, "outputBytes": .null,
        ]
        if let receipt = session.receipt?.value {
            object["killed"] = .integer(Int64(receipt.killed))
            object["left"] = .integer(Int64(receipt.left))
            object["outputBytes"] = .integer(receipt.outputBytes)
        }
        return .object(object)
    }
}
