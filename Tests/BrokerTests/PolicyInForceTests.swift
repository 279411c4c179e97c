// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Protocol
import StrictJSON
import Testing

@testable import Broker

/// A policy that an administrator applies while the broker runs, and what of it only the broker knows.
@Suite struct PolicyInForceTests {
    private func broker(_ rules: String) throws -> (broker: TestBroker, oncall: TestKey) {
        let broker = try TestBroker()
        _ = try broker.enrolNode("node-1")
        let oncall = try broker.enrol("oncall", ["oncall"])
        #expect(try apply(Self.policy(rules), at: broker).status == 200)
        return (broker, oncall)
    }

    private static func policy(_ rules: String, _ more: String = "") -> String {
        """
        { entitlements: [{ name: "on-call", requesters: ["group:oncall"], nodes: "*", capabilities: ["shell", "exec"],
          runAs: ["root"], \(rules) }]\(more) }
        """
    }

    private func apply(_ policy: String, at broker: TestBroker, version: Int64 = 2, signedBy key: TestKey? = nil) throws
        -> (status: Int, body: JSONValue)
    {
        let charter = try CharterStatement(
            place: try broker.roll().next, version: version, administrators: [try PersonName("admin")], policy: policy,
            broker: broker.pin, founder: nil, at: TestBroker.now
        ).signed(with: (key ?? broker.admin).signing)
        return try broker.call("POST", Route.roll, charter.source.json, as: key ?? broker.admin)
    }

    private func ask(
        _ broker: TestBroker, _ key: TestKey, reason: String = "INC-1 broken replica", fields: [String: String] = [:]
    ) throws -> (status: Int, body: JSONValue) {
        let roll = try broker.roll()
        let request = try RequestStatement(
            root: try #require(roll.root), person: try PersonName("oncall"), entitlement: try EntitlementName("on-call"),
            charterVersion: try #require(roll.directory.charter).version, selector: .everything, capabilities: [.shell],
            runAs: try RunAsName(user: "root"), duration: .seconds(600), reason: reason, fieldValues: fields,
            rollNumber: roll.number, nonce: try Evidence.Random.nonce(), at: TestBroker.now
        ).signed(with: key.signing)
        return try broker.call("POST", Route.requests, request.source.json, as: key)
    }

    @Test func `the month's count is approved by itself, and then the seats decide`() throws {
        let (broker, oncall) = try broker(
            #"autoApproval: { perMonth: 2 }, seats: [{ count: 1, of: ["group:approvers"] }]"#)
        for number in 1...2 {
            let answer = try ask(broker, oncall, reason: "the reason number \(number)")
            #expect(answer.body["state"]?.asString == "approved")
            let id = try #require(answer.body["grant"]?.asString)
            #expect(try broker.call("GET", Route.grants + "/" + id, as: oncall).body["nodes"]?.asArray == [.string("node-1")])
        }
        #expect(try ask(broker, oncall, reason: "the reason number 3").body["state"]?.asString == "pending")
        #expect(try broker.ledger().suffix(4) == ["request.created", "request.approved", "grant.ready", "request.created"])
    }

    @Test func `beyond the month's count a policy without seats refuses and stores nothing`() throws {
        let (broker, oncall) = try broker("autoApproval: { perMonth: 1 }")
        #expect(try ask(broker, oncall, reason: "the reason number 1").body["state"]?.asString == "approved")
        let answer = try ask(broker, oncall, reason: "the reason number 2")
        #expect(answer.status == 403 && answer.body["code"]?.asString == "policy.budget-spent")
        #expect(try broker.ledger().filter { $0 == "request.created" }.count == 1)
    }

    @Test func `a ticket and each field are asked of the signed request`() throws {
        let (broker, oncall) = try broker(
            #"seats: [{ count: 1, of: ["person:admin"] }], tickets: ["INC-#"], fields: [{ name: "impact", type: "yesNo" }]"#)
        #expect(try ask(broker, oncall, reason: "a broken replica").body["code"]?.asString == "reason.no-ticket")
        #expect(try ask(broker, oncall).body["code"]?.asString == "field.missing")
        #expect(try ask(broker, oncall, fields: ["impact": "maybe"]).body["code"]?.asString == "field.malformed")
        #expect(try ask(broker, oncall, fields: ["impact": "no", "x": "y"]).body["code"]?.asString == "field.unknown")
        let asked = try ask(broker, oncall, fields: ["impact": "no"])
        #expect(asked.body["fields"] == ["impact": "no"])
    }

    @Test func `a request outside the window is approved and activated only inside`() throws {
        let day = (TestBroker.now.milliseconds / 86_400_000 + 3) % 7
        let other = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][Int(day + 3) % 7]
        let (broker, oncall) = try broker(
            #"autoApproval: { perMonth: 9 }, windows: { zone: "UTC", open: ["\#(other) 08:00-09:00"] }"#)
        let asked = try ask(broker, oncall)
        #expect(asked.body["state"]?.asString == "approved")
        let request = try Signed<RequestStatement>(
            try SignedText(.object(["statement": try #require(asked.body["statement"]), "signatures": try #require(asked.body["signatures"])])))
        let activation = try broker.activation(of: request, by: "oncall", oncall)
        let answer = try broker.call("POST", Route.activations, activation.source.json, as: oncall)
        #expect(answer.status == 403 && answer.body["code"]?.asString == "policy.outside-window")
    }

    @Test func `a policy is applied by an administrator's signature, as the next version, or not at all`() throws {
        let (broker, oncall) = try broker("autoApproval: { perMonth: 1 }")
        let next = Self.policy("autoApproval: { perMonth: 2 }")
        #expect(try apply(next, at: broker, version: 3, signedBy: oncall).body["code"]?.asString == "evidence.not-signed")
        #expect(try apply(next, at: broker, version: 2).status >= 400)
        #expect(try apply("{ entitlements: [] }", at: broker, version: 3).body["code"]?.asString == "policy.invalid")
        #expect(try apply(next, at: broker, version: 3).status == 200)
    }

    @Test func `a policy that forbids what is pending ends it`() throws {
        let (broker, oncall) = try broker(#"seats: [{ count: 1, of: ["person:admin"] }]"#)
        let asked = try ask(broker, oncall)
        #expect(asked.body["state"]?.asString == "pending")
        let forbidding = Self.policy(#"seats: [{ count: 1, of: ["person:admin"] }]"#, #", forbid: [{ name: "freeze", nodes: "*" }]"#)
        #expect(try apply(forbidding, at: broker, version: 3).status == 200)
        let id = try #require(asked.body["id"]?.asString)
        let state = try broker.call("GET", Route.requests + "/" + id, as: oncall).body["state"]?.asString
        #expect(state == "invalidated")
    }
}
