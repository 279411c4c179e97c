// SPDX-License-Identifier: Apache-2.0
// SECURITY: who joins checks the whole roll down to the root that the token names, and the token's secret never leaves
// this machine: it only signs.

package import Access
package import Evidence
import Posix
import Protocol
import StrictJSON

/// Turns a token into an enrolled device.
package struct Joining {
    /// What the founder of an installation decides; for anybody else the invitation says it.
    package struct Founding {
        package let name: PersonName
        package let groups: [GroupName]?
        /// The text of a policy; nil for the one that the broker offers.
        package let policy: String?

        package init(name: PersonName, groups: [GroupName]?, policy: String?) {
            self.name = name
            self.groups = groups
            self.policy = policy
        }
    }

    private let home: ClientHome
    private let label: String

    /// - Parameter label: how the device is called; decides nothing.
    package init(_ home: ClientHome, label: String) throws {
        try HumanText.check(label)
        self.home = home
        self.label = label
    }

    package func join(with token: borrowing JoinToken, founding: Founding) throws -> Identity {
        try checkNotJoined()
        guard token.kind != .node else { throw TokenError.wrongKind(.node, wanted: "one for a person or a device") }
        guard token.notAfter > .now() else { throw TokenError.expired(token.notAfter) }
        try home.make()
        let key = try DeviceKey(try home.seedForJoining())
        let broker = try BrokerClient(token.broker, pin: token.pin, as: key)
        let identity: Identity
        if let root = token.root, let invitation = token.invitation {
            identity = try enrol(with: token, root, invitation, key, broker)
        } else {
            identity = try found(with: token, founding, key, broker)
        }
        try home.save(identity)
        return identity
    }

    private func checkNotJoined() throws {
        do {
            throw ClientError.alreadyJoined(home.path, person: try home.identity().person.text)
        } catch ClientError.notJoined {
            return
        }
    }

    // MARK: The first administrator

    private func found(
        with token: borrowing JoinToken, _ founding: Founding, _ key: DeviceKey, _ broker: BrokerClient
    ) throws -> Identity {
        let offer = Answer(try broker.get(Route.roll, [("after", "0")]))
        if let first = offer.objects("entries").first { return try resume(first, token, key) }
        guard let policy = founding.policy ?? offer.optionalText("policy") else { throw ClientError.noFoundingPolicy }
        try CharterRule.check(try Policy(parsing: policy, file: "policy"), isChangeableBy: 1)
        let groups = try founding.groups ?? offer.texts("groups").map { try GroupName($0) }
        let secret = try SigningKey(seed: token.secret)
        let charter = CharterStatement(
            place: .first, version: 1, administrators: [founding.name], policy: policy, broker: token.pin,
            founder: .init(
                name: founding.name, groups: groups, key: key.signing.publicKey, device: label,
                founding: secret.publicKey),
            at: .now())
        let signed = try charter.signed(with: key.signing, secret)
        var cache = try RollCache(home, root: signed.digest, broker: token.pin)
        _ = try broker.post(Route.roll, signed.source)
        try cache.append([signed.source])
        return identity(founding.name, token, key, root: signed.digest)
    }

    /// An earlier attempt of ours may have reached the broker without our learning it.
    private func resume(_ first: Answer, _ token: borrowing JoinToken, _ key: DeviceKey) throws -> Identity {
        let charter = try Signed<CharterStatement>(try first.signed())
        guard let founder = charter.value.founder, founder.key == key.signing.publicKey,
            charter.isSigned(by: founder.key)
        else { throw ClientError.foundedAlready }
        var cache = try RollCache(home, root: charter.digest, broker: token.pin)
        if cache.roll.number == 0 { try cache.append([charter.source]) }
        return identity(founder.name, token, key, root: charter.digest)
    }

    // MARK: Whoever was invited

    private func enrol(
        with token: borrowing JoinToken, _ root: Digest, _ invitation: Digest, _ key: DeviceKey, _ broker: BrokerClient
    ) throws -> Identity {
        var cache = try RollCache(home, root: root, broker: token.pin)
        do {
            try cache.fetch(from: broker, invitation: invitation)
        } catch let problem as Problem where problem.code == "authentication.not-enrolled" {
            throw ClientError.invitationNotAccepted
        }
        if let known = cache.roll.person(withDevice: key.signing.publicKey) {
            return identity(known.name, token, key, root: root)  // an interrupted attempt had succeeded
        }
        let secret = try SigningKey(seed: token.secret)
        let label = label
        _ = try cache.append(through: broker, invitation: invitation, signedBy: [secret, key.signing]) { place in
            EnrolmentStatement(
                place: place, invitation: invitation, key: key.signing.publicKey, label: label, at: .now())
        }
        guard let person = cache.roll.person(withDevice: key.signing.publicKey) else {
            throw Refusal.deviceUnknown(try PersonName(token.name))
        }
        return identity(person.name, token, key, root: root)
    }

    private func identity(
        _ person: PersonName, _ token: borrowing JoinToken, _ key: DeviceKey, root: Digest
    ) -> Identity {
        Identity(
            person: person, device: key.signing.publicKey, label: label, broker: token.broker, pin: token.pin, root: root)
    }
}
