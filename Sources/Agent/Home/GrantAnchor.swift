// SPDX-License-Identifier: Apache-2.0
// SECURITY: when a grant's time is up on this node, decided on values alone: no file, no clock (P2).

package import Access

/// A grant's end on the boot-time clock, as the node holds it from first sight on.
package struct GrantAnchor: Sendable, Equatable {
    package let bootID: String
    /// Nanoseconds of the boot-time clock of boot ``bootID``.
    package let deadline: Int64
    package let leaseVersion: Int64
    package let notAfter: Timestamp

    package init(bootID: String, deadline: Int64, leaseVersion: Int64, notAfter: Timestamp) {
        self.bootID = bootID
        self.deadline = deadline
        self.leaseVersion = leaseVersion
        self.notAfter = notAfter
    }

    /// Anchors `lease` at `now`.
    ///
    /// At first sight what is left by the wall clock, and never more than was granted; later in the same boot never
    /// later than that; after a reboot the wall clock again, because nothing else counted meanwhile.
    ///
    /// - Parameter known: what the node remembers of the grant.
    /// - Throws: ``AgentError/leaseOutdated(_:version:seen:)``; ``Refusal/grantOver(_:_:_:)`` when nothing is left.
    package init(of lease: Lease, version: Int64, after known: GrantAnchor?, at now: GrantMemory.Moment) throws {
        // A second activation of the same lease does not move its end, also not across a reboot.
        let earlier = known.flatMap { $0.leaseVersion == version ? $0.notAfter : nil }
        let notAfter = min(lease.notAfter, earlier ?? lease.notAfter)
        let left = min(notAfter - now.wall, lease.notAfter - lease.notBefore)
        var deadline = now.boot + max(0, left.wholeMilliseconds) * 1_000_000
        if let known {
            guard version >= known.leaseVersion else {
                throw AgentError.leaseOutdated(lease.grant, version: version, seen: known.leaseVersion)
            }
            if known.bootID == now.bootID { deadline = min(deadline, known.deadline) }
        }
        guard deadline > now.boot else { throw Refusal.grantOver(lease.grant, .ended, .expired) }
        self.init(bootID: now.bootID, deadline: deadline, leaseVersion: version, notAfter: notAfter)
    }
}
