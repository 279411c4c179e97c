// SPDX-License-Identifier: Apache-2.0
// SECURITY: who must agree before a charter follows another. Broker, nodes and clients ask this one function, so a broker
// cannot serve a charter with one signature where the charter in force demands two (P1).

/// What the charter in force demands of the next one.
package enum CharterRule {
    /// A consent counts for at most so long.
    package static let longestConsent: Duration = .seconds(7 * 86_400)
    package static let consentLifetime: Duration = .seconds(86_400)
    /// More proposals are not open at a time.
    package static let maximumOpen = 20

    /// Checks that a charter may follow the one in `directory`.
    ///
    /// - Parameters:
    ///   - persons: whose signed consents to exactly this charter it carries.
    ///   - able: the administrators of the next charter who are enabled and have a device.
    /// - Throws: the first of: a consent that does not count, one that is missing, a charter that nobody could ever change.
    package static func check(agreedBy persons: [PersonName], next policy: Policy, able: Int, in directory: Directory) throws(Refusal) {
        var seen: Set<PersonName> = []
        for person in persons {
            guard directory.isAdministrator(person) else { throw .notAnAdministrator(person) }
            guard seen.insert(person).inserted else { throw .charter(.consentTwice(person)) }
        }
        let demanded = directory.charter?.policy.administratorsToAgree ?? 1
        guard demanded == 1 || seen.count >= demanded else {
            throw .charter(.consentsMissing(demanded: demanded, given: seen.sorted()))
        }
        try check(policy, isChangeableBy: able)
    }

    /// Checks that the charter after the next one is possible: one that demands more people than there are would hold for ever.
    package static func check(_ policy: Policy, isChangeableBy able: Int) throws(Refusal) {
        guard able >= policy.administratorsToAgree else {
            throw .charter(.unchangeable(demanded: policy.administratorsToAgree, able: able))
        }
    }
}

/// A charter that one administrator has signed and a second one may.
package struct CharterProposal: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case open, agreed, withdrawn
        /// Another charter came into force meanwhile.
        case overtaken
    }

    package let id: ProposalID
    package let by: PersonName
    package let state: State
    /// The version that it would be.
    package let version: Int64
    package let notAfter: Timestamp

    package init(id: ProposalID, by: PersonName, state: State, version: Int64, notAfter: Timestamp) {
        self.id = id
        self.by = by
        self.state = state
        self.version = version
        self.notAfter = notAfter
    }

    /// Why `person` may not agree to it, or `nil`.
    package func refusal(of person: PersonName, in directory: Directory, at now: Timestamp) -> Refusal? {
        guard directory.isAdministrator(person) else { return .notAnAdministrator(person) }
        guard person != by else { return .charter(.ownProposal(id)) }
        return refusal(in: directory, at: now)
    }

    /// Why it can no longer come into force, or `nil`.
    package func refusal(in directory: Directory, at now: Timestamp) -> Refusal? {
        guard state == .open else { return .charter(.proposalOver(id, state)) }
        let current = directory.charter?.version ?? 0
        guard version == current + 1 else { return .charter(.proposalStale(id, version: version, current: current)) }
        guard now < notAfter else { return .charter(.proposalExpired(id, notAfter)) }
        guard directory.isAdministrator(by) else { return .notAnAdministrator(by) }
        return nil
    }
}

/// Why a charter may not follow, or may not be agreed to.
package enum CharterRefusal: Sendable, Equatable {
    case consentsMissing(demanded: Int, given: [PersonName])
    case consentTwice(PersonName)
    case consentStale(PersonName, version: Int64)
    case contentDiffers(PersonName)
    case consentExpired(PersonName, Timestamp)
    case unchangeable(demanded: Int, able: Int)
    case tooFewAdministrators(PersonName, demanded: Int)
    case ownProposal(ProposalID)
    case proposalOver(ProposalID, CharterProposal.State)
    case proposalStale(ProposalID, version: Int64, current: Int64)
    case proposalExpired(ProposalID, Timestamp)
    case notTheProposer(ProposalID, PersonName)
    case tooManyProposals(Int)
    case administratorAlready(PersonName)
    case nothingChanges

    var code: String {
        switch self {
        case .consentsMissing: "charter.consents-missing"
        case .consentTwice: "charter.consent-twice"
        case .consentStale: "charter.consent-stale"
        case .contentDiffers: "charter.content-differs"
        case .consentExpired: "charter.consent-expired"
        case .unchangeable: "charter.unchangeable"
        case .tooFewAdministrators: "charter.too-few-administrators"
        case .ownProposal: "proposal.own"
        case .proposalOver: "proposal.over"
        case .proposalStale: "proposal.stale"
        case .proposalExpired: "proposal.expired"
        case .notTheProposer: "proposal.not-yours"
        case .tooManyProposals: "proposal.too-many"
        case .administratorAlready: "charter.administrator-already"
        case .nothingChanges: "charter.nothing-changes"
        }
    }

    var message: String {
        switch self {
        case .consentsMissing(let demanded, let given):
            "The charter in force demands that \(demanded) administrators agree to the next one, and this one carries the consent of "
                + (given.isEmpty ? "nobody." : "\(given.map(\.text).joined(separator: ", ")) alone.")
        case .consentTwice(let name): "`\(name)` agreed twice: one person is one consent, with however many devices."
        case .consentStale(let name, let version):
            "`\(name)` agreed to version \(version) of the charter as what follows another charter than the one in force."
        case .contentDiffers(let name): "What `\(name)` agreed to is not what this charter says."
        case .consentExpired(let name, let time): "The consent of `\(name)` counted until \(time)."
        case .unchangeable(let demanded, let able):
            "This charter could never be changed again: it demands \(demanded) administrators, and it would have \(able) who can sign."
        case .tooFewAdministrators(let name, let demanded):
            "Without this of `\(name)` fewer than the \(demanded) administrators would be left whom the charter demands: nobody could ever change it again."
        case .ownProposal(let id): "You proposed \(id) yourself, so you cannot be the second to agree."
        case .proposalOver(let id, let state): "Proposal \(id) is already \(state.rawValue)."
        case .proposalStale(let id, let version, let current):
            "Proposal \(id) is for version \(version) of the charter, and version \(current) is in force."
        case .proposalExpired(let id, let time): "Proposal \(id) was open until \(time)."
        case .notTheProposer(let id, let name): "Proposal \(id) was made by `\(name)`."
        case .tooManyProposals(let count): "\(count) proposals are open; more are not kept."
        case .administratorAlready(let name): "`\(name)` is an administrator already."
        case .nothingChanges: "The charter in force says exactly this already."
        }
    }

    var hint: String? {
        switch self {
        case .consentsMissing: "Propose it with `stint policy apply`; another administrator agrees with `stint policy agree`."
        case .consentStale, .proposalStale, .proposalExpired, .consentExpired: "Propose it anew, over the charter that is in force now."
        case .unchangeable: "Add administrators first (`stint admins add NAME`), or demand fewer."
        case .tooFewAdministrators: "Make somebody else administrator first: stint admins add NAME"
        case .ownProposal: "Ask another administrator to look at it: stint policy show --proposal ID"
        case .contentDiffers: "The broker serves something else than was signed. Ask who runs it; do not go on."
        case .notTheProposer: "Whoever does not want it need not agree; only its proposer withdraws it."
        case .tooManyProposals: "Withdraw some: stint policy withdraw ID"
        case .proposalOver: "List what is open: stint policy proposals"
        case .consentTwice, .administratorAlready, .nothingChanges: nil
        }
    }
}
