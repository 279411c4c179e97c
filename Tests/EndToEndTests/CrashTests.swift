// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import Testing

/// What was acknowledged is on disk, and nothing is half done, whenever the broker dies (P4, P5).
struct CrashTests {
    private static let kills = 200

    @Test func `the broker is killed at 200 moments of the workflow, and nothing acknowledged is lost`() async throws {
        try await Installation.with(Installation.Setting(turn: .heavy)) { here in
            let witness = Witness()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<2 {
                    group.addTask {
                        // What was under way when the last kill was done is not needed.
                        do { try await work(here, witness, runs: worker == 0) } catch is CancellationError {}
                    }
                }
                group.addTask {
                    defer { witness.stop() }
                    for kill in 1...Self.kills { try await crash(here, witness, number: kill) }
                }
                try await group.waitForAll()
            }
            try await here.verifyLedger()
            // A broker that answered nothing would lose nothing.
            for kind in Act.Kind.allCases { #expect(witness.count(of: kind) >= 10, "too few of \(kind)") }
        }
    }

    /// Lets the work go on for a random time, kills, restarts, and looks at what is there.
    private func crash(_ here: Installation, _ witness: Witness, number: Int) async throws {
        // An agent waits longer and longer between its tries; a new one is there at once, so that sessions are among
        // what is interrupted.
        if number.isMultiple(of: 3) {
            try await here.killAgent("db-1")
            try await here.startAgent("db-1")
        }
        if number.isMultiple(of: 18) {
            let before = witness.count(of: .ran)
            try await eventually("a session", within: .seconds(30)) { witness.count(of: .ran) > before }
        }
        try await Task.sleep(for: .milliseconds(Int.random(in: 0...250)))
        try await here.killBroker()
        let acknowledged = witness.acts
        try await here.startBroker()
        #expect(try await here.sql(Self.halfStates) == "", "after kill \(number)")
        #expect(try await here.sql(Self.lost(acknowledged)) == "", "after kill \(number)")
        // What is wrong once stays wrong, so the last look finds it; those between remember the end that they saw, and a
        // ledger that lost it is found out.
        if number.isMultiple(of: 20) { try await here.verifyLedger() }
    }

    /// Asks, agrees, uses and gives back, over and over; notes what was acknowledged.
    private func work(_ here: Installation, _ witness: Witness, runs: Bool) async throws {
        while !witness.isStopped {
            let reason = "a test that needs it, \(UInt32.random(in: 0 ... .max))"
            let asked = try await here.stint(
                as: "oncall", "request", "--on", "db-1", "--for", "10m", "--reason", reason, "--json")
            guard asked.status == 0 else { continue }
            let request: RequestAnswer = try asked.decoded()
            witness.note(.asked, request.id)
            try await insist(witness) { try await here.stint(as: "lead", "approve", request.id, "--yes") }
            witness.note(.approved, request.id)
            if runs, try await here.exec("true").status == 0 { witness.note(.ran, request.id) }
            try await insist(witness) { try await here.stint(as: "oncall", "done", "g" + request.id.dropFirst()) }
            witness.note(.givenBack, request.id)
        }
    }

    /// Repeats an act until it is known to be done: acknowledged, or refused because it was done the time before, when
    /// the answer was lost.
    private func insist(_ witness: Witness, on act: () async throws -> Outcome) async throws {
        while !witness.isStopped {
            let outcome = try await act()
            if outcome.status == 0 || outcome.status == 5 { return }
        }
        throw CancellationError()
    }

    /// Rows that no sequence of whole transactions leaves.
    private static let halfStates = """
        SELECT 'approved without a grant', id FROM request WHERE state = 'approved' AND id NOT IN (SELECT request FROM "grant");
        SELECT 'approved without a vote', id FROM request WHERE state = 'approved' AND id NOT IN (SELECT request FROM vote);
        SELECT 'grant of an open request', g.id FROM "grant" g JOIN request r ON r.id = g.request WHERE r.state <> 'approved';
        SELECT 'session of a grant that is over', s.id FROM session s JOIN "grant" g ON g.id = s."grant"
            WHERE g.state IN ('ended', 'cancelled', 'lapsed') AND s.state <> 'ended';
        SELECT 'request not in the ledger', id FROM request
            WHERE id NOT IN (SELECT subject FROM ledger WHERE event = 'request.created');
        SELECT 'vote not in the ledger', request FROM vote
            WHERE request NOT IN (SELECT subject FROM ledger WHERE event = 'vote.approve');
        SELECT 'grant not in the ledger', id FROM "grant"
            WHERE id NOT IN (SELECT subject FROM ledger WHERE event = 'grant.ready');
        SELECT 'in the ledger and not there', subject FROM ledger
            WHERE event = 'request.created' AND subject NOT IN (SELECT id FROM request);
        SELECT 'grant ended and not in the ledger', id FROM "grant" WHERE state IN ('ending', 'ended', 'cancelled')
            AND id NOT IN (SELECT subject FROM ledger WHERE event = 'grant.released');
        SELECT 'a gap in the ledger', a.number FROM ledger a LEFT JOIN ledger b ON b.number = a.number - 1
            WHERE a.number > 1 AND a.previous IS NOT b.hash;
        """

    /// Acknowledged acts that the database does not have.
    private static func lost(_ acts: [Act]) -> String {
        acts.suffix(200).map { act in
            let grant = "g" + act.request.dropFirst()
            return switch act.kind {
            case .asked: "SELECT 'lost: \(act)' WHERE NOT EXISTS (SELECT 1 FROM request WHERE id = '\(act.request)');"
            case .approved:
                "SELECT 'lost: \(act)' WHERE NOT EXISTS (SELECT 1 FROM request WHERE id = '\(act.request)' AND state = 'approved');"
            case .ran: "SELECT 'lost: \(act)' WHERE NOT EXISTS (SELECT 1 FROM session);"
            case .givenBack:
                "SELECT 'lost: \(act)' WHERE NOT EXISTS (SELECT 1 FROM \"grant\" WHERE id = '\(grant)' AND state IN ('ending', 'ended', 'cancelled'));"
            }
        }.joined(separator: "\n")
    }
}

/// Something that a program was told has happened.
private struct Act: Sendable, CustomStringConvertible {
    enum Kind: Sendable, CaseIterable { case asked, approved, ran, givenBack }

    let kind: Kind
    let request: String

    var description: String { "\(kind) \(request)" }
}

/// What was acknowledged so far.
private final class Witness: Sendable {
    private let state = Mutex<(acts: [Act], isStopped: Bool)>(([], false))

    var acts: [Act] { state.withLock(\.acts) }
    var isStopped: Bool { state.withLock(\.isStopped) }

    func count(of kind: Act.Kind) -> Int { acts.count { $0.kind == kind } }
    func note(_ kind: Act.Kind, _ request: String) { state.withLock { $0.acts.append(Act(kind: kind, request: request)) } }
    func stop() { state.withLock { $0.isStopped = true } }
}
