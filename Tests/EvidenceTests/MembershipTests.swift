// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Testing

/// Who and what joins, and is taken away.
@Suite struct MembershipTests {
    // MARK: Invitations

    @Test func `an administrator invites a person and a node, and a person a device of their own`() throws {
        var ours = try Installation()
        try ours.join(.device(PersonName("bob")), as: "bob's second", by: "bob")
        let second = try Installation.key("bob's second").publicKey
        #expect(ours.roll.person(withDevice: second)?.name.text == "bob")
        #expect(ours.roll.directory.people[try PersonName("bob")]?.devices.count == 2)
        #expect(ours.roll.node(withKey: try Installation.key("db-1").publicKey)?.tags.description == "env=prod,role=db")
    }

    @Test func `nobody else invites a person or a node`() throws {
        let ours = try Installation()
        for subject in [InvitationStatement.Subject.person(try PersonName("zoe"), groups: [], attributes: [:]), .node(try NodeName("db-9"), Tags())] {
            let byBob = try ours.invitation(subject, secret: "s", by: "bob").signed(with: Installation.key("bob"))
            expect(.refused(.notAnAdministrator(try PersonName("bob"))), from: byBob, on: ours)
            for key in ["bob", "db-1", "broker", "founding"] {
                let inAnnasName = try ours.invitation(subject, secret: "s").signed(with: Installation.key(key))
                expect(.notSigned(type: "invitation", by: "a device of `anna`"), from: inAnnasName, on: ours)
            }
        }
    }

    @Test func `a device is invited by its own person and not even by an administrator`() throws {
        let ours = try Installation()
        let device = InvitationStatement.Subject.device(try PersonName("bob"))
        expect(.notSigned(type: "invitation", by: "`bob`"), from: try ours.invitation(device, secret: "s").signed(with: Installation.key("anna")), on: ours)
        let inBobsName = try ours.invitation(device, secret: "s", by: "bob").signed(with: Installation.key("anna"))
        expect(.notSigned(type: "invitation", by: "a device of `bob`"), from: inBobsName, on: ours)
        let nobody = try ours.invitation(.device(PersonName("zoe")), secret: "s", by: "zoe").signed(with: Installation.key("zoe"))
        expect(.refused(.personUnknown(try PersonName("zoe"))), from: nobody, on: ours)
    }

    @Test func `a name that was ever taken is not invited again`() throws {
        var ours = try Installation()
        try ours.disable(.person(PersonName("bob")))
        try ours.disable(.node(NodeName("db-1")))
        let anna = try Installation.key("anna")
        expect(.nameTaken(kind: "person", "bob"), from: try ours.invitation(Installation.bob(), secret: "s").signed(with: anna), on: ours)
        expect(.nameTaken(kind: "node", "db-1"), from: try ours.invitation(.node(NodeName("db-1"), Tags()), secret: "s").signed(with: anna), on: ours)
    }

    @Test func `an invitation lasts up to seven days`() throws {
        let ours = try Installation(joined: false)
        let anna = try Installation.key("anna")
        for length in [Duration.milliseconds(1), .seconds(604_800)] {
            var roll = ours.roll
            #expect(throws: Never.self) { try roll.append(ours.invitation(Installation.bob(), secret: "s", for: length).signed(with: anna).source) }
        }
        for length in [Duration.zero, .milliseconds(-1), .milliseconds(604_800_001)] {
            let end = Installation.begun + length
            expect(.invitationExpired(end), from: try ours.invitation(Installation.bob(), secret: "s", for: length).signed(with: anna), on: ours)
        }
    }

    // MARK: Enrolments

    private func invited() throws -> (ours: Installation, invitation: Digest) {
        var ours = try Installation(joined: false)
        let invitation = try ours.invite(Installation.bob(), secret: "s")
        return (ours, invitation)
    }

