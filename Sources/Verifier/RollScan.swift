// SPDX-License-Identifier: Apache-2.0

import Evidence
import StrictJSON

/// Who ever had which key, by the roll.
struct RollScan {
    private(set) var findings = Findings()
    /// The digest of the first entry.
    private(set) var root = ""
    private(set) var broker = ""
    private(set) var count: Int64 = 0
    private var personOfKey: [String: String] = [:]
    private var nodeOfKey: [String: String] = [:]
    /// By name, with the built-in tag of that name.
    private var tagsOfNode: [String: [String: String]] = [:]
    private var invitations: [String: SignedRow] = [:]
    /// By version, the names of the entitlements whose policy agrees by itself.
    private var automatic: [Int64: Set<String>] = [:]
    /// The same of more time on a grant.
    private var automaticExtensions: [Int64: Set<String>] = [:]
    /// Of the charter in force: its version, its digest, whom it names, and how many of them must agree to the next.
    private var inForce: (version: Int64, digest: String, administrators: Set<String>, demands: Int64) = (0, "", [], 1)
    /// By roster, the key that the charter in force names.
    private var rosterKeys: [String: String] = [:]
    /// By roster and key, the last version.
    private var rosterVersions: [String: Int64] = [:]
    /// By number of the entry, the digests of the consents that a charter carries.
    private var consents: [Int64: Set<String>] = [:]
    private var head = String(repeating: "0", count: 64)

    init(_ database: DatabaseReader, _ ledger: LedgerScan) throws(VerifierError) {
        var scan = Self()
        try database.each("SELECT * FROM roll ORDER BY number") { scan.take($0, ledger) }
        try database.eachMention("roll.*") { mention in
            let number = Int64(mention.subject.dropFirst("roll-".count)) ?? 0
            scan.findings.expect((1...max(1, scan.count)).contains(number), "roll \(number)", "the ledger has it, and it is gone")
        }
        self = scan
    }

    private init() {}

    func person(withKey key: String) -> String? { personOfKey[key] }
    func node(withKey key: String) -> String? { nodeOfKey[key] }

    /// Whether a node that ever joined is one of those that a signed selector means.
    func isMeant(_ node: String, by selector: String) -> Bool {
        guard let tags = tagsOfNode[node] else { return false }
        return selector == "*" || selector.split(separator: ",").allSatisfy { condition in
            let sides = condition.split(separator: "=", maxSplits: 1)
            guard sides.count == 2, let value = tags[String(sides[0])] else { return false }
            return sides[1].split(separator: "|").contains { $0 == value }
        }
    }

    func isAutomatic(_ entitlement: String, charter: Int64, isExtension: Bool) -> Bool {
        (isExtension ? automaticExtensions : automatic)[charter]?.contains(entitlement) ?? false
    }

    func consents(ofEntry number: Int64) -> Set<String> { consents[number] ?? [] }

    /// What of a policy's text lets it agree by itself; nothing of it is decided here.
    private mutating func readPolicy(_ charter: SignedRow) {
        guard let version = charter.integer("version"), let text = charter.text("policy"),
            let document = try? JSON5Document(parsing: Array(text.utf8), file: "policy")  // no policy, no automatic approval
        else { return }
        inForce.demands = document.value["charter"]?["administrators"]?.asInteger ?? 1
        rosterKeys = [:]
        for roster in document.value["rosters"]?.asArray ?? [] {
            if let name = roster["name"]?.asString, let key = roster["key"]?.asString { rosterKeys[name] = key }
        }
        let rules = document.value["entitlements"]?.asArray ?? []
        automatic[version] = Set(rules.filter { $0["autoApproval"] != nil }.compactMap { $0["name"]?.asString })
        automaticExtensions[version] = Set(rules.filter(Self.extendsByItself).compactMap { $0["name"]?.asString })
    }

    /// Where nothing is said, those agree who agree to a request.
    private static func extendsByItself(_ rule: JSONValue) -> Bool {
        if rule["extension"]?["approval"]?.asString == "automatic" { return true }
        return rule["extension"]?["seats"] == nil && rule["autoApproval"] != nil
    }

    private mutating func take(_ row: DatabaseRow, _ ledger: LedgerScan) {
        count += 1
        let place = "roll \(count)"
        guard let entry = SignedRow(row, "statement", "signatures", at: place, &findings) else {
            return findings.add(place, "there is no statement")
        }
        findings.expect(row.integer("number") == count && entry.integer("number") == count, place, "it has another number")
        findings.expect(entry.text("previous") == head, place, "it does not follow from the entry before")
        findings.expect(row.text("digest") == entry.digest, place, "it has another digest")
        findings.expect(row.text("type") == entry.text("type"), place, "it is of another type")
        findings.expect(row.integer("at") == entry.integer("at"), place, "it has another time")
        let mention = LedgerScan.Mention(
            event: "roll." + (entry.text("type") ?? ""), subject: "roll-\(count)", digest: entry.digest)
        findings.expect(ledger.mentions[mention] != nil, place, "the ledger does not mention it")
        let keys = entry.signers(at: place, &findings)
        if !isSignedProperly(entry, by: keys) { findings.add(place, "nobody signed it who could have") }
        if entry.text("type") == "charter" {
            checkConsents(of: entry, at: place)
            (inForce.version, inForce.digest, inForce.demands) = (entry.integer("version") ?? 0, entry.digest, 1)
            inForce.administrators = Set(entry.texts("administrators"))
            readPolicy(entry)
        }
        if entry.text("type") == "publication" { checkRoster(of: entry, at: place) }
        head = entry.digest
    }

