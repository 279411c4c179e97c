// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// A grant of 30 minutes that began 100 s after it was asked for, and the extension of it.
@Suite struct ExtensionTests {
    struct Scene {
        var ours: Organisation
        var request: RequestTerms
        var votes: [Vote]
        var extended: RequestTerms
        var extensionVotes: [Vote]
        static let begin = Organisation.asked + .seconds(100)
        static let firstEnd = begin + .seconds(1800)

        init(_ change: (inout Entitlement) throws -> Void = { _ in }) throws {
            ours = try Organisation(Organisation.entitlement(change))
            request = try Organisation.terms(for: .seconds(1800))
            votes = try [Organisation.approval(by: "bob", for: .seconds(1800)), Organisation.approval(by: "carl", for: .seconds(1800))]
            extended = try request.extended(
                as: RequestID("8k2p9x"), lease: 2, by: .seconds(900), reason: "it takes much longer", at: Self.begin + .seconds(600))
            extensionVotes = try [
                Organisation.approval(by: "bob", for: .seconds(900), after: 800),
                Organisation.approval(by: "carl", for: .seconds(900), after: 800),
            ]
        }

        func lease(at now: Timestamp = begin + .seconds(900), _ extensions: [AgreedExtension]? = nil) throws -> Lease {
            let opening = Opening(
                person: request.person, device: Organisation.key(1), node: try NodeName("db-1"), capability: .shell,
                runAs: request.runAs, at: Self.begin + .seconds(10))
            return try opening.leaseInForce(
                under: request, votes: votes, activation: Activation(person: request.person, at: Self.begin),
                extensions: extensions ?? [AgreedExtension(terms: extended, votes: extensionVotes)], in: ours.directory, at: now)
        }

        /// The active grant as the broker has it.
        func grant(lease: Int64 = 1, state: Grant.State = .active, notAfter: Timestamp = firstEnd) -> Grant {
            Grant(
                id: request.id.sibling(), holder: request.person, granted: .seconds(1800), activateBefore: Self.begin + .seconds(1),
                notBefore: Self.begin, notAfter: notAfter, lease: lease, state: state)
        }

        func refusal(of duration: Duration, extending grant: Grant, lease: Int64 = 2, at now: Timestamp = begin + .seconds(600)) throws -> String {
            let terms = try request.extended(as: RequestID("8k2p9x"), lease: lease, by: duration, reason: "it takes much longer", at: now)
            do throws(Refusal) {
                let rules = try EntitlementInForce(for: terms, in: ours.directory)
                return rules.extensionRefusal(of: terms, extending: grant, in: ours.directory, at: now)?.code ?? "none"
            } catch {
                return error.code
            }
        }
    }

    private func refusal(_ body: () throws -> Lease) -> String {
        do {
            _ = try body()
            return "none"
        } catch {
            return (error as? Refusal)?.code ?? "\(error)"
        }
    }

    // MARK: What the node decides

    @Test func `an extension adds its time, and the lease is the second`() throws {
        let lease = try Scene().lease()
        #expect(lease.version == 2)
        #expect(lease.notAfter == Scene.firstEnd + .seconds(900))
    }

    @Test func `a total that was lowered behind the end takes nothing away`() throws {
        var scene = try Scene()
        scene.ours = try Organisation(current: Organisation.entitlement { $0.extending.total = .seconds(600) })
        let rules = try EntitlementInForce(for: scene.extended, in: scene.ours.directory)
        let end = try rules.end(extending: Scene.firstEnd, by: .seconds(900), from: Scene.begin, granted: .seconds(1800))
        #expect(end == Scene.firstEnd)
    }

    @Test func `two extensions follow each other`() throws {
        var scene = try Scene { $0.maximumDuration = .seconds(7200) }
        scene.votes = try [Organisation.approval(by: "bob", for: .seconds(1800)), Organisation.approval(by: "carl", for: .seconds(1800))]
        let second = try scene.request.extended(
            as: RequestID("9k2p9x"), lease: 3, by: .seconds(900), reason: "it takes much longer", at: Scene.firstEnd)
        let lease = try scene.lease([
            AgreedExtension(terms: scene.extended, votes: scene.extensionVotes), AgreedExtension(terms: second, votes: scene.extensionVotes),
        ])
        #expect(lease.version == 3)
        #expect(lease.notAfter == Scene.firstEnd + .seconds(1800))
    }

