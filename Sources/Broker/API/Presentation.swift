// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Protocol
import Storage
import StrictJSON

/// What the API shows of stored things. Times are RFC 3339, UTC, with milliseconds.
struct Presentation {
    let database: Connection
    let roll: Roll

    var directory: Directory { roll.directory }

    func request(_ request: StoredRequest) throws -> JSONValue {
        let terms = request.machine.terms
        let policy = directory.charter?.policy
        let entitlement = terms.extends == nil ? policy?.entitlement(terms.entitlement, at: terms.at) : policy?.rule(for: terms)
        let grant = try database.grant(request.grant)
        let review = terms.isBreakGlass ? try database.review(of: request.id) : nil
        var object: JSONObject = [
            "id": .string(request.id.description), "state": .string(request.machine.state.rawValue),
            "version": .integer(request.machine.version), "requester": .string(terms.person.text),
            "entitlement": .string(terms.entitlement.text), "selector": .string(terms.selector.description),
            "capabilities": .array(terms.capabilities.sorted().map { .string($0.rawValue) }),
            "runAs": .string(terms.runAs.text), "duration": .seconds(terms.duration), "reason": .string(terms.reason),
            "fields": .keyedStrings(terms.fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }),
            "createdAt": Self.time(request.createdAt), "decideBefore": Self.time(request.machine.decideBefore),
            "resolvedAt": Self.time(request.resolvedAt),
            "seats": .array((entitlement?.seats ?? []).map(Self.seat)), "votes": .array(request.votes.map(Self.vote)),
            "breakGlass": .bool(terms.isBreakGlass), "consent": Self.consent(request), "review": review.map(Self.review) ?? .null,
            "grant": (grant?.id.description).map { .string($0) } ?? .null,
            "nodes": .names(nodes(of: terms)), "statement": .string(request.source.text),
            "signatures": request.source.signaturesJSON, "startsAt": Self.time(terms.start), "extends": .null, "lease": .null,
            "extended": .null, "endsNow": .null,
        ]
        if let extended = terms.extends {
            object["extends"] = .string(request.grant.description)
            object["lease"] = .integer(extended.lease)
            object["extended"] = request.statement.source.json
            object["endsNow"] = Self.time(grant?.machine.notAfter)
        }
        return .object(object)
    }

    /// Whose consent it has: of people, of the policy by itself, or nobody's.
    private static func consent(_ request: StoredRequest) -> JSONValue {
        guard request.machine.state == .approved else { return .null }
        let consent: Consent =
            request.machine.terms.isBreakGlass ? .breakGlass : request.machine.votes.contains(where: \.approves) ? .people : .policy
        return .string(consent.rawValue)
    }

    private static func review(_ review: StoredReview) -> JSONValue {
        .object([
            "state": .string(review.machine.state.rawValue), "dueBefore": time(review.machine.dueBefore),
            "told": .array(review.told.map { .string($0) }),
            "reviewer": (review.machine.reviewer?.text).map { .string($0) } ?? .null,
            "text": (review.statement?.value.text).map { .string($0) } ?? .null, "reviewedAt": time(review.reviewedAt),
        ])
    }

    /// The nodes that match now; those that were agreed to are in the grant.
    private func nodes(of terms: RequestTerms) -> [NodeName] {
        guard let rules = try? EntitlementInForce(for: terms, in: directory) else { return [] }  // no rule, no node
        return directory.nodes(matching: terms.selector).filter(rules.covers).map(\.name)
    }

    private static func seat(_ seat: Seat) -> JSONValue {
        .object(["count": .integer(Int64(seat.count)), "of": .array(seat.of.map { .string($0.description) })])
    }

    private static func vote(_ signed: Signed<VoteStatement>) -> JSONValue {
        let vote = signed.value.vote
        var object: JSONObject = [
            "person": .string(vote.person.text), "verdict": .string(vote.approves ? "approve" : "deny"),
            "note": .string(vote.note), "at": time(vote.at), "nodes": .array([]), "duration": .null,
        ]
        if case .approve(let nodes, let duration) = vote.verdict {
            object["nodes"] = .names(nodes)
            object["duration"] = .seconds(duration)
        }
        return .object(object)
    }

    func grant(_ grant: StoredGrant, of request: StoredRequest) throws -> JSONValue {
        let terms = request.machine.terms
        let activation = try grant.activation
        var nodes: Set<NodeName>?
        for signed in request.votes {
            guard case .approve(let allowed, _) = signed.value.vote.verdict else { continue }
            nodes = nodes.map { $0.intersection(allowed) } ?? allowed
        }
        // Without votes, the policy approved it: nobody has looked at a list.
        let agreed = nodes.map { Array($0) } ?? self.nodes(of: terms)
        return .object([
            "id": .string(grant.id.description), "state": .string(grant.machine.state.rawValue),
            "version": .integer(grant.machine.version), "request": .string(grant.request.description),
            "holder": .string(grant.machine.holder.text), "selector": .string(terms.selector.description),
            "nodes": .names(agreed), "capabilities": .array(terms.capabilities.sorted().map { .string($0.rawValue) }),
            "runAs": .string(terms.runAs.text), "granted": .seconds(grant.machine.granted),
            "startsAt": Self.time(grant.machine.startsAt), "lease": .integer(grant.machine.lease),
            "extensions": .array(try database.extensions(of: request.id).map(Self.extended)),
            "activateBefore": Self.time(grant.machine.activateBefore), "notBefore": Self.time(grant.machine.notBefore),
            "notAfter": Self.time(grant.machine.notAfter), "endedAt": Self.time(grant.endedAt),
            "endReason": (grant.machine.endReason?.rawValue).map { .string($0) } ?? .null,
            "requestDigest": .string(request.statement.digest.hex),
            "activationDigest": (activation?.digest.hex).map { .string($0) } ?? .null,
            "activation": activation?.source.json ?? .null, "consent": Self.consent(request),
        ])
    }

    /// One request for more time, in the grant's own object.
    private static func extended(_ request: StoredRequest) -> JSONValue {
        .object([
            "id": .string(request.id.description), "state": .string(request.machine.state.rawValue),
            "lease": .integer(request.machine.terms.extends?.lease ?? 0), "duration": .seconds(request.machine.terms.duration),
            "reason": .string(request.machine.terms.reason), "createdAt": time(request.createdAt),
            "resolvedAt": time(request.resolvedAt),
            "approvers": .array(request.votes.filter(\.value.vote.approves).map { .string($0.value.vote.person.text) }),
        ])
    }

    static func session(_ session: StoredSession, hasRecording: Bool, _ recording: StoredRecording?) -> JSONValue {
        let opening = session.opening.value
        return .object([
            "id": .string(session.id.description), "state": .string(session.machine.state.rawValue),
            "version": .integer(session.machine.version), "grant": .string(session.machine.grant.description),
            "node": .string(opening.node.text), "person": .string(opening.person.text),
            "capability": .string(opening.capability.rawValue), "command": .array(opening.command.map { .string($0) }),
            "runAs": .string(opening.runAs.text), "openedAt": time(session.openedAt), "startedAt": time(session.startedAt),
            "endedAt": time(session.endedAt),
            "endReason": (session.machine.endReason?.rawValue).map { .string($0) } ?? .null,
            "detail": session.detail.map { .string($0) } ?? .null, "confirmed": .bool(session.isConfirmed),
            "opening": session.opening.source.json,
            "recording": .bool(hasRecording),
            "recordingState": (recording?.state.rawValue).map { .string($0) } ?? .null,
            "recordingWhole": .bool(recording?.state == .whole),
            "recordingMissing": (recording?.end?.value.missing).map { .integer($0) } ?? .null, "receipt": session.receipt.map(receipt) ?? .null,
        ])
    }

    private static func receipt(_ signed: Signed<ReceiptStatement>) -> JSONValue {
        let receipt = signed.value
        var object: JSONObject = [
            "killed": .integer(Int64(receipt.killed)), "left": .integer(Int64(receipt.left)),
            "method": .string(receipt.method), "exit": .null, "signal": .null,
            "remarks": .array(receipt.remarks.map { .string($0) }), "inputBytes": .integer(receipt.inputBytes),
            "outputBytes": .integer(receipt.outputBytes), "statement": .string(signed.source.text),
            "signatures": signed.source.signaturesJSON,
        ]
        switch receipt.outcome {
        case .exited(let status): object["exit"] = .integer(Int64(status))
        case .signalled(let number): object["signal"] = .integer(Int64(number))
        case .none: break
        }
        return .object(object)
    }

    /// - Parameter wholeFacts: or only those that a list shows.
    static func node(
        _ node: Node, version: String?, doubt: Problem?, presence: Presence?, at now: Timestamp, wholeFacts: Bool
    ) -> JSONValue {
        let lastSeen = version == nil ? presence?.lastSeen : now
        let away = doubt == nil ? "disconnected" : "distrusts"
        let state = !node.isEnabled ? "disabled" : version != nil ? "connected" : away
        return .object([
            "id": .string(node.name.text), "name": .string(node.name.text), "tags": .keyedStrings(node.tags.sorted),
            "state": .string(state), "lastSeen": time(lastSeen), "agentVersion": version.map { .string($0) } ?? .null,
            "doubt": doubt.map { .string($0.message) } ?? .null, "facts": facts(presence, whole: wholeFacts),
            "factsAt": time(presence?.factsAt),
        ])
    }

    private static let longFacts = ["disks", "users", "listening"]

    private static func facts(_ presence: Presence?, whole: Bool) -> JSONValue {
        // It was checked before it was stored; a database of another program is no reason to show no node.
        guard let text = presence?.facts, var object = (try? JSONValue(parsing: text))?.asObject else { return .null }
        if !whole { for key in longFacts { object[key] = nil } }
        return .object(object)
    }

    func person(_ person: Person) -> JSONValue {
        .object([
            "id": .string(person.name.text), "name": .string(person.name.text), "groups": .names(person.groups),
            "attributes": .keyedStrings(person.attributes.map { ($0.key, $0.value) }),
            "state": .string(person.isEnabled ? "enabled" : "disabled"),
            "administrator": .bool(directory.isAdministrator(person.name)),
            "devices": .array(
                person.devices.map { device in
                    .object([
                        "key": .string(device.key.hex), "label": .string(device.label),
                        "state": .string(device.isEnabled ? "enabled" : "disabled"),
                    ])
                }),
        ])
    }

    static func ledgerEntry(_ row: Row) throws -> JSONValue {
        let at = Timestamp(milliseconds: try row.integer("at"))
        return .object([
            "id": .string(String(try row.integer("number"))), "number": .integer(try row.integer("number")),
            "at": time(at), "atMilliseconds": .integer(at.milliseconds), "event": .string(try row.text("event")),
            "subject": .string(try row.text("subject")), "actor": .string(try row.text("actor")),
            "body": .string(try row.text("body")), "previous": .string(try row.text("previous")),
            "hash": .string(try row.text("hash")),
        ])
    }

    static func time(_ time: Timestamp?) -> JSONValue { time.map { .string($0.description) } ?? .null }
}
