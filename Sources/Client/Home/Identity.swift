// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
import Posix
package import StrictJSON

/// Who this client is, and which broker and installation it belongs to: written once, when it joined.
package struct Identity: Sendable, Equatable {
    package let person: PersonName
    /// The public half of the device key.
    package let device: PublicKey
    package let label: String
    /// `HOST:PORT`
    package let broker: String
    /// The key that the broker must show.
    package let pin: PublicKey
    /// The digest of entry 1 of the roll: it names the installation.
    package let root: Digest

    package init(person: PersonName, device: PublicKey, label: String, broker: String, pin: PublicKey, root: Digest) {
        self.person = person
        self.device = device
        self.label = label
        self.broker = broker
        self.pin = pin
        self.root = root
    }

    package var json: JSONValue {
        .object([
            "person": .string(person.text), "device": .string(device.hex), "label": .string(label),
            "broker": .string(broker), "pin": .string(pin.hex), "root": .string(root.hex),
        ])
    }

    package init(_ value: JSONValue) throws {
        var reader = try ObjectReader(value)
        person = try PersonName(try reader.string("person", maximum: 63))
        let (device, pin) = (try reader.string("device"), try reader.string("pin"))
        let root = try reader.string("root")
        label = try reader.string("label", maximum: 128)
        broker = try reader.string("broker", maximum: 300)
        try reader.finish()
        guard let device = PublicKey(hex: device), let pin = PublicKey(hex: pin), let root = Digest(hex: root) else {
            throw EvidenceError.signatureMalformed
        }
        (self.device, self.pin, self.root) = (device, pin, root)
    }
}

extension ClientHome {
    /// - Throws: ``ClientError/notJoined(_:)`` before ``Joining`` has succeeded here.
    package func identity() throws -> Identity {
        guard let bytes = try read(identityPath, maximumBytes: 16 * 1024) else { throw ClientError.notJoined(path) }
        do {
            return try Identity(try JSONValue(parsing: bytes))
        } catch {
            throw ClientError.fileDamaged(identityPath, what: Failures.message(of: error))
        }
    }

    package func save(_ identity: Identity) throws {
        try DurableFile.writeAtomically(Array((identity.json.pretty + "\n").utf8), to: identityPath)
    }
}
