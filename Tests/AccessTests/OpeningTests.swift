// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// The decision of a node. Each refusal differs from the opening that is allowed in one fact.
@Suite struct OpeningTests {
    private struct Scene {
        var ours: Organisation
        var request: RequestTerms
        var votes: [Vote]
        var activation: Activation
        var person = "anna"
        var device = Organisation.key(1)
        var node = "db-1"
        var capability = Capability.shell
        var runAs = "deploy"
        var openedAt = Organisation.asked + .seconds(120)
        var now = Organisation.asked + .seconds(120)

        init() throws {
            ours = try Organisation()
            request = try Organisation.terms()
            votes = try [Organisation.approval(by: "bob"), Organisation.approval(by: "carl", after: 90)]
            activation = Activation(person: try PersonName("anna"), at: Organisation.asked + .seconds(100))
        }

        func lease() throws -> Lease {
            let opening = Opening(
                person: try PersonName(person), device: device, node: try NodeName(node), capability: capability,
                runAs: try RunAsName(user: runAs), at: openedAt)
            return try opening.lease(under: request, votes: votes, activation: activation, in: ours.directory, at: now)
        }
    }

    private let asked = Organisation.asked

    private func expect(
        _ refusal: (RequestID) throws -> Refusal, _ location: SourceLocation = #_sourceLocation, when change: (inout Scene) throws -> Void
    ) throws {
        var scene = try Scene()
        _ = try scene.lease()
        try change(&scene)
        #expect(throws: try refusal(scene.request.id), sourceLocation: location) { try scene.lease() }
    }

    private func expectLease(when change: (inout Scene) throws -> Void, _ location: SourceLocation = #_sourceLocation) throws {
        var scene = try Scene()
        try change(&scene)
        #expect(throws: Never.self, sourceLocation: location) { try scene.lease() }
    }

    @Test func `the lease holds the terms of grant and policy`() throws {
        var scene = try Scene()
        scene.ours = try Organisation(
            Organisation.entitlement {
                ($0.sessionMaximum, $0.idleLimit, $0.lease) = (.seconds(1800), .seconds(300), .seconds(45))
                ($0.idleCounts, $0.withoutBroker, $0.recording) = (.inputAndOutput, .untilDeadline, .bestEffort)
            })
        scene.votes[0] = try Organisation.approval(by: "bob", for: .seconds(600))
        let lease = try scene.lease()
        #expect(lease.grant.description == "g-7k2p9x" && lease.notBefore == asked + .seconds(100))
        #expect(lease.notAfter == asked + .seconds(700))
        #expect(lease.sessionMaximum == .seconds(1800) && lease.idleLimit == .seconds(300) && lease.renewWithin == .seconds(45))
        #expect(lease.idleCounts == .inputAndOutput && lease.withoutBroker == .untilDeadline && lease.recording == .bestEffort)
    }

    @Test func `somebody else does not open it, with whatever device`() throws {
        try expect({ .notTheHolder($0.sibling()) }) { $0.person = "bob" }
        try expect({ .notTheHolder($0.sibling()) }) { ($0.person, $0.device) = ("bob", Organisation.key(2)) }
    }

    @Test func `the device must be one of the holder's that is enabled`() throws {
        try expect({ _ in .deviceUnknown(try PersonName("anna")) }) { $0.device = Organisation.key(2) }
        try expect({ _ in .deviceUnknown(try PersonName("anna")) }) { $0.device = Organisation.key(77) }
        try expect({ _ in .deviceUnknown(try PersonName("anna")) }) { $0.ours.directory.people[try PersonName("anna")]?.devices[0].isEnabled = false }
        try expectLease { scene in
            scene.ours.directory.people[try PersonName("anna")]?.devices.append(Device(key: Organisation.key(55), label: "second"))
            scene.device = Organisation.key(55)
        }
    }

    @Test func `the holder must exist and be enabled`() throws {
        try expect({ _ in .personDisabled(try PersonName("anna")) }) { try $0.ours.disable("anna") }
        try expect({ _ in .personUnknown(try PersonName("anna")) }) { $0.ours.directory.people[try PersonName("anna")] = nil }
    }

    @Test func `every seat must be filled now`() throws {
        try expect({ .seatsNotFilled($0, missing: [try Organisation.seat(1, "group:security")]) }) { $0.votes.removeLast() }
        try expect({ .seatsNotFilled($0, missing: [try Organisation.seat(1, "group:security")]) }) { try $0.ours.disable("carl") }
        try expect({ .requestDenied($0, by: try PersonName("dora")) }) { $0.votes.append(try Organisation.denial(by: "dora")) }
    }

    @Test func `a message about open seats names them`() throws {
        let refusal = Refusal.seatsNotFilled(try RequestID("7k2p9x"), missing: [try Organisation.seat(1, "group:security")])
        #expect(refusal.message == "Request r-7k2p9x is not approved: still missing is the vote of 1 of group:security.")
    }

