// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What people do in almost every test.
extension Installation {
    /// Asks, as `oncall`.
    func request(for duration: String = "10m", on selector: String = "db-1", runAs: String? = nil) async throws -> RequestAnswer {
        // An equal pending request would be returned instead of a new one.
        let reason = "a test that needs it, \(UInt32.random(in: 0 ... .max))"
        var arguments = ["request", "--on", selector, "--for", duration, "--reason", reason, "--json"]
        if let runAs { arguments += ["--as", runAs] }
        return try await run(Programs.stint, arguments, environment: ["STINT_HOME": home(of: "oncall")]).decoded()
    }

    /// Asks and has it approved by `lead`. What `oncall` held before is given back, so that sessions use this grant.
    ///
    /// - Returns: the grant's id.
    func grant(for duration: String = "10m", on selector: String = "db-1", runAs: String? = nil) async throws -> String {
        for old in try await grants() where ["ready", "active"].contains(old.state) {
            try await stint(as: "oncall", "done", old.id).checked()
        }
        let request = try await request(for: duration, on: selector, runAs: runAs)
        let approved: RequestAnswer = try await stint(as: "lead", "approve", request.id, "--yes", "--json").decoded()
        return try #require(approved.grant)
    }

    func grants() async throws -> [GrantAnswer] { try await stint(as: "oncall", "grants", "--json").decoded() }

    func show(request id: String) async throws -> RequestAnswer { try await stint(as: "admin", "show", id, "--json").decoded() }
    func show(grant id: String) async throws -> GrantAnswer { try await stint(as: "admin", "show", id, "--json").decoded() }
    func show(session id: String) async throws -> SessionAnswer { try await stint(as: "admin", "show", id, "--json").decoded() }

    /// The sessions of a grant, the newest first.
    func sessions(of grant: String) async throws -> [SessionAnswer] {
        let all: [SessionAnswer] = try await stint(as: "admin", "sessions", "--all", "--json").decoded()
        return all.filter { $0.grant == grant }
    }

    /// The newest session of a grant, once the broker has its receipt.
    func receipted(_ grant: String, within limit: Duration = .seconds(15)) async throws -> SessionAnswer {
        try await eventually("the receipt of a session of \(grant)", within: limit) {
            try await sessions(of: grant).first { $0.receipt != nil }
        }
    }

    /// Opens a shell and waits until it takes commands.
    func shell(on node: String = "db-1") async throws -> TerminalProgram {
        let shell = try terminal(as: "oncall", "shell", node)
        // The prompt is the user's own; the answer to a sum is not in what is echoed.
        shell.send("PS1='ready> '; echo sum-$((40+2))\r")
        try await shell.expect("sum-42")
        try await shell.expect("ready> ")
        return shell
    }

    /// Runs a command on the node as `oncall`.
    func exec(_ command: String..., input: String = "/dev/null", within limit: Duration = .seconds(60)) async throws -> Outcome {
        try await run(
            Programs.stint, ["exec", "db-1", "--"] + command, input: input,
            environment: ["STINT_HOME": home(of: "oncall")], within: limit)
    }

    func verifyLedger() async throws {
        let outcome = try await stint(as: "admin", "ledger", "verify", "--json")
        #expect(outcome.status == 0, "\(outcome.errors)")
    }
}
