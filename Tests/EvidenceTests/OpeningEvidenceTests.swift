// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import StrictJSON
import Testing

/// What a node decides on statements that a broker sent. Each refusal differs from what is allowed in one statement.
@Suite struct OpeningEvidenceTests {
    private struct Scene {
        var ours: Installation
        var request: Signed<RequestStatement>
        var votes: [Signed<VoteStatement>]
        var activation: Signed<ActivationStatement>
        var opening: Signed<OpeningStatement>
        var now = Installation.begun + .seconds(30)

        init() throws {
            ours = try Installation()
            request = try ours.request().signed(with: Installation.key("anna"))
            votes = []
            activation = try ours.activation(of: request.digest).signed(with: Installation.key("anna"))
            opening = try ours.opening(under: activation.digest).signed(with: Installation.key("anna"))
            votes = try [vote(by: "bob"), vote(by: "carl")]
        }

        func vote(by person: String, key: String? = nil) throws -> Signed<VoteStatement> {
            try ours.vote(by: person, on: request.digest).signed(with: Installation.key(key ?? person))
        }

        func decide() throws -> Lease {
            // Through JSON, as it comes from the broker.
            let sent = OpeningEvidence(request: request, votes: votes, activation: activation, opening: opening).json.text
            return try OpeningEvidence(JSONValue(parsing: sent)).decide(with: ours.roll, at: now)
        }
    }

    private func expect(
        _ error: (Scene) throws -> EvidenceError, _ location: SourceLocation = #_sourceLocation, when change: (inout Scene) throws -> Void
    ) throws {
        var scene = try Scene()
        try change(&scene)
        #expect(throws: try error(scene), sourceLocation: location) { try scene.decide() }
    }

    private let securitySeat = "1 of group:security"

    private func openSeat(_ group: String) throws -> Seat { Seat(count: 1, of: [try Principal("group:" + group)]) }

    @Test func `evidence that holds gives a lease`() throws {
        let lease = try Scene().decide()
        #expect(lease.notBefore == Installation.begun + .seconds(20) && lease.notAfter == Installation.begun + .seconds(3620))
    }

    @Test(arguments: ["dora", "anna", "db-1", "broker", "stranger", "secret of carl"])
    func `a forged vote ends the matter`(key: String) throws {
        try expect({ _ in .notSigned(type: "vote", by: "a device of `carl`") }) { $0.votes[1] = try $0.vote(by: "carl", key: key) }
    }

    @Test func `a forged vote ends the matter even where the others suffice`() throws {
        try expect({ _ in .notSigned(type: "vote", by: "a device of `dora`") }) { $0.votes.append(try $0.vote(by: "dora", key: "bob")) }
    }

    @Test func `a vote on another request does not belong`() throws {
        try expect({ _ in .doesNotBelong(type: "vote", to: "request") }) { scene in
            let other = try scene.ours.request(nonce: "another").signed(with: Installation.key("anna"))
            scene.votes[1] = try scene.ours.vote(by: "carl", on: other.digest).signed(with: Installation.key("carl"))
        }
    }

    @Test func `a vote by the requester's second device fills no seat`() throws {
        try expect({ .refused(.seatsNotFilled($0.request.id, missing: [try openSeat("ops")])) }) { scene in
            try scene.ours.join(.device(PersonName("anna")), as: "second")
            scene.votes[0] = try scene.vote(by: "anna", key: "second")
        }
    }

    @Test func `a vote of somebody without the group fills no seat`() throws {
        try expect({ .refused(.seatsNotFilled($0.request.id, missing: [try openSeat("security")])) }) { $0.votes[1] = try $0.vote(by: "eve") }
    }

    @Test func `one vote twice, or two devices of one voter, fill one seat`() throws {
        for key in ["dora", "dora's second"] {
            try expect({ scene in
                .refused(.seatsNotFilled(scene.request.id, missing: [try openSeat(key == "dora" ? "security" : "security")]))
            }) { scene in
                if key != "dora" { try scene.ours.join(.device(PersonName("dora")), as: key, by: "dora") }
                scene.votes = [try scene.vote(by: "dora"), try scene.vote(by: "dora", key: key)]
            }
        }
    }

