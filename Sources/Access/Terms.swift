// SPDX-License-Identifier: Apache-2.0

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

    package init(
        id: RequestID, person: PersonName, entitlement: EntitlementName, charterVersion: Int64, selector: Selector,
        capabilities: Set<Capability>, runAs: RunAsName, duration: Duration, reason: String, fields: [String: String] = [:],
        isBreakGlass: Bool = false, at: Timestamp
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
    package let at: Timestamp

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
