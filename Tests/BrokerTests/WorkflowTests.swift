// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Protocol
import Storage
import StrictJSON
import Testing

@testable import Broker

@Suite struct WorkflowTests {
    private func organisation() throws -> (broker: TestBroker, oncall: TestKey, lead: TestKey) {
        let broker = try TestBroker()
        _ = try broker.enrolNode("node-1")
        return (broker, try broker.enrol("oncall", ["oncall"]), try broker.enrol("lead", ["approvers"]))
    }

    @Test func `a request becomes a grant with one vote and active with an activation`() throws {
        let (broker, oncall, lead) = try organisation()
        let request = try broker.request(by: "oncall", oncall)
        let asked = try broker.call("POST", Route.requests, request.source.json, as: oncall)
        #expect(asked.body["state"]?.asString == "pending")
        #expect(asked.body["id"]?.asString == request.id.description)
        let voted = try broker.call("POST", Route.votes, try broker.vote(on: request, by: "lead", lead).source.json, as: lead)
        #expect(voted.body["state"]?.asString == "approved")
        let grant: GrantID = request.id.sibling()
        #expect(voted.body["grant"]?.asString == grant.description)
        let activation = try broker.activation(of: request, by: "oncall", oncall)
        let active = try broker.call("POST", Route.activations, activation.source.json, as: oncall)
        #expect(active.body["state"]?.asString == "active")
        #expect(try broker.ledger().suffix(5) == ["request.created", "vote.approve", "request.approved", "grant.ready", "grant.active"])
    }

