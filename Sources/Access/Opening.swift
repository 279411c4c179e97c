// SPDX-License-Identifier: Apache-2.0
// SECURITY: the decision a node makes by itself before it opens anything, on evidence whose signatures were verified
// (P1). The broker asks the same function first, so that a refusal comes early and in the same words.

/// The use of a grant on one node that its holder asks for.
package struct Opening: Sendable, Equatable {
    package let person: PersonName
    package let device: PublicKey
    package let node: NodeName
    package let capability: Capability
    package let runAs: RunAsName
    /// The words of an `exec`, or of a command document: see ``CommandDocument/opening(with:)``.
    package let command: [String]
    package let hasTerminal: Bool
    package let at: Timestamp

    package init(
        person: PersonName, device: PublicKey, node: NodeName, capability: Capability, runAs: RunAsName, command: [String] = [],
        hasTerminal: Bool = false, at: Timestamp
    ) {
        self.person = person
        self.device = device
        self.node = node
        self.capability = capability
        self.runAs = runAs
        self.command = command
        self.hasTerminal = hasTerminal
        self.at = at
    }
}

/// The requester's signed word that the clock starts.
package struct Activation: Sendable, Equatable {
    package let person: PersonName
    package let at: Timestamp

    package init(person: PersonName, at: Timestamp) {
        self.person = person
        self.at = at
    }
}

/// What a session may do and until when: the outcome of an opening that is allowed.
package struct Lease: Sendable, Equatable {
    package let grant: GrantID
    /// 1, and one more with each extension.
    package let version: Int64
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    package let sessionMaximum: Duration
    package let idleLimit: Duration
    package let idleCounts: Entitlement.Activity
    package let renewWithin: Duration
    package let detachedFor: Duration
    package let withoutBroker: Entitlement.Partition
    package let recording: Entitlement.Recording
    package let settings: SessionSettings
    /// The argument vector of a command document; `nil` for what the opening says itself.
    package let program: [String]?
    /// Whose consent it rests on.
    package let consent: Consent
}

/// Whose consent a grant rests on.
package enum Consent: String, Sendable, CaseIterable {
    /// The votes of the people who hold the seats.
    case people
    /// The policy's own: automatic approval.
    case policy
    /// Nobody's: it is judged afterwards.
    case breakGlass = "break-glass"
}

extension Opening {
    /// How far a signed time may be from the clock of whoever checks it at first sight.
    package static let freshness: Duration = .seconds(60)

    /// Decides whether `self` may happen under the grant that `request`, `votes` and `activation` make.
    ///
    /// - Parameter now: the wall clock of whoever decides. It must agree with the signed time of the opening within
    ///   ``freshness``; a clock that is off refuses everything (P6).
    /// - Returns: the terms of the lease.
    /// - Throws: the first missing fact.
    package func lease(
        under request: RequestTerms, votes: [Vote], activation: Activation, extensions: [AgreedExtension] = [],
        in directory: Directory, at now: Timestamp
    ) throws(Refusal) -> Lease {
        try checkFreshness(at: now)
        return try leaseInForce(
            under: request, votes: votes, activation: activation, extensions: extensions, in: directory, at: now)
    }