    @Test func `an invitation is used once`() throws {
        var (ours, invitation) = try invited()
        #expect(ours.roll.hasOpenInvitation(invitation) && !ours.roll.hasOpenInvitation(.none))
        try ours.enrol(invitation, secret: "s", key: "bob")
        #expect(!ours.roll.hasOpenInvitation(invitation))
        let again = try ours.enrolment(invitation, key: "zoe").signed(with: Installation.key("s"), Installation.key("zoe"))
        expect(.invitationUsed, from: again, on: ours)
    }

    @Test func `an invitation that nobody gave is unknown`() throws {
        let (ours, _) = try invited()
        let digest = try Digest(of: [1])
        let stray = try ours.enrolment(digest, key: "bob").signed(with: Installation.key("s"), Installation.key("bob"))
        expect(.invitationUnknown, from: stray, on: ours)
    }

    @Test(arguments: [
        (["bob"], "the invitation's secret"), (["s"], "the new key"), (["anna", "bob"], "the invitation's secret"), (["s", "anna"], "the new key"),
    ])
    func `the invitation's secret and the new key both sign an enrolment`(keys: [String], missing: String) throws {
        let (ours, invitation) = try invited()
        let enrolment = try ours.enrolment(invitation, key: "bob")
        var roll = ours.roll
        let source = try SignedText(signing: enrolment.text, with: keys.map { try Installation.key($0) })
        #expect(throws: EvidenceError.notSigned(type: "enrolment", by: missing)) { try roll.append(source) }
    }

    @Test(arguments: ["anna", "broker", "s", "db-1"]) func `a key has one use for ever`(key: String) throws {
        var ours = try Installation()
        let subject = InvitationStatement.Subject.person(try PersonName("zoe"), groups: [], attributes: [:])
        let invitation = try ours.invite(subject, secret: "s")
        expect(.keyTaken, from: try ours.enrolment(invitation, key: key).signed(with: Installation.key("s"), Installation.key(key)), on: ours)
    }

    @Test func `the key of a device that was taken away is not enrolled again`() throws {
        var ours = try Installation()
        try ours.disable(.device(Installation.key("bob").publicKey))
        let invitation = try ours.invite(.person(PersonName("zoe"), groups: [], attributes: [:]), secret: "s")
        expect(.keyTaken, from: try ours.enrolment(invitation, key: "bob").signed(with: Installation.key("s"), Installation.key("bob")), on: ours)
    }

    @Test func `of two invitations for one name the first to be used wins`() throws {
        for subject in [try Installation.bob(), .node(try NodeName("db-1"), Tags())] {
            var ours = try Installation(joined: false)
            let (first, second) = (try ours.invite(subject, secret: "1"), try ours.invite(subject, secret: "2"))
            try ours.enrol(first, secret: "1", key: "one")
            let late = try ours.enrolment(second, key: "two").signed(with: Installation.key("2"), Installation.key("two"))
            var roll = ours.roll
            let error = #expect(throws: EvidenceError.self) { try roll.append(late.source) }
            #expect(error?.code == "roll.name-taken")
        }
    }

    @Test func `an invitation is over at its end by the clock of whoever accepts, and a minute later by what the entry says`() throws {
        let (ours, invitation) = try invited()
        let end = Installation.begun + InvitationStatement.lifetime
        func enrolment(after time: Duration) throws -> Signed<EnrolmentStatement> {
            try ours.enrolment(invitation, key: "bob", after: time).signed(with: Installation.key("s"), Installation.key("bob"))
        }
        expect(.invitationExpired(end), from: try enrolment(after: .zero), on: ours, at: end)
        expect(.invitationExpired(end), from: try enrolment(after: .seconds(960)), on: ours)
        for (time, now) in [(Duration.zero, end - .milliseconds(1)), (.milliseconds(959_999), nil)] {
            var roll = ours.roll
            #expect(throws: Never.self) { try roll.append(enrolment(after: time).source, at: now) }
        }
    }

