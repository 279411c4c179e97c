// SPDX-License-Identifier: Apache-2.0
// SECURITY: what the roll consists of. Each entry names its number and the digest of the entry before it.

package import Access
package import StrictJSON

/// The place of an entry in the roll.
package struct RollPlace: Sendable, Equatable {
    package let number: Int64
    package let previous: Digest

    package static let first = RollPlace(number: 1, previous: .none)

    package init(number: Int64, previous: Digest) {
        self.number = number
        self.previous = previous
    }

    init(_ reader: inout ObjectReader) throws {
        number = try reader.integer("number", in: 1...1_000_000_000)
        previous = try reader.digest("previous")
    }

    func write(to object: inout JSONObject) {
        object["number"] = .integer(number)
        object["previous"] = .string(previous.hex)
    }
}

/// The signed root of trust: policy and administrators. Entry 1 of the roll is version 1 and is the root itself; it names
/// its founder with key, because nobody could have invited that person.
package struct CharterStatement: Statement {
    package static let type = "charter"
    static let maximumConsents = 8

    /// The first administrator. Only version 1 has one.
    package struct Founder: Sendable, Equatable {
        package let name: PersonName
        package let groups: [GroupName]
        package let key: PublicKey
        package let device: String
        /// The public half of the founding token's secret, which signs too.
        package let founding: PublicKey

        package init(name: PersonName, groups: [GroupName], key: PublicKey, device: String, founding: PublicKey) {
            self.name = name
            self.groups = groups
            self.key = key
            self.device = device
            self.founding = founding
        }
    }

    package let place: RollPlace
    package let version: Int64
    package let administrators: [PersonName]
    /// The text of the policy as the administrator saw it: JSON5 with its comments.
    package let policy: String
    package let broker: PublicKey
    package let founder: Founder?
    /// Of administrators of the version before, to exactly this content; at least as many as that version demands.
    package let consents: [Signed<ConsentStatement>]
    package let at: Timestamp

    package init(
        place: RollPlace, version: Int64, administrators: [PersonName], policy: String, broker: PublicKey,
        founder: Founder?, consents: [Signed<ConsentStatement>] = [], at: Timestamp
    ) {
        self.place = place
        self.version = version
        self.administrators = administrators.sorted()
        self.policy = policy
        self.broker = broker
        self.founder = founder
        self.consents = consents
        self.at = at
    }

    package var content: CharterContent { CharterContent(administrators: administrators, policy: policy) }

    package var fields: JSONObject {
        var object: JSONObject = [
            "version": .integer(version), "administrators": .names(administrators), "policy": .string(policy),
            "broker": .string(broker.hex), "at": .time(at), "founder": .null,
            "consents": .array(consents.map(\.source.json)),
        ]
        if let founder {
            object["founder"] = .object([
                "name": .string(founder.name.text), "groups": .names(founder.groups), "key": .string(founder.key.hex),
                "device": .string(founder.device), "founding": .string(founder.founding.hex),
            ])
        }
        place.write(to: &object)
        return object
    }

    package init(fields reader: inout ObjectReader) throws {
        place = try RollPlace(&reader)
        version = try reader.integer("version", in: 1...1_000_000)
        administrators = try reader.names("administrators", maximum: 100)
        policy = try reader.string("policy", maximum: 128 * 1024)
        broker = try reader.publicKey("broker")
        at = try reader.timestamp("at")
        consents = try reader.array("consents", maximum: Self.maximumConsents).map { try Signed(try SignedText($0)) }
        let value = try reader.value("founder")
        guard value != .null else {
            founder = nil
            return
        }
        var inner = try ObjectReader(value)
        founder = Founder(
            name: try inner.name("name"), groups: try inner.names("groups", maximum: 32), key: try inner.publicKey("key"),
            device: try inner.string("device", maximum: 128), founding: try inner.publicKey("founding"))
        try inner.finish()
        try HumanText.check(founder?.device ?? "")
    }
}

