// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Whoever is on call by statements that another program signs, on the real programs.
@Suite(.serialized)
struct RosterTests {
    fileprivate struct Duty: Decodable {
        let name: String
        let onCall: String?
        let version: Int?
        let code: String?
    }

    private struct WhyAnswer: Decodable {
        struct Attempt: Decodable {
            let code: String?
            let message: String?
        }

        let attempts: [Attempt]
    }

    @Test func `whoever the statement names asks, and the node opens`() async throws {
        try await Installation.with { here in
            try await here.useRoster()
            #expect(try await here.duty().code == "roster.never-published")
            let refused = try await here.stint(as: "oncall", "request", "--on", "db-1", "--for", "5m", "--reason", "not on call yet")
            #expect(refused.status == 3, "\(refused.errors)")
            try await here.publish(try here.shifts("oncall"))
            let duty = try await here.duty()
            #expect(duty.onCall == "oncall" && duty.version == 1)
            _ = try await here.grant(for: "5m")
            #expect(try await here.exec("true").status == 0)
            try await here.verifyEvidence()

            // The next statement names somebody else; what was granted goes on, and what is asked now is refused.
            try await here.publish(try here.shifts("stranger"))
            #expect(try await here.duty().onCall == "stranger")
            #expect(try await here.exec("true").status == 0)
            let late = try await here.stint(as: "oncall", "request", "--on", "db-1", "--for", "4m", "--reason", "no longer on call")
            #expect(late.status == 3, "\(late.errors)")
            try await here.verifyLedger()
            try await here.stopBroker()
            #expect(try await here.run(Programs.stintd, ["check", "--home", here.brokerHome]).status == 0)
        }
    }

    @Test func `a statement that is too old means nobody, and why says so`() async throws {
        try await Installation.with { here in
            try await here.useRoster(maximumAge: "1m")
            try await here.publish(try here.shifts("oncall", at: Date.now.addingTimeInterval(-120)))
            #expect(try await here.duty().code == "roster.too-old")
            let why = try await here.stint(as: "oncall", "why", "db-1", "--json")
            let attempts = try JSONDecoder().decode(WhyAnswer.self, from: why.output).attempts
            #expect(why.status == 3 && attempts.first?.code == "roster.too-old", "\(why.text)")
            #expect(attempts.first?.message?.contains("counts for 1m") == true, "\(why.text)")
            try await here.publish(try here.shifts("oncall"))
            #expect(try await here.stint(as: "oncall", "why", "db-1").status == 0)
        }
    }

    @Test func `another key, an old version, a fork and shifts that cannot be are each refused with a sentence`() async throws {
        try await Installation.with { here in
            try await here.useRoster()
            let first = try await here.signed(try here.shifts("oncall"))
            try await here.publish(try here.shifts("oncall"))
            try await here.expectRefused(first, 5, "roster.forked")
            try await here.publish(try here.shifts("stranger"))
            try await here.expectRefused(first, 5, "roster.replayed")
            try await here.expectSigning(here.shifts("oncall", version: 2), 5, "roster.forked")
            try await here.expectSigning(here.shifts("oncall", version: 1), 5, "roster.replayed")
            try await here.expectSigning(here.shifts("nobody"), 3, "roster.unknown-person")
            try await here.expectSigning(here.file("r.json5", "{ roster: 'dba', shifts: [\(Installation.shift("oncall", 60, -60))] }"), 3, "roster.shift-reversed")
            let both = "\(Installation.shift("oncall", -60, 60)), \(Installation.shift("lead", 59, 90))"
            try await here.expectSigning(here.file("o.json5", "{ roster: 'dba', shifts: [\(both)] }"), 3, "roster.shifts-overlap")
            try await here.stint(as: "oncall", "roster", "key", here.directory + "/other.pem").checked()
            let forged = try await here.signed(try here.shifts("oncall"), key: "other.pem")
            try await here.expectRefused(forged, 1, "the key that the policy names")
        }
    }

    @Test func `openssl alone makes the key and signs the statement`() async throws {
        try await Installation.with { here in
            let key = here.directory + "/roster.pem"
            try await here.run("/usr/bin/openssl", ["genpkey", "-algorithm", "ed25519", "-out", key]).checked()
            try await here.useRoster()
            struct Status: Decodable { let root: String }
            let status: Status = try await here.stint(as: "oncall", "status", "--json").decoded()
            let now = Int64(Date.now.timeIntervalSince1970 * 1000)
            let statement =
                #"{"at":\#(now),"root":"\#(status.root)","roster":"dba","shifts":[{"from":\#(now),"person":"oncall","until":\#(now + 600_000)}],"type":"roster","version":41}"#
            let message = try here.file("message", "stint statement 1\n" + statement)
            let signature = here.directory + "/signature"
            try await here.run("/usr/bin/openssl", ["pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", message, "-out", signature]).checked()
            let file = try here.file("statement", statement)
            let other = try here.file("other", statement.replacing("\"version\":41", with: "\"version\":42"))
            let refused = try await here.stint(as: "stranger", "roster", "publish", other, "--signature", signature)
            #expect(refused.status == 1 && refused.errors.contains("evidence.not-signed"), "\(refused.errors)")
            try await here.stint(as: "stranger", "roster", "publish", file, "--signature", signature).checked()
            try await here.stint(as: "stranger", "roster", "publish", file, "--signature", signature).checked()
            #expect(try await here.duty().version == 41)
            #expect(try await here.stint(as: "oncall", "why", "db-1").status == 0)
        }
    }

