// SPDX-License-Identifier: Apache-2.0

import Access
package import Evidence
package import Transport

/// The device key in use: it signs statements and proves itself in TLS.
package final class DeviceKey: Sendable {
    package let signing: SigningKey
    package let identity: TLSIdentity

    package init(_ seed: borrowing SecretBytes) throws {
        signing = try SigningKey(seed: seed)
        identity = try seed.reveal { bytes in try TLSIdentity(ed25519Seed: bytes) }
    }
}
