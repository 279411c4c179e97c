// SPDX-License-Identifier: Apache-2.0
// SECURITY: when a grant's time is up on this node, decided on values alone: no file, no clock (P2).

package import Access

/// A grant's end on the boot-time clock, as the node holds it from first sight on.
package struct GrantAnchor: Sendable, Equatable {
    package let bootID: String
    /// Nanoseconds of the boot-time clock of boot ``bootID``.
    package let deadline: Int64
    package let leaseVersion: Int64
    /// When the activation that was seen first says that the grant began.
    package let notBefore: Timestamp
    package let notAfter: Timestamp

    package init(bootID: String, deadline: Int64, leaseVersion: Int64, notBefore: Timestamp, notAfter: Timestamp) {
        self.bootID = bootID
        self.deadline = deadline
        self.leaseVersion = leaseVersion
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// Anchors `lease` at `now`.
    ///
    /// At first sight what is left by the wall clock, and never more than was granted; later in the same boot never
    /// later than that; after a reboot the wall clock again, because nothing else counted meanwhile. A later version of
    /// the lease moves the end by what it adds, however the wall clock was stepped, and revives nothing.
    ///
    /// - Parameter known: what the node remembers of the grant.
    /// - Throws: ``AgentError/leaseOutdated(_:version:seen:)``; ``Refusal/grantOver(_:_:_:)`` when nothing is left.
    package init(of lease: Lease, after known: GrantAnchor?, at now: GrantMemory.Moment) throws {
        if let known, lease.version < known.leaseVersion {
            throw AgentError.leaseOutdated(lease.grant, version: lease.version, seen: known.leaseVersion)
        }
        // A second activation does not move the end, also not across a reboot.
        let notBefore = min(lease.notBefore, known?.notBefore ?? lease.notBefore)
        var notAfter = lease.notAfter - (lease.notBefore - notBefore)
        if let known, known.leaseVersion == lease.version { notAfter = min(notAfter, known.notAfter) }
        let granted = notAfter - notBefore
        var deadline = now.boot + Self.nanoseconds(min(notAfter - now.wall, granted))
        if let known, known.bootID == now.bootID {
            guard known.deadline > now.boot else { throw Refusal.grantOver(lease.grant, .ended, .expired) }
            let added = Self.nanoseconds(notAfter - known.notAfter)
            deadline = lease.version == known.leaseVersion
                ? min(deadline, known.deadline) : min(known.deadline + added, now.boot + Self.nanoseconds(granted))
        }
        guard deadline > now.boot else { throw Refusal.grantOver(lease.grant, .ended, .expired) }
        self.init(bootID: now.bootID, deadline: deadline, leaseVersion: lease.version, notBefore: notBefore, notAfter: notAfter)
    }

    /// 0 for less than nothing. A grant lasts a day at most.
    private static func nanoseconds(_ duration: Duration) -> Int64 { max(0, duration.wholeMilliseconds) * 1_000_000 }
}