    /// Takes over the keys that an entry brings. Who was enabled, and an administrator, at the time is not judged here.
    private mutating func isSignedProperly(_ entry: SignedRow, by keys: Set<String>) -> Bool {
        switch entry.text("type") {
        case "charter" where count == 1:
            guard let founder = entry.object("founder"), let key = founder["key"]?.asString, let name = founder["name"]?.asString,
                let token = founder["founding"]?.asString
            else { return false }
            (root, broker) = (entry.digest, entry.text("broker") ?? "")
            personOfKey[key] = name
            return keys.contains(key) && keys.contains(token)
        case "invitation":
            invitations[entry.digest] = entry
            return keys.contains { personOfKey[$0] == entry.text("by") }
        case "enrolment":
            guard let key = entry.text("key"), let invitation = invitations.removeValue(forKey: entry.text("invitation") ?? ""),
                let secret = invitation.text("secret"), personOfKey[key] == nil, nodeOfKey[key] == nil
            else { return false }
            let name = invitation.text("name")
            if invitation.text("kind") == "node" {
                nodeOfKey[key] = name
                let tags = (invitation.object("tags")?.asObject?.members ?? []).map { ($0.key, $0.value.asString ?? "") }
                tagsOfNode[name ?? ""] = Dictionary(tags + [("name", name ?? "")], uniquingKeysWith: { $1 })
            } else {
                personOfKey[key] = name
            }
            return keys.contains(secret) && keys.contains(key)
        case "disabling": return keys.contains { personOfKey[$0] == entry.text("by") }
        case "publication": return keys.contains { personOfKey[$0] == entry.text("by") }
        case "charter": return keys.contains { personOfKey[$0] != nil }
        default: return false
        }
    }

    /// The key that the policy names for the roster signed the statement, and its version is higher than those before.
    private mutating func checkRoster(of entry: SignedRow, at place: String) {
        guard let value = entry.object("roster"), let roster = SignedRow(value, at: place, &findings) else {
            return findings.add(place, "it carries no statement of a roster")
        }
        let name = roster.text("roster") ?? ""
        let keys = roster.signers(at: place, &findings)
        guard let key = rosterKeys[name] else { return findings.add(place, "the policy names no key of roster \(name)") }
        findings.expect(keys.contains(key), place, "the key of roster \(name) did not sign it")
        findings.expect(roster.text("type") == "roster" && roster.text("root") == root, place, "it is no statement of a roster")
        let version = roster.integer("version") ?? 0
        findings.expect(version > rosterVersions[name + " " + key] ?? 0, place, "its version does not follow")
        rosterVersions[name + " " + key] = version
    }

    /// As many different administrators of the charter before as it demands agreed to this very one.
    private mutating func checkConsents(of entry: SignedRow, at place: String) {
        var people: Set<String> = []
        var policy: JSONObject = ["administrators": .array(entry.texts("administrators").map { .string($0) })]
        policy["policy"] = .string(entry.text("policy") ?? "")
        // Without a digest nothing compares equal.
        let content = try? Digest(of: Array("stint charter content 1\n".utf8) + Array(JSONValue.object(policy).canonical.utf8))
        for value in entry.object("consents")?.asArray ?? [] {
            guard let consent = SignedRow(value, at: place, &findings) else { continue }
            consents[count, default: []].insert(consent.digest)
            let person = consent.text("person") ?? ""
            let keys = consent.signers(at: place, &findings)
            let isFor = consent.text("type") == "consent" && consent.text("root") == root && consent.text("base") == inForce.digest
                && consent.integer("version") == inForce.version + 1 && consent.text("content") == content?.hex
                && (consent.integer("notAfter") ?? 0) > (entry.integer("at") ?? .max)
            findings.expect(isFor, place, "the consent of \(person) is to something else")
            findings.expect(keys.contains { personOfKey[$0] == person }, place, "no device of \(person) signed the consent")
            findings.expect(inForce.administrators.contains(person), place, "\(person) agreed, and was no administrator")
            if isFor { people.insert(person) }
        }
        findings.expect(
            inForce.demands <= 1 || Int64(people.count) >= inForce.demands, place,
            "\(people.count) agreed, and the charter before demands \(inForce.demands)")
    }
}