    @Test func `a broker that forges a statement is refused by the node`() async throws {
        try await Installation.with { here in
            try await here.useRoster()
            try await here.publish(try here.shifts("oncall"))
            _ = try await here.grant()
            try await here.stopBroker()
            try await here.startBroker("roster-forged=\(here.home(of: "admin"))")
            try await eventually("the node's refusal", within: .seconds(40)) { here.log(of: "db-1").contains("the key that the policy names for roster") }
            #expect(try await here.exec("true", within: .seconds(40)).status != 0)
        }
    }
}

extension Installation {
    /// From now on whoever is on call by statements under `roster.pem` is the only requester.
    fileprivate func useRoster(maximumAge: String = "24h") async throws {
        let key = try await stint(as: "admin", "roster", "key", directory + "/roster.pem").checked().text.trimmingCharacters(in: .newlines)
        let roster = "  rosters: [{ name: \"dba\", key: \"\(key)\", maximumAge: \"\(maximumAge)\" }],\n"
        let policy = try file("roster.json5", TestPolicy.text(["requesters": #"["roster:dba"]"#], roster))
        try await stint(as: "admin", "policy", "apply", policy, "--yes").checked()
        // The node has it once a session could be opened; publications come behind it in the same roll.
    }

    static func shift(_ person: String, _ from: TimeInterval, _ until: TimeInterval) -> String {
        let times = [from, until].map { Date.now.addingTimeInterval($0).ISO8601Format() }
        return "{ person: '\(person)', from: '\(times[0])', until: '\(times[1])' }"
    }

    /// A file in which one person is on call now, and for ten minutes.
    fileprivate func shifts(_ person: String, version: Int? = nil, at: Date? = nil) throws -> String {
        let members = (version.map { "version: \($0), " } ?? "") + (at.map { "at: '\($0.ISO8601Format())', " } ?? "")
        return try file("shifts-\(UInt32.random(in: 0 ... .max)).json5", "{ roster: 'dba', \(members)shifts: [\(Self.shift(person, -300, 600))] }")
    }

    fileprivate func signed(_ shifts: String, key: String = "roster.pem") async throws -> String {
        let output = shifts + ".signed"
        try await stint(as: "admin", "roster", "sign", shifts, "--key", "\(directory)/\(key)", "--output", output).checked()
        return output
    }

    fileprivate func publish(_ shifts: String) async throws {
        try await stint(as: "lead", "roster", "publish", await signed(shifts)).checked()
        try await stint(as: "admin", "roster").checked()  // which brings the signer's roll forward
    }

    /// Whoever has the root alone finds by the evidence that the grant was right, roster and all.
    fileprivate func verifyEvidence() async throws {
        struct Status: Decodable { let root: String }
        let status: Status = try await stint(as: "oncall", "status", "--json").decoded()
        let grant = try #require(try await grants().first { $0.state == "active" })
        try await stint(as: "oncall", "evidence", grant.id, "--output", directory + "/evidence").checked()
        try await run(Programs.stint, ["verify", directory + "/evidence", "--root", status.root]).checked()
    }

    fileprivate func duty() async throws -> RosterTests.Duty {
        let rows: [RosterTests.Duty] = try await stint(as: "stranger", "roster", "--json").decoded()
        return try #require(rows.first)
    }

    fileprivate func expectRefused(_ signed: String, _ status: Int32, _ words: String, location: SourceLocation = #_sourceLocation) async throws {
        let outcome = try await stint(as: "lead", "roster", "publish", signed)
        #expect(outcome.status == status && outcome.errors.contains(words), "\(outcome.status): \(outcome.errors)", sourceLocation: location)
    }

    fileprivate func expectSigning(_ shifts: String, _ status: Int32, _ words: String, location: SourceLocation = #_sourceLocation) async throws {
        let outcome = try await stint(as: "admin", "roster", "sign", shifts, "--key", directory + "/roster.pem")
        #expect(outcome.status == status && outcome.errors.contains(words), "\(outcome.status): \(outcome.errors)", sourceLocation: location)
    }
}