    @Test func `without its votes an extension is refused, and the holder's own vote fills no seat`() throws {
        var scene = try Scene()
        scene.extensionVotes.removeLast()
        #expect(refusal { try scene.lease() } == "request.seats-not-filled")
        scene.extensionVotes.append(try Organisation.approval(by: "anna", for: .seconds(900), after: 800))
        #expect(refusal { try scene.lease() } == "request.seats-not-filled")
    }

    @Test func `a vote that was signed when the grant was over revives nothing`() throws {
        var scene = try Scene()
        let last = (Scene.firstEnd - Organisation.asked).wholeSeconds
        scene.extensionVotes[1] = try Organisation.approval(by: "carl", for: .seconds(900), after: last - 1)
        #expect(refusal { try scene.lease(at: Scene.firstEnd + .seconds(1)) } == "none")
        scene.extensionVotes[1] = try Organisation.approval(by: "carl", for: .seconds(900), after: last)
        #expect(refusal { try scene.lease(at: Scene.firstEnd + .seconds(1)) } == "grant.over")
    }

    @Test func `an extension of another lease, or of another grant, is refused`() throws {
        let scene = try Scene()
        let skipped = try scene.request.extended(
            as: RequestID("8k2p9x"), lease: 3, by: .seconds(900), reason: "it takes much longer", at: Scene.begin)
        #expect(refusal { try scene.lease([AgreedExtension(terms: skipped, votes: scene.extensionVotes)]) } == "extension.lease-changed")
        #expect(refusal { try scene.lease([AgreedExtension(terms: scene.request, votes: scene.extensionVotes)]) } == "extension.lease-changed")
        let twice = AgreedExtension(terms: scene.extended, votes: scene.extensionVotes)
        #expect(refusal { try scene.lease([twice, twice]) } == "extension.lease-changed")
    }

    @Test func `a vote narrows an extension in time and in nodes`() throws {
        var scene = try Scene()
        scene.extensionVotes[0] = try Organisation.approval(by: "bob", for: .seconds(300), after: 800)
        #expect(try scene.lease().notAfter == Scene.firstEnd + .seconds(300))
        scene.extensionVotes[0] = try Organisation.approval(by: "bob", nodes: ["db-2"], for: .seconds(300), after: 800)
        #expect(try scene.lease().notAfter == Scene.firstEnd)
    }

    @Test func `the total counts from the activation, and cuts`() throws {
        let scene = try Scene { $0.extending.total = .seconds(2000) }
        #expect(try scene.lease().notAfter == Scene.begin + .seconds(2000))
    }

    @Test func `without a total the entitlement's maximum is the end of all extensions`() throws {
        let scene = try Scene { $0.maximumDuration = .seconds(2400) }
        #expect(try scene.lease().notAfter == Scene.begin + .seconds(2400))
    }

    @Test func `an extension is at most as long as what was granted first`() throws {
        var scene = try Scene { $0.extending.longest = nil }
        scene.votes[0] = try Organisation.approval(by: "bob", for: .seconds(1200))
        let lease = try scene.lease()
        #expect(lease.notAfter == Scene.begin + .seconds(1200 + 900))
        scene.votes[0] = try Organisation.approval(by: "bob", for: .seconds(801))
        #expect(try scene.lease(at: Scene.begin + .seconds(750)).notAfter == Scene.begin + .seconds(801 + 801))
    }

    @Test func `where the policy approves extensions no vote is needed, and a laxer policy later gives nothing to an old grant`() throws {
        var scene = try Scene { $0.extending.approval = .automatic }
        scene.extensionVotes = []
        #expect(try scene.lease().notAfter == Scene.firstEnd + .seconds(900))
        scene.ours = try Organisation(Organisation.entitlement(), current: Organisation.entitlement { $0.extending.approval = .automatic })
        #expect(refusal { try scene.lease() } == "request.seats-not-filled")
    }

    @Test func `fewer seats are enough where the policy says so`() throws {
        var scene = try Scene { $0.extending.approval = .seats([try Organisation.seat(1, "group:ops")]) }
        scene.extensionVotes.removeLast()
        #expect(try scene.lease().version == 2)
    }

    // MARK: What may be asked

    @Test func `an extension is asked for up to the limits and not one second past`() throws {
        let scene = try Scene { ($0.extending.total, $0.maximumDuration) = (.seconds(3000), .seconds(3600)) }
        #expect(try scene.refusal(of: .seconds(1200), extending: scene.grant()) == "none")
        #expect(try scene.refusal(of: .seconds(1201), extending: scene.grant()) == "extension.too-long")
        let full = scene.grant(notAfter: Scene.begin + .seconds(3000))
        #expect(try scene.refusal(of: .seconds(1), extending: full) == "extension.total-reached")
    }