    @Test func `the vote of a person who was disabled since is dropped`() throws {
        try expect({ .refused(.seatsNotFilled($0.request.id, missing: [try openSeat("security")])) }) {
            try $0.ours.disable(.person(PersonName("carl")))
        }
        var scene = try Scene()
        scene.votes.append(try scene.vote(by: "dora"))
        try scene.ours.disable(.person(PersonName("carl")))
        #expect(throws: Never.self) { try scene.decide() }
    }

    @Test func `the vote of a device that was taken away is dropped`() throws {
        try expect({ .refused(.seatsNotFilled($0.request.id, missing: [try openSeat("security")])) }) {
            try $0.ours.disable(.device(Installation.key("carl").publicKey), by: "carl")
        }
    }

    @Test func `the vote of a person whom nobody knows is dropped`() throws {
        try expect({ .refused(.seatsNotFilled($0.request.id, missing: [try openSeat("security")])) }) { $0.votes[1] = try $0.vote(by: "zoe") }
    }

    @Test func `a missing vote is named by its seat`() throws {
        var scene = try Scene()
        scene.votes.removeLast()
        let error = #expect(throws: EvidenceError.self) { try scene.decide() }
        #expect(error?.message == "Request \(scene.request.id) is not approved: still missing is the vote of \(securitySeat).")
        scene.votes = []
        let both = #expect(throws: EvidenceError.self) { try scene.decide() }
        #expect(both?.message.hasSuffix("still missing is the vote of 1 of group:ops and of \(securitySeat).") == true)
    }

    @Test func `a denial is heard`() throws {
        try expect({ .refused(.requestDenied($0.request.id, by: try PersonName("dora"))) }) { scene in
            scene.votes.append(try scene.ours.vote(by: "dora", on: scene.request.digest, approves: false).signed(with: Installation.key("dora")))
        }
    }

    @Test func `statements of another installation are refused, each by its name`() throws {
        let other = try Digest(of: [9])
        let anna = try Installation.key("anna")
        try expect({ _ in .otherInstallation(type: "request") }) { $0.request = try $0.ours.request(root: other).signed(with: anna) }
        try expect({ _ in .otherInstallation(type: "vote") }) {
            $0.votes[0] = try $0.ours.vote(by: "bob", on: $0.request.digest, root: other).signed(with: Installation.key("bob"))
        }
        try expect({ _ in .otherInstallation(type: "activation") }) {
            $0.activation = try $0.ours.activation(of: $0.request.digest, root: other).signed(with: anna)
        }
        try expect({ _ in .otherInstallation(type: "opening") }) {
            $0.opening = try $0.ours.opening(under: $0.activation.digest, root: other).signed(with: anna)
        }
        let empty = try Scene()
        let evidence = OpeningEvidence(request: empty.request, votes: empty.votes, activation: empty.activation, opening: empty.opening)
        #expect(throws: EvidenceError.rollEmpty) { try evidence.decide(with: Roll(), at: empty.now) }
    }

    @Test func `a roll that is behind what any signer knew is refused`() throws {
        let (anna, next) = (try Installation.key("anna"), try Installation().roll.number + 1)
        let behind = EvidenceError.rollBehind(here: next - 1, needed: next)
        try expect({ _ in behind }) { scene in
            scene.opening = try scene.ours.opening(under: scene.activation.digest, rollNumber: next).signed(with: anna)
        }
        try expect({ _ in behind }) { scene in
            scene.votes[1] = try scene.ours.vote(by: "carl", on: scene.request.digest, rollNumber: next).signed(with: Installation.key("carl"))
        }
        try expect({ _ in behind }) { scene in
            scene.request = try scene.ours.request(rollNumber: next).signed(with: anna)
            scene.votes = try [scene.vote(by: "bob"), scene.vote(by: "carl")]
            scene.activation = try scene.ours.activation(of: scene.request.digest).signed(with: anna)
            scene.opening = try scene.ours.opening(under: scene.activation.digest).signed(with: anna)
        }
    }

    @Test func `an activation of another request and an opening under another activation do not belong`() throws {
        let anna = try Installation.key("anna")
        try expect({ _ in .doesNotBelong(type: "activation", to: "request") }) {
            $0.activation = try $0.ours.activation(of: .none).signed(with: anna)
        }
        try expect({ _ in .doesNotBelong(type: "opening", to: "activation") }) { $0.opening = try $0.ours.opening(under: .none).signed(with: anna) }
    }

