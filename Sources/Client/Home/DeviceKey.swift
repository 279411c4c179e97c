// SPDX-License-Identifier: Apache-2.0

import Access
package import Evidence
package import Transport

/// The device key in use: it signs statements and proves itself in TLS.
package final class DeviceKey: Sendable {
    package let signing: SigningKey
    package let identity: TLSIdentity

    package convenience init(_ seed: borrowing SecretBytes) throws { try self.init(seed, signing: try SigningKey(seed: seed)) }

    /// - Parameter signing: made of the same seed.
    init(_ seed: borrowing SecretBytes, signing: SigningKey) throws {
        self.signing = signing
        identity = try seed.reveal { bytes in try TLSIdentity(ed25519Seed: bytes) }
    }
}
