// SPDX-License-Identifier: Apache-2.0
// SECURITY: who exists and what is allowed, as far as signatures reach back to the root. Broker, node and client build
// the same directory from the same entries; none of them takes a row's or the broker's word for it (P1).

package import Access
import StrictJSON

/// The roll: the numbered, hash-linked list of signed entries from which every party derives the directory.
///
///     1 charter (founder)   2 invitation   3 enrolment   4 invitation   ...   n charter   n+1 disabling
///
/// Entry 1 is the root; its digest names the installation. An entry that does not follow, or is not signed by who may
/// sign it *at that point of the roll*, is refused and changes nothing.
package struct Roll: Sendable {
    private struct Invitation: Sendable {
        let statement: InvitationStatement
        /// The device that signed it.
        let signer: PublicKey
    }

    package private(set) var directory = Directory()
    package private(set) var number: Int64 = 0
    package private(set) var head: Digest = .none
    /// The digest of entry 1; `nil` while the roll is empty.
    package private(set) var root: Digest?
    /// The broker's key, as the root says.
    package private(set) var broker: PublicKey?
    /// The digest of the charter in force.
    package private(set) var charterDigest: Digest?
    /// Those that nobody has used.
    private var invitations: [Digest: Invitation] = [:]
    /// Of the others nothing but the name is asked for again.
    private var usedInvitations: Set<Digest> = []
    private var personOfDevice: [PublicKey: PersonName] = [:]
    private var nodeOfKey: [PublicKey: NodeName] = [:]
    /// While entries are applied whose signatures this party has verified before.
    private var areSignaturesKnown = false

    package init() {}

    /// Where the next entry goes.
    package var next: RollPlace { RollPlace(number: number + 1, previous: head) }

    /// Who acts through the device with `key`; `nil` when the key is unknown or the device or person is disabled.
    package func person(withDevice key: PublicKey) -> Person? {
        guard let name = personOfDevice[key], let person = directory.people[name], person.isEnabled,
            person.devices.contains(where: { $0.key == key && $0.isEnabled })
        else { return nil }
        return person
    }

    /// The enabled node with `key`.
    package func node(withKey key: PublicKey) -> Node? {
        guard let name = nodeOfKey[key], let node = directory.nodes[name], node.isEnabled else { return nil }
        return node
    }

    /// Whether somebody may still join with the invitation that has this digest.
    package func hasOpenInvitation(_ digest: Digest) -> Bool {
        invitations[digest].map(stands) ?? false
    }

    /// An invitation falls with who gave it: a device that was taken away must leave no door open behind it.
    private func stands(_ invitation: Invitation) -> Bool {
        let by = invitation.statement.by
        guard person(withDevice: invitation.signer)?.name == by else { return false }
        if case .device = invitation.statement.subject { return true }
        return directory.isAdministrator(by)
    }

    /// Checks that `person` signed `statement` with one of their enabled devices, and says which.
    package func signer<Value>(of statement: Signed<Value>, mustBe person: PersonName) throws(EvidenceError) -> PublicKey {
        guard let known = directory.people[person] else { throw .refused(.personUnknown(person)) }
        guard known.isEnabled else { throw .refused(.personDisabled(person)) }
        for device in known.devices where device.isEnabled && isSigned(statement, by: device.key) { return device.key }
        throw .notSigned(type: Value.type, by: "a device of `\(person)`")
    }

    /// Appends an entry, every signature of which this party has verified before: they are not verified again, and all
    /// else is. What came from outside never takes this way.
    package mutating func append(verifiedBefore entry: SignedText) throws(EvidenceError) {
        try append(verifiedBefore: try RollEntry(entry))
    }

    /// As ``append(verifiedBefore:)-(SignedText)``, for an entry that was read elsewhere.
    package mutating func append(verifiedBefore entry: RollEntry) throws(EvidenceError) {
        areSignaturesKnown = true
        defer { areSignaturesKnown = false }
        try append(entry)
    }

    private func isSigned<Value>(_ statement: Signed<Value>, by key: PublicKey) -> Bool {
        if areSignaturesKnown { return statement.source.signatures.contains { $0.key == key } }
        return statement.isSigned(by: key)
    }

    private func check<Value>(_ statement: Signed<Value>, signedBy key: PublicKey, who: String) throws(EvidenceError) {
        guard isSigned(statement, by: key) else { throw .notSigned(type: Value.type, by: who) }
    }

    /// Appends `entry`.
    ///
    /// - Parameter now: when set, invitations must not have expired at that moment; `nil` while replaying entries that
    ///   were accepted before.
    /// - Returns: what kind of entry it was.
    @discardableResult
    package mutating func append(_ entry: SignedText, at now: Timestamp? = nil) throws(EvidenceError) -> RollEntry {
        let parsed = try RollEntry(entry)
        try append(parsed, at: now)
        return parsed
    }

    /// Appends an entry that was read elsewhere; it is verified here.
    package mutating func append(_ parsed: RollEntry, at now: Timestamp? = nil) throws(EvidenceError) {
        let place = parsed.place
        guard place.number == number + 1 else { throw .rollGap(expected: number + 1, found: place.number) }
        guard place.previous == head else { throw .rollForked(place.number) }
        guard (place.number == 1) == parsed.isFounding else { throw .rollForked(place.number) }
        switch parsed {
        case .charter(let statement): try apply(statement, now)
        case .invitation(let statement): try apply(statement)
        case .enrolment(let statement): try apply(statement, now)
        case .disabling(let statement): try apply(statement)
        case .publication(let statement): try apply(statement, now)
        }
        number = place.number
        head = parsed.digest
        if root == nil { root = head }
    }

    // MARK: Charter

    private mutating func apply(_ charter: Signed<CharterStatement>, _ now: Timestamp?) throws(EvidenceError) {
        let statement = charter.value
        guard statement.version == Int64(directory.charters.count) + 1 else { throw .rollForked(statement.place.number) }
        let policy: Policy
        do { policy = try Policy(parsing: statement.policy, file: "policy") } catch {
            throw .policyInvalid(error.message)
        }
        let administrators = Set(statement.administrators)
        if let founder = statement.founder {
            guard administrators == [founder.name], founder.key != founder.founding else { throw .rollForked(1) }
            try check(charter, signedBy: founder.key, who: "the first administrator")
            try check(charter, signedBy: founder.founding, who: "the founding token")
            guard statement.consents.isEmpty else { throw .rollForked(1) }
            do { try CharterRule.check(policy, isChangeableBy: 1) } catch { throw .refused(error) }
            directory.people[founder.name] = Person(
                name: founder.name, groups: Set(founder.groups),
                devices: [Device(key: founder.key, label: founder.device)])
            personOfDevice[founder.key] = founder.name
            broker = statement.broker
        } else {
            try checkAdministrator(of: charter)
            guard statement.broker == broker else { throw .rollForked(statement.place.number) }
            for name in statement.administrators where directory.people[name]?.isEnabled != true {
                throw .subjectUnknown(kind: "person", name.text)
            }
            guard !administrators.isEmpty else { throw .policyInvalid("A charter without an administrator is not possible.") }
            try checkConsents(to: statement, policy, now)
        }
        charterDigest = charter.digest
        directory.charters.append(
            Charter(
                version: statement.version, administrators: administrators, policy: policy.withStatements(of: directory),
                text: statement.policy))
    }

    /// That enough administrators of the charter in force agreed to `next`, each to this very content in this very place.
    private func checkConsents(to next: CharterStatement, _ policy: Policy, _ now: Timestamp?) throws(EvidenceError) {
        for consent in next.consents {
            let value = consent.value
            try check(consent, over: next.content)
            guard next.at < value.notAfter, (now ?? next.at) < value.notAfter else {
                throw .refused(.charter(.consentExpired(value.person, value.notAfter)))
            }
        }
        let able = ableAdministrators(next.administrators) { $0.devices }
        do {
            try CharterRule.check(agreedBy: next.consents.map(\.value.person), next: policy, able: able, in: directory)
        } catch {
            throw .refused(error)
        }
    }

    /// Checks a consent by itself: for this installation, over the charter in force, to `content`, and signed by a device of the
    /// person who gives it.
    package func check(_ consent: Signed<ConsentStatement>, over content: CharterContent) throws(EvidenceError) {
        let value = consent.value
        guard value.root == root else { throw .otherInstallation(type: ConsentStatement.type) }
        guard value.base == charterDigest, value.version == Int64(directory.charters.count) + 1 else {
            throw .refused(.charter(.consentStale(value.person, version: value.version)))
        }
        guard value.content == (try content.digest()) else { throw .refused(.charter(.contentDiffers(value.person))) }
        guard value.notAfter > value.at, value.notAfter - value.at <= CharterRule.longestConsent else {
            throw .fieldMalformed("a consent lasts at most \(DurationText.format(CharterRule.longestConsent))")
        }
        _ = try signer(of: consent, mustBe: value.person)
    }

    private func checkAdministrator<Value>(of statement: Signed<Value>) throws(EvidenceError) {
        guard let charter = directory.charter else { throw .rollEmpty }
        for name in charter.administrators.sorted() where directory.isAdministrator(name) {
            let devices = directory.people[name]?.devices ?? []
            if devices.contains(where: { $0.isEnabled && isSigned(statement, by: $0.key) }) { return }
        }
        throw .notSigned(type: Value.type, by: "an administrator")
    }

    @discardableResult
    private func checkAdministrator<Value>(_ name: PersonName, signed statement: Signed<Value>) throws(EvidenceError)
        -> PublicKey
    {
        guard directory.isAdministrator(name) else { throw .refused(.notAnAdministrator(name)) }
        return try signer(of: statement, mustBe: name)
    }

    // MARK: Invitation and enrolment

    private mutating func apply(_ invitation: Signed<InvitationStatement>) throws(EvidenceError) {
        let statement = invitation.value
        let signer: PublicKey
        switch statement.subject {
        case .person(let name, _, _):
            signer = try checkAdministrator(statement.by, signed: invitation)
            guard directory.people[name] == nil else { throw .nameTaken(kind: "person", name.text) }
        case .node(let name, _):
            signer = try checkAdministrator(statement.by, signed: invitation)
            guard directory.nodes[name] == nil else { throw .nameTaken(kind: "node", name.text) }
        case .device(let name):
            guard name == statement.by else { throw .notSigned(type: InvitationStatement.type, by: "`\(name)`") }
            signer = try self.signer(of: invitation, mustBe: name)
        }
        guard statement.notAfter > statement.at, statement.notAfter - statement.at <= .seconds(7 * 86_400) else {
            throw .invitationExpired(statement.notAfter)
        }
        invitations[invitation.digest] = Invitation(statement: statement, signer: signer)
    }

    private mutating func apply(_ enrolment: Signed<EnrolmentStatement>, _ now: Timestamp?) throws(EvidenceError) {
        let statement = enrolment.value
        guard !usedInvitations.contains(statement.invitation) else { throw .invitationUsed }
        guard let invitation = invitations[statement.invitation] else { throw .invitationUnknown }
        let invited = invitation.statement
        guard stands(invitation) else { throw .invitationVoid(by: invited.by) }
        if let now, now >= invited.notAfter { throw .invitationExpired(invited.notAfter) }
        guard statement.at < invited.notAfter + Opening.freshness else { throw .invitationExpired(invited.notAfter) }
        try check(enrolment, signedBy: invited.secret, who: "the invitation's secret")
        try check(enrolment, signedBy: statement.key, who: "the new key")
        let isKnown = personOfDevice[statement.key] != nil || nodeOfKey[statement.key] != nil
        guard !isKnown, statement.key != invited.secret, statement.key != broker else { throw .keyTaken }
        let device = Device(key: statement.key, label: statement.label)
        switch invited.subject {
        case .person(let name, let groups, let attributes):
            guard directory.people[name] == nil else { throw .nameTaken(kind: "person", name.text) }
            directory.people[name] = Person(name: name, groups: Set(groups), attributes: attributes, devices: [device])
            personOfDevice[statement.key] = name
        case .node(let name, let tags):
            guard directory.nodes[name] == nil else { throw .nameTaken(kind: "node", name.text) }
            directory.nodes[name] = Node(name: name, key: statement.key, tags: tags)
            nodeOfKey[statement.key] = name
        case .device(let name):
            guard directory.people[name]?.isEnabled == true else { throw .refused(.personDisabled(name)) }
            directory.people[name]?.devices.append(device)
            personOfDevice[statement.key] = name
        }
        invitations[statement.invitation] = nil
        usedInvitations.insert(statement.invitation)
    }

    // MARK: Rosters

    private mutating func apply(_ publication: Signed<PublicationStatement>, _ now: Timestamp?) throws(EvidenceError) {
        let (roster, by) = (publication.value.roster, publication.value.by)
        let name = roster.value.roster
        _ = try signer(of: publication, mustBe: by)
        guard roster.value.root == root else { throw .otherInstallation(type: RosterStatement.type) }
        guard case .statements(let known)? = directory.charter?.policy.roster(name)?.source else { throw .refused(.roster(.notSigned(name))) }
        try check(roster, signedBy: known.key, who: "the key that the policy names for roster `\(name)`")
        let content = roster.value.content
        if let now, content.at - now > Opening.freshness { throw .refused(.clockDisagrees(signed: content.at, here: now)) }
        do {
            try known.check(content, of: name) { directory.people[$0] != nil }
        } catch {
            throw .refused(error)
        }
        directory.take(content, of: name, signedBy: known.key)
    }

    // MARK: Disabling

    private mutating func apply(_ disabling: Signed<DisablingStatement>) throws(EvidenceError) {
        let statement = disabling.value
        switch statement.subject {
        case .person(let name):
            try checkAdministrator(statement.by, signed: disabling)
            guard directory.people[name]?.isEnabled == true else { throw .subjectUnknown(kind: "person", name.text) }
            try checkAdministration(without: name) { $0.name == name ? [] : $0.devices }
            directory.people[name]?.isEnabled = false
        case .device(let key):
            guard let owner = personOfDevice[key],
                let index = directory.people[owner]?.devices.firstIndex(where: { $0.key == key && $0.isEnabled })
            else { throw .subjectUnknown(kind: "device", key.hex) }
            if statement.by == owner {
                _ = try signer(of: disabling, mustBe: owner)
            } else {
                try checkAdministrator(statement.by, signed: disabling)
            }
            try checkAdministration(without: owner) { $0.devices.filter { $0.key != key } }
            directory.people[owner]?.devices[index].isEnabled = false
        case .node(let name):
            try checkAdministrator(statement.by, signed: disabling)
            guard directory.nodes[name]?.isEnabled == true else { throw .subjectUnknown(kind: "node", name.text) }
            directory.nodes[name]?.isEnabled = false
        }
    }

    /// That as many administrators with a device remain as the charter demands: with fewer, nobody could ever change it again.
    ///
    /// - Parameter devices: what would be left of a person's devices.
    private func checkAdministration(without name: PersonName, leaving devices: (Person) -> [Device]) throws(EvidenceError) {
        guard let charter = directory.charter, charter.administrators.contains(name) else { return }
        let able = ableAdministrators(charter.administrators.sorted(), leaving: devices)
        guard able > 0 else { throw .lastAdministrator(name) }
        let demanded = charter.policy.administratorsToAgree
        guard able >= demanded else { throw .refused(.charter(.tooFewAdministrators(name, demanded: demanded))) }
    }

    private func ableAdministrators(_ names: [PersonName], leaving devices: (Person) -> [Device]) -> Int {
        Set(names).count { name in
            guard let person = directory.people[name], person.isEnabled else { return false }
            return devices(person).contains(where: \.isEnabled)
        }
    }
}
