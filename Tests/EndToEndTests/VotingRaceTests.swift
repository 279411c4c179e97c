// SPDX-License-Identifier: Apache-2.0

import Testing

/// Of two approvers at the same instant exactly one completes, and the other is told so.
struct VotingRaceTests {
    private static let rounds = 200
    /// Rounds that are prepared together: a person may have 50 requests pending.
    private static let batch = 4

    @Test func `of two approvers at the same instant exactly one completes, 200 times`() async throws {
        try await Installation.with(Installation.Setting(turn: .heavy)) { here in
            var firsts: [String: Int] = [:]
            for _ in 0..<(Self.rounds / Self.batch) {
                for winner in try await race(Self.batch, in: here) { firsts[winner, default: 0] += 1 }
            }
            #expect(firsts.values.reduce(0, +) == Self.rounds)
            #expect(firsts.count == 2, "one was always faster, so it was no race: \(firsts)")
            try await here.verifyLedger()
        }
    }

    /// - Returns: who completed each round.
    private func race(_ rounds: Int, in here: Installation) async throws -> [String] {
        try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<rounds { group.addTask { try await round(in: here) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func round(in here: Installation) async throws -> String {
        let request = try await here.request()
        let lead = try here.terminal(as: "lead", "approve", request.id)
        let security = try here.terminal(as: "security", "approve", request.id)
        // Both have looked at the request and are asked for their yes.
        try await lead.expect("Approve this? [y/N]")
        try await security.expect("Approve this? [y/N]")
        lead.send("y\r")
        security.send("y\r")
        let statuses = [try await lead.process.waitForEnd().status, try await security.process.waitForEnd().status]
        #expect(statuses.sorted() == [0, 5], "\(lead.transcript) \(security.transcript)")
        let (winner, loser) = statuses[0] == 0 ? ("lead", security) : ("security", lead)
        try await loser.expect("(request.already-resolved)")
        let after = try await here.show(request: request.id)
        #expect(after.state == "approved" && after.votes.map(\.person) == [winner] && after.grant != nil)
        return winner
    }
}