    @Test func `an activation of the same request by another hand does not start it`() throws {
        try expect({ _ in .notSigned(type: "activation", by: "a device of `anna`") }) { scene in
            scene.activation = try scene.ours.activation(of: scene.request.digest, by: "bob").signed(with: Installation.key("bob"))
            scene.opening = try scene.ours.opening(under: scene.activation.digest).signed(with: Installation.key("anna"))
        }
        try expect({ .refused(.notTheHolder($0.request.id.sibling())) }) { scene in
            scene.activation = try scene.ours.activation(of: scene.request.digest, by: "bob").signed(with: Installation.key("anna"))
            scene.opening = try scene.ours.opening(under: scene.activation.digest).signed(with: Installation.key("anna"))
        }
    }

    @Test(arguments: ["bob", "db-1", "broker", "stranger"])
    func `an opening, activation or request by another person's device is refused`(key: String) throws {
        let key = try Installation.key(key)
        try expect({ _ in .notSigned(type: "opening", by: "a device of `anna`") }) {
            $0.opening = try Signed($0.opening.value.signed(with: key).source)
        }
        try expect({ _ in .notSigned(type: "activation", by: "a device of `anna`") }) {
            $0.activation = try $0.activation.value.signed(with: key)
        }
        try expect({ _ in .notSigned(type: "request", by: "a device of `anna`") }) { $0.request = try $0.request.value.signed(with: key) }
    }

    @Test func `an opening in another person's name is refused`() throws {
        try expect({ .refused(.notTheHolder($0.request.id.sibling())) }) { scene in
            let opening = try scene.ours.opening(under: scene.activation.digest, by: "bob")
            scene.opening = try opening.signed(with: Installation.key("bob"), Installation.key("anna"))
        }
    }

    @Test func `a requester or device that was disabled since opens nothing`() throws {
        try expect({ _ in .notSigned(type: "request", by: "a device of `anna`") }) { scene in
            try scene.ours.add(scene.ours.nextCharter(administrators: ["anna", "bob"]).signed(with: Installation.key("anna")))
            try scene.ours.disable(.device(Installation.key("anna").publicKey))
        }
        try expect({ _ in .refused(.personDisabled(try PersonName("anna"))) }) { scene in
            try scene.ours.add(scene.ours.nextCharter(administrators: ["anna", "bob"]).signed(with: Installation.key("anna")))
            try scene.ours.disable(.person(PersonName("anna")), by: "bob")
        }
    }

    @Test func `a policy that changed since binds too`() throws {
        try expect({ _ in .refused(.entitlementGone(try EntitlementName("prod"))) }) { scene in
            let policy = Installation.policy.replacing("\"prod\"", with: "\"other\"", maxReplacements: 1)
            try scene.ours.add(scene.ours.nextCharter(policy: policy).signed(with: Installation.key("anna")))
        }
    }

    @Test func `a clock that is a minute off is trusted and one beyond is not`() throws {
        var scene = try Scene()
        scene.now = Installation.begun + .seconds(90)
        #expect(throws: Never.self) { try scene.decide() }
        scene.now = scene.now + .milliseconds(1)
        #expect(throws: EvidenceError.refused(.clockDisagrees(signed: Installation.begun + .seconds(30), here: scene.now))) { try scene.decide() }
    }

    @Test func `evidence with a field too many, too few or too many votes is refused`() throws {
        let scene = try Scene()
        let json = OpeningEvidence(request: scene.request, votes: scene.votes, activation: scene.activation, opening: scene.opening).json
        let whole = try #require(json.asObject)
        for (key, _) in whole.members {
            var without = whole
            without[key] = nil
            #expect(throws: EvidenceError.self) { try OpeningEvidence(.object(without)) }
        }
        var more = whole
        more["extra"] = 1
        #expect(throws: EvidenceError.self) { try OpeningEvidence(.object(more)) }
        for (count, isTaken) in [(0, true), (64, true), (65, false)] {
            var many = whole
            many["votes"] = .array(Array(repeating: scene.votes[0].source.json, count: count))
            #expect(((try? OpeningEvidence(.object(many))) != nil) == isTaken)
        }
        var swapped = whole
        swapped["request"] = whole["opening"]
        #expect(throws: EvidenceError.typeUnexpected("opening", expected: "request")) { try OpeningEvidence(.object(swapped)) }
    }
}
