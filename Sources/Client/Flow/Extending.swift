// SPDX-License-Identifier: Apache-2.0
// SECURITY: what is extended is read from the signed request and checked here; the broker's word decides only which refusal
// comes early.

package import Access
package import Evidence
import Protocol

/// A request for more time, before it is signed.
package struct ExtensionDraft: Sendable {
    package let grant: GrantID
    package let request: Digest
    package let terms: RequestTerms
    package let rules: EntitlementInForce
    /// When the grant ends as it is, and when it would.
    package let endsNow: Timestamp
    package let endsThen: Timestamp

    /// Decides with the function that the broker asks too, so that a refusal comes in the same words.
    package init(
        of view: GrantView, from first: Signed<RequestStatement>, by duration: Duration, reason: String,
        in directory: Directory, at now: Timestamp
    ) throws {
        let lease = view.answer.optionalInteger("lease") ?? 1
        let machine = Grant(
            id: view.id, holder: first.value.person, granted: .seconds(view.answer.optionalInteger("granted") ?? 0),
            activateBefore: now, notBefore: view.answer.time("notBefore"), notAfter: view.notAfter, lease: lease,
            state: view.state)
        // The id is that of a digest, which is there once it is signed.
        let terms = first.terms.extended(as: first.id, lease: lease + 1, by: duration, reason: reason, at: now)
        let rules = try EntitlementInForce(for: terms, in: directory)
        if let refusal = rules.extensionRefusal(of: terms, extending: machine, in: directory, at: now) { throw refusal }
        guard let start = machine.notBefore, let end = machine.notAfter else { throw Refusal.grantNotActive(view.id) }
        (grant, request) = (view.id, first.digest)
        (self.terms, self.rules, endsNow) = (terms, rules, end)
        endsThen = try rules.end(extending: end, by: duration, from: start, granted: machine.granted)
    }

    /// The people who may fill each seat. Never the requester.
    package func deciders(in directory: Directory) -> [(seat: Seat, people: [PersonName])] {
        guard !rules.isAutomatic else { return [] }
        return Seats.holders(of: rules.current.seats, besides: terms.person, in: directory).map { row in
            (row.seat, row.people.filter { rules.voteRefusal(of: $0, on: terms, in: directory) == nil })
        }
    }
}

extension Operator {
    /// - Parameter id: nil for the only active grant of this person.
    package func extensionDraft(of id: GrantID?, by duration: Duration, reason: String) throws -> ExtensionDraft {
        let view = if let id { try grant(id) } else { try onlyActiveGrant() }
        let (request, _) = try checkedRequest(view.id.sibling())
        guard request.first.value.person == identity.person else { throw Refusal.notTheHolder(view.id) }
        return try ExtensionDraft(
            of: view, from: request.first, by: duration, reason: reason, in: directory, at: .now())
    }

    private func onlyActiveGrant() throws -> GrantView {
        let active = try grants(state: Grant.State.active.rawValue)
        guard let first = active.first else { throw ClientError.nothingLive }
        guard active.count == 1 else {
            throw ClientError.ambiguous("You have more than one active grant", choices: active.map(\.id.description))
        }
        return first
    }

    /// Signs it and hands it in.
    package func ask(_ draft: ExtensionDraft) throws -> Answer {
        guard let extended = draft.terms.extends else { throw Refusal.grantNotActive(draft.grant) }
        let statement = ExtensionStatement(
            root: identity.root, request: draft.request, person: identity.person, lease: extended.lease,
            duration: draft.terms.duration, reason: draft.terms.reason, rollNumber: roll.number,
            nonce: try Evidence.Random.nonce(), at: .now())
        return Answer(try broker.post(Route.extensions, try statement.signed(with: key.signing).source))
    }
}
