// SPDX-License-Identifier: Apache-2.0
// SECURITY: all that the process that reads the network is told: where the broker is, by which key to know it, and a key for this
// one connection. Nothing by which anything could be signed for the node (docs/decisions/0073).

import Access
import Evidence
import StrictJSON
import Transport

/// Whom to dial, and as whom.
struct DialOrder: Sendable, Equatable {
    let broker: Endpoint
    let pin: PublicKey
    let key: TLSDelegation

    init(broker: Endpoint, pin: PublicKey, key: TLSDelegation) { (self.broker, self.pin, self.key) = (broker, pin, key) }

    var text: String {
        let value: JSONValue = .object([
            "broker": .string(broker.description), "pin": .string(pin.hex), "seed": .string(Hex.encode(key.seed)),
            "certificate": .string(Hex.encode(key.certificate)), "issuer": .string(Hex.encode(key.issuer)),
        ])
        return value.text
    }

    init(parsing bytes: [UInt8]) throws {
        var reader = try ObjectReader(try JSONValue(parsing: bytes, limits: JSONLimits(bytes: ReaderOrder.dial.limit)))
        broker = try Endpoint(try reader.string("broker", maximum: 300))
        guard let pin = PublicKey(hex: try reader.string("pin", maximum: 64)),
            let seed = Hex.decode(try reader.string("seed", maximum: 64)),
            let certificate = Hex.decode(try reader.string("certificate", maximum: 2 * TLSDelegation.maximumCertificate)),
            let issuer = Hex.decode(try reader.string("issuer", maximum: 2 * TLSDelegation.maximumCertificate))
        else { throw EvidenceError.typeUnknown("dial") }
        try reader.finish()
        self.pin = pin
        key = TLSDelegation(seed: seed, certificate: certificate, issuer: issuer)
    }

    /// A client for this broker.
    func client(timeout: Duration, limits: TransportLimits = TransportLimits()) throws -> HTTPClient {
        HTTPClient(broker, context: try TLSContext(clientWith: TLSIdentity(key), expecting: pin.bytes), timeout: timeout, limits: limits)
    }
}
