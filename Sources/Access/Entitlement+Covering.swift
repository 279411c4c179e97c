// SPDX-License-Identifier: Apache-2.0
// SECURITY: whether a rule covers a question. The first missing fact is named (P7); nothing is assumed.

extension Entitlement {
    /// What somebody asks of one entitlement.
    package struct Ask: Sendable {
        package var person: Person
        package var selector: Selector
        package var capabilities: Set<Capability>
        /// `nil`: the entitlement's default.
        package var runAs: RunAsName?
        package var duration: Duration
        package var reason: String
        package var fields: [String: String]
        /// When it is asked: who is on call then. `nil`: nobody.
        package var at: Timestamp?
        /// When it is to begin; `nil`: when it is first used.
        package var start: Timestamp?

        package init(
            person: Person, selector: Selector, capabilities: Set<Capability>, runAs: RunAsName?, duration: Duration,
            reason: String, fields: [String: String] = [:], at: Timestamp? = nil, start: Timestamp? = nil
        ) {
            self.person = person
            self.selector = selector
            self.capabilities = capabilities
            self.runAs = runAs
            self.duration = duration
            self.reason = reason
            self.fields = fields
            self.at = at
            self.start = start
        }
    }

    /// The nodes among those that match `ask` which this entitlement covers.
    package func coveredNodes(of ask: Ask, in directory: Directory) -> [Node] {
        reachableNodes(of: ask, in: directory).filter { prohibition(of: ask, on: $0, in: directory) == nil }
    }

    fileprivate func reachableNodes(of ask: Ask, in directory: Directory) -> [Node] {
        let mine = nodes.resolved(for: ask.person)
        return directory.nodes(matching: ask.selector).filter { mine.matches($0) }
    }

    private func prohibition(of ask: Ask, on node: Node, in directory: Directory) -> ForbidRule? {
        guard let policy = directory.charter?.policy, !policy.forbid.isEmpty, let user = ask.runAs ?? users(for: ask.person).first else {
            return nil
        }
        return policy.prohibition(of: ask.capabilities, as: user, by: ask.person, on: node)
    }

    package func isFor(_ person: Person) -> Bool { requesters.contains { $0.includes(person) } }

    /// Why this entitlement does not cover `ask`: the first missing fact, or `nil` where it does.
    package func refusal(of ask: Ask, in directory: Directory) -> Refusal? {
        guard ask.person.isEnabled else { return .personDisabled(ask.person.name) }
        let policy = directory.charter?.policy
        guard isFor(ask.person) else { return policy?.dutyRefusal(of: requesters, at: ask.at) ?? .notARequester(name, requesters) }
        if let key = nodes.variables.first(where: { $0 != "name" && ask.person.attributes[$0] == nil }) {
            return .attributeMissing(key, name)
        }
        let reachable = reachableNodes(of: ask, in: directory)
        guard let first = reachable.first else { return .noNodeMatches(ask.selector) }
        if reachable.allSatisfy({ prohibition(of: ask, on: $0, in: directory) != nil }),
            let rule = prohibition(of: ask, on: first, in: directory)
        {
            return .forbidden(rule.name, first.name)
        }
        if let refusal = termsRefusal(of: ask) { return refusal }
        if isGlassBroken { return isReviewable(besides: ask.person.name, in: directory) ? nil : .reviewImpossible(name, reviewers) }
        if autoApproval != nil || Quorum.isPossible(seats: seats, among: directory.people.values, requester: ask.person.name) { return nil }
        let others = directory.people.values.filter { $0.isEnabled && $0.name != ask.person.name }
        let best = Quorum(seats: seats, voters: others.sorted { $0.name < $1.name }, requester: ask.person.name)
        if let seat = best.missing.first {
            return policy?.dutyRefusal(of: seat.of, at: ask.at) ?? .quorumImpossible(name, seat)
        }
        return nil
    }

    /// The part of ``refusal(of:in:)`` that needs neither nodes nor other people.
    ///
    /// - Parameter isStanding: it was asked before, and this is the policy in force now. A maximum that was lowered
    ///   meanwhile shortens what is granted and does not refuse it.
    package func termsRefusal(of ask: Ask, isStanding: Bool = false) -> Refusal? {
        if let missing = ask.capabilities.sorted().first(where: { !capabilities.contains($0) }) {
            return .capabilityNotAllowed(missing, name)
        }
        let users = users(for: ask.person)
        if let user = ask.runAs, !users.contains(user) { return .runAsNotAllowed(user, name, allowed: users) }
        if users.isEmpty, let key = runAs.compactMap(\.attribute).first { return .attributeMissing(key, name) }
        guard ask.duration >= .seconds(1) else { return .durationTooShort(ask.duration) }
        if !isStanding, ask.duration > maximumDuration { return .durationTooLong(ask.duration, maximum: maximumDuration, name) }
        if let start = ask.start, let refusal = scheduleRefusal(start, askedAt: ask.at) { return refusal }
        do {
            try HumanText.check(reason: ask.reason, minimum: minimumReasonLength)
            try ReasonField.check(ask.fields)
        } catch {
            return error
        }
        return reasonRefusal(of: ask)
    }

