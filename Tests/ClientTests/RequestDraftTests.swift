// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Protocol
import Testing

@testable import Client

@Suite struct RequestDraftTests {
    private let world: Installation
    private let bob: Person

    init() throws {
        world = try Installation()
        bob = try world.person("bob")
    }

    private func draft(_ selector: String, _ reason: String = "restore the index") throws -> RequestDraft {
        RequestDraft(selector: try Selector(selector), reason: reason)
    }

    @Test func `what is left out comes from the entitlement that fits best`() throws {
        let complete = try draft("db-1").complete(for: bob, in: world.roll.directory, at: Timestamp(milliseconds: 1_800_000_000_000))
        #expect(complete.entitlement.name.text == "databases")
        #expect(complete.capabilities == [.shell, .exec])
        #expect(complete.runAs.text == "postgres")
        #expect(complete.duration == .seconds(1800))  // the entitlement's maximum is less than the usual hour
        #expect(complete.nodes.map(\.name.text) == ["db-1"])
    }

    @Test func `an entitlement without shell gives what it allows, and an hour of its four`() throws {
        let complete = try draft("web-1").complete(for: bob, in: world.roll.directory, at: Timestamp(milliseconds: 1_800_000_000_000))
        #expect(complete.entitlement.name.text == "everything")
        #expect(complete.capabilities == [.exec])
        #expect(complete.duration == .seconds(3600))
    }

    @Test func `who may decide are the holders of each seat and never the requester`() throws {
        let complete = try draft("web-1").complete(for: bob, in: world.roll.directory, at: Timestamp(milliseconds: 1_800_000_000_000))
        let deciders = complete.deciders(besides: bob.name, in: world.roll.directory)
        #expect(deciders.map { $0.people.map(\.text) } == [["carol"], ["alice", "carol"]])
    }

    @Test func `a refusal has the code, words and hint that the broker's would have`() throws {
        var drafts = [
            try draft("db-1", "short"), try draft("db-9"), try draft("role=nothing"), try draft("db-1"), try draft("db-1"),
            try draft("db-1"), try draft("db-1"),
        ]
        drafts[3].duration = .seconds(5 * 3600)
        drafts[4].runAs = try RunAsName(user: "nobody")
        drafts[5].capabilities = [.ssh]
        drafts[6].entitlement = try EntitlementName("unknown")
        let policy = try #require(world.roll.directory.charter?.policy)
        for draft in drafts {
            let here = #expect(throws: Refusal.self) { _ = try draft.complete(for: bob, in: world.roll.directory, at: Timestamp(milliseconds: 1_800_000_000_000)) }
            // As the broker asks: with the values of the signed request.
            let ask = Entitlement.Ask(
                person: bob, selector: draft.selector, capabilities: draft.capabilities ?? [.shell], runAs: draft.runAs,
                duration: draft.duration ?? .seconds(1), reason: draft.reason)
            let there = #expect(throws: Refusal.self) {
                _ = try policy.choose(for: ask, wanted: draft.entitlement, in: world.roll.directory)
            }
            guard let here, let there else { continue }
            let problem = Problem(there)
            #expect(Failures.explain(here) == Failures.explain(problem))
        }
    }

    @Test func `somebody without an entitlement is refused, and so is a disabled person`() throws {
        var world = world
        let alice = try world.person("alice")
        #expect(refusal { _ = try draft("db-1").complete(for: alice, in: world.roll.directory, at: Timestamp(milliseconds: 1_800_000_000_000)) } == "policy.no-entitlement")
        try world.disable(person: "bob")
        let bob = try world.person("bob")
        #expect(refusal { _ = try draft("db-1").complete(for: bob, in: world.roll.directory, at: Timestamp(milliseconds: 1_800_000_000_000)) } == "person.disabled")
    }

    @Test func `a request that nobody could approve is not made`() throws {
        var world = world
        try world.disable(person: "carol")
        #expect(refusal { _ = try draft("web-1").complete(for: bob, in: world.roll.directory, at: Timestamp(milliseconds: 1_800_000_000_000)) } == "policy.quorum-impossible")
    }
}
