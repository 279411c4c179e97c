// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Protocol
import StrictJSON
import Testing

@testable import Broker

/// Proposed charters, by the broker's own API.
@Suite struct ProposalTests {
    private let broker: TestBroker
    private let second: TestKey
    private let third: TestKey
    private let oncall: TestKey

    private static let two = "{ charter: { administrators: 2 }, " + TestBroker.policy.dropFirst()
    private static let names = ["admin", "second", "third"]

    init() throws {
        broker = try TestBroker()
        second = try broker.enrol("second", ["approvers"])
        third = try broker.enrol("third", ["approvers"])
        oncall = try broker.enrol("oncall", ["oncall"])
        #expect(try apply(Self.content()).status == 200)
    }

    private static func content(_ more: String = "", _ names: [String] = names) throws -> CharterContent {
        CharterContent(administrators: try names.map { try PersonName($0) }, policy: two + more)
    }

    private func consent(_ content: CharterContent, by person: String, _ key: TestKey, lasts: Duration = .seconds(3600), version: Int64? = nil) throws
        -> Signed<ConsentStatement>
    {
        let roll = try broker.roll()
        return try ConsentStatement(
            root: roll.root ?? .none, version: version ?? Int64(roll.directory.charters.count) + 1, base: roll.charterDigest ?? .none,
            content: content.digest(), person: PersonName(person), reason: "so that it is better", notAfter: TestBroker.now + lasts,
            nonce: Evidence.Random.nonce(), at: TestBroker.now
        ).signed(with: key.signing)
    }

    private func propose(_ consent: Signed<ConsentStatement>, _ content: CharterContent, as key: TestKey) throws -> (status: Int, body: JSONValue) {
        try broker.call("POST", Route.proposals, .object(["consent": consent.source.json, "content": content.json]), as: key)
    }

    private func apply(_ content: CharterContent, _ consents: [Signed<ConsentStatement>] = [], by key: TestKey? = nil) throws
        -> (status: Int, body: JSONValue)
    {
        let roll = try broker.roll()
        let charter = try CharterStatement(
            place: roll.next, version: Int64(roll.directory.charters.count) + 1, administrators: content.administrators,
            policy: content.policy, broker: broker.pin, founder: nil, consents: consents, at: TestBroker.now
        ).signed(with: (key ?? broker.admin).signing)
        return try broker.call("POST", Route.roll, charter.source.json, as: key ?? broker.admin)
    }

    private func state(of id: String) throws -> String? {
        try broker.call("GET", Route.proposals + "/" + id, as: second).body["state"]?.asString
    }

