// SPDX-License-Identifier: Apache-2.0
// SECURITY: the founding token lets its bearer sign the root, once, within 15 minutes. Its secret is printed and never
// stored; the broker keeps the public half.

package import Access
import Evidence
import Posix
import StrictJSON

/// What the broker knows of the token for the first administrator.
package struct Founding: Sendable {
    /// The public half of the token's secret.
    package let key: PublicKey
    package let notAfter: Timestamp
    package let broker: PublicKey
    /// The address that tokens name.
    package let address: String

    var json: JSONValue {
        .object([
            "key": .string(key.hex), "notAfter": .time(notAfter), "broker": .string(broker.hex), "address": .string(address),
        ])
    }

    init(key: PublicKey, notAfter: Timestamp, broker: PublicKey, address: String) {
        self.key = key
        self.notAfter = notAfter
        self.broker = broker
        self.address = address
    }

    static func read(_ home: BrokerHome) throws -> Founding {
        let bytes = try DurableFile.read(home.founding, maximumBytes: 4096)
        var reader = try ObjectReader(try JSONValue(parsing: bytes))
        guard let key = PublicKey(hex: try reader.string("key")), let broker = PublicKey(hex: try reader.string("broker")) else {
            throw HomeError.malformed(home.founding, "it names no key.")
        }
        let notAfter = Timestamp(milliseconds: try reader.integer("notAfter", in: Timestamp.validRange))
        let address = try reader.string("address")
        try reader.finish()
        return Founding(key: key, notAfter: notAfter, broker: broker, address: address)
    }
}

/// `stintd init`.
package enum BrokerSetup {
    /// Makes a home: the broker's key, the database, the policy that the founder will be shown, and a founding token.
    ///
    /// - Parameters:
    ///   - address: host and port that tokens shall name.
    ///   - policy: the text of the policy to found with.
    /// - Returns: the token.
    package static func initialise(_ home: BrokerHome, address: String, policy: String) throws -> String {
        try CharterRule.check(try Policy(parsing: policy, file: "policy"), isChangeableBy: 1)
        try home.make()
        guard try !DurableFile.listDirectory(home.path).contains("broker.key") else {
            throw HomeError.alreadyInitialised(home.path)
        }
        try DurableFile.writeAtomically(Array(policy.utf8), to: home.policy)
        try BrokerDatabase.create(home)
        // The key comes last: a home with a key is complete.
        let seed = try SecretBytes(random: SigningKey.seedLength)
        let broker = try SigningKey(seed: seed)
        let token = try makeToken(home, broker: broker.publicKey, address: address)
        try KeyFile.write(seed, to: home.key)
        return token
    }

    /// Makes another founding token while nobody has joined; the one before is void.
    package static func renewToken(_ home: BrokerHome) throws -> String {
        guard try DurableFile.listDirectory(home.path).contains("broker.key") else { throw HomeError.notInitialised(home.path) }
        guard try BrokerDatabase.isUnfounded(home) else { throw HomeError.alreadyFounded }
        let founding = try Founding.read(home)
        return try makeToken(home, broker: founding.broker, address: founding.address)
    }

    private static func makeToken(_ home: BrokerHome, broker: PublicKey, address: String) throws -> String {
        let secret = try SecretBytes(random: SigningKey.seedLength)
        let key = try SigningKey(seed: secret).publicKey
        let notAfter = Timestamp(milliseconds: BootClock.wallMilliseconds()) + InvitationStatement.lifetime
        let founding = Founding(key: key, notAfter: notAfter, broker: broker, address: address)
        try DurableFile.writeAtomically(Array(founding.json.pretty.utf8), to: home.founding)
        let token = JoinToken(
            kind: .founding, name: "", broker: address, pin: broker, root: nil, invitation: nil, notAfter: notAfter,
            secret: secret)
        return try token.text()
    }
}