    @Test func `the policy's number of extensions is counted, and none is none`() throws {
        let scene = try Scene { ($0.extending.count, $0.maximumDuration) = (1, .seconds(86_400)) }
        #expect(try scene.refusal(of: .seconds(60), extending: scene.grant()) == "none")
        #expect(try scene.refusal(of: .seconds(60), extending: scene.grant(lease: 2), lease: 3) == "extension.no-more")
        let never = try Scene { $0.extending.count = 0 }
        #expect(try never.refusal(of: .seconds(60), extending: never.grant()) == "extension.no-more")
    }

    @Test(arguments: [Grant.State.ready, .ending, .ended, .lapsed, .cancelled])
    func `what is not active is not extended`(state: Grant.State) throws {
        let scene = try Scene()
        let expected = state == .ready ? "extension.grant-not-active" : "grant.over"
        #expect(try scene.refusal(of: .seconds(60), extending: scene.grant(state: state)) == expected)
    }

    @Test func `a grant is extended until the millisecond of its end`() throws {
        let scene = try Scene()
        #expect(try scene.refusal(of: .seconds(60), extending: scene.grant(), at: Scene.firstEnd - .milliseconds(1)) == "none")
        #expect(try scene.refusal(of: .seconds(60), extending: scene.grant(), at: Scene.firstEnd) == "grant.over")
    }

    @Test func `the machine takes the next lease with a later end, and nothing when it is over`() throws {
        let scene = try Scene()
        var grant = scene.grant()
        try grant.apply(.extend(lease: 2, to: Scene.firstEnd + .seconds(60)), at: Scene.begin)
        #expect(grant.lease == 2 && grant.notAfter == Scene.firstEnd + .seconds(60) && grant.version == 2)
        for (lease, end, at) in [(Int64(2), Int64(120), Scene.begin), (4, 120, Scene.begin), (3, 60, Scene.begin), (3, 120, Scene.firstEnd + .seconds(60))] {
            let before = grant
            #expect(throws: Refusal.self) { try grant.apply(.extend(lease: lease, to: Scene.firstEnd + .seconds(end)), at: at) }
            #expect(grant == before)
        }
        try grant.apply(.end(.revoked), at: Scene.begin)
        #expect(throws: Refusal.self) { try grant.apply(.extend(lease: 3, to: Scene.firstEnd + .seconds(120)), at: Scene.begin) }
    }

    // MARK: What a policy may say

    @Test(arguments: [
        (#"{ count: 17 }"#, "count"), (#"{ approval: "nobody" }"#, "approval"), (#"{ maximum: "59s" }"#, "maximum"),
        (#"{ total: "25h" }"#, "total"), (#"{ seats: [] }"#, "demands no approval"), (#"{ maximum: "2h", total: "1h" }"#, "longer than"),
        (#"{ approval: "automatic", seats: [{ count: 1, of: ["group:ops"] }] }"#, "contradict"), (#"{ count: 0, total: "1h" }"#, "mean nothing"),
        (#"{ counts: 1 }"#, "count"),
    ])
    func `a rule for extensions that cannot work is an error`(rule: String, naming: String) throws {
        let error = #expect(throws: PolicyError.self) { try Policy(parsing: Self.policy(rule), file: "p") }
        let words = (error?.message ?? "") + (error?.hint ?? "")
        #expect(words.contains(naming))
    }

    @Test func `what a policy says about extensions is read, and without it two of the same seats are allowed`() throws {
        let policy = try Policy(parsing: Self.policy(#"{ seats: [{ count: 1, of: ["group:ops"] }], count: 3, maximum: "10m", total: "2h" }"#), file: "p")
        let rule = try #require(policy.entitlements.first).extending
        #expect(rule.count == 3 && rule.longest == .seconds(600) && rule.total == .seconds(7200))
        #expect(ExtensionRule() == (try Policy(parsing: Self.policy("{}"), file: "p")).entitlements[0].extending)
        #expect(ExtensionRule().count == 2 && ExtensionRule().approval == .sameSeats)
    }

    private static func policy(_ rule: String) -> String {
        """
        { entitlements: [{ name: "prod", requesters: ["group:ops"], nodes: "*", capabilities: ["shell"], runAs: ["deploy"],
          seats: [{ count: 1, of: ["group:ops"] }], extension: \(rule) }] }
        """
    }
}