    private func proposed(_ more: String, by person: String = "admin", _ key: TestKey? = nil) throws -> (id: String, Signed<ConsentStatement>) {
        let content = try Self.content(more)
        let consent = try consent(content, by: person, key ?? broker.admin)
        let answer = try propose(consent, content, as: key ?? broker.admin)
        return (try #require(answer.body["id"]?.asString), consent)
    }

    @Test func `a proposal is agreed to by the charter that carries its consent, and overtakes the others`() throws {
        let (id, consent) = try proposed(" ")
        let (other, _) = try proposed("  ", by: "third", third)
        #expect(try apply(Self.content(" ")).body["code"]?.asString == "charter.consents-missing")
        #expect(try apply(Self.content(" "), [consent]).body["code"]?.asString == "charter.consents-missing")
        #expect(try state(of: id) == "open")
        let both = [consent, try self.consent(Self.content(" "), by: "second", second)]
        #expect(try apply(Self.content(" "), both, by: second).status == 200)
        #expect(try state(of: id) == "agreed" && state(of: other) == "overtaken")
        #expect(try broker.ledger().suffix(3) == ["roll.charter", "proposal.agreed", "proposal.overtaken"])
    }

    @Test func `the same proposal again is the same act`() throws {
        let content = try Self.content(" ")
        let consent = try consent(content, by: "admin", broker.admin)
        let first = try propose(consent, content, as: broker.admin)
        #expect(try first.status == 200 && propose(consent, content, as: broker.admin).body == first.body)
        #expect(try broker.ledger().count { $0 == "proposal.made" } == 1)
    }

    @Test func `only administrators propose, and only they see what is proposed`() throws {
        let content = try Self.content(" ")
        let answer = try propose(consent(content, by: "oncall", oncall), content, as: oncall)
        #expect(answer.status == 403 && answer.body["code"]?.asString == "person.not-an-administrator")
        let (id, _) = try proposed("  ")
        #expect(try broker.call("GET", Route.proposals, as: oncall).body["code"]?.asString == "person.not-an-administrator")
        #expect(try broker.call("GET", Route.proposals + "/" + id, as: oncall).status == 403)
        let seen = try broker.call("GET", Route.proposals, as: third).body["items"]?.asArray
        #expect(seen?.map { $0["id"]?.asString } == [id])
    }

    @Test func `nobody proposes in another's name or through another's device`() throws {
        let content = try Self.content(" ")
        #expect(try propose(consent(content, by: "admin", second), content, as: second).body["code"]?.asString == "evidence.not-signed")
        #expect(try propose(consent(content, by: "admin", broker.admin), content, as: second).body["code"]?.asString == "authentication.other-device")
    }

    @Test func `what is not what was signed, or could never be, is refused at once`() throws {
        let content = try Self.content(" ")
        let signed = try consent(content, by: "admin", broker.admin)
        #expect(try propose(signed, Self.content("  "), as: broker.admin).body["code"]?.asString == "charter.content-differs")
        let old = try consent(content, by: "admin", broker.admin, version: 2)
        #expect(try propose(old, content, as: broker.admin).body["code"]?.asString == "charter.consent-stale")
        let alone = try Self.content(" ", ["admin"])
        #expect(try propose(consent(alone, by: "admin", broker.admin), alone, as: broker.admin).body["code"]?.asString == "charter.unchangeable")
        let stranger = try Self.content(" ", ["admin", "second", "zoe"])
        #expect(try propose(consent(stranger, by: "admin", broker.admin), stranger, as: broker.admin).body["code"]?.asString == "roll.unknown-subject")
        let broken = CharterContent(administrators: content.administrators, policy: "{")
        #expect(try propose(consent(broken, by: "admin", broker.admin), broken, as: broker.admin).body["code"]?.asString == "policy.invalid")
        #expect(try !broker.ledger().contains("proposal.made"))
    }

    @Test func `a proposal that was withdrawn by its proposer makes no charter any more`() throws {
        let (id, consent) = try proposed(" ")
        let foreign = try broker.ending(.withdraw, id, by: "second", second)
        #expect(try broker.call("POST", Route.endings, foreign.source.json, as: second).body["code"]?.asString == "proposal.not-yours")
        let outside = try broker.ending(.withdraw, id, by: "oncall", oncall)
        #expect(try broker.call("POST", Route.endings, outside.source.json, as: oncall).body["code"]?.asString == "proposal.not-found")
        let ending = try broker.ending(.withdraw, id, by: "admin", broker.admin)
        for _ in 1...2 {
            #expect(try broker.call("POST", Route.endings, ending.source.json, as: broker.admin).body["state"]?.asString == "withdrawn")
        }
        let both = [consent, try self.consent(Self.content(" "), by: "second", second)]
        #expect(try apply(Self.content(" "), both, by: second).body["code"]?.asString == "proposal.over")
        #expect(try state(of: id) == "withdrawn")
    }

    @Test func `more proposals than the limit are not kept`() throws {
        for number in 1...CharterRule.maximumOpen { _ = try proposed(String(repeating: " ", count: number)) }
        let content = try Self.content(String(repeating: "\n", count: 3))
        let answer = try propose(consent(content, by: "admin", broker.admin), content, as: broker.admin)
        #expect(answer.body["code"]?.asString == "proposal.too-many")
    }
}
