// SPDX-License-Identifier: Apache-2.0

/// The grant that a request asks more time for.
package struct ExtendedGrant: Sendable, Equatable {
    /// The request that the grant came from.
    package let request: RequestID
    /// The version of the lease that the extension makes: 2 for the first.
    package let lease: Int64

    package init(request: RequestID, lease: Int64) {
        self.request = request
        self.lease = lease
    }
}

/// What a signed request asks, read and checked for form.
package struct RequestTerms: Sendable, Equatable {
    package let id: RequestID
    package let person: PersonName
    package let entitlement: EntitlementName
    /// The version of the charter that the requester saw: the frozen policy.
    package let charterVersion: Int64
    package let selector: Selector
    package let capabilities: Set<Capability>
    package let runAs: RunAsName
    package let duration: Duration
    package let reason: String
    package let fields: [String: String]
    /// Asked for without anybody's consent, under the entitlement's break-glass rule.
    package let isBreakGlass: Bool
    package let at: Timestamp
    /// Not to be used before then.
    package let start: Timestamp?
    /// Set in a request for more time. Everything but its own id, duration, reason and time is that of the request which
    /// the grant came from.
    package let extends: ExtendedGrant?

    package init(
        id: RequestID, person: PersonName, entitlement: EntitlementName, charterVersion: Int64, selector: Selector,
        capabilities: Set<Capability>, runAs: RunAsName, duration: Duration, reason: String, fields: [String: String] = [:],
        isBreakGlass: Bool = false, at: Timestamp, start: Timestamp? = nil, extends: ExtendedGrant? = nil
    ) {
        self.id = id
        self.person = person
        self.entitlement = entitlement
        self.charterVersion = charterVersion
        self.selector = selector
        self.capabilities = capabilities
        self.runAs = runAs
        self.duration = duration
        self.reason = reason
        self.fields = fields
        self.isBreakGlass = isBreakGlass
        self.at = at
        self.start = start
        self.extends = extends
    }

    /// The terms of a request for more time on the grant that came from this one.
    package func extended(as id: RequestID, lease: Int64, by duration: Duration, reason: String, at: Timestamp) -> RequestTerms {
        RequestTerms(
            id: id, person: person, entitlement: entitlement, charterVersion: charterVersion, selector: selector,
            capabilities: capabilities, runAs: runAs, duration: duration, reason: reason, fields: fields,
            isBreakGlass: isBreakGlass, at: at, extends: ExtendedGrant(request: self.id, lease: lease))
    }
}

/// An approver's verdict. An approval names the exact nodes its approver saw and the longest duration it allows.
package struct Vote: Sendable, Equatable {
    package enum Verdict: Sendable, Equatable {
        case approve(nodes: Set<NodeName>, duration: Duration)
        case deny
    }

    package let person: PersonName
    package let verdict: Verdict
    package let note: String
    package var at: Timestamp

    package init(person: PersonName, verdict: Verdict, note: String, at: Timestamp) {
        self.person = person
        self.verdict = verdict
        self.note = note
        self.at = at
    }

    package var approves: Bool { verdict != .deny }

    /// The most nodes one vote may name; a wider request is to be narrowed.
    package static let maximumNodes = 500
}

/// What the votes on a request allow together.
package struct GrantTerms: Sendable, Equatable {
    package let nodes: Set<NodeName>
    package let duration: Duration
    /// When the last vote was signed: the activation deadline counts from here.
    package let approvedAt: Timestamp

    package init(nodes: Set<NodeName>, duration: Duration, approvedAt: Timestamp) {
        self.nodes = nodes
        self.duration = duration
        self.approvedAt = approvedAt
    }
}
