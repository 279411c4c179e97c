// SPDX-License-Identifier: Apache-2.0
// SECURITY: decisions here are made on this client's own, verified copy of the roll.

package import Access
package import Evidence
import Posix
import Protocol
import StrictJSON

/// A person acting through this device: the identity, its key, the broker it talks to, and the roll it has verified.
/// Owned by one thread.
package final class Operator {
    package let home: ClientHome
    package let identity: Identity
    package let key: DeviceKey
    package let broker: BrokerClient
    package private(set) var cache: RollCache
    /// A head of the ledger that was seen and is not on disk yet.
    var unsavedHead: Signed<LedgerHeadStatement>?

    package var roll: Roll { cache.roll }
    package var directory: Directory { cache.roll.directory }

    /// Opens the home. Nothing is asked of the broker yet.
    ///
    /// - Parameters:
    ///   - mayAsk: whether the person may be asked for the passphrase of the device key.
    ///   - isDialling: whether to connect to the broker while the roll is read, which takes as long. Waits for the network then.
    package init(_ home: ClientHome, mayAsk: Bool = true, isDialling: Bool = false) throws {
        self.home = home
        let identity = try home.identity()
        self.identity = identity
        let seed = try home.seed(mayAsk: mayAsk)
        let signing = try SigningKey(seed: seed)
        let reading: BackgroundCall<RollCache>? =
            if isDialling {
                try BackgroundCall("roll") {
                    // Signals are for the thread that waits for them, also when this one is about to end.
                    try SessionClient.awaitSignals()
                    return try RollCache(home, root: identity.root, broker: identity.pin, device: signing)
                }
            } else {
                nil
            }
        key = try DeviceKey(seed, signing: signing)
        broker = try BrokerClient(identity.broker, pin: identity.pin, as: key)
        if let reading {
            let connecting = Result { [broker] in try broker.connect() }
            // What is wrong here is told before what is wrong elsewhere.
            cache = try reading.wait().get()
            try connecting.get()
        } else {
            cache = try RollCache(home, root: identity.root, broker: identity.pin, device: signing)
        }
    }

    /// For whoever has just joined.
    init(_ home: ClientHome, _ identity: Identity, _ key: DeviceKey, _ broker: BrokerClient, _ cache: RollCache) {
        self.home = home
        self.identity = identity
        self.key = key
        self.broker = broker
        self.cache = cache
    }

    /// Who this is, by the roll.
    ///
    /// - Throws: where an administrator has taken the device or the person away.
    package func me() throws(Refusal) -> Person {
        guard let person = directory.people[identity.person] else { throw .personUnknown(identity.person) }
        guard person.isEnabled else { throw .personDisabled(identity.person) }
        guard roll.person(withDevice: identity.device) != nil else { throw .deviceUnknown(identity.person) }
        return person
    }

    /// Brings the roll up to what the broker has now.
    ///
    /// - Returns: the broker's status.
    /// - Throws: `roll.behind`, `roll.forked`, `ledger.behind` or `ledger.forked` for a broker with another history than
    ///   was seen here.
    @discardableResult
    package func synchronise() throws -> Answer {
        let status = try synchroniseInMemory()
        try saveHead()
        return status
    }

    /// The same, but the ledger's head is on disk only after ``saveHead()``: a session's start need not wait for that.
    @discardableResult
    func synchroniseInMemory() throws -> Answer {
        let status = try lookAtLedger().status
        if try cache.compare(number: try status.integer("roll"), head: try status.text("rollHead")) {
            try cache.fetch(from: broker)
        }
        return status
    }

    /// Signs an entry for the end of the roll and hands it in; somebody else's entry in between is fetched, and ours is
    /// signed again behind it.
    package func append<Entry: Statement>(_ make: (RollPlace) throws -> Entry) throws -> Signed<Entry> {
        try cache.append(through: broker, signedBy: [key.signing], make)
    }

    // MARK: Statements

    package func ask(_ request: Signed<RequestStatement>) throws -> Answer {
        Answer(try broker.post(Route.requests, request.source))
    }

    /// Ends something: withdraws, gives back, revokes, ends.
    package func end(_ kind: EndingStatement.Kind, _ subject: String, reason: String) throws -> Answer {
        try HumanText.check(reason)
        let statement = EndingStatement(
            root: identity.root, kind: kind, subject: subject, person: identity.person, reason: reason,
            nonce: try Evidence.Random.nonce(), at: .now())
        return Answer(try broker.post(Route.endings, try statement.signed(with: key.signing).source))
    }
}

extension RollCache {
    private static var attempts: Int { 5 }

    /// Fetches what follows.
    ///
    /// - Parameter invitation: proves to the broker that somebody who is not enrolled yet was invited.
    package mutating func fetch(from broker: BrokerClient, invitation: Digest? = nil) throws {
        while true {
            var query: [(name: String, value: String)] = [("after", String(roll.number))]
            if let invitation { query.append(("invitation", invitation.hex)) }
            let entries = Answer(try broker.get(Route.roll, query)).objects("entries")
            if entries.isEmpty { return }
            try append(try entries.prefix(Limits.rollBatch).map { try $0.signed() })
        }
    }

    /// See ``Operator/append(_:)``.
    package mutating func append<Entry: Statement>(
        through broker: BrokerClient, invitation: Digest? = nil, signedBy keys: [SigningKey],
        _ make: (RollPlace) throws -> Entry
    ) throws -> Signed<Entry> {
        var attempt = 1
        while true {
            try fetch(from: broker, invitation: invitation)
            let entry = try make(roll.next)
            let signed = try Signed<Entry>(try SignedText(signing: entry.text, with: keys))
            // The same function that the broker asks: what cannot be is refused here, in the same words.
            var next = roll
            try next.append(signed.source, at: .now())
            do {
                _ = try broker.post(Route.roll, signed.source)
            } catch let problem as Problem where Self.isRace(problem) && attempt < Self.attempts {
                attempt += 1
                continue
            }
            try append([signed.source])
            return signed
        }
    }

    private static func isRace(_ problem: Problem) -> Bool { problem.code == "roll.gap" || problem.code == "roll.forked" }
}
