// SPDX-License-Identifier: Apache-2.0

import Access
import StrictJSON

/// More time on grants that live, as the broker's verbs do it.
extension Lifecycle {
    mutating func extend() -> (JSONObject, JSONObject) {
        let index = oftenGrant { $0.state == .active } ?? anyRequest()
        let first = requests[index].terms
        let lease = (grants[index]?.lease ?? 1) + (random.chance(90) ? 1 : random.between(0, 2))
        let duration = random.between(0, 500)
        let reason = String(repeating: "y", count: Int(random.chance(95) ? 3 : random.between(0, 2)))
        let act: JSONObject = [
            "do": "extend", "request": .integer(Int64(index)), "lease": .integer(lease), "duration": .integer(duration), "reason": .string(reason),
        ]
        guard first.extends == nil, let grant = grants[index], !extensions(of: first.id).contains(where: { $0.state == .pending }) else {
            return (act, Self.refused)
        }
        let terms = first.extended(
            as: RequestID(digest: [0, 0, UInt8(truncatingIfNeeded: requests.count), 0]), lease: lease, by: .seconds(duration),
            reason: reason, at: Self.time(now))
        do {
            let rules = try EntitlementInForce(for: terms, in: facts.directory)
            if let refusal = rules.extensionRefusal(of: terms, extending: grant, in: facts.directory, at: Self.time(now)) { throw refusal }
            var request = AccessRequest(
                terms: terms, decideBefore: min(Self.time(now) + rules.pendingFor, grant.notAfter ?? Self.time(now)))
            var outcome: JSONObject = ["ok": true]
            if rules.isAutomatic {
                let effect = try request.apply(.approveAutomatically(spent: 0), in: facts.directory, at: Self.time(now))
                guard case .ready(let agreed) = effect else { return (act, Self.refused) }
                outcome["notAfter"] = try prolong(agreed, by: terms)
            }
            requests.append(request)
            outcome["state"] = .string(request.state.rawValue)
            return (act, outcome)
        } catch {
            return (act, Self.refused)
        }
    }

    /// More often than chance would have it, a grant that has come so far.
    mutating func oftenGrant(where isMeant: (Grant) -> Bool) -> Int? {
        random.chance(60) ? grants.filter { isMeant($0.value) }.keys.sorted().last : nil
    }

    /// A vote on an extension of what is over comes too late.
    func checkGrantLives(_ terms: RequestTerms) throws(Refusal) {
        guard let extended = terms.extends else { return }
        let grant = grants[number(of: extended.request)]
        guard grant?.state == .active, let notAfter = grant?.notAfter, Self.time(now) < notAfter else {
            throw .grantOver(terms.id.sibling(), .ended, .expired)
        }
    }

    /// - Returns: the grant's new end.
    mutating func prolong(_ agreed: GrantTerms, by terms: RequestTerms) throws(Refusal) -> JSONValue {
        guard let extended = terms.extends, var grant = grants[number(of: extended.request)], let start = grant.notBefore,
            let notAfter = grant.notAfter, agreed.approvedAt < notAfter
        else { throw .grantOver(terms.id.sibling(), .ended, .expired) }
        let rules = try EntitlementInForce(for: terms, in: facts.directory)
        let end = try rules.end(extending: notAfter, by: agreed.duration, from: start, granted: grant.granted)
        try grant.apply(.extend(lease: extended.lease, to: end), at: Self.time(now))
        grants[number(of: extended.request)] = grant
        return Self.seconds(end)
    }

    func agreedExtensions(of request: RequestID) -> [AgreedExtension] {
        extensions(of: request).filter { $0.state == .approved }.map { AgreedExtension(terms: $0.terms, votes: $0.votes) }
            .sorted { ($0.terms.extends?.lease ?? 0) < ($1.terms.extends?.lease ?? 0) }
    }

    private func extensions(of request: RequestID) -> [AccessRequest] { requests.filter { $0.terms.extends?.request == request } }

    private func number(of request: RequestID) -> Int { requests.firstIndex { $0.terms.id == request } ?? -1 }
}