    private func scheduleRefusal(_ start: Timestamp, askedAt: Timestamp?) -> Refusal? {
        guard let scheduledWithin else { return .scheduleNotAllowed(name) }
        if let askedAt {
            guard start > askedAt else { return .startPast(start) }
            guard start - askedAt <= scheduledWithin else { return .scheduleTooFar(start, maximum: scheduledWithin, name) }
        }
        if let windows, windows.end(at: start) == nil { return .outsideWindow(name, opens: windows.opening(after: start)) }
        return nil
    }

    private func reasonRefusal(of ask: Ask) -> Refusal? {
        if !tickets.isEmpty, !tickets.contains(where: { $0.stands(in: ask.reason) }) { return .ticketMissing(name, tickets) }
        for field in fields {
            guard let value = ask.fields[field.name] else {
                if field.isRequired { return .fieldMissing(field.name, expected: field.expectation) }
                continue
            }
            guard field.accepts(value) else { return .fieldMalformed(field.name, expected: field.expectation) }
        }
        let known = Set(fields.map(\.name))
        if let other = ask.fields.keys.sorted().first(where: { !known.contains($0) }) { return .fieldUnknown(other, name) }
        return nil
    }
}

extension Policy {
    /// The entitlements that cover `ask`, best first: the most specific selector, then the fewest seats, then the order
    /// of the file.
    package func entitlements(covering ask: Entitlement.Ask, in directory: Directory) -> [Entitlement] {
        rules(for: ask).enumerated().filter { $0.element.refusal(of: ask, in: directory) == nil }
            .sorted { left, right in
                let (first, second) = (left.element, right.element)
                if first.nodes.specificity != second.nodes.specificity {
                    return first.nodes.specificity > second.nodes.specificity
                }
                if first.seatCount != second.seatCount { return first.seatCount < second.seatCount }
                return left.offset < right.offset
            }.map(\.element)
    }

    /// The entitlements that mean who asks, with who is on call then. Of many rules few are copied.
    private func rules(for ask: Entitlement.Ask) -> [Entitlement] {
        entitlements.indices.filter { index in
            entitlements[index].requesters.contains { principal in
                (ask.at.map { resolve(principal, at: $0) } ?? principal).includes(ask.person)
            }
        }.map { resolve(entitlements[$0], at: ask.at) }
    }

    /// The entitlement to use for `ask`.
    ///
    /// - Parameter wanted: the one that the requester names; otherwise the best that covers.
    /// - Throws: the refusal of the entitlement that came closest. To somebody who may not know of a node, unknown and
    ///   forbidden look the same (P7).
    package func choose(for ask: Entitlement.Ask, wanted: EntitlementName?, in directory: Directory) throws(Refusal)
        -> Entitlement
    {
        if let wanted {
            guard let entitlement = entitlement(wanted, at: ask.at), entitlement.isFor(ask.person) else {
                throw dutyRefusal(for: ask, under: [wanted]) ?? .entitlementUnknown(wanted)
            }
            if let refusal = entitlement.refusal(of: ask, in: directory) { throw refusal }
            return entitlement
        }
        if let best = entitlements(covering: ask, in: directory).first { return best }
        guard ask.person.isEnabled else { throw .personDisabled(ask.person.name) }
        let mine = rules(for: ask)
        guard !mine.isEmpty else { throw dutyRefusal(for: ask, under: entitlements.map(\.name)) ?? .noEntitlement(ask.person.name) }
        let near = mine.first { !$0.coveredNodes(of: ask, in: directory).isEmpty }
            ?? mine.first { !$0.reachableNodes(of: ask, in: directory).isEmpty }
        throw near?.refusal(of: ask, in: directory) ?? .noNodeMatches(ask.selector)
    }

    /// Why `ask` is not covered where it comes from somebody who is on call at times: nobody is, or somebody else.
    func dutyRefusal(for ask: Entitlement.Ask, under names: [EntitlementName]) -> Refusal? {
        for case let rule? in names.map({ entitlement($0) }) where rule.requesters.contains(where: { mayMean(ask.person, by: $0) }) {
            if let refusal = dutyRefusal(of: resolve(rule, at: ask.at).requesters, at: ask.at) { return refusal }
            for case .roster(let name) in rule.requesters where mayMean(ask.person, by: .roster(name)) {
                guard let time = ask.at, let other = roster(name)?.onCall(at: time), other != ask.person.name else { continue }
                return .roster(.somebodyElseOnCall(name, other))
            }
        }
        return nil
    }
}
