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

    private func verify(_ entries: [LedgerEntry], seen: LedgerHead?) throws -> LedgerHead {
        var check = LedgerCheck(seen: seen)
        for entry in entries { try check.add(answer(entry)) }
        return try check.finish()
    }

    @Test func `a whole ledger verifies, also one that has grown since`() throws {
        let entries = try ledger(5)
        let end = try verify(entries, seen: LedgerHead(number: 3, head: entries[2].hash))
        #expect(end == LedgerHead(number: 5, head: entries[4].hash))
    }

    @Test func `a ledger that ends before what was seen is refused`() throws {
        let entries = try ledger(5)
        let seen = LedgerHead(number: 5, head: entries[4].hash)
        #expect(refusal { _ = try verify(entries, seen: seen) } == "accepted")
        #expect(refusal { _ = try verify(Array(entries.prefix(4)), seen: seen) } == "ledger.behind")
    }

    @Test func `another history with the same length, or a longer one, is refused`() throws {
        let seen = LedgerHead(number: 3, head: try ledger(3)[2].hash)
        #expect(refusal { _ = try verify(ledger(3, actor: "eve"), seen: seen) } == "ledger.forked")
        #expect(refusal { _ = try verify(ledger(9, actor: "eve"), seen: seen) } == "ledger.forked")
    }

    @Test func `a changed, missing or repeated entry is found and named`() throws {
        let entries = try ledger(4)
        var check = LedgerCheck(seen: nil)
        try check.add(answer(entries[0]))
        let (changed, missing) = (answer(entries[1], body: "{\"x\":1}"), answer(entries[2]))
        #expect(refusal { try check.add(changed) } == "ledger.broken")
        #expect(refusal { try check.add(missing) } == "ledger.broken")
        #expect(refusal { try check.add(answer(entries[0])) } == "ledger.broken")
        #expect(check.number == 1)
    }

    @Test func `the end is remembered in the home`() throws {
        let temporary = try TemporaryHome()
        #expect(try temporary.home.ledgerHead() == nil)
        let head = LedgerHead(number: 7, head: try ledger(1)[0].hash)
        try temporary.home.save(head)
        #expect(try temporary.home.ledgerHead() == head)
        try DurableFile.writeAtomically(Array("{\"number\":7}".utf8), to: temporary.home.ledgerHeadPath)
        #expect(refusal { _ = try temporary.home.ledgerHead() } == "client.file-damaged")
    }
}
