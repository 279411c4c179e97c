// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import StrictJSON
import Testing

@testable import Client

@Suite struct LedgerCheckTests {
    private func ledger(_ count: Int, actor: String = "bob") throws -> [LedgerEntry] {
        var entries: [LedgerEntry] = []
        for index in 0..<count {
            let at = Timestamp(milliseconds: 1_800_000_000_000 + Int64(index))
            entries.append(
                try LedgerEntry(
                    after: Int64(index), entries.last?.hash ?? .none, at: at, event: "request.created", subject: "r-7k2p9x",
                    actor: actor, body: [:]))
        }
        return entries
    }

    private func answer(_ entry: LedgerEntry, body: String? = nil) -> Answer {
        Answer([
            "number": .integer(entry.number), "atMilliseconds": .time(entry.at), "event": .string(entry.event),
            "subject": .string(entry.subject), "actor": .string(entry.actor), "body": .string(body ?? entry.body),
            "previous": .string(entry.previous.hex), "hash": .string(entry.hash.hex),
        ])
    }

    private func head(_ entries: [LedgerEntry]) throws -> LedgerHeadStatement {
        var tree = MerkleFrontier()
        for entry in entries { try tree.add(entry.hash.bytes) }
        return LedgerHeadStatement(
            root: .none, size: Int64(entries.count), tree: try tree.root(), chain: entries.last?.hash ?? .none, at: .now())
    }

    private func verify(_ entries: [LedgerEntry], head: LedgerHeadStatement, seen: LedgerHeadStatement? = nil) throws {
        var check = LedgerCheck(head: head, seen: seen)
        for entry in entries { try check.add(answer(entry)) }
        try check.finish()
    }

    @Test func `a whole ledger verifies, also one that has grown since it was seen or since the head was signed`() throws {
        let entries = try ledger(5)
        try verify(entries, head: head(entries))
        try verify(entries, head: head(entries), seen: head(Array(entries.prefix(3))))
        try verify(entries, head: head(Array(entries.prefix(4))))
    }

    @Test func `entries that are not those of the signed head are refused`() throws {
        let entries = try ledger(5)
        let signed = try head(entries)
        #expect(refusal { try verify(Array(entries.prefix(4)), head: signed) } == "ledger.head-wrong")
        #expect(refusal { try verify(ledger(5, actor: "eve"), head: signed) } == "ledger.head-wrong")
        let noTree = LedgerHeadStatement(root: .none, size: 5, tree: .none, chain: signed.chain, at: signed.at)
        #expect(refusal { try verify(entries, head: noTree) } == "ledger.head-wrong")
    }

    @Test func `another history with the same length, or a longer one, is refused`() throws {
        let seen = try head(ledger(3))
        for count in [3, 9] {
            let other = try ledger(count, actor: "eve")
            #expect(refusal { try verify(other, head: head(other), seen: seen) } == "ledger.forked")
        }
    }

    @Test func `a changed, missing or repeated entry is found and named`() throws {
        let entries = try ledger(4)
        var check = LedgerCheck(head: try head(entries), seen: nil)
        try check.add(answer(entries[0]))
        let (changed, missing) = (answer(entries[1], body: "{\"x\":1}"), answer(entries[2]))
        #expect(refusal { try check.add(changed) } == "ledger.broken")
        #expect(refusal { try check.add(missing) } == "ledger.broken")
        #expect(refusal { try check.add(answer(entries[0])) } == "ledger.broken")
        #expect(check.number == 1)
    }

    @Test func `the highest head is remembered in the home`() throws {
        let temporary = try TemporaryHome()
        let key = try SigningKey(seed: try SecretBytes(random: 32))
        func seen() throws -> SeenLedger { try temporary.home.seenLedger(root: .none, broker: key.publicKey) }
        #expect(try seen().size == 0)
        let (low, high) = (try head(ledger(4)).signed(with: key), try head(ledger(7)).signed(with: key))
        try temporary.home.remember(high, root: .none, broker: key.publicKey)
        try temporary.home.remember(low, root: .none, broker: key.publicKey)
        #expect(try seen().head == high)
        try DurableFile.writeAtomically(Array("{\"number\":7}".utf8), to: temporary.home.ledgerHeadPath)
        #expect(refusal { _ = try seen() } == "client.file-damaged")
    }
}
