// SPDX-License-Identifier: Apache-2.0
// SECURITY: the one way to work without a second person's consent (P1). It is in the policy or it does not exist; it is asked
// for in so many words by the requester's own signature; and it owes a review. What is forbidden stays forbidden.

/// Who may take what an entitlement gives without its seats being filled, and who judges it afterwards.
package struct BreakGlass: Sendable, Equatable {
    /// `nil`: the requesters of the entitlement.
    package var requesters: [Principal]?
    /// `nil`: the nodes of the entitlement.
    package var nodes: Selector?
    /// `nil`: the capabilities of the entitlement.
    package var capabilities: Set<Capability>?
    package var maximumDuration: Duration
    /// How often one person may in a calendar month (UTC). The count is known to the broker only.
    package var perMonth: Int
    /// How long others have to judge it.
    package var reviewWithin: Duration
    /// `nil`: whoever may fill a seat of the entitlement.
    package var reviewers: [Principal]?

    /// SECURITY 6.13: at most an hour.
    package static let longest: Duration = .seconds(3600)
    package static let reviewWithin: Duration = .seconds(86_400)

    package init(
        requesters: [Principal]? = nil, nodes: Selector? = nil, capabilities: Set<Capability>? = nil,
        maximumDuration: Duration = longest, perMonth: Int, reviewWithin: Duration = reviewWithin, reviewers: [Principal]? = nil
    ) {
        self.requesters = requesters
        self.nodes = nodes
        self.capabilities = capabilities
        self.maximumDuration = maximumDuration
        self.perMonth = perMonth
        self.reviewWithin = reviewWithin
        self.reviewers = reviewers
    }
}

extension BreakGlass: CustomStringConvertible {
    package var description: String {
        [
            requesters.map { "for " + $0.map(\.description).joined(separator: ", ") }, nodes.map { "on \($0)" },
            capabilities.map { "to " + $0.sorted().map(\.rawValue).joined(separator: ", ") },
            "at most \(DurationText.format(maximumDuration))", "\(perMonth) a month",
            "reviewed within \(DurationText.format(reviewWithin))",
            reviewers.map { "by " + $0.map(\.description).joined(separator: ", ") },
        ].compactMap { $0 }.joined(separator: ", ")
    }
}

extension Entitlement {
    /// Whoever judges what was done under ``breakGlass``; empty without such a rule.
    package var reviewers: [Principal] { breakGlass.map { $0.reviewers ?? seats.flatMap(\.of) } ?? [] }

    /// The entitlement as break-glass gives it: nobody has to agree and no hours bind; everything else it demands stands.
    /// `nil` where the policy does not have it.
    package var withGlassBroken: Entitlement? {
        guard let rule = breakGlass else { return nil }
        var broken = self
        broken.isGlassBroken = true
        broken.requesters = rule.requesters ?? requesters
        broken.nodes = rule.nodes ?? nodes
        broken.capabilities = rule.capabilities ?? capabilities
        broken.maximumDuration = min(maximumDuration, rule.maximumDuration)
        broken.windows = nil
        broken.autoApproval = nil
        return broken
    }

    /// Whether anybody but `person` could judge it.
    func isReviewable(besides person: PersonName, in directory: Directory) -> Bool {
        let principals = reviewers
        return directory.people.values.contains { other in
            other.isEnabled && other.name != person && principals.contains { $0.includes(other) }
        }
    }
}

extension Policy {
    /// What this policy gives to whoever breaks glass.
    package var withGlassBroken: Policy {
        var broken = self
        broken.entitlements = entitlements.compactMap(\.withGlassBroken)
        return broken
    }

    /// Everything that this policy gives, with the consent of people and without.
    package var entitlementsAndBroken: [Entitlement] { entitlements + withGlassBroken.entitlements }

    /// The entitlement under which `ask` breaks glass.
    ///
    /// - Throws: as ``choose(for:wanted:in:)``; ``Refusal/noBreakGlass(_:)`` where no such rule means the person.
    package func chooseForBreakGlass(_ ask: Entitlement.Ask, wanted: EntitlementName?, in directory: Directory) throws(Refusal)
        -> Entitlement
    {
        guard ask.person.isEnabled else { throw .personDisabled(ask.person.name) }
        let broken = withGlassBroken
        guard broken.entitlements.contains(where: { broken.resolve($0, at: ask.at).isFor(ask.person) }) else {
            throw .noBreakGlass(ask.person.name)
        }
        return try broken.choose(for: ask, wanted: wanted, in: directory)
    }
}

extension EntitlementInForce {
    /// Everybody who is told when the glass is broken: those whose seats were skipped and those who may judge it, under
    /// either policy; never the requester.
    package func toldOfBreakGlass(in directory: Directory) -> [PersonName] {
        let principals = both.flatMap { $0.seats.flatMap(\.of) + $0.reviewers }
        return directory.people.values.filter { person in
            person.isEnabled && person.name != requester && principals.contains { $0.includes(person) }
        }.map(\.name).sorted()
    }

    package var reviewWithin: Duration {
        both.compactMap { $0.breakGlass?.reviewWithin }.min() ?? BreakGlass.reviewWithin
    }

    /// How often in a month, by the stricter of both policies.
    var breakGlassPerMonth: Int { both.compactMap { $0.breakGlass?.perMonth }.min() ?? 0 }
}
