// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Testing

@testable import Agent

/// One node's gatekeeper with its own directory.
private struct Gate {
    let directory: TemporaryDirectory
    var installation: Installation

    init() throws {
        directory = try TemporaryDirectory()
        installation = try Installation()
    }

    func gatekeeper() throws -> Gatekeeper {
        Gatekeeper(
            node: try NodeName("web-1"), agentUser: try User.current(),
            openings: try OpeningMemory(directory.path + "/openings"), grants: GrantMemory(directory.path))
    }

    static func moment(
        _ wall: Timestamp = Installation.start, boot: Int64 = 1_000_000_000_000, bootID: String = "boot-a"
    ) -> GrantMemory.Moment {
        GrantMemory.Moment(wall: wall, boot: boot, bootID: bootID)
    }

    /// The refusal of one opening on a fresh gatekeeper.
    func refusalCode(
        at now: GrantMemory.Moment = moment(), sessions: Int = 0, _ change: (inout EvidencePlan) throws -> Void = { _ in }
    ) throws -> String {
        var plan = try EvidencePlan(installation)
        try change(&plan)
        let evidence = try plan.evidence()
        var gatekeeper = try gatekeeper()
        return refusal { _ = try gatekeeper.decide(evidence, with: installation.roll, at: now, sessions: sessions) }
    }
}

@Suite struct GatekeeperTests {
    @Test func `an opening with all its evidence opens`() throws {
        #expect(try Gate().refusalCode() == "accepted")
    }

    @Test func `a missing vote is refused`() throws {
        #expect(try Gate().refusalCode { $0.voters = [] } == "request.seats-not-filled")
    }

    @Test func `the requester's own vote fills no seat`() throws {
        let gate = try Gate()
        #expect(try gate.refusalCode { $0.voters = [("alice", gate.installation.alice)] } == "request.seats-not-filled")
    }

    @Test func `a vote in another's name is refused`() throws {
        let gate = try Gate()
        #expect(try gate.refusalCode { $0.voters = [("bob", gate.installation.alice)] } == "evidence.not-signed")
    }

    @Test func `a vote signed with a key nobody knows is refused`() throws {
        #expect(try Gate().refusalCode { $0.voters = [("bob", try TestKey())] } == "evidence.not-signed")
    }

    @Test func `the vote of somebody who holds no seat does not count`() throws {
        let gate = try Gate()
        #expect(try gate.refusalCode { $0.voters = [("carol", gate.installation.carol)] } == "request.seats-not-filled")
    }

    @Test func `the vote of somebody who was disabled meanwhile does not count`() throws {
        var gate = try Gate()
        try gate.installation.disable("bob")
        #expect(try gate.refusalCode() == "request.seats-not-filled")
    }

    @Test func `an opening for another node is refused`() throws {
        #expect(try Gate().refusalCode { $0.node = "web-2" } == "opening.other-node")
    }

    @Test func `a node that the approver did not see is refused`() throws {
        var gate = try Gate()
        try gate.installation.enrol(.node(try NodeName("web-2"), try Tags([(key: "env", value: "prod")])), try TestKey())
        #expect(try gate.refusalCode { $0.nodesApproved = ["web-2"] } == "grant.node-not-covered")
    }

    @Test func `an opening by another person's device is refused`() throws {
        let gate = try Gate()
        #expect(try gate.refusalCode { $0.openedBy = gate.installation.bob } == "evidence.not-signed")
    }

    @Test func `an opening is fresh for 60 seconds and not a millisecond longer`() throws {
        let gate = try Gate()
        #expect(try gate.refusalCode(at: Gate.moment(Installation.start + .seconds(60))) == "accepted")
        let late = Gate.moment(Installation.start + .milliseconds(60_001))
        #expect(try gate.refusalCode(at: late) == "clock.disagrees")
    }

    @Test func `an opening from the future is refused beyond 60 seconds`() throws {
        let early = Gate.moment(Installation.start - .milliseconds(60_001))
        #expect(try Gate().refusalCode(at: early) == "clock.disagrees")
    }

    @Test func `a roll that is behind a signer's is refused`() throws {
        let gate = try Gate()
        #expect(try gate.refusalCode { $0.rollNumber = gate.installation.roll.number + 1 } == "roll.behind")
    }

