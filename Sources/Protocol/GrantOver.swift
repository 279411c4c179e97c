// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
package import StrictJSON

/// A grant that ended before its time, as nodes are told of it: they remember it, so that nobody who has the broker's
/// database in hand makes it active again.
package struct GrantOver: Sendable, Equatable {
    /// The digest of the request that the grant came from.
    package let request: Digest
    package let reason: Grant.EndReason
    /// From then on its own time keeps it closed.
    package let until: Timestamp

    package init(request: Digest, reason: Grant.EndReason, until: Timestamp) {
        self.request = request
        self.reason = reason
        self.until = until
    }

    package var json: JSONValue {
        ["request": .string(request.hex), "reason": .string(reason.rawValue), "until": .time(until)]
    }

    package init(_ value: JSONValue) throws(EvidenceError) {
        do {
            var reader = try ObjectReader(value)
            guard let request = Digest(hex: try reader.string("request", maximum: 64)) else {
                throw EvidenceError.fieldMalformed("`request` is not a digest")
            }
            self.request = request
            let name = try reader.string("reason", maximum: 32)
            guard let reason = Grant.EndReason(rawValue: name) else { throw EvidenceError.typeUnknown(name) }
            self.reason = reason
            until = Timestamp(milliseconds: try reader.integer("until", in: Timestamp.validRange))
            try reader.finish()
        } catch {
            throw EvidenceError(error)
        }
    }
}