    /// The same for an opening that was allowed before: the lease as it is now, with the extensions.
    package func leaseInForce(
        under request: RequestTerms, votes: [Vote], activation: Activation, extensions: [AgreedExtension],
        in directory: Directory, at now: Timestamp
    ) throws(Refusal) -> Lease {
        let rules = try EntitlementInForce(for: request, in: directory)
        try checkOperator(of: request, in: directory)
        let grant = try Self.grant(request, votes, directory)
        guard let machine = directory.nodes[node], machine.isEnabled, request.selector.matches(machine) else {
            throw .nodeNotInGrant(node, request.id)
        }
        if let rule = rules.prohibition(on: machine) { throw .forbidden(rule.name, node) }
        guard rules.covers(machine) else { throw .nodeNotInGrant(node, request.id) }
        guard grant.nodes.contains(node) else { throw .nodeNotInGrant(node, request.id) }
        guard request.capabilities.contains(capability) else {
            throw .capabilityNotAllowed(capability, request.entitlement)
        }
        try checkForm()
        guard runAs == request.runAs else {
            throw .runAsNotAllowed(runAs, request.entitlement, allowed: [request.runAs])
        }
        guard activation.person == request.person else { throw .notTheHolder(request.id.sibling()) }
        let deadline = max(grant.approvedAt, request.start ?? grant.approvedAt) + rules.activateWithin
        if let start = request.start, activation.at < start { throw .tooEarly(request.id.sibling(), start) }
        guard activation.at >= grant.approvedAt - Self.freshness, activation.at < deadline else {
            throw .activationDeadlinePassed(request.id.sibling(), deadline)
        }
        let settings = rules.settings(on: machine)
        let program = try rules.program(for: self)
        // A clock that starts later ends later: an activation dated ahead would prolong the grant.
        guard activation.at <= now + Self.freshness else { throw .clockDisagrees(signed: activation.at, here: now) }
        var notAfter = activation.at + min(grant.duration, try rules.maximum(from: activation.at))
        for (index, extended) in extensions.enumerated() {
            notAfter = try extended.end(
                after: notAfter, lease: Int64(index) + 2, of: request, from: activation.at, granted: grant.duration, on: node,
                in: directory)
        }
        guard now < notAfter else { throw .grantOver(request.id.sibling(), .ended, .expired) }
        return Lease(
            grant: request.id.sibling(), version: Int64(extensions.count) + 1, notBefore: activation.at, notAfter: notAfter,
            sessionMaximum: min(rules.sessionMaximum, settings.sessionMaximum ?? rules.sessionMaximum),
            idleLimit: min(rules.idleLimit, settings.idleLimit ?? rules.idleLimit), idleCounts: rules.idleCounts,
            renewWithin: rules.lease, detachedFor: rules.detachedFor, withoutBroker: rules.withoutBroker, recording: rules.recording,
            settings: settings, program: program,
            consent: request.isBreakGlass ? .breakGlass : votes.contains(where: \.approves) ? .people : .policy)
    }

    static func grant(_ request: RequestTerms, _ votes: [Vote], _ directory: Directory) throws(Refusal) -> GrantTerms {
        switch try Approval.judge(request, votes: votes, in: directory) {
        case .approved(let terms): return terms
        case .denied(let person): throw .requestDenied(request.id, by: person)
        case .pending(let missing): throw .seatsNotFilled(request.id, missing: missing)
        }
    }

    private func checkOperator(of request: RequestTerms, in directory: Directory) throws(Refusal) {
        guard person == request.person else { throw .notTheHolder(request.id.sibling()) }
        guard let holder = directory.people[person] else { throw .personUnknown(person) }
        guard holder.devices.contains(where: { $0.key == device && $0.isEnabled }) else { throw .deviceUnknown(person) }
    }

    private func checkFreshness(at now: Timestamp) throws(Refusal) {
        let age = now - at
        guard age <= Self.freshness, age >= .zero - Self.freshness else { throw .clockDisagrees(signed: at, here: now) }
    }
}

/// A request for more time with the votes on it.
package struct AgreedExtension: Sendable, Equatable {
    package let terms: RequestTerms
    package let votes: [Vote]

    package init(terms: RequestTerms, votes: [Vote]) {
        self.terms = terms
        self.votes = votes
    }

    /// When the grant ends with this extension.
    ///
    /// - Parameters:
    ///   - notAfter: when it ends without. What is over by then is never revived: the last vote must be earlier.
    ///   - lease: the version that this must make.
    ///   - node: one that the votes on the extension leave out keeps its end.
    /// - Throws: the first missing fact.
    func end(
        after notAfter: Timestamp, lease: Int64, of request: RequestTerms, from start: Timestamp, granted: Duration,
        on node: NodeName, in directory: Directory
    ) throws(Refusal) -> Timestamp {
        guard terms.extends == ExtendedGrant(request: request.id, lease: lease), terms.person == request.person else {
            throw .leaseChanged(request.id.sibling(), lease - 1)
        }
        let rules = try EntitlementInForce(for: terms, in: directory)
        let agreed = try Opening.grant(terms, votes, directory)
        guard agreed.approvedAt < notAfter else { throw .grantOver(request.id.sibling(), .ended, .expired) }
        guard agreed.nodes.contains(node) else { return notAfter }
        return try rules.end(extending: notAfter, by: agreed.duration, from: start, granted: granted)
    }
}
