// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import StrictJSON
import Testing

@testable import Client

@Suite struct CheckedRequestTests {
    private let world: Installation

    init() throws { world = try Installation() }

    private func check(_ signed: Signed<RequestStatement>, as id: RequestID? = nil) -> String {
        refusal { _ = try CheckedRequest(id ?? signed.id, signed.source, with: world.roll) }
    }

    @Test func `a request that its requester signed is shown with the nodes of now`() throws {
        let signed = try world.request()
        let checked = try CheckedRequest(signed.id, signed.source, with: world.roll)
        #expect(checked.nodes.map(\.name.text) == ["db-1", "db-2"])
        #expect(checked.longest == .seconds(1200))
    }

    @Test func `a request that somebody else signed is refused`() throws {
        #expect(check(try world.request(by: "carol")) == "evidence.not-signed")
        #expect(check(try world.request(by: "db-1")) == "evidence.not-signed")
    }

    @Test func `a request whose text was changed after signing is refused`() throws {
        let signed = try world.request()
        let bytes = signed.source.text.utf8.map { $0 == UInt8(ascii: "x") ? UInt8(ascii: "y") : $0 }
        let changed = String(decoding: bytes, as: UTF8.self)
        let source = SignedText(text: changed, signatures: signed.source.signatures)
        let forged = try Signed<RequestStatement>(source)
        #expect(changed != signed.source.text)
        #expect(check(forged) == "evidence.not-signed")
        #expect(check(forged, as: signed.id) == "evidence.not-signed")
    }

    @Test func `another request than the one that was asked for is refused`() throws {
        #expect(check(try world.request(), as: try world.request().id) == "broker.wrong-object")
    }

    @Test func `a request for another installation is refused`() throws {
        #expect(check(try world.request(root: Digest.none)) == "evidence.other-installation")
    }

    @Test func `a request whose signer knew more of the roll than we is refused`() throws {
        #expect(check(try world.request(rollNumber: world.roll.number)) == "accepted")
        #expect(check(try world.request(rollNumber: world.roll.number + 1)) == "roll.behind")
    }

    @Test func `a request of a person who is disabled now is refused`() throws {
        let signed = try world.request()
        var world = world
        try world.disable(person: "bob")
        #expect(refusal { _ = try CheckedRequest(signed.id, signed.source, with: world.roll) } == "person.disabled")
    }

    // MARK: Votes

    private func vote(
        by voter: String, duration: Duration? = nil, on selector: String? = nil, note: String = ""
    ) throws -> Vote {
        let signed = try world.request()
        return try CheckedRequest(signed.id, signed.source, with: world.roll).approval(
            by: PersonName(voter), duration: duration, on: selector.map { text throws(Refusal) in try Selector(text) },
            note: note, in: world.roll.directory, at: .now())
    }

    @Test func `a vote names the nodes that were shown, or those of them that the approver chose`() throws {
        let all = try NodeName("db-1")
        #expect(try vote(by: "alice").verdict == .approve(nodes: [all, try NodeName("db-2")], duration: .seconds(1200)))
        #expect(try vote(by: "alice", duration: .seconds(60), on: "env=prod").verdict
            == .approve(nodes: [all], duration: .seconds(60)))
    }

    @Test func `a vote cannot widen the request`() throws {
        #expect(refusal { _ = try vote(by: "alice", duration: .seconds(1200)) } == "accepted")
        #expect(refusal { _ = try vote(by: "alice", duration: .seconds(1201)) } == "vote.widens-duration")
        #expect(refusal { _ = try vote(by: "alice", on: "web-1") } == "selector.no-node")
        #expect(refusal { _ = try vote(by: "alice", duration: .zero) } == "duration.too-short")
    }

    @Test func `neither the requester nor somebody without a seat may vote, and no note may hide anything`() throws {
        #expect(refusal { _ = try vote(by: "bob") } == "vote.voter-is-requester")
        var world = world
        try world.add(person: "dave", groups: ["ops"])
        let signed = try world.request()
        let checked = try CheckedRequest(signed.id, signed.source, with: world.roll)
        let dave = try PersonName("dave")
        #expect(refusal { _ = try checked.denial(by: dave, note: "", in: world.roll.directory, at: .now()) } == "vote.no-seat")
        #expect(refusal { _ = try vote(by: "alice", note: "a\u{202E}b") } == "reason.control-character")
    }

    @Test func `what an approver is shown comes from the signed bytes, not from the broker's object`() throws {
        let signed = try world.request(reason: "the signed reason")
        let checked = try CheckedRequest(signed.id, signed.source, with: world.roll)
        let vote = try checked.approval(
            by: PersonName("alice"), duration: nil, on: nil, note: "", in: world.roll.directory, at: .now())
        let lie = Answer(["reason": "a lie", "requester": "nobody", "nodes": ["web-1"], "runAs": "root", "duration": 1])
        let text = VoteText.question(checked, vote, lie, in: world.roll.directory, now: .now())
        #expect(text.contains("the signed reason"))
        #expect(text.contains("db-1 (env=prod,role=db)"))
        #expect(!text.contains("lie") && !text.contains("web-1") && !text.contains("nobody"))
    }
}
