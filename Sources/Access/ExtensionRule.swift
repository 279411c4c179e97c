// SPDX-License-Identifier: Apache-2.0
// SECURITY: how much longer a grant may become, counted from its first activation. Broker and node reckon with these
// functions on the same signed evidence, so nobody prolongs what the seats of an extension did not agree to (P1, P2).

/// How the grants of an entitlement may be extended in place.
package struct ExtensionRule: Sendable, Equatable {
    /// Who must agree to an extension.
    package enum Approval: Sendable, Equatable {
        /// Those who must agree to a request.
        case sameSeats
        case seats([Seat])
        /// The policy itself.
        case automatic
    }

    package var approval: Approval = .sameSeats
    /// How many extensions one grant may have; 0: none.
    package var count = Policy.Defaults.extensions
    /// The longest single extension. `nil`: as long as was granted first.
    package var longest: Duration?
    /// The longest that a grant may last from its first activation. `nil`: the entitlement's maximum.
    package var total: Duration?

    package init() {}
}

extension Entitlement {
    /// The rule by which an extension is judged: its seats in place of those of a request, its lengths in place of the
    /// maximum. The ticket was named in the request that is extended.
    package var forExtensions: Entitlement {
        var rule = self
        rule.extending.total = extending.total ?? maximumDuration
        rule.maximumDuration = extending.longest ?? maximumDuration
        rule.tickets = []
        switch extending.approval {
        case .sameSeats:
            // The month's count is of requests. What is approved without seats is extended without seats.
            rule.autoApproval = seats.isEmpty ? AutoApproval(perMonth: .max) : nil
        case .seats(let seats):
            rule.seats = seats
            rule.autoApproval = nil
        case .automatic: rule.autoApproval = AutoApproval(perMonth: .max)
        }
        return rule
    }
}

extension Policy {
    /// The rule by which a request is judged, with the people who were on call when it was signed.
    package func rule(for terms: RequestTerms) -> Entitlement? {
        let rule = entitlement(terms.entitlement, at: terms.at)
        if terms.isBreakGlass { return terms.extends == nil ? rule?.withGlassBroken : nil }
        return terms.extends == nil ? rule : rule?.forExtensions
    }
}

extension EntitlementInForce {
    /// How many extensions a grant may have.
    package var extensionCount: Int { min(frozen.extending.count, current.extending.count) }

    /// The longest single extension of a grant that was granted for `granted` first.
    package func longestExtension(granted: Duration) -> Duration {
        min(frozen.extending.longest ?? granted, current.extending.longest ?? granted, maximumDuration)
    }

    /// The latest end that extensions may give to a grant that began at `start`: the total, and when the window closes.
    ///
    /// - Throws: ``Refusal/outsideWindow(_:opens:)``
    package func latestEnd(from start: Timestamp) throws(Refusal) -> Timestamp {
        let total = both.map { $0.extending.total ?? $0.maximumDuration }.reduce(Policy.Defaults.absoluteCap, min)
        return start + (try untilWindowCloses(from: start, atMost: total))
    }

    /// When a grant that began at `start` and ends at `notAfter` ends with one more extension. What is lowered meanwhile
    /// shortens it, and never takes away what was there.
    ///
    /// - Parameter granted: what was granted first.
    package func end(extending notAfter: Timestamp, by duration: Duration, from start: Timestamp, granted: Duration) throws(Refusal)
        -> Timestamp
    {
        let added = min(duration, longestExtension(granted: granted))
        return max(notAfter, min(notAfter + added, try latestEnd(from: start)))
    }

    /// A seat that nobody could fill for this request.
    private func impossibleSeat(of terms: RequestTerms, in directory: Directory) -> Seat? {
        guard !isAutomatic else { return nil }
        let others = directory.people.values.filter { voteRefusal(of: $0.name, on: terms, in: directory) == nil }
            .sorted { $0.name < $1.name }
        return both.lazy.compactMap { Quorum(seats: $0.seats, voters: others, requester: terms.person).missing.first }.first
    }

    /// Why `grant` may not be extended as `terms` ask, or `nil`.
    package func extensionRefusal(
        of terms: RequestTerms, extending grant: Grant, in directory: Directory, at now: Timestamp
    ) -> Refusal? {
        guard let extended = terms.extends, let start = grant.notBefore, let notAfter = grant.notAfter, grant.state == .active else {
            return grant.state == .ready ? .grantNotActive(grant.id) : .grantOver(grant.id, grant.state, grant.endReason)
        }
        guard now < notAfter else { return .grantOver(grant.id, .ending, .expired) }
        guard extended.lease == grant.lease + 1 else { return .leaseChanged(grant.id, grant.lease) }
        do throws(Refusal) {
            let left = min(longestExtension(granted: grant.granted), try latestEnd(from: start) - notAfter)
            guard left >= .seconds(1) else { return .extensionTotalReached(grant.id, notAfter) }
            guard terms.duration <= left else { return .extensionTooLong(grant.id, terms.duration, left: left) }
            return impossibleSeat(of: terms, in: directory).map { .quorumImpossible(terms.entitlement, $0) }
        } catch {
            return error
        }
    }
}

extension ExtensionRule {
    /// As people read it.
    ///
    /// - Parameter maximum: the entitlement's longest grant, where that is to be said too.
    package func summary(maximum: Duration? = nil) -> String {
        guard count > 0 else { return "none" }
        let who =
            switch approval {
            case .sameSeats: "the same seats"
            case .seats(let seats): seats.map(\.description).joined(separator: "; ")
            case .automatic: "the policy"
            }
        return "\(count) of at most \(longest.map(DurationText.format) ?? "the first duration"), "
            + "\((total ?? maximum).map(DurationText.format) ?? "the maximum") in all, by \(who)"
    }
}
