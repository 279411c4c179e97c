// SPDX-License-Identifier: Apache-2.0

package import Access
import Evidence

/// A request as a person types it: what is left out comes from the entitlement that fits.
package struct RequestDraft: Sendable, Equatable {
    package var selector: Selector
    package var reason: String
    /// nil: an hour, or less where the entitlement allows less.
    package var duration: Duration?
    /// nil: the entitlement's first.
    package var runAs: RunAsName?
    /// nil: of shell, exec and command documents, all that the entitlement allows.
    package var capabilities: Set<Capability>?
    package var entitlement: EntitlementName?
    package var fields: [String: String] = [:]
    /// Without anybody's consent, under the entitlement's break-glass rule.
    package var isBreakGlass = false
    /// nil: the grant begins when it is first used.
    package var start: Timestamp?

    package init(
        selector: Selector, reason: String, duration: Duration? = nil, runAs: RunAsName? = nil,
        capabilities: Set<Capability>? = nil, entitlement: EntitlementName? = nil
    ) {
        self.selector = selector
        self.reason = reason
        self.duration = duration
        self.runAs = runAs
        self.capabilities = capabilities
        self.entitlement = entitlement
    }

    /// A draft with everything that was left out, and the entitlement that covers it.
    package struct Complete: Sendable, Equatable {
        package let entitlement: Entitlement
        package let charterVersion: Int64
        package let selector: Selector
        package let capabilities: Set<Capability>
        package let runAs: RunAsName
        package let duration: Duration
        package let reason: String
        package let fields: [String: String]
        package let start: Timestamp?
        /// The nodes it is about now.
        package let nodes: [Node]
    }

    /// Decides with the function that the broker asks too, so that a refusal comes in the same words.
    package func complete(for person: Person, in directory: Directory, at now: Timestamp) throws(Refusal) -> Complete {
        guard let charter = directory.charter else { throw .noCharter }
        let chosen = try choose(for: person, charter.policy, in: directory, at: now)
        let ask = Entitlement.Ask(
            person: person, selector: selector, capabilities: capabilities ?? chosen.capabilities.filter(Self.isUsual),
            runAs: runAs, duration: duration ?? min(Policy.Defaults.duration, chosen.maximumDuration), reason: reason, fields: fields,
            at: now, start: start)
        if let refusal = chosen.refusal(of: ask, in: directory) { throw refusal }
        guard let user = runAs ?? chosen.users(for: person).first else { throw .entitlementGone(chosen.name) }
        return Complete(
            entitlement: chosen, charterVersion: charter.version, selector: selector, capabilities: ask.capabilities,
            runAs: user, duration: ask.duration, reason: reason, fields: fields,
            start: start, nodes: chosen.coveredNodes(of: ask, in: directory))
    }

    /// What is left open asks for the least, so that it decides nothing about which entitlement fits.
    private func choose(for person: Person, _ policy: Policy, in directory: Directory, at now: Timestamp) throws(Refusal)
        -> Entitlement
    {
        let choose = { (capabilities: Set<Capability>) throws(Refusal) -> Entitlement in
            let least = Entitlement.Ask(
                person: person, selector: self.selector, capabilities: capabilities, runAs: self.runAs,
                duration: self.duration ?? .seconds(1), reason: self.reason, fields: self.fields, at: now,
                start: self.start)
            return self.isBreakGlass
                ? try policy.chooseForBreakGlass(least, wanted: self.entitlement, in: directory)
                : try policy.choose(for: least, wanted: self.entitlement, in: directory)
        }
        if let capabilities { return try choose(capabilities) }
        for capability in [.shell, .exec] + policy.documents.map({ Capability.document($0.name) }) {
            do throws(Refusal) {
                return try choose([capability])
            } catch .capabilityNotAllowed {
                continue
            }
        }
        return try choose([.shell])
    }

    /// What is asked for where nothing is named; the rest is a right of its own, and asked for by name.
    package static func isUsual(_ capability: Capability) -> Bool {
        switch capability {
        case .shell, .exec, .document: true
        case .forward, .ssh, .copy: false
        }
    }
}

extension RequestDraft.Complete {
    /// The people who may fill a seat of this request, by seat. Never the requester.
    package func deciders(besides requester: PersonName, in directory: Directory) -> [(seat: Seat, people: [PersonName])] {
        Seats.holders(of: entitlement.seats, besides: requester, in: directory)
    }
}

/// Who may decide.
package enum Seats {
    package static func holders(
        of seats: [Seat], besides requester: PersonName, in directory: Directory
    ) -> [(seat: Seat, people: [PersonName])] {
        let others = directory.people.values.filter { $0.isEnabled && $0.name != requester }
        return seats.map { seat in (seat, others.filter { seat.includes($0) }.map(\.name).sorted()) }
    }
}

extension Operator {
    /// Completes a draft, signs it and hands it in.
    package func request(_ draft: RequestDraft) throws -> (complete: RequestDraft.Complete, answer: Answer) {
        try synchronise()
        let complete = try draft.complete(for: try me(), in: directory, at: .now())
        let statement = RequestStatement(
            root: identity.root, person: identity.person, entitlement: complete.entitlement.name,
            charterVersion: complete.charterVersion, selector: complete.selector, capabilities: complete.capabilities,
            runAs: complete.runAs, duration: complete.duration, reason: complete.reason, fieldValues: complete.fields,
            isBreakGlass: draft.isBreakGlass, start: complete.start, rollNumber: roll.number,
            nonce: try Evidence.Random.nonce(), at: .now())
        let signed = try statement.signed(with: key.signing)
        let answer = try ask(signed)
        return (complete, answer)
    }
}