    @Test func `an invitation falls with the device that signed it`() throws {
        var ours = try Installation()
        try ours.join(.device(PersonName("bob")), as: "stolen", by: "bob")
        let invitation = try ours.invite(.device(PersonName("bob")), secret: "s", by: "bob", device: "stolen")
        #expect(ours.roll.hasOpenInvitation(invitation))
        try ours.disable(.device(Installation.key("stolen").publicKey), by: "bob")
        #expect(!ours.roll.hasOpenInvitation(invitation))
        let thief = try ours.enrolment(invitation, key: "thief").signed(with: Installation.key("s"), Installation.key("thief"))
        expect(.invitationVoid(by: try PersonName("bob")), from: thief, on: ours)
    }

    @Test func `an invitation falls with the administrator who gave it`() throws {
        var ours = try Installation()
        try ours.add(ours.nextCharter(administrators: ["anna", "bob"]).signed(with: Installation.key("anna")))
        let invitations = [
            (try ours.invite(.person(PersonName("zoe"), groups: [], attributes: [:]), secret: "1", by: "bob"), "1"),
            (try ours.invite(.node(NodeName("db-9"), Tags()), secret: "2", by: "bob"), "2"),
        ]
        var disabled = ours
        try disabled.disable(.person(PersonName("bob")))
        var dismissed = ours
        try dismissed.add(dismissed.nextCharter().signed(with: Installation.key("anna")))
        for ours in [disabled, dismissed] {
            for (invitation, secret) in invitations {
                let late = try ours.enrolment(invitation, key: "new").signed(with: Installation.key(secret), Installation.key("new"))
                expect(.invitationVoid(by: try PersonName("bob")), from: late, on: ours)
            }
        }
    }

    // MARK: Disabling

    @Test func `a disabled person, device or node is known and counts for nothing`() throws {
        var ours = try Installation()
        try ours.disable(.person(PersonName("bob")))
        try ours.disable(.device(Installation.key("carl").publicKey), by: "carl")
        try ours.disable(.node(NodeName("db-1")))
        for name in ["bob", "carl"] {
            #expect(ours.roll.person(withDevice: try Installation.key(name).publicKey) == nil)
            #expect(ours.roll.directory.people[try PersonName(name)] != nil)
        }
        #expect(ours.roll.directory.people[try PersonName("carl")]?.isEnabled == true)
        #expect(ours.roll.node(withKey: try Installation.key("db-1").publicKey) == nil)
    }

    @Test func `a disabled administrator signs nothing any more`() throws {
        var ours = try Installation()
        try ours.add(ours.nextCharter(administrators: ["anna", "bob"]).signed(with: Installation.key("anna")))
        try ours.disable(.person(PersonName("bob")))
        let bob = try Installation.key("bob")
        expect(.notSigned(type: "charter", by: "an administrator"), from: try ours.nextCharter().signed(with: bob), on: ours)
        let refusal = EvidenceError.refused(.notAnAdministrator(try PersonName("bob")))
        expect(refusal, from: try ours.invitation(.node(NodeName("db-9"), Tags()), secret: "s", by: "bob").signed(with: bob), on: ours)
        expect(refusal, from: try ours.disabling(.person(PersonName("carl")), by: "bob").signed(with: bob), on: ours)
        let device = try ours.invitation(.device(PersonName("bob")), secret: "s", by: "bob").signed(with: bob)
        expect(.refused(.personDisabled(try PersonName("bob"))), from: device, on: ours)
    }

    @Test func `a disabled device signs nothing any more`() throws {
        var ours = try Installation()
        try ours.join(.device(PersonName("anna")), as: "second")
        try ours.disable(.device(Installation.key("anna").publicKey), by: "anna")
        let old = try ours.disabling(.node(NodeName("db-1"))).signed(with: Installation.key("anna"))
        expect(.notSigned(type: "disabling", by: "a device of `anna`"), from: old, on: ours)
        expect(.notSigned(type: "charter", by: "an administrator"), from: try ours.nextCharter().signed(with: Installation.key("anna")), on: ours)
        #expect(throws: Never.self) { try ours.add(ours.disabling(.node(NodeName("db-1"))).signed(with: Installation.key("second"))) }
    }

