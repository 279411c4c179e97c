// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Testing

@testable import Agent

@Suite struct NodeLedgerTests {
    private let directory: TemporaryDirectory
    private let broker: SigningKey

    init() throws {
        directory = try TemporaryDirectory()
        broker = try SigningKey(seed: try SecretBytes(random: 32))
    }

    private func open() throws -> NodeLedger {
        try NodeLedger(directory.path + "/ledger.json", root: .none, broker: broker.publicKey)
    }

    /// News of a ledger with so many entries, all alike.
    private func news(_ size: Int) throws -> LedgerNews {
        var tree = MerkleFrontier()
        for index in 0..<size { try tree.add([UInt8(index)]) }
        let head = LedgerHeadStatement(
            root: .none, size: Int64(size), tree: try tree.root(), chain: .none, at: Timestamp(milliseconds: 1))
        return LedgerNews(head: try head.signed(with: broker).source, consistency: [])
    }

    @Test func `a head outlives the agent, and an older one is refused afterwards`() throws {
        var ledger = try open()
        try ledger.take(try news(3))
        var later = try open()
        #expect(later.size == 3)
        #expect(throws: EvidenceError.ledgerBehind(here: 2, seen: 3, at: Timestamp(milliseconds: 1))) { try later.take(try news(2)) }
        #expect(throws: EvidenceError.ledgerForked(3)) { try later.take(try news(4)) }
        #expect(try open().size == 3)
    }

    @Test func `on each channel the broker shows its head before anything is opened`() throws {
        var ledger = try open()
        try ledger.checkShown()  // nothing was ever seen
        try ledger.take(try news(3))
        try ledger.checkShown()
        ledger.forgetChannel()
        #expect(throws: AgentError.ledgerNotShown) { try ledger.checkShown() }
        #expect(throws: EvidenceError.self) { try ledger.take(try news(1)) }
        #expect(throws: AgentError.ledgerNotShown) { try ledger.checkShown() }
        try ledger.take(try news(3))
        try ledger.checkShown()
    }

    @Test func `a file that was changed is not taken for a head`() throws {
        var ledger = try open()
        try ledger.take(try news(3))
        let path = directory.path + "/ledger.json"
        var bytes = try DurableFile.read(path, maximumBytes: 4096)
        bytes[60] ^= 1
        try DurableFile.writeAtomically(bytes, to: path)
        #expect(throws: AgentError.self) { _ = try open() }
    }
}
