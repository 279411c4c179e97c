// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Testing

@testable import Client

@Suite struct AcceptanceTests {
    private let temporary: TemporaryHome
    private let world: Installation
    private let opening: Signed<OpeningStatement>

    init() throws {
        temporary = try TemporaryHome()
        world = try Installation()
        opening = try Self.opening(world)
        let home = temporary.home
        _ = try home.seedForJoining()
        try home.save(
            Identity(
                person: PersonName("bob"), device: world.key("bob").publicKey, label: "laptop", broker: "127.0.0.1:1",
                pin: world.brokerKey.publicKey, root: world.root))
        var cache = try RollCache(home, root: world.root, broker: world.brokerKey.publicKey)
        try cache.append(world.entries)
    }

    private static func opening(_ world: Installation) throws -> Signed<OpeningStatement> {
        try OpeningStatement(
            root: world.root, activation: .none, person: PersonName("bob"), node: NodeName("db-1"), capability: .shell,
            runAs: RunAsName(user: "root"), command: [], terminal: nil, language: "", ephemeral: EphemeralKey().publicBytes,
            rollNumber: 1, nonce: Evidence.Random.nonce(), at: .now()
        ).signed(with: world.key("bob"))
    }

    private func verify(
        by signer: String, node: String = "db-1", root: Digest? = nil, opening other: Digest? = nil
    ) -> String {
        refusal {
            let acceptance = try AcceptanceStatement(
                root: root ?? world.root, opening: other ?? opening.digest, node: NodeName(node),
                ephemeral: EphemeralKey().publicBytes, leaseVersion: 1, notAfter: .now(), at: .now()
            ).signed(with: world.key(signer))
            _ = try Operator(temporary.home).verify(acceptance, of: opening)
        }
    }

    @Test func `the acceptance of the node that was asked is taken`() {
        #expect(verify(by: "db-1") == "accepted")
    }

    @Test func `nobody but that node can accept, and not for another opening or installation`() throws {
        #expect(verify(by: "db-2") == "evidence.not-signed")
        #expect(verify(by: "alice") == "evidence.not-signed")
        #expect(verify(by: "db-2", node: "db-2") == "evidence.does-not-belong")
        #expect(verify(by: "db-1", opening: try Self.opening(world).digest) == "evidence.does-not-belong")
        #expect(verify(by: "db-1", root: Digest.none) == "evidence.other-installation")
    }
}
