// SPDX-License-Identifier: Apache-2.0
// SECURITY: whoever has seen a head of the ledger never accepts one that does not continue it: a broker whose database was
// set back, or that shows different histories to different parties, is found out (P5).

package import Access
package import StrictJSON

/// The broker's signed word on what its ledger was at one moment.
package struct LedgerHeadStatement: Statement {
    package static let type = "ledger-head"

    /// The installation; ``Digest/none`` while nobody has joined.
    package let root: Digest
    /// How many entries there are.
    package let size: Int64
    /// The root of the tree over the entries' hashes.
    package let tree: Digest
    /// The hash of the last entry.
    package let chain: Digest
    package let at: Timestamp

    package init(root: Digest, size: Int64, tree: Digest, chain: Digest, at: Timestamp) {
        self.root = root
        self.size = size
        self.tree = tree
        self.chain = chain
        self.at = at
    }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "size": .integer(size), "tree": .string(tree.hex), "chain": .string(chain.hex),
            "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        size = try reader.integer("size", in: 0...Int64.max)
        tree = try reader.digest("tree")
        chain = try reader.digest("chain")
        at = try reader.timestamp("at")
    }
}

/// A head with what shows that it continues the one that was asked about.
package struct LedgerNews: Sendable, Equatable {
    package let head: SignedText
    package let consistency: [Digest]

    /// One hash for each binary digit of the size, twice.
    private static let maximumPath = 128

    package init(head: SignedText, consistency: [Digest]) {
        self.head = head
        self.consistency = consistency
    }

    package var json: JSONValue {
        .object(["head": head.json, "consistency": .array(consistency.map { .string($0.hex) })])
    }

    package init(_ value: JSONValue) throws(EvidenceError) {
        do {
            var reader = try ObjectReader(value)
            head = try SignedText(try reader.value("head"))
            consistency = try reader.digests("consistency", maximum: Self.maximumPath)
            try reader.finish()
        } catch {
            throw EvidenceError(error)
        }
    }
}

extension ObjectReader {
    mutating func digests(_ key: String, maximum: Int) throws -> [Digest] {
        try strings(key, maximum: maximum).map { text in
            guard let digest = Digest(hex: text) else { throw EvidenceError.internalFailure("`\(key)` holds no digests") }
            return digest
        }
    }
}

/// The highest head that one party has seen. It only moves forward.
package struct SeenLedger: Sendable {
    package private(set) var head: Signed<LedgerHeadStatement>?
    private let root: Digest
    private let broker: PublicKey

    /// - Parameters:
    ///   - root: the installation.
    ///   - broker: the key that signs heads.
    ///   - stored: what was seen before.
    package init(root: Digest, broker: PublicKey, stored: SignedText? = nil) throws(EvidenceError) {
        self.root = root
        self.broker = broker
        guard let stored else { return }
        head = try Self.read(stored, root, broker)
    }

    /// The size of the ledger that was seen; 0 for none.
    package var size: Int64 { head?.value.size ?? 0 }

    /// Takes a head that the broker shows now.
    ///
    /// - Returns: whether it is a later one, which is to be kept.
    /// - Throws: ``EvidenceError/ledgerBehind(here:seen:at:)`` for a ledger that ends before what was seen,
    ///   ``EvidenceError/ledgerForked(_:)`` for another history. Nothing changes then.
    package mutating func take(_ news: LedgerNews) throws(EvidenceError) -> Bool {
        let new = try Self.read(news.head, root, broker)
        guard let seen = head else {
            head = new
            return true
        }
        guard new.value.size >= seen.value.size else {
            throw .ledgerBehind(here: new.value.size, seen: seen.value.size, at: seen.value.at)
        }
        do {
            let continues = try Merkle.isConsistent(
                earlier: seen.value.size, seen.value.tree, size: new.value.size, new.value.tree, path: news.consistency)
            guard continues else { throw EvidenceError.ledgerForked(seen.value.size) }
        } catch {
            throw EvidenceError(error)
        }
        guard new.value.size > seen.value.size else {
            guard new.value.chain == seen.value.chain else { throw .ledgerForked(seen.value.size) }
            return false
        }
        head = new
        return true
    }

    private static func read(_ source: SignedText, _ root: Digest, _ broker: PublicKey) throws(EvidenceError)
        -> Signed<LedgerHeadStatement>
    {
        let head: Signed<LedgerHeadStatement> = try Signed(source)
        guard head.value.root == root else { throw .otherInstallation(type: LedgerHeadStatement.type) }
        try head.check(signedBy: broker, who: "the broker")
        return head
    }
}
