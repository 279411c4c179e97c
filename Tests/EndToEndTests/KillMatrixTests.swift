// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// Twelve escapes × every way to end, as root and as an ordinary user (P2, P3).
@Suite(.serialized, .installation(.init(turn: .patient, rules: ["detachedFor": #""1s""#])))
struct KillMatrixTests {
    /// Whom sessions run as: without root there is only one user.
    static let users = Programs.isRoot ? ["root", "nobody"] : [Programs.user]

    /// The ends that take no longer than a command.
    enum Cause: String, CaseIterable {
        case exited, expired, released, revoked, ended
        case closedFromHere, clientKilled, supervisorKilled, supervisorAndAgentKilled

        /// As the receipt says it.
        var reason: String {
            switch self {
            case .exited, .expired, .released, .revoked, .ended: rawValue
            case .closedFromHere, .clientKilled: "client-closed"
            case .supervisorKilled, .supervisorAndAgentKilled: "failed"
            }
        }
    }

    @Test(arguments: Cause.allCases, users)
    func `nobody outlives the session`(cause: Cause, user: String) async throws {
        let here = try Installation.here
        for old in try await here.grants() where ["ready", "active"].contains(old.state) {
            try await here.stint(as: "oncall", "done", old.id).checked()
        }
        let session = try await here.runaways(as: user, for: cause == .expired ? "8s" : "10m")
        try await bringAbout(cause, of: session)
        let hidden = cause == .supervisorAndAgentKilled ? Self.hidden(from: user) : []
        try await here.expectNothingLeft(of: session, reason: cause.reason, besides: hidden)
        for entry in ProcessTable.carrying(session.marker) { kill(entry.pid, SIGKILL) }
        removeFolder(of: session)
    }

    /// With the supervisor and the agent both dead there is no reaper: who has also left the group and the environment is
    /// like any other process of the machine.
    private static func hidden(from user: String) -> Set<String> {
        guard Programs.isRoot else { return ["bare", "group"] }
        return user == "root" ? ["group"] : []
    }

    private func bringAbout(_ cause: Cause, of session: Runaways) async throws {
        let here = try Installation.here
        switch cause {
        case .exited: session.terminal.send("\r")
        case .expired: break
        case .released: try await here.stint(as: "oncall", "done", session.grant).checked()
        case .revoked: try await here.stint(as: "lead", "revoke", session.grant).checked()
        case .ended: try await here.stint(as: "lead", "end", session.id).checked()
        case .closedFromHere:
            // A line of its own, which the escape follows; the script must not take it for its answer.
            session.terminal.send("~.")
        case .clientKilled: session.terminal.process.signal(SIGKILL)
        case .supervisorKilled: try killSupervisor(of: session)
        case .supervisorAndAgentKilled:
            // The agent first: it would clean up before it dies.
            try await here.killAgent("db-1")
            try killSupervisor(of: session)
            #expect(session.living.count >= 5)
            try await here.startAgent("db-1")
        }
    }

    private func killSupervisor(of session: Runaways) throws {
        let supervisor = try #require(try Installation.here.supervisors.first { $0.commandLine.contains(session.id) })
        #expect(kill(supervisor.pid, SIGKILL) == 0)
    }

    @Test func `nobody outlives the person's access`() async throws {
        try await Installation.with(.init(turn: .patient)) { here in
            var sessions: [Runaways] = []
            for user in Self.users { sessions.append(try await here.runaways(as: user)) }
            try await here.stint(as: "admin", "disable", "person", "oncall", "--reason", "has left").checked()
            for session in sessions {
                try await here.expectNothingLeft(of: session, reason: "person-disabled")
                removeFolder(of: session)
            }
        }
    }

    @Test func `nobody outlives idleness, the longest session, or the lease of a dead broker`() async throws {
        let rules = ["idleLimit": #""1m""#, "sessionMaximum": #""1m30s""#, "lease": #""30s""#]
        try await Installation.with(.init(turn: .patient, rules: rules)) { here in
            var idle: [Runaways] = []
            var busy: [Runaways] = []
            for user in Self.users {
                idle.append(try await here.runaways(as: user))
                busy.append(try await here.runaways(as: user, under: idle[idle.count - 1].grant))
            }
            let typing = Task { [busy] in
                while !Task.isCancelled {
                    for session in busy { session.terminal.send("x") }
                    try await Task.sleep(for: .seconds(5))
                }
            }
            for session in idle {
                try await session.terminal.expect("nothing was typed", within: .seconds(90))
                try await here.expectNothingLeft(of: session, reason: "idle")
            }
            for session in busy {
                try await session.terminal.expect("longest duration", within: .seconds(60))
                try await here.expectNothingLeft(of: session, reason: "maximum-duration")
            }
            typing.cancel()
            for session in idle + busy { removeFolder(of: session) }
            var cut: [Runaways] = []
            for user in Self.users { cut.append(try await here.runaways(as: user)) }
            try await here.killBroker()
            try await eventually("the end of all", within: .seconds(45)) { cut.allSatisfy { $0.living.isEmpty } }
            for session in cut { try await session.expectNone() }
            try await here.startBroker()
            for session in cut {
                try await here.expectNothingLeft(of: session, reason: "lease-lost")
                removeFolder(of: session)
            }
        }
    }

    /// What the script made belongs to whom it ran as.
    private func removeFolder(of session: Runaways) {
        try? FileManager.default.removeItem(atPath: "/tmp/\(session.marker)")
    }
}
