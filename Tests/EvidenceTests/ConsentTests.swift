// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import StrictJSON
import Testing

/// Charters that two administrators must agree to.
@Suite struct ConsentTests {
    private static let two = "{ charter: { administrators: 2 }, " + Installation.policy.dropFirst()
    private static let next = two + " "

    /// anna, bob and carl are administrators, and two of them must agree.
    private func ours(_ administrators: [String] = ["anna", "bob", "carl"]) throws -> Installation {
        var ours = try Installation()
        try ours.add(ours.nextCharter(administrators: administrators, policy: Self.two).signed(with: Installation.key("anna")))
        return ours
    }

    private struct Change {
        var by = "bob"
        var key: String?
        var administrators = ["anna", "bob", "carl"]
        var policy = ConsentTests.next
        var version: Int64?
        var base: Digest?
        var root: Digest?
        var at = Installation.begun
        var lasts: Duration = .seconds(3600)
    }

    private func consent(_ ours: Installation, _ change: Change = Change()) throws -> Signed<ConsentStatement> {
        try ConsentStatement(
            root: change.root ?? ours.root, version: change.version ?? Int64(ours.roll.directory.charters.count) + 1,
            base: change.base ?? ours.roll.charterDigest ?? .none,
            content: CharterContent(administrators: change.administrators.map { try PersonName($0) }, policy: change.policy).digest(),
            person: PersonName(change.by), reason: "it is better so", notAfter: change.at + change.lasts,
            nonce: Installation.nonce("consent of " + change.by), at: change.at
        ).signed(with: Installation.key(change.key ?? change.by))
    }

    private func charter(
        _ ours: Installation, _ consents: [Signed<ConsentStatement>], administrators: [String] = ["anna", "bob", "carl"],
        policy: String = next, by: String = "anna"
    ) throws -> Signed<CharterStatement> {
        let next = try ours.nextCharter(administrators: administrators, policy: policy)
        return try CharterStatement(
            place: next.place, version: next.version, administrators: next.administrators, policy: next.policy, broker: next.broker,
            founder: nil, consents: consents, at: next.at
        ).signed(with: Installation.key(by))
    }

    private func refused(_ refusal: CharterRefusal, _ charter: Signed<CharterStatement>, on ours: Installation, _ location: SourceLocation = #_sourceLocation) {
        expect(.refused(.charter(refusal)), from: charter, on: ours, location)
    }

    @Test func `two administrators change the charter, whoever of them signs the entry`() throws {
        for signer in ["anna", "bob", "carl"] {
            var ours = try ours()
            try ours.add(charter(ours, [consent(ours, Change(by: "anna")), consent(ours)], by: signer))
            #expect(ours.roll.directory.charters.count == 3)
            var copy = Roll()
            for entry in ours.entries { try copy.append(verifiedBefore: entry) }
            #expect(copy.directory == ours.roll.directory)
        }
    }

    @Test func `one administrator does not, whatever is signed or left out`() throws {
        let ours = try ours()
        let (anna, bob) = (try PersonName("anna"), try PersonName("bob"))
        refused(.consentsMissing(demanded: 2, given: []), try charter(ours, []), on: ours)
        refused(.consentsMissing(demanded: 2, given: [bob]), try charter(ours, [consent(ours)]), on: ours)
        refused(.consentsMissing(demanded: 2, given: [anna]), try charter(ours, [consent(ours, Change(by: "anna"))]), on: ours)
        refused(.consentTwice(bob), try charter(ours, [consent(ours), consent(ours)]), on: ours)
    }

    @Test func `two devices of one person are one consent`() throws {
        var ours = try ours()
        try ours.join(.device(PersonName("bob")), as: "tablet", by: "bob")
        let both = [try consent(ours), try consent(ours, Change(key: "tablet"))]
        refused(.consentTwice(try PersonName("bob")), try charter(ours, both), on: ours)
    }

    @Test func `only administrators of the charter before count`() throws {
        let ours = try ours()
        let names = ["anna", "bob", "carl", "dora"]
        let consents = try ["anna", "dora"].map { try consent(ours, Change(by: $0, administrators: names)) }
        expect(.refused(.notAnAdministrator(try PersonName("dora"))), from: try charter(ours, consents, administrators: names), on: ours)
    }

