// SPDX-License-Identifier: Apache-2.0

package import Access

/// What a person needs access to: the measure for grants and requests that are there already.
package struct AccessNeed: Sendable, Equatable {
    package let nodes: Set<NodeName>
    package let capabilities: Set<Capability>
    /// nil: whoever the entitlement names.
    package let runAs: RunAsName?
    /// Of a request that is still to be decided: at least so long. nil: however long it asks for.
    package let duration: Duration?

    package init(nodes: Set<NodeName>, capabilities: Set<Capability>, runAs: RunAsName?, duration: Duration?) {
        self.nodes = nodes
        self.capabilities = capabilities
        self.runAs = runAs
        self.duration = duration
    }

    package init(_ use: GrantUse, duration: Duration?) {
        self.init(nodes: [use.node], capabilities: [use.capability], runAs: use.runAs, duration: duration)
    }

    /// The grant to use: an active one before one that would have to be started, then the one that lasts longest.
    package func choose(among grants: [GrantView], at now: Timestamp) -> GrantView? {
        grants.filter { covers($0, at: now) }.max { left, right in
            if (left.state == .active) != (right.state == .active) { return right.state == .active }
            return (left.notAfter?.milliseconds ?? 0, right.id) < (right.notAfter?.milliseconds ?? 0, left.id)
        }
    }

    /// The grant that will cover it, of those that may not be used yet the one that starts first.
    package func choose(amongPlanned grants: [GrantView], at now: Timestamp) -> (grant: GrantView, start: Timestamp)? {
        grants.compactMap { grant in
            grant.startsAt.flatMap { $0 > now && covers(grant, at: $0) ? (grant, $0) : nil }
        }.min { $0.1 < $1.1 }
    }

    /// Of one's own pending requests, the one that gives all that is needed once it is approved; of several, the first to
    /// be decided.
    package func choose(amongPending requests: [Answer], at now: Timestamp) -> Answer? {
        requests.filter { request in
            request.optionalText("state") == AccessRequest.State.pending.rawValue
                && request.time("startsAt").map { $0 <= now } ?? true
                && isWithin(request.texts("nodes"), request.texts("capabilities"), request.optionalText("runAs") ?? "")
                && (duration.map { $0.components.seconds <= request.optionalInteger("duration") ?? 0 } ?? true)
        }.min { ($0.time("decideBefore")?.milliseconds ?? 0) < ($1.time("decideBefore")?.milliseconds ?? 0) }
    }

    private func covers(_ grant: GrantView, at now: Timestamp) -> Bool {
        grant.isUsable(at: now) && isWithin(Array(grant.nodes), Array(grant.capabilities), grant.runAs)
    }

    private func isWithin(_ nodes: [String], _ capabilities: [String], _ runAs: String) -> Bool {
        Set(nodes).isSuperset(of: self.nodes.map(\.text)) && Set(capabilities).isSuperset(of: self.capabilities.map(\.rawValue))
            && (self.runAs.map { $0.text == runAs } ?? true)
    }
}