    @Test func `the node must be covered, enabled and named by every vote`() throws {
        try expect({ .nodeNotInGrant(try NodeName("web-1"), $0) }) { $0.node = "web-1" }
        try expect({ .nodeNotInGrant(try NodeName("db-9"), $0) }) { $0.node = "db-9" }
        try expect({ .nodeNotInGrant(try NodeName("db-1"), $0) }) { $0.votes[1] = try Organisation.approval(by: "carl", nodes: ["db-2"]) }
        try expect({ .nodeNotInGrant(try NodeName("db-1"), $0) }) { $0.ours.directory.nodes[try NodeName("db-1")]?.isEnabled = false }
    }

    @Test func `a node whose tags no longer match is not opened`() throws {
        for tags in ["env=prod,role=web", "env=dev,role=db"] {
            try expect({ .nodeNotInGrant(try NodeName("db-1"), $0) }) {
                $0.ours.directory.nodes[try NodeName("db-1")]?.tags = try Tags(parsing: tags)
            }
        }
    }

    @Test func `only what was asked for may be done, as the user who was asked for`() throws {
        try expect({ _ in .capabilityNotAllowed(.exec, try EntitlementName("prod")) }) { $0.capability = .exec }
        try expect({ _ in
            .runAsNotAllowed(try RunAsName(user: "root"), try EntitlementName("prod"), allowed: [try RunAsName(user: "deploy")])
        }) { $0.runAs = "root" }
    }

    @Test func `only the holder activates`() throws {
        try expect({ .notTheHolder($0.sibling()) }) { $0.activation = Activation(person: try PersonName("bob"), at: $0.activation.at) }
    }

    @Test func `an activation lies between the last vote, a minute's difference of clocks allowed, and the deadline`() throws {
        let deadline = asked + .seconds(90) + .seconds(1800)
        func at(_ time: Timestamp, _ scene: inout Scene) throws {
            scene.activation = Activation(person: try PersonName("anna"), at: time)
            (scene.openedAt, scene.now) = (max(time, asked), max(time, asked))
        }
        try expectLease { try at(asked + .seconds(30), &$0) }
        try expectLease { try at(deadline - .milliseconds(1), &$0) }
        try expect({ .activationDeadlinePassed($0.sibling(), deadline) }) { try at(deadline, &$0) }
        try expect({ .activationDeadlinePassed($0.sibling(), deadline) }) { try at(asked + .milliseconds(29_999), &$0) }
    }

    @Test func `an activation that is dated ahead does not move the end`() throws {
        try expectLease { $0.activation = Activation(person: $0.activation.person, at: $0.now + .seconds(60)) }
        var scene = try Scene()
        scene.activation = Activation(person: scene.activation.person, at: scene.now + .milliseconds(60_001))
        #expect(throws: Refusal.clockDisagrees(signed: scene.activation.at, here: scene.now)) { try scene.lease() }
    }

    @Test(arguments: [-60_000, 0, 60_000] as [Int64])
    func `an opening is fresh for a minute on either side`(offset: Int64) throws {
        try expectLease { $0.openedAt = $0.now + .milliseconds(offset) }
    }

    @Test(arguments: [-60_001, 60_001, -86_400_000, 86_400_000] as [Int64])
    func `an opening further off is refused`(offset: Int64) throws {
        var scene = try Scene()
        scene.openedAt = scene.now + .milliseconds(offset)
        #expect(throws: Refusal.clockDisagrees(signed: scene.openedAt, here: scene.now)) { try scene.lease() }
    }

    @Test func `a grant opens until the moment before its end`() throws {
        let end = asked + .seconds(100) + .seconds(3600)
        try expectLease { ($0.openedAt, $0.now) = (end, end - .milliseconds(1)) }
        try expect({ .grantOver($0.sibling(), .ended, .expired) }) { ($0.openedAt, $0.now) = (end, end) }
        try expect({ .grantOver($0.sibling(), .ended, .expired) }) { ($0.openedAt, $0.now) = (end, end + .seconds(30)) }
    }

    @Test func `a policy that became stricter since shortens the lease, or refuses`() throws {
        var scene = try Scene()
        scene.ours = try Organisation(current: Organisation.entitlement { $0.maximumDuration = .seconds(600) })
        #expect(try scene.lease().notAfter == scene.activation.at + .seconds(600))
        try expect({ .nodeNotInGrant(try NodeName("db-1"), $0) }) {
            $0.ours = try Organisation(current: Organisation.entitlement { $0.nodes = try Selector("db-2") })
        }
    }

    @Test func `every refusal has a code and words`() throws {
        let refusals: [Refusal] = [
            .noCharter, .noCommonNode(try RequestID("7k2p9x")), .mayNotEnd("g-7k2p9x"), .tooManyTags(33), .reasonTooShort(0, minimum: 10),
            .grantOver(try GrantID("7k2p9x"), .ending, .revoked),
        ]
        for refusal in refusals { #expect(refusal.code.contains(".") && refusal.message.hasSuffix(".")) }
        #expect(Refusal.reasonTooShort(0, minimum: 10).message == "The reason is empty.")
    }
}