    @Test func `evidence of another installation is refused`() throws {
        let gate = try Gate()
        let evidence = try EvidencePlan(try Installation()).evidence()
        var gatekeeper = try gate.gatekeeper()
        let code = refusal { _ = try gatekeeper.decide(evidence, with: gate.installation.roll, at: Gate.moment(), sessions: 0) }
        #expect(code == "evidence.other-installation")
    }

    @Test func `what copies or forwards has its own form, whatever else was agreed to`() throws {
        let gate = try Gate()
        let forward = try Capability("forward:127.0.0.1:80")
        let code = { (capability: Capability, command: [String], terminal: Bool) throws in
            try gate.refusalCode {
                $0.capability = capability
                $0.command = command
                if terminal { $0.terminal = OpeningStatement.Terminal(type: "xterm", columns: 80, rows: 24) }
            }
        }
        #expect(try code(.copy, ["from", "/etc/hosts"], false) == "accepted")
        #expect(try code(forward, [], false) == "accepted")
        for words in [[], ["from", "/etc/.."], ["to", "a", "b"], ["sh", "-c", "id"]] { #expect(try code(.copy, words, false) == "copy.malformed") }
        #expect(try code(.copy, ["to", "a"], true) == "copy.malformed")
        #expect(try code(forward, ["id"], false) == "forward.malformed" && code(forward, [], true) == "forward.malformed")
        // One destination is not another.
        #expect(try code(try Capability("forward:127.0.0.1:81"), [], false) == "policy.capability")
        #expect(try code(.ssh, [], false) == "policy.capability")
    }

    @Test func `an exec without a command and a shell with one are refused`() throws {
        let gate = try Gate()
        #expect(try gate.refusalCode { $0.command = [] } == "opening.command-missing")
        #expect(try gate.refusalCode { $0.capability = .shell } == "opening.command-unexpected")
    }

    @Test func `a user that the node does not have is refused`() throws {
        #expect(try Gate().refusalCode { $0.runAs = "surely-nobody-has-this" } == "run-as.unknown-user")
    }

    @Test func `an agent without root opens sessions of its own user only`() throws {
        let gate = try Gate()
        let evidence = try EvidencePlan(gate.installation).evidence()
        let nobody = try User.named("nobody")
        var gatekeeper = Gatekeeper(
            node: try NodeName("web-1"), agentUser: nobody, openings: try OpeningMemory(gate.directory.path + "/openings"),
            grants: GrantMemory(gate.directory.path))
        let code = refusal { _ = try gatekeeper.decide(evidence, with: gate.installation.roll, at: Gate.moment(), sessions: 0) }
        #expect(code == "run-as.not-possible")
    }

    @Test func `one session more than the limit is refused`() throws {
        let gate = try Gate()
        #expect(try gate.refusalCode(sessions: Gatekeeper.maximumSessions - 1) == "accepted")
        #expect(try gate.refusalCode(sessions: Gatekeeper.maximumSessions) == "node.too-many-sessions")
    }

    @Test func `an opening opens once, also after a restart of the agent`() throws {
        let gate = try Gate()
        let evidence = try EvidencePlan(gate.installation).evidence()
        let roll = gate.installation.roll
        var first = try gate.gatekeeper()
        _ = try first.decide(evidence, with: roll, at: Gate.moment(), sessions: 0)
        #expect(refusal { _ = try first.decide(evidence, with: roll, at: Gate.moment(), sessions: 0) } == "opening.replayed")
        var second = try gate.gatekeeper()
        #expect(refusal { _ = try second.decide(evidence, with: roll, at: Gate.moment(), sessions: 0) } == "opening.replayed")
    }

    @Test func `a forgotten opening is not taken again when the clock is set back`() throws {
        let gate = try Gate()
        let roll = gate.installation.roll
        var gatekeeper = try gate.gatekeeper()
        let old = try EvidencePlan(gate.installation).evidence()
        _ = try gatekeeper.decide(old, with: roll, at: Gate.moment(), sessions: 0)
        let later = Installation.start + .seconds(300)
        var plan = try EvidencePlan(gate.installation, at: later)
        plan.activatedAt = later
        _ = try gatekeeper.decide(try plan.evidence(), with: roll, at: Gate.moment(later), sessions: 0)
        #expect(refusal { _ = try gatekeeper.decide(old, with: roll, at: Gate.moment(), sessions: 0) } == "opening.too-old")
    }
}
