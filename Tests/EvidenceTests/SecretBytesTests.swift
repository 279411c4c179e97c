// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

@testable import Evidence

@Suite struct SecretBytesTests {
    private struct Refused: Error {}

    @Test func `a secret that could not be filled is freed once`() {
        for _ in 0..<1000 {
            #expect(throws: Refused.self) {
                let secret = try SecretBytes(count: 32) { _ throws(Refused) in throw Refused() }
                _ = secret.count
            }
        }
    }

    @Test func `a peer with a degenerate point gets no keys and crashes nobody`() throws {
        let key = try EphemeralKey()
        let opening = try Digest(of: [1, 2, 3])
        for point in [[UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31)] {
            #expect(throws: CryptographyError.self) {
                _ = try key.agree(with: point, opening: opening, accepted: point)
            }
        }
    }
}
