// SPDX-License-Identifier: Apache-2.0
// SECURITY: two rolls have the same tally only when they are the same, signatures included: a signature that was noted as
// verified counts by its key alone afterwards.

import Access

/// A digest over the first entries of a roll with every signature under them.
package struct RollTally: Sendable, Equatable {
    /// How many entries.
    package private(set) var number: Int64 = 0
    package private(set) var digest: Digest = .none

    package init() {}

    /// - Returns: `nil` for less than one entry.
    package init?(number: Int64, digest: Digest) {
        guard number > 0 else { return nil }
        (self.number, self.digest) = (number, digest)
    }

    /// Takes the entry that follows. Each part has one length, so that no two lists of signatures read the same.
    package mutating func add(_ entry: Digest, signatures: [SignedText.Signature]) throws(CryptographyError) {
        var bytes = digest.bytes + entry.bytes
        for signature in signatures { bytes += signature.key.bytes + (try Digest(of: signature.bytes)).bytes }
        digest = try Digest(of: bytes)
        number += 1
    }
}