/// An administrator's word that whoever holds a secret may enrol under a name; or a person's, for another own device.
package struct InvitationStatement: Statement {
    package static let type = "invitation"

    package enum Subject: Sendable, Equatable {
        case person(PersonName, groups: [GroupName], attributes: [String: String])
        case node(NodeName, Tags)
        case device(PersonName)
    }

    package let place: RollPlace
    package let subject: Subject
    package let by: PersonName
    /// The public half of the secret in the token. The private half never reaches the broker.
    package let secret: PublicKey
    package let notAfter: Timestamp
    package let at: Timestamp

    package static let lifetime: Duration = .seconds(15 * 60)

    package init(place: RollPlace, subject: Subject, by: PersonName, secret: PublicKey, notAfter: Timestamp, at: Timestamp) {
        self.place = place
        self.subject = subject
        self.by = by
        self.secret = secret
        self.notAfter = notAfter
        self.at = at
    }

    package var fields: JSONObject {
        var object: JSONObject = [
            "by": .string(by.text), "secret": .string(secret.hex), "notAfter": .time(notAfter), "at": .time(at),
        ]
        switch subject {
        case .person(let name, let groups, let attributes):
            object["kind"] = "person"
            object["name"] = .string(name.text)
            object["groups"] = .names(groups)
            object["attributes"] = .keyedStrings(attributes.map { ($0.key, $0.value) })
        case .node(let name, let tags):
            object["kind"] = "node"
            object["name"] = .string(name.text)
            object["tags"] = .keyedStrings(tags.sorted)
        case .device(let name):
            object["kind"] = "device"
            object["name"] = .string(name.text)
        }
        place.write(to: &object)
        return object
    }

    package init(fields reader: inout ObjectReader) throws {
        place = try RollPlace(&reader)
        by = try reader.name("by")
        secret = try reader.publicKey("secret")
        notAfter = try reader.timestamp("notAfter")
        at = try reader.timestamp("at")
        switch try reader.string("kind", maximum: 16) {
        case "person":
            var attributes: [String: String] = [:]
            for (key, value) in try reader.keyedStrings("attributes", maximum: 32) {
                guard Tags.isKey(key), Tags.isValue(value) else { throw Refusal.tagMalformed(key + "=" + value) }
                attributes[key] = value
            }
            subject = .person(try reader.name("name"), groups: try reader.names("groups", maximum: 32), attributes: attributes)
        case "node":
            subject = .node(
                try reader.name("name"), try Tags(try reader.keyedStrings("tags", maximum: Tags.maximumCount)))
        case "device": subject = .device(try reader.name("name"))
        case let other: throw EvidenceError.typeUnknown("invitation of a " + other)
        }
    }
}

/// Whoever was invited takes a key of their own. Signed with the invitation's secret and with that key.
package struct EnrolmentStatement: Statement {
    package static let type = "enrolment"

    package let place: RollPlace
    package let invitation: Digest
    package let key: PublicKey
    /// What the device or node calls itself; decides nothing.
    package let label: String
    package let at: Timestamp

    package init(place: RollPlace, invitation: Digest, key: PublicKey, label: String, at: Timestamp) {
        self.place = place
        self.invitation = invitation
        self.key = key
        self.label = label
        self.at = at
    }

    package var fields: JSONObject {
        var object: JSONObject = [
            "invitation": .string(invitation.hex), "key": .string(key.hex), "label": .string(label), "at": .time(at),
        ]
        place.write(to: &object)
        return object
    }

    package init(fields reader: inout ObjectReader) throws {
        place = try RollPlace(&reader)
        invitation = try reader.digest("invitation")
        key = try reader.publicKey("key")
        label = try reader.string("label", maximum: 128)
        try HumanText.check(label)
        at = try reader.timestamp("at")
    }
}

/// A person, a device or a node is taken away, for good.
package struct DisablingStatement: Statement {
    package static let type = "disabling"

    package enum Subject: Sendable, Equatable {
        case person(PersonName)
        case device(PublicKey)
        case node(NodeName)
    }

    package let place: RollPlace
    package let subject: Subject
    package let by: PersonName
    package let reason: String
    package let at: Timestamp

    package init(place: RollPlace, subject: Subject, by: PersonName, reason: String, at: Timestamp) {
        self.place = place
        self.subject = subject
        self.by = by
        self.reason = reason
        self.at = at
    }

    package var fields: JSONObject {
        var object: JSONObject = ["by": .string(by.text), "reason": .string(reason), "at": .time(at)]
        switch subject {
        case .person(let name): (object["kind"], object["subject"]) = ("person", .string(name.text))
        case .device(let key): (object["kind"], object["subject"]) = ("device", .string(key.hex))
        case .node(let name): (object["kind"], object["subject"]) = ("node", .string(name.text))
        }
        place.write(to: &object)
        return object
    }

    package init(fields reader: inout ObjectReader) throws {
        place = try RollPlace(&reader)
        by = try reader.name("by")
        reason = try reader.string("reason")
        try HumanText.check(reason)
        at = try reader.timestamp("at")
        switch try reader.string("kind", maximum: 16) {
        case "person": subject = .person(try reader.name("subject"))
        case "device": subject = .device(try reader.publicKey("subject"))
        case "node": subject = .node(try reader.name("subject"))
        case let other: throw EvidenceError.typeUnknown("disabling of a " + other)
        }
    }
}
