// SPDX-License-Identifier: Apache-2.0
// SECURITY: what the node believes without proof: where its broker is, the broker's key, and the root of the roll.
// Written once, when the node joins.

package import Access
package import Evidence
import Posix
import StrictJSON
package import Transport

/// Who this node is and whom it belongs to.
package struct NodeIdentity: Sendable, Equatable {
    package let name: NodeName
    package let broker: Endpoint
    package let pin: PublicKey
    package let root: Digest

    package init(name: NodeName, broker: Endpoint, pin: PublicKey, root: Digest) {
        self.name = name
        self.broker = broker
        self.pin = pin
        self.root = root
    }

    package func save(_ path: String) throws {
        let value: JSONValue = .object([
            "name": .string(name.text), "broker": .string(broker.description), "pin": .string(pin.hex),
            "root": .string(root.hex),
        ])
        try DurableFile.writeAtomically(Array((value.pretty + "\n").utf8), to: path, mode: 0o600)
    }

    package static func load(_ path: String) throws -> NodeIdentity {
        let bytes = try DurableFile.read(path, maximumBytes: 4096)
        do {
            var reader = try ObjectReader(try JSONValue(parsing: bytes))
            let name = try NodeName(try reader.string("name", maximum: 63))
            let broker = try Endpoint(try reader.string("broker", maximum: 300))
            let pin = PublicKey(hex: try reader.string("pin", maximum: 64))
            let root = Digest(hex: try reader.string("root", maximum: 64))
            try reader.finish()
            guard let pin, let root else {
                throw AgentError.homeDamaged(path: path, reason: "its pin or its root is not 64 hexadecimal digits")
            }
            return NodeIdentity(name: name, broker: broker, pin: pin, root: root)
        } catch let error as AgentError {
            throw error
        } catch {
            throw AgentError.homeDamaged(path: path, reason: AgentError(error).message)
        }
    }

    /// A client for the broker, which must show the pinned key, for a process that stands in for the node.
    package func client(with delegation: TLSDelegation, timeout: Duration) throws -> HTTPClient {
        HTTPClient(broker, context: try TLSContext(clientWith: TLSIdentity(delegation), expecting: pin.bytes), timeout: timeout)
    }
}
