// SPDX-License-Identifier: Apache-2.0
// SECURITY: the later end of a session, written into its folder by the agent once the evidence holds. The supervisor takes
// it from there and from nowhere else: what the broker says over the link prolongs nothing (P1).

package import Access
package import StrictJSON

/// A lease that takes the place of the one that a session began with.
package struct LeaseMove: Sendable, Equatable {
    package let version: Int64
    package let notAfter: Timestamp
    /// When the grant's time is up, in nanoseconds of the boot-time clock of boot ``bootID``.
    package let deadline: Int64
    package let bootID: String

    package init(_ anchor: GrantAnchor) {
        version = anchor.leaseVersion
        notAfter = anchor.notAfter
        deadline = anchor.deadline
        bootID = anchor.bootID
    }

    package var json: JSONValue {
        .object([
            "lease": .integer(version), "notAfter": .integer(notAfter.milliseconds), "deadline": .integer(deadline),
            "boot": .string(bootID),
        ])
    }

    package init(_ value: JSONValue) throws(JSONError) {
        var reader = try ObjectReader(value)
        version = try reader.integer("lease", in: 1...1_000_000)
        notAfter = Timestamp(milliseconds: try reader.integer("notAfter", in: Timestamp.validRange))
        deadline = try reader.integer("deadline", in: 0...Int64.max)
        bootID = try reader.string("boot", maximum: 64)
        try reader.finish()
    }
}