    @Test func `the last administrator cannot be disabled`() throws {
        var ours = try Installation()
        let last = try ours.disabling(.person(PersonName("anna"))).signed(with: Installation.key("anna"))
        expect(.lastAdministrator(try PersonName("anna")), from: last, on: ours)
        try ours.add(ours.nextCharter(administrators: ["anna", "bob"]).signed(with: Installation.key("anna")))
        try ours.disable(.person(PersonName("anna")))
        let then = try ours.disabling(.person(PersonName("bob")), by: "bob").signed(with: Installation.key("bob"))
        expect(.lastAdministrator(try PersonName("bob")), from: then, on: ours)
    }

    @Test func `the last device of the last administrator cannot be disabled, by nobody`() throws {
        let ours = try Installation()
        let key = try Installation.key("anna").publicKey
        let own = try ours.disabling(.device(key), by: "anna").signed(with: Installation.key("anna"))
        expect(.lastAdministrator(try PersonName("anna")), from: own, on: ours)
    }

    @Test func `an administrator without a device does not count as one who remains`() throws {
        var ours = try Installation()
        try ours.add(ours.nextCharter(administrators: ["anna", "bob"]).signed(with: Installation.key("anna")))
        try ours.disable(.device(Installation.key("bob").publicKey), by: "bob")
        let last = try ours.disabling(.person(PersonName("anna"))).signed(with: Installation.key("anna"))
        expect(.lastAdministrator(try PersonName("anna")), from: last, on: ours)
    }

    @Test func `a device is taken away by its person or an administrator and by nobody else`() throws {
        let ours = try Installation()
        let key = try Installation.key("bob").publicKey
        for name in ["bob", "anna"] {
            var copy = ours
            #expect(throws: Never.self) { try copy.disable(.device(key), by: name) }
        }
        let byCarl = try ours.disabling(.device(key), by: "carl").signed(with: Installation.key("carl"))
        expect(.refused(.notAnAdministrator(try PersonName("carl"))), from: byCarl, on: ours)
        let inBobsName = try ours.disabling(.device(key), by: "bob").signed(with: Installation.key("carl"))
        expect(.notSigned(type: "disabling", by: "a device of `bob`"), from: inBobsName, on: ours)
    }

    @Test func `what does not exist or is disabled already is not disabled`() throws {
        var ours = try Installation()
        let anna = try Installation.key("anna")
        try ours.disable(.person(PersonName("bob")))
        try ours.disable(.node(NodeName("db-1")))
        try ours.disable(.device(Installation.key("carl").publicKey))
        for (subject, kind, name) in [
            (DisablingStatement.Subject.person(try PersonName("bob")), "person", "bob"), (.person(try PersonName("zoe")), "person", "zoe"),
            (.node(try NodeName("db-1")), "node", "db-1"), (.node(try NodeName("db-9")), "node", "db-9"),
            (.device(try Installation.key("carl").publicKey), "device", try Installation.key("carl").publicKey.hex),
            (.device(try Installation.key("db-2").publicKey), "device", try Installation.key("db-2").publicKey.hex),
        ] {
            expect(.subjectUnknown(kind: kind, name), from: try ours.disabling(subject).signed(with: anna), on: ours)
        }
    }

    @Test func `only an administrator disables a person or a node`() throws {
        let ours = try Installation()
        for subject in [DisablingStatement.Subject.person(try PersonName("bob")), .person(try PersonName("carl")), .node(try NodeName("db-1"))] {
            let byBob = try ours.disabling(subject, by: "bob").signed(with: Installation.key("bob"))
            expect(.refused(.notAnAdministrator(try PersonName("bob"))), from: byBob, on: ours)
            let byNode = try ours.disabling(subject).signed(with: Installation.key("db-1"))
            expect(.notSigned(type: "disabling", by: "a device of `anna`"), from: byNode, on: ours)
        }
    }
}
