// SPDX-License-Identifier: Apache-2.0
// SECURITY: what an administrator agrees to is computed here, from the bytes that the first one signed, over this client's own
// roll. What the broker says about a proposal is shown to nobody.

package import Access
package import Evidence
import Protocol
import StrictJSON

/// A proposed charter, verified: its proposer is an administrator and signed this very content over the charter in force.
package struct CheckedProposal: Sendable {
    package let consent: Signed<ConsentStatement>
    package let content: CharterContent
    package let proposal: CharterProposal
    package let policy: Policy
    /// What would change, in the words of the file.
    package let difference: PolicyDifference
    package let added: [PersonName]
    package let removed: [PersonName]

    package var id: ProposalID { proposal.id }

    /// - Throws: where it is not what was signed, or no longer possible.
    package init(_ answer: Answer, asked id: ProposalID, in roll: Roll, at now: Timestamp) throws {
        consent = try Signed<ConsentStatement>(try answer.signed())
        guard ProposalID(digest: consent.digest.bytes) == id else {
            throw ClientError.wrongObject(asked: id.description, got: ProposalID(digest: consent.digest.bytes).description)
        }
        guard let given = answer.json["content"] else { throw ClientError.unclearAnswer("`content` is missing") }
        content = try CharterContent(given)
        let state = CharterProposal.State(rawValue: try answer.text("state"))
        guard let state else { throw ClientError.unclearAnswer("`state` is not known") }
        proposal = CharterProposal(
            id: id, by: consent.value.person, state: state, version: consent.value.version, notAfter: consent.value.notAfter)
        if let refusal = proposal.refusal(in: roll.directory, at: now) { throw refusal }
        try roll.check(consent, over: content)
        guard let charter = roll.directory.charter else { throw Refusal.noCharter }
        policy = try Policy(parsing: content.policy, file: "policy")
        difference = PolicyDifference(from: charter.policy, to: policy)
        added = content.administrators.filter { !charter.administrators.contains($0) }
        removed = charter.administrators.subtracting(content.administrators).sorted()
    }
}

/// What became of a change of the charter.
package enum CharterChange: Sendable {
    case inForce(Signed<CharterStatement>)
    /// Somebody else has to agree first.
    case proposed(ProposalID, notAfter: Timestamp)
}

extension Operator {
    /// Changes the charter, or proposes the change where the charter in force demands a second administrator.
    ///
    /// - Parameter charter: the one that the change was shown against.
    /// - Throws: `roll.forked` where another administrator was faster: what was shown is not what would change then.
    package func change(_ content: CharterContent, over charter: Charter, reason: String, for lifetime: Duration) throws -> CharterChange {
        guard content != CharterContent(administrators: charter.administrators.sorted(), policy: charter.text) else {
            throw Refusal.charter(.nothingChanges)
        }
        guard charter.policy.administratorsToAgree > 1 else {
            return .inForce(try sign(content, as: charter.version + 1, agreed: []))
        }
        let consent = try consent(to: content, over: charter, reason: reason, notAfter: .now() + lifetime)
        let body: JSONValue = .object(["consent": consent.source.json, "content": content.json])
        _ = try broker.post(Route.proposals, body)
        return .proposed(ProposalID(digest: consent.digest.bytes), notAfter: consent.value.notAfter)
    }

    /// Agrees to a proposal, which is in force then.
    package func agree(to proposal: CheckedProposal, reason: String) throws -> Signed<CharterStatement> {
        let me = try me().name
        if let refusal = proposal.proposal.refusal(of: me, in: directory, at: .now()) { throw refusal }
        guard let charter = directory.charter else { throw Refusal.noCharter }
        let own = try consent(to: proposal.content, over: charter, reason: reason, notAfter: proposal.proposal.notAfter)
        return try sign(proposal.content, as: proposal.proposal.version, agreed: [proposal.consent, own])
    }

    package func proposal(_ id: ProposalID) throws -> CheckedProposal {
        let answer = Answer(try broker.get("\(Route.proposals)/\(id)"))
        try synchronise()  // after the proposal, so that the roll reaches as far as its signer knew
        return try CheckedProposal(answer, asked: id, in: roll, at: .now())
    }

    private func consent(to content: CharterContent, over charter: Charter, reason: String, notAfter: Timestamp) throws
        -> Signed<ConsentStatement>
    {
        try HumanText.check(reason)
        guard let base = roll.charterDigest else { throw Refusal.noCharter }
        return try ConsentStatement(
            root: identity.root, version: charter.version + 1, base: base, content: try content.digest(), person: identity.person,
            reason: reason, notAfter: notAfter, nonce: try Evidence.Random.nonce(), at: .now()
        ).signed(with: key.signing)
    }

    private func sign(_ content: CharterContent, as version: Int64, agreed: [Signed<ConsentStatement>]) throws
        -> Signed<CharterStatement>
    {
        let pin = identity.pin
        return try append { place in
            CharterStatement(
                place: place, version: version, administrators: content.administrators, policy: content.policy, broker: pin,
                founder: nil, consents: agreed, at: .now())
        }
    }
}
