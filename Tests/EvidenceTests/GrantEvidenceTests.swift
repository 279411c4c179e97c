// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Foundation
import StrictJSON
import Testing

@Suite struct GrantEvidenceTests {
    /// Bytes left out between two that are flipped: none in the long form (`deploy/torture evidence`).
    private static let step = ProcessInfo.processInfo.environment["STINT_TORTURE"] == nil ? 17 : 1

    private func code(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "accepted"
        } catch {
            return EvidenceError(error).code
        }
    }

    @Test func `whole evidence shows who agreed to what, and until when`() throws {
        var story = try GrantStory()
        let evidence = try story.evidence()
        let read = try GrantEvidence(text: Array(evidence.text.utf8))
        #expect(read == evidence)
        let finding = try read.verify(root: story.root)
        #expect(finding.terms?.nodes == [try NodeName("web-1")])
        #expect(finding.leases.values.map(\.notAfter) == [GrantStory.start + .seconds(600)])
    }

    @Test func `no byte of the file can be changed, removed or added`() throws {
        var story = try GrantStory()
        let bytes = Array(try story.evidence().text.utf8)
        for (count, index) in stride(from: Int.random(in: 0..<Self.step), to: bytes.count, by: Self.step).enumerated() {
            var changed = bytes
            changed[index] ^= 1 << UInt8(count % 8)
            let refusal = code { _ = try GrantEvidence(text: changed).verify(root: story.root) }
            #expect(refusal != "accepted", "byte \(index)")
        }
        for changed in [Array(bytes.dropLast()), bytes + [0x20], [0x20] + bytes, Array(bytes.dropFirst())] {
            #expect(code { _ = try GrantEvidence(text: changed).verify(root: story.root) } != "accepted")
        }
    }

    @Test func `evidence of another installation is refused`() throws {
        var story = try GrantStory()
        let other = try GrantStory().root
        #expect(code { _ = try story.evidence().verify(root: other) } == "evidence.other-installation")
    }

    @Test func `an activation without the votes for it is refused`() throws {
        var story = try GrantStory()
        #expect(code { _ = try story.evidence(voter: "alice").verify(root: story.root) } == "evidence.does-not-belong")
    }

    @Test(arguments: ["request.created", "vote.approve", "grant.active", "session.opening", "session.live", "session.ended"])
    func `a statement that the ledger does not mention is refused`(event: String) throws {
        var story = try GrantStory()
        #expect(code { _ = try story.evidence(leavesOut: event).verify(root: story.root) } == "evidence.not-in-ledger")
    }

    @Test func `parts of two grants do not make one`() throws {
        var story = try GrantStory()
        let (one, two) = (try story.evidence(), try story.evidence())
        let mixed = GrantEvidence(
            roll: two.roll, request: two.request, votes: one.votes, activation: two.activation, endings: [], sessions: two.sessions,
            entries: two.entries, head: two.head)
        #expect(code { _ = try mixed.verify(root: story.root) } == "evidence.does-not-belong")
        let older = GrantEvidence(
            roll: two.roll, request: two.request, votes: two.votes, activation: two.activation, endings: [],
            sessions: two.sessions, entries: two.entries, head: one.head)
        #expect(code { _ = try older.verify(root: story.root) } == "ledger.broken")
    }
}
