// SPDX-License-Identifier: Apache-2.0
// SECURITY: a proposal is nothing but a consent with the content it names. Only the roll makes it a charter, and the roll
// counts the consents itself.

import Access
import Evidence
import Storage
import StrictJSON

extension Workflow {
    /// Keeps a charter that one administrator signed, for a second one to look at.
    func propose(_ consent: Signed<ConsentStatement>, _ content: CharterContent, from device: PublicKey) throws -> ProposalID {
        let value = consent.value
        let id = ProposalID(digest: consent.digest.bytes)
        try verify(consent, by: value.person, root: value.root, sentFrom: device)
        guard directory.isAdministrator(value.person) else { throw Refusal.notAnAdministrator(value.person) }
        if let known = try database.proposal(id), known.consent.digest == consent.digest { return id }
        try checkFresh(value.at)
        try roll.check(consent, over: content)
        guard now < value.notAfter else { throw Refusal.charter(.proposalExpired(id, value.notAfter)) }
        try checkPossible(content)
        let open = try database.openProposals().filter { now < $0.consent.value.notAfter }
        guard open.count < CharterRule.maximumOpen else { throw Refusal.charter(.tooManyProposals(open.count)) }
        try database.insert(consent, to: content, at: now)
        try record(
            "proposal.made", id, by: value.person,
            ["digest": .string(consent.digest.hex), "version": .integer(value.version), "reason": .string(value.reason)])
        return id
    }

    /// What could never come into force is refused when it is proposed.
    private func checkPossible(_ content: CharterContent) throws {
        let policy = try Policy(parsing: content.policy, file: "policy")
        for name in content.administrators where directory.people[name]?.isEnabled != true {
            throw EvidenceError.subjectUnknown(kind: "person", name.text)
        }
        let able = content.administrators.count { name in
            directory.people[name]?.devices.contains(where: \.isEnabled) == true
        }
        try CharterRule.check(policy, isChangeableBy: able)
    }

    func withdraw(_ id: ProposalID, by person: Person, _ isRetry: Bool) throws -> (id: String, state: String) {
        guard directory.isAdministrator(person.name), let stored = try database.proposal(id) else {
            throw BrokerError.notFound(kind: "proposal", id.description)
        }
        if isRetry { return (id.description, stored.state.rawValue) }
        guard stored.consent.value.person == person.name else {
            throw Refusal.charter(.notTheProposer(id, stored.consent.value.person))
        }
        guard stored.state == .open else { throw Refusal.charter(.proposalOver(id, stored.state)) }
        try database.resolve(stored, as: .withdrawn, charter: nil, at: now)
        try record("proposal.withdrawn", id, by: person.name, ["digest": .string(stored.consent.digest.hex)])
        return (id.description, CharterProposal.State.withdrawn.rawValue)
    }

    /// A consent that was taken back counts no more, although it is signed. Only the broker knows that it was.
    func checkNotWithdrawn(_ charter: CharterStatement) throws {
        for consent in charter.consents {
            guard let stored = try database.proposal(ProposalID(digest: consent.digest.bytes)) else { continue }
            guard stored.state == .open else { throw Refusal.charter(.proposalOver(stored.id, stored.state)) }
        }
    }

    /// With a new charter every open proposal is either what it says, or overtaken.
    func resolveProposals(by charter: Signed<CharterStatement>) throws {
        for stored in try database.openProposals() {
            let isAgreed = charter.value.consents.contains { $0.digest == stored.consent.digest }
            let state: CharterProposal.State = isAgreed ? .agreed : .overtaken
            try database.resolve(stored, as: state, charter: charter.value.place.number, at: now)
            try record("proposal." + state.rawValue, stored.id, ["digest": .string(stored.consent.digest.hex)])
        }
    }
}
