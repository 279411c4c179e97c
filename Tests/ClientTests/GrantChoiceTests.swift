// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import StrictJSON
import Testing

@testable import Client

@Suite struct GrantChoiceTests {
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    /// A grant as the broker lists it; its id follows from `seed`.
    private func grant(
        _ seed: UInt8, _ state: String, nodes: [String] = ["db-1"], may: [String] = ["shell"], runAs: String = "root",
        minutes: Int64? = nil
    ) throws -> GrantView {
        let digest = try #require(Digest(hex: String(repeating: Hex.encode([seed]), count: 32)))
        let id: GrantID = RequestID(digest: digest.bytes).sibling()
        return try GrantView(
            Answer([
                "id": .string(id.description), "state": .string(state), "nodes": .array(nodes.map { .string($0) }),
                "capabilities": .array(may.map { .string($0) }), "runAs": .string(runAs),
                "notAfter": minutes.map { .string((Self.now + .seconds($0 * 60)).description) } ?? .null,
                "requestDigest": .string(digest.hex),
            ]))
    }

    private func use(_ capability: Capability = .shell, runAs: String? = nil) throws -> GrantUse {
        GrantUse(
            node: try NodeName("db-1"), capability: capability,
            runAs: try runAs.map { text throws(Refusal) in try RunAsName(user: text) })
    }

    private func need(_ capability: Capability = .shell, runAs: String? = nil, duration: Duration? = nil) throws -> AccessNeed {
        AccessNeed(
            nodes: [try NodeName("db-1")], capabilities: [capability],
            runAs: try runAs.map { text throws(Refusal) in try RunAsName(user: text) }, duration: duration)
    }

    @Test func `an active grant is used before a ready one, and the one that lasts longest before others`() throws {
        let grants = [
            try grant(1, "ready"), try grant(2, "active", minutes: 5), try grant(3, "active", minutes: 9),
            try grant(4, "active", minutes: 7),
        ]
        #expect(try need().choose(among: grants, at: Self.now)?.id == grants[2].id)
        #expect(try need().choose(among: [grants[0]], at: Self.now)?.id == grants[0].id)
    }

    @Test func `a grant that does not cover node, capability or user is not used`() throws {
        let others = [
            try grant(1, "active", nodes: ["db-2"], minutes: 5), try grant(2, "active", may: ["exec"], minutes: 5),
            try grant(3, "active", runAs: "postgres", minutes: 5),
        ]
        #expect(try need(runAs: "root").choose(among: others, at: Self.now) == nil)
        #expect(try need().choose(among: others, at: Self.now)?.id == others[2].id)
        #expect(try need(.exec).choose(among: others, at: Self.now)?.id == others[1].id)
    }

    @Test(arguments: ["ending", "ended", "lapsed", "cancelled"])
    func `a grant that is over is not used`(_ state: String) throws {
        #expect(try need().choose(among: [grant(1, state, minutes: 5)], at: Self.now) == nil)
    }

    @Test func `an active grant is not used at its end`() throws {
        let ending = try grant(1, "active", minutes: 1)
        #expect(try need().choose(among: [ending], at: Self.now + .seconds(59)) != nil)
        #expect(try need().choose(among: [ending], at: Self.now + .seconds(60)) == nil)
    }

    @Test func `a grant that was named is used, or the reason why not is told`() throws {
        let live = try grant(1, "active", minutes: 1)
        #expect(try live.checked(for: use(), at: Self.now).id == live.id)
        #expect(refusal { _ = try live.checked(for: use(.exec), at: Self.now) } == "grant.does-not-cover")
        #expect(refusal { _ = try live.checked(for: use(runAs: "postgres"), at: Self.now) } == "grant.does-not-cover")
        #expect(refusal { _ = try live.checked(for: use(), at: Self.now + .seconds(60)) } == "grant.over")
        let ended = try grant(2, "ended", minutes: 1)
        #expect(refusal { _ = try ended.checked(for: use(), at: Self.now) } == "grant.over")
    }

    @Test func `a grant that does not belong to its request is refused`() throws {
        let good = try grant(1, "ready").answer.json
        var object = try #require(good.asObject)
        object["requestDigest"] = .string(String(repeating: "02", count: 32))
        let changed = Answer(.object(object))
        #expect(refusal { _ = try GrantView(changed) } == "broker.unclear")
        object["requestDigest"] = nil
        let missing = Answer(.object(object))
        #expect(refusal { _ = try GrantView(missing) } == "broker.unclear")
    }

    private func pending(_ state: String = "pending", nodes: [String] = ["db-1", "db-2"], seconds: Int64 = 1800) -> Answer {
        Answer([
            "id": "r-7k2p9x", "state": .string(state), "nodes": .array(nodes.map { .string($0) }),
            "capabilities": .array(["shell", "exec"]), "runAs": "root", "duration": .integer(seconds),
        ])
    }

    @Test func `a pending request that would give what is needed is waited for`() throws {
        #expect(try need(duration: .seconds(1800)).choose(amongPending: [pending()], at: Self.now) != nil)
        #expect(try need(duration: .seconds(1801)).choose(amongPending: [pending()], at: Self.now) == nil, "it asks for less time")
        #expect(try need(runAs: "postgres").choose(amongPending: [pending()], at: Self.now) == nil)
        #expect(try need(.ssh).choose(amongPending: [pending()], at: Self.now) == nil)
        #expect(try need().choose(amongPending: [pending(nodes: ["db-2"])], at: Self.now) == nil)
        #expect(try need().choose(amongPending: [pending("denied")], at: Self.now) == nil)
    }
}
