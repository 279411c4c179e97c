// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import StrictJSON
import Testing

/// A ledger of a broker, and the news that it gives of it.
private struct Ledger {
    let key: SigningKey
    let root: Digest
    private(set) var hashes: [Digest] = []

    init(_ key: SigningKey, _ root: Digest, entries: Int = 0, actor: String = "bob") throws {
        self.key = key
        self.root = root
        for number in 0..<entries {
            let entry = try LedgerEntry(
                after: Int64(number), hashes.last ?? .none, at: Timestamp(milliseconds: 1), event: "a.b", subject: "s",
                actor: actor, body: [:])
            hashes.append(entry.hash)
        }
    }

    private var tree: MerkleTree {
        MerkleTree(size: Int64(hashes.count)) { [hashes] level, place in
            var frontier = MerkleFrontier()
            for hash in hashes[Int(place << Int64(level))..<Int((place + 1) << Int64(level))] { try frontier.add(hash.bytes) }
            return try frontier.root()
        }
    }

    func news(after size: Int64) throws -> LedgerNews {
        let count = Int64(hashes.count)
        let head = LedgerHeadStatement(
            root: root, size: count, tree: try tree.root(of: count), chain: hashes.last ?? .none, at: Timestamp(milliseconds: 5))
        return LedgerNews(head: try head.signed(with: key).source, consistency: try tree.consistency(with: size))
    }
}

@Suite struct SeenLedgerTests {
    private let key: SigningKey
    private let root: Digest

    init() throws {
        key = try SigningKey(seed: try SecretBytes(random: 32))
        root = try Digest(of: Array("root".utf8))
    }

    private func seen(_ entries: Int) throws -> SeenLedger {
        var seen = try SeenLedger(root: root, broker: key.publicKey)
        _ = try seen.take(try Ledger(key, root, entries: entries).news(after: 0))
        return seen
    }

    private func code(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "accepted"
        } catch let error as EvidenceError {
            return error.code
        } catch {
            return "\(error)"
        }
    }

    @Test func `a ledger that grew is taken, the same one is nothing new`() throws {
        for (before, after) in [(0, 1), (1, 2), (3, 3), (4, 9), (8, 64), (63, 64), (5, 100)] {
            var seen = try seen(before)
            let grew = try seen.take(try Ledger(key, root, entries: after).news(after: Int64(before)))
            #expect(grew == (after > before))
            #expect(seen.size == Int64(after))
        }
    }

    @Test func `a ledger that was set back is refused, by how much is told`() throws {
        var seen = try seen(9)
        for size in 0..<9 {
            #expect(throws: EvidenceError.ledgerBehind(here: Int64(size), seen: 9, at: Timestamp(milliseconds: 5))) {
                try seen.take(try Ledger(key, root, entries: size).news(after: 9))
            }
        }
        #expect(seen.size == 9)
    }

    @Test func `another history of any length is refused`() throws {
        for size in [9, 10, 16, 40] {
            var seen = try seen(9)
            let other = try Ledger(key, root, entries: size, actor: "eve")
            #expect(code { _ = try seen.take(try other.news(after: 9)) } == "ledger.forked")
            #expect(seen.size == 9)
        }
    }

    @Test func `a proof from another size is refused`() throws {
        var seen = try seen(9)
        let news = try Ledger(key, root, entries: 40).news(after: 8)
        #expect(code { _ = try seen.take(news) } == "ledger.forked")
    }

    @Test func `a head of another broker or installation is refused`() throws {
        var seen = try seen(2)
        let other = try SigningKey(seed: try SecretBytes(random: 32))
        #expect(code { _ = try seen.take(try Ledger(other, root, entries: 3).news(after: 2)) } == "evidence.not-signed")
        let elsewhere = try Ledger(key, try Digest(of: []), entries: 3)
        #expect(code { _ = try seen.take(try elsewhere.news(after: 2)) } == "evidence.other-installation")
    }

    @Test func `what was stored is verified when it is read, and news survive the wire`() throws {
        let news = try Ledger(key, root, entries: 7).news(after: 3)
        #expect(try LedgerNews(try JSONValue(parsing: news.json.text)) == news)
        #expect(try SeenLedger(root: root, broker: key.publicKey, stored: news.head).size == 7)
        let other = try SigningKey(seed: try SecretBytes(random: 32)).publicKey
        #expect(code { _ = try SeenLedger(root: root, broker: other, stored: news.head) } == "evidence.not-signed")
    }
}
