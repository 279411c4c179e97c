// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A charter that two administrators must agree to, on the real programs (P1).
@Suite(.serialized)
struct CharterTests {
    private struct ChangeAnswer: Decodable {
        let state: String
        let proposal: String?
        let version: Int?
    }

    private struct ProposalAnswer: Decodable {
        let id: String
        let state: String
        let by: String
    }

    private struct AdministratorsAnswer: Decodable {
        let administrators: [String]
        let demanded: Int
        let charter: Int
    }

    @Test func `one proposes, another agrees, and the node follows the charter that carries both consents`() async throws {
        try await Installation.with { here in
            try await here.demandTwoAdministrators()
            let policy = try here.file("shorter.json5", TestPolicy.text(["maximumDuration": "\"5m\""], Installation.two))
            let made: ChangeAnswer = try await here.stint(as: "admin", "policy", "apply", policy, "--reason", "shorter nights", "--yes", "--json").decoded()
            let id = try #require(made.proposal)
            #expect(made.state == "proposed" && made.version == nil)

            let listed: [ProposalAnswer] = try await here.stint(as: "lead", "policy", "proposals", "--json").decoded()
            #expect(listed.map(\.id) == [id] && listed.first?.by == "admin")
            let shown = try await here.stint(as: "lead", "policy", "show", "--proposal", id).checked().text
            #expect(shown.contains("maximumDuration: 4h → 5m") && shown.contains("shorter nights"), "\(shown)")

            #expect(try await here.stint(as: "lead", "requests").errors.contains("1 proposed charter waits for your consent (\(id))"))
            #expect(try await !here.stint(as: "admin", "requests").errors.contains("proposed"))
            try await Self.expect(here, 3, "proposal.own", as: "admin", "policy", "agree", id, "--yes")
            try await Self.expect(here, 3, "person.not-an-administrator", as: "oncall", "policy", "agree", id, "--yes")
            try await Self.expect(here, 3, "person.not-an-administrator", as: "oncall", "policy", "proposals")
            try await Self.expect(here, 2, "client.needs-confirmation", as: "lead", "policy", "agree", id)

            let agreed: ChangeAnswer = try await here.stint(as: "lead", "policy", "agree", id, "--yes", "--json").decoded()
            #expect(agreed.state == "in force" && agreed.version == 4)
            try await Self.expect(here, 5, "proposal.over", as: "lead", "policy", "agree", id, "--yes")
            // The node goes by it: a grant of an hour is no longer possible, one of a minute is.
            #expect(try await here.stint(as: "oncall", "request", "--on", "db-1", "--for", "10m", "--reason", "too long now").status == 3)
            _ = try await here.grant(for: "1m")
            #expect(try await here.exec("true").status == 0)
            try await here.verifyLedger()
            try await here.stopBroker()
            #expect(try await here.run(Programs.stintd, ["check", "--home", here.brokerHome]).status == 0)
        }
    }

    @Test func `what is stale, withdrawn or could never be changed again is refused with the reason`() async throws {
        try await Installation.with { here in
            try await Self.expect(here, 3, "charter.administrators", as: "admin", "policy", "apply", here.file("two.json5", TestPolicy.text([:], Installation.two)), "--yes")
            try await here.demandTwoAdministrators()
            let first = try await Self.propose(here, "1h")
            let second = try await Self.propose(here, "2h")
            let withdrawn = try await Self.propose(here, "3h")
            try await Self.expect(here, 3, "proposal.not-yours", as: "lead", "policy", "withdraw", withdrawn)
            try await here.stint(as: "admin", "policy", "withdraw", withdrawn).checked()
            try await Self.expect(here, 5, "proposal.over", as: "lead", "policy", "agree", withdrawn, "--yes")
            try await here.stint(as: "lead", "policy", "agree", first, "--yes").checked()
            try await Self.expect(here, 5, "proposal.over", as: "lead", "policy", "agree", second, "--yes")
            try await Self.expect(here, 3, "charter.unchangeable", as: "admin", "admins", "remove", "lead", "--yes")
            try await Self.expect(here, 3, "charter.too-few-administrators", as: "admin", "disable", "person", "lead", "--reason", "leaves")
            try await Self.expect(here, 5, "charter.administrator-already", as: "admin", "admins", "add", "lead", "--yes")
        }
    }

    @Test func `administrators are added and removed by the charter`() async throws {
        try await Installation.with { here in
            try await here.stint(as: "admin", "admins", "add", "lead", "--reason", "a second one", "--yes").checked()
            try await here.stint(as: "lead", "admins", "remove", "admin", "--yes").checked()
            let now: AdministratorsAnswer = try await here.stint(as: "oncall", "admins", "--json").decoded()
            #expect(now.administrators == ["lead"] && now.demanded == 1 && now.charter == 3)
            try await Self.expect(here, 3, "person.not-an-administrator", as: "admin", "admins", "add", "admin", "--yes")
            try await Self.expect(here, 5, "roll.last-administrator", as: "lead", "admins", "remove", "lead", "--yes")
            try await Self.expect(here, 4, "person.unknown", as: "lead", "admins", "add", "nobody", "--yes")
        }
    }

    /// Whoever owns the broker and one administrator's key has the demand for two against them, at every node and client.
    @Test(arguments: [("charter-alone", "charter.consents-missing"), ("charter-forged", "evidence.not-signed")])
    func `a charter with a consent missing or forged is refused by nodes and clients`(fault: String, code: String) async throws {
        try await Installation.with { here in
            try await here.demandTwoAdministrators()
            _ = try await here.grant()
            #expect(try await here.exec("true").status == 0)
            try await here.stopBroker()
            try await here.startBroker("\(fault)=\(here.home(of: "admin"))")
            try await eventually("the node's refusal", within: .seconds(40)) { here.log(of: "db-1").contains(code == "evidence.not-signed" ? "has no valid signature" : "demands that 2 administrators") }
            let outcome = try await here.stint(as: "lead", "invite", "device")
            #expect(outcome.status != 0 && outcome.errors.contains(code), "\(outcome.errors)")
            #expect(try await here.exec("true", within: .seconds(40)).status != 0)
        }
    }

    private static func propose(_ here: Installation, _ maximum: String) async throws -> String {
        let policy = try here.file("policy-\(maximum).json5", TestPolicy.text(["maximumDuration": "\"\(maximum)\""], Installation.two))
        let made: ChangeAnswer = try await here.stint(as: "admin", "policy", "apply", policy, "--yes", "--json").decoded()
        return try #require(made.proposal)
    }

    private static func expect(
        _ here: Installation, _ status: Int32, _ words: String, as person: String, _ arguments: String...,
        location: SourceLocation = #_sourceLocation
    ) async throws {
        let outcome = try await here.run(Programs.stint, arguments, environment: ["STINT_HOME": here.home(of: person)])
        #expect(outcome.status == status && outcome.errors.contains(words), "\(outcome.status): \(outcome.errors)", sourceLocation: location)
    }
}

extension Installation {
    static let two = "  charter: { administrators: 2 },\n"

    /// `lead` becomes administrator beside `admin`, and from now on both must agree.
    func demandTwoAdministrators() async throws {
        try await stint(as: "admin", "admins", "add", "lead", "--yes").checked()
        let policy = try file("two.json5", TestPolicy.text([:], Self.two))
        try await stint(as: "admin", "policy", "apply", policy, "--yes").checked()
    }
}
