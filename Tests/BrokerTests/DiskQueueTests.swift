// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Foundation
import Posix
import Protocol
import Synchronization
import Testing

@testable import Broker

/// Frames do not wait for the disk, and the node lets go of nothing that is not on it.
@Suite struct DiskQueueTests {
    private final class Bell: Sendable {
        let rung = Atomic(0)
        func ring() { rung.wrappingAdd(1, ordering: .relaxed) }
    }

    private func opening() throws -> OpeningStatement {
        OpeningStatement(
            root: .none, activation: .none, person: try PersonName("anna"), node: try NodeName("db-1"), capability: .exec,
            runAs: try RunAsName(user: "deploy"), command: ["cat"], terminal: nil, language: "",
            ephemeral: Array(repeating: 7, count: 32), rollNumber: 1, nonce: String(repeating: "0", count: 32),
            at: Timestamp(milliseconds: 1_800_000_000_000))
    }

    @Test func `nothing is acknowledged before the queue has done it, and then exactly what the seal covers`() async throws {
        let path = NSTemporaryDirectory() + "recording-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }  // a temporary file that stays harms nobody
        let (queue, bell) = (try DiskQueue(), Bell())
        let recorder = try Recorder(
            path, opening(), SessionID("s-7k2p9x"), at: Timestamp(milliseconds: 1_800_000_000_000), disk: (queue, { bell.ring() }))
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: Limits.streamCredit)
        _ = try piece.withUnsafeBytes { try recorder.output($0, at: 0) }
        #expect(try recorder.acknowledge(always: false) == nil)
        _ = try piece.withUnsafeBytes { try recorder.output($0, at: UInt64(piece.count)) }
        #expect(try recorder.acknowledge(always: false) == nil, "the queue has not begun")
        try queue.start()
        defer { queue.stop() }
        while bell.rung.load(ordering: .relaxed) == 0 { await Task.yield() }
        #expect(try recorder.acknowledge(always: false)?.output == UInt64(piece.count), "the second piece is behind the seal")
        #expect(try recorder.acknowledge(always: true)?.output == UInt64(2 * piece.count))
        recorder.finish()
        #expect(try RecordingEnd(of: path, isTerminal: false).output == UInt64(2 * piece.count))
    }
}