    @Test func `the same statement again is the same act`() throws {
        let (broker, oncall, lead) = try organisation()
        let request = try broker.request(by: "oncall", oncall)
        let vote = try broker.vote(on: request, by: "lead", lead)
        for _ in 1...2 {
            #expect(try broker.call("POST", Route.requests, request.source.json, as: oncall).status == 200)
        }
        for _ in 1...2 { #expect(try broker.call("POST", Route.votes, vote.source.json, as: lead).status == 200) }
        let activation = try broker.activation(of: request, by: "oncall", oncall)
        for _ in 1...2 { #expect(try broker.call("POST", Route.activations, activation.source.json, as: oncall).status == 200) }
        let release = try broker.ending(.release, (request.id.sibling() as GrantID).description, by: "oncall", oncall)
        for _ in 1...2 { #expect(try broker.call("POST", Route.endings, release.source.json, as: oncall).status == 200) }
        #expect(try broker.ledger().filter { $0 == "grant.released" }.count == 1)
    }

    @Test func `an equal pending request is the one that exists`() throws {
        let (broker, oncall, _) = try organisation()
        let first = try broker.request(by: "oncall", oncall)
        let second = try broker.request(by: "oncall", oncall)
        #expect(first.digest != second.digest)
        _ = try broker.call("POST", Route.requests, first.source.json, as: oncall)
        let answer = try broker.call("POST", Route.requests, second.source.json, as: oncall)
        #expect(answer.body["id"]?.asString == first.id.description)
    }

    @Test func `the requester cannot vote, with any device`() throws {
        let (broker, oncall, _) = try organisation()
        let tablet = try broker.enrol(.device(try PersonName("oncall")), by: "oncall", with: oncall)
        let request = try broker.request(by: "oncall", oncall)
        _ = try broker.call("POST", Route.requests, request.source.json, as: oncall)
        for key in [oncall, tablet] {
            let vote = try broker.vote(on: request, by: "oncall", key)
            let answer = try broker.call("POST", Route.votes, vote.source.json, as: key)
            #expect(answer.status == 403)
            #expect(answer.body["code"]?.asString == "vote.voter-is-requester")
        }
    }

    @Test func `a vote in another's name is refused, whoever sends it`() throws {
        let (broker, oncall, lead) = try organisation()
        let request = try broker.request(by: "oncall", oncall)
        _ = try broker.call("POST", Route.requests, request.source.json, as: oncall)
        let forged = try broker.vote(on: request, by: "lead", oncall)
        #expect(try broker.call("POST", Route.votes, forged.source.json, as: oncall).body["code"]?.asString == "evidence.not-signed")
        let genuine = try broker.vote(on: request, by: "lead", lead)
        #expect(try broker.call("POST", Route.votes, genuine.source.json, as: oncall).body["code"]?.asString == "authentication.other-device")
    }

    @Test func `a vote on a withdrawn request is told that it came too late`() throws {
        let (broker, oncall, lead) = try organisation()
        let request = try broker.request(by: "oncall", oncall)
        _ = try broker.call("POST", Route.requests, request.source.json, as: oncall)
        let withdrawal = try broker.ending(.withdraw, request.id.description, by: "oncall", oncall)
        #expect(try broker.call("POST", Route.endings, withdrawal.source.json, as: oncall).body["state"]?.asString == "withdrawn")
        let answer = try broker.call("POST", Route.votes, try broker.vote(on: request, by: "lead", lead).source.json, as: lead)
        #expect(answer.status == 409)
        #expect(answer.body["code"]?.asString == "request.already-resolved")
    }

    @Test func `only the requester withdraws, and others are told whose it is`() throws {
        let (broker, oncall, lead) = try organisation()
        let request = try broker.request(by: "oncall", oncall)
        _ = try broker.call("POST", Route.requests, request.source.json, as: oncall)
        let answer = try broker.call(
            "POST", Route.endings, try broker.ending(.withdraw, request.id.description, by: "lead", lead).source.json, as: lead)
        #expect(answer.body["code"]?.asString == "request.not-yours")
    }

    @Test func `disabling a person ends the grants and the pending requests of that person`() throws {
        let (broker, oncall, lead) = try organisation()
        let granted = try broker.request(by: "oncall", oncall)
        let pending = try broker.request(by: "oncall", oncall, reason: "another reason entirely")
        for request in [granted, pending] { _ = try broker.call("POST", Route.requests, request.source.json, as: oncall) }
        _ = try broker.call("POST", Route.votes, try broker.vote(on: granted, by: "lead", lead).source.json, as: lead)
        let disabling = try DisablingStatement(
            place: try broker.roll().next, subject: .person(try PersonName("oncall")), by: try PersonName("admin"),
            reason: "left", at: TestBroker.now
        ).signed(with: broker.admin.signing)
        #expect(try broker.call("POST", Route.roll, disabling.source.json, as: broker.admin).status == 200)
        let grant = try broker.call("GET", Route.grants + "/" + (granted.id.sibling() as GrantID).description, as: lead)
        #expect(grant.body["state"]?.asString == "cancelled")
        let request = try broker.call("GET", Route.requests + "/" + pending.id.description, as: lead)
        #expect(request.body["state"]?.asString == "invalidated")
        #expect(try broker.call("GET", Route.requests, as: oncall).body["code"]?.asString == "authentication.not-enrolled")
    }

    @Test func `a signature that was verified before its signer was disabled counts for nothing after`() throws {
        let (broker, oncall, lead) = try organisation()
        let vote = try broker.vote(on: try broker.request(by: "oncall", oncall), by: "lead", lead)
        let examined = try Signed<VoteStatement>(vote.source.examined(for: lead.signing.publicKey))
        var roll = try broker.roll()
        try roll.append(
            DisablingStatement(
                place: roll.next, subject: .person(PersonName("lead")), by: PersonName("admin"), reason: "left", at: TestBroker.now
            ).signed(with: broker.admin.signing).source)
        var workflow = Workflow(try Storage.Connection(path: broker.home.path + "/empty.db"), roll, at: TestBroker.now)
        #expect(throws: EvidenceError.refused(.personDisabled(try PersonName("lead")))) {
            try workflow.vote(examined, from: lead.signing.publicKey)
        }
    }

    @Test func `a vote may narrow, and the grant is what it allows`() throws {
        let (broker, oncall, lead) = try organisation()
        _ = try broker.enrolNode("node-2")
        let request = try broker.request(by: "oncall", oncall)
        _ = try broker.call("POST", Route.requests, request.source.json, as: oncall)
        let narrow = try broker.vote(
            on: request, by: "lead", lead, verdict: .approve(nodes: [try NodeName("node-2")], duration: .seconds(60)))
        _ = try broker.call("POST", Route.votes, narrow.source.json, as: lead)
        let grant = try broker.call("GET", Route.grants + "/" + (request.id.sibling() as GrantID).description, as: oncall)
        #expect(grant.body["nodes"]?.asArray == [.string("node-2")])
        #expect(grant.body["granted"]?.asInteger == 60)
    }

    @Test func `a statement that was signed long ago is refused and says what both clocks show`() throws {
        let (broker, oncall, _) = try organisation()
        let fresh = try broker.request(by: "oncall", oncall).value
        let old = try RequestStatement(
            root: fresh.root, person: fresh.person, entitlement: fresh.entitlement, charterVersion: 1, selector: fresh.selector,
            capabilities: fresh.capabilities, runAs: fresh.runAs, duration: fresh.duration, reason: fresh.reason,
            rollNumber: fresh.rollNumber, nonce: fresh.nonce, at: TestBroker.now - .seconds(61)
        ).signed(with: oncall.signing)
        let answer = try broker.call("POST", Route.requests, old.source.json, as: oncall)
        #expect(answer.body["code"]?.asString == "clock.disagrees")
    }
}
