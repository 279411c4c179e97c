// SPDX-License-Identifier: Apache-2.0

/// Why somebody may or may not ask: each entitlement tried, with the first missing fact (P7). It is the decision of
/// ``Entitlement/refusal(of:in:)``; only what a reason must say is left aside, since none has been written yet.
package struct Explanation: Sendable {
    package struct Attempt: Sendable {
        package let entitlement: Entitlement
        /// `nil`: the entitlement covers what is asked.
        package let refusal: Refusal?
        /// When the entitlement may be used; `nil` while it is open.
        package let opens: Timestamp?
    }

    /// In the order in which they would be chosen; those that cover first.
    package let attempts: [Attempt]
    /// What may be had without anybody's consent; whether the month's count is spent or a review overdue, the broker knows.
    package let breakingGlass: [Attempt]

    /// - Parameter showsAll: also tries entitlements that mean other people, which only administrators are told of.
    package init(_ ask: Entitlement.Ask, in directory: Directory, at now: Timestamp, showsAll: Bool) throws(Refusal) {
        guard let charter = directory.charter else { throw .noCharter }
        guard ask.person.isEnabled else { throw .personDisabled(ask.person.name) }
        let policy = charter.policy.withoutReasonRules
        var asked = ask
        asked.reason = "-"
        asked.fields = [:]
        let tried = policy.entitlements.filter { rule in
            showsAll || rule.requesters.contains { policy.mayMean(ask.person, by: $0) }
        }
        guard !tried.isEmpty else { throw .noEntitlement(ask.person.name) }
        let broken = policy.withGlassBroken
        breakingGlass = broken.entitlements.map { broken.resolve($0, at: ask.at) }.filter { showsAll || $0.isFor(ask.person) }
            .map { Attempt(entitlement: $0, refusal: $0.refusal(of: asked, in: directory), opens: nil) }
        let covering = policy.entitlements(covering: asked, in: directory)
        let others = tried.map { policy.resolve($0, at: ask.at) }.filter { rule in !covering.contains { $0.name == rule.name } }
        attempts = (covering + others).map { rule in
            let isOpen = rule.windows.map { $0.end(at: now) != nil } ?? true
            var refusal = rule.refusal(of: asked, in: directory)
            if case .notARequester? = refusal { refusal = policy.dutyRefusal(for: asked, under: [rule.name]) ?? refusal }
            return Attempt(
                entitlement: rule, refusal: refusal,
                opens: isOpen ? nil : rule.windows?.opening(after: now))
        }
    }

    package var covering: [Attempt] { attempts.filter { $0.refusal == nil } }
}

extension Policy {
    /// The same policy for questions in which no reason is given yet.
    package var withoutReasonRules: Policy {
        var copy = self
        for index in copy.entitlements.indices {
            copy.entitlements[index].minimumReasonLength = 1
            copy.entitlements[index].tickets = []
            copy.entitlements[index].fields = []
        }
        return copy
    }
}