    @Test func `who is disabled meanwhile agrees no more`() throws {
        var ours = try ours()
        let consents = [try consent(ours, Change(by: "anna", administrators: ["anna", "carl"])), try consent(ours, Change(administrators: ["anna", "carl"]))]
        try ours.disable(.person(PersonName("bob")))
        expect(.refused(.personDisabled(try PersonName("bob"))), from: try charter(ours, consents, administrators: ["anna", "carl"]), on: ours)
    }

    @Test func `a consent to another text, other administrators, another version or another charter counts nowhere`() throws {
        let ours = try ours()
        let (bob, anna) = (try PersonName("bob"), try consent(ours, Change(by: "anna")))
        refused(.contentDiffers(bob), try charter(ours, [anna, consent(ours, Change(policy: Self.next + " "))]), on: ours)
        refused(.contentDiffers(bob), try charter(ours, [anna, consent(ours, Change(administrators: ["anna", "bob"]))]), on: ours)
        for version in [Int64(2), 4] {
            refused(.consentStale(bob, version: version), try charter(ours, [anna, consent(ours, Change(version: version))]), on: ours)
        }
        refused(.consentStale(bob, version: 3), try charter(ours, [anna, consent(ours, Change(base: ours.root))]), on: ours)
        let other = try Digest(of: [1])
        expect(.otherInstallation(type: "consent"), from: try charter(ours, [anna, consent(ours, Change(root: other))]), on: ours)
    }

    @Test func `consents are used once`() throws {
        var ours = try ours()
        let consents = [try consent(ours, Change(by: "anna")), try consent(ours)]
        try ours.add(charter(ours, consents))
        refused(.consentStale(try PersonName("anna"), version: 3), try charter(ours, consents), on: ours)
    }

    @Test(arguments: ["anna", "dora", "db-1", "broker", "stranger"])
    func `nobody consents for another`(key: String) throws {
        let ours = try ours()
        let forged = try consent(ours, Change(key: key))
        expect(.notSigned(type: "consent", by: "a device of `bob`"), from: try charter(ours, [consent(ours, Change(by: "anna")), forged]), on: ours)
    }

    @Test func `a forged consent is refused also where none is demanded`() throws {
        let ours = try Installation()
        let forged = try consent(ours, Change(by: "anna", key: "bob", administrators: ["anna"], policy: Installation.policy))
        expect(
            .notSigned(type: "consent", by: "a device of `anna`"),
            from: try charter(ours, [forged], administrators: ["anna"], policy: Installation.policy), on: ours)
    }

