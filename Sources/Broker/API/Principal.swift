// SPDX-License-Identifier: Apache-2.0
// SECURITY: one function says who a connection is: the holder of a key that the roll knows. Nothing else identifies
// anybody (SECURITY 1.2).

import Access
import Evidence
import Transport

/// Who is at the other end of a connection.
enum Principal: Sendable {
    case person(Person, device: PublicKey)
    case node(Node)
    /// A key that nobody enrolled, or whose device, person or node was disabled.
    case unknown(PublicKey)

    /// - Parameter now: by the broker's clock; judges a key that stands in for a node's (docs/decisions/0073).
    init(_ peer: Peer, in roll: Roll, at now: Timestamp) throws(BrokerError) {
        guard let key = PublicKey(bytes: peer.key) else { throw .notEnrolled }
        if let time = peer.delegation {
            guard roll.person(withDevice: key) == nil else { throw .delegationElsewhere }
            guard time.contains(now.milliseconds / 1000) else {
                let zero = Timestamp(milliseconds: 0)  // sums are clamped to what a time can be
                throw .delegationOver(from: zero + .seconds(time.notBefore), until: zero + .seconds(time.notAfter), now: now)
            }
            // One that nobody enrolled is to be a node: it joins.
            self = roll.node(withKey: key).map { .node($0) } ?? .unknown(key)
        } else if let person = roll.person(withDevice: key) {
            self = .person(person, device: key)
        } else if let node = roll.node(withKey: key) {
            self = .node(node)
        } else {
            self = .unknown(key)
        }
    }

    /// - Throws: unless it is an enabled person.
    func person() throws(BrokerError) -> (person: Person, device: PublicKey) {
        switch self {
        case .person(let person, let device): return (person, device)
        case .node: throw .notAPerson
        case .unknown: throw .notEnrolled
        }
    }

    var isEnrolled: Bool {
        switch self {
        case .person, .node: true
        case .unknown: false
        }
    }
}