    @Test func `a consent counts until its time and at most a week`() throws {
        let ours = try ours()
        let anna = try consent(ours, Change(by: "anna"))
        let (begun, bob) = (Installation.begun, try PersonName("bob"))
        let over = try consent(ours, Change(at: begun - .seconds(60), lasts: .seconds(60)))
        refused(.consentExpired(bob, begun), try charter(ours, [anna, over]), on: ours)
        let just = try consent(ours, Change(at: begun - .seconds(60), lasts: .seconds(60) + .milliseconds(1)))
        var roll = ours.roll
        try roll.append(charter(ours, [anna, just]).source)
        expect(.refused(.charter(.consentExpired(bob, begun + .milliseconds(1)))), from: try charter(ours, [anna, just]), on: ours, at: begun + .milliseconds(1))
        var other = ours.roll
        try other.append(charter(ours, [anna, consent(ours, Change(lasts: .seconds(7 * 86_400)))]).source)
        for lasts in [Duration.seconds(7 * 86_400 + 1), .zero] {
            #expect(throws: EvidenceError.self) {
                try roll.append(charter(ours, [anna, consent(ours, Change(lasts: lasts))]).source)
            }
        }
    }

    @Test func `to demand fewer needs as many as before`() throws {
        let ours = try ours()
        refused(.consentsMissing(demanded: 2, given: []), try charter(ours, [], policy: Installation.policy), on: ours)
        let change = { (name: String) in Change(by: name, policy: Installation.policy) }
        var roll = ours.roll
        try roll.append(charter(ours, [consent(ours, change("anna")), consent(ours, change("bob"))], policy: Installation.policy).source)
        #expect(roll.directory.charter?.policy.administratorsToAgree == 1)
    }

    @Test func `a charter that nobody could ever change is refused, when it is founded and later`() throws {
        var roll = Roll()
        let founding = try Installation.charter(policy: Self.two).signed(with: Installation.key("anna"), Installation.key("founding"))
        #expect(throws: EvidenceError.refused(.charter(.unchangeable(demanded: 2, able: 1)))) { try roll.append(founding.source) }
        #expect(roll.number == 0 && roll.directory == Directory())
        let alone = try Installation()
        let next = try alone.nextCharter(policy: Self.two).signed(with: Installation.key("anna"))
        refused(.unchangeable(demanded: 2, able: 1), next, on: alone)
        let ours = try ours()
        let consents = try ["anna", "bob"].map { try consent(ours, Change(by: $0, administrators: ["anna"])) }
        refused(.unchangeable(demanded: 2, able: 1), try charter(ours, consents, administrators: ["anna"]), on: ours)
    }

    @Test func `neither of the last two administrators can be disabled, nor lose the last device`() throws {
        var ours = try ours()
        try ours.disable(.person(PersonName("carl")))
        let bob = try PersonName("bob")
        let person = try ours.disabling(.person(bob)).signed(with: Installation.key("anna"))
        expect(.refused(.charter(.tooFewAdministrators(bob, demanded: 2))), from: person, on: ours)
        let device = try ours.disabling(.device(Installation.key("bob").publicKey), by: "bob").signed(with: Installation.key("bob"))
        expect(.refused(.charter(.tooFewAdministrators(bob, demanded: 2))), from: device, on: ours)
        try ours.join(.device(bob), as: "tablet", by: "bob")
        try ours.disable(.device(Installation.key("bob").publicKey), by: "bob")
    }

    @Test func `an administrator without a device makes no charter changeable`() throws {
        var ours = try Installation()
        try ours.disable(.device(Installation.key("bob").publicKey), by: "bob")
        let next = try ours.nextCharter(administrators: ["anna", "bob"], policy: Self.two).signed(with: Installation.key("anna"))
        refused(.unchangeable(demanded: 2, able: 1), next, on: ours)
    }

    @Test func `a changed consent is refused at every byte`() throws {
        let ours = try ours()
        let good = try charter(ours, [consent(ours, Change(by: "anna")), consent(ours)])
        let source = try #require(good.value.consents.last).source
        let bytes = Array(source.text.utf8)
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            let text = SignedText(text: String(decoding: changed, as: UTF8.self), signatures: source.signatures)
            guard let forged = try? Signed<ConsentStatement>(text) else { continue }
            var roll = ours.roll
            let entry = try charter(ours, [consent(ours, Change(by: "anna")), forged])
            #expect(throws: EvidenceError.self, "byte \(index)") { try roll.append(entry.source) }
        }
    }

    @Test func `the content's digest covers who and what`() throws {
        let names = try ["anna", "bob"].map { try PersonName($0) }
        let content = CharterContent(administrators: names.reversed(), policy: "{}")
        #expect(try content.digest() == CharterContent(administrators: names, policy: "{}").digest())
        #expect(try content.digest() != CharterContent(administrators: [names[0]], policy: "{}").digest())
        #expect(try content.digest() != CharterContent(administrators: names, policy: "{} ").digest())
        #expect(try CharterContent(content.json) == content)
        #expect(throws: EvidenceError.self) { try CharterContent(.object(["policy": ""])) }
        #expect(throws: EvidenceError.self) { try CharterContent(.object(["administrators": .array([]), "policy": "", "more": 1])) }
    }

    @Test(arguments: ["{ charter: {}, entitlements: [] }", "{ charter: { administrators: 0 } }", "{ charter: { administrators: 3 } }", "{ charter: { administrators: 2, of: 3 } }"])
    func `a policy demands one administrator or two`(text: String) {
        #expect(throws: PolicyError.self) { try Policy(parsing: text, file: "p") }
    }
}
