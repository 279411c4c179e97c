// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Posix
import StrictJSON

struct RosterListCommand: Command {
    static let declaration = CommandDeclaration(
        name: "list", group: Groups.looking, summary: "Say who is on call now, and since when that is known",
        examples: [.init("stint roster", "Who is on call?")])

    private let setting: CommandSetting

    init(_ values: ParsedValues) throws(UsageError) { setting = CommandSetting(values) }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        try user.synchronise()
        guard let charter = user.directory.charter else { throw Refusal.noCharter }
        let now = Timestamp.now()
        let duties = charter.policy.rosters.map { Duty($0, now) }
        var table = Table([
            .init("ROSTER"), .init("ON CALL"), .init("UNTIL"), .init("SAID BY"), .init("VERSION", .trailing), .init("AGE"), .init("NOTE", isFlexible: true),
        ])
        for duty in duties { table.add(duty.cells(now)) }
        setting.show(duties.map { Answer($0.json(now)) }, table, nothing: "The policy has no roster.", in: console)
        return 0
    }

    /// Who is on call in one roster.
    private struct Duty {
        let roster: DutyRoster
        let person: PersonName?
        let until: Timestamp?
        /// The statement that counts or would, were it not too old.
        let statement: PublishedRoster?
        let maximumAge: Duration?
        /// Why nobody is on call.
        let refusal: Refusal?

        init(_ roster: DutyRoster, _ now: Timestamp) {
            self.roster = roster
            person = roster.onCall(at: now)
            switch roster.source {
            case .turns: (until, statement, maximumAge, refusal) = (nil, nil, nil, nil)
            case .statements(let signed):
                until = signed.shift(at: now)?.until
                statement = signed.statement(at: now)
                maximumAge = signed.maximumAge
                refusal = person == nil ? signed.refusal(of: roster.name, at: now) : nil
            }
        }

        func cells(_ now: Timestamp) -> [Table.Cell] {
            let age = statement.map { DurationText.format(.seconds((now - $0.at).wholeSeconds)) }
            let texts = [
                roster.name.text, person?.text ?? "nobody", until.map(TimeText.local) ?? "", maximumAge == nil ? "the policy" : "statements",
                statement.map { String($0.version) } ?? "", age ?? "", refusal?.message ?? "",
            ]
            return texts.map { Table.Cell($0) }
        }

        func json(_ now: Timestamp) -> JSONValue {
            var object: JSONObject = ["name": .string(roster.name.text), "source": maximumAge == nil ? "turns" : "statements"]
            object["onCall"] = person.map { .string($0.text) } ?? .null
            object["until"] = until.map { .string($0.description) } ?? .null
            object["version"] = statement.map { .integer($0.version) } ?? .null
            object["at"] = statement.map { .string($0.at.description) } ?? .null
            object["age"] = statement.map { .seconds(now - $0.at) } ?? .null
            object["maximumAge"] = maximumAge.map { .seconds($0) } ?? .null
            object["code"] = refusal.map { .string($0.code) } ?? .null
            object["message"] = refusal.map { .string($0.message) } ?? .null
            return .object(object)
        }
    }
}

/// The key of a roster in a file.
private struct RosterKeyFile {
    let path: String

    func read() throws -> SigningKey {
        try PrivateFile.check(path)
        let text = try DurableFile.read(path, maximumBytes: PlainKey.maximumBytes)
        guard let key = try PlainKey.read(text) else { throw ClientError.rosterKeyDamaged(path) }
        return key
    }
}

struct RosterKeyCommand: Command {
    static let declaration = CommandDeclaration(
        name: "key", group: Groups.policy, summary: "Make a key for a roster, or print its public half",
        discussion: """
            The file is what `openssl genpkey -algorithm ed25519` writes. What is printed is what the policy names as `key` of \
            the roster. Whoever has the file says who is on call, and decides nothing else.
            """,
        parameters: [.positional("file", value: "FILE", completes: .files, help: "The key; it is made where there is none.")],
        examples: [.init("stint roster key db-oncall.pem", "Make a key, and print what the policy names.")])

    private let setting: CommandSetting
    private let path: String

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        path = values.required("file")
    }

    func run(in console: Console) throws -> Int32 {
        let key: SigningKey
        do {
            key = try RosterKeyFile(path: path).read()
        } catch let error as SystemError where error.code == "system.enoent" {
            let seed = try SecretBytes(random: SigningKey.seedLength)
            try DurableFile.writeAtomically(try PlainKey.text(seed), to: path, mode: 0o600)
            key = try SigningKey(seed: seed)
        }
        setting.show(["key": .string(key.publicKey.hex)], in: console) { key.publicKey.hex + "\n" }
        return 0
    }
}

struct RosterSignCommand: Command {
    static let declaration = CommandDeclaration(
        name: "sign", group: Groups.policy, summary: "Sign a statement about who is on call",
        discussion: """
            FILE is JSON5: { roster: "db-oncall", shifts: [{ person: "nora", from: "2026-11-21T08:00:00Z", until: \
            "2026-11-28T08:00:00Z" }] }, with `version` and `at` where they are not the next and now. What is printed is for \
            `stint roster publish`. Another program may write and sign the same bytes: see docs/rosters.md.
            """,
        parameters: [
            .positional("file", value: "FILE", completes: .files, help: "The shifts, JSON5."),
            .option("key", value: "FILE", isRequired: true, completes: .files, help: "The roster's key."),
            .option("output", "o", value: "FILE", completes: .files, help: "Write the statement to this file."),
        ],
        examples: [.init("stint roster sign week.json5 --key db-oncall.pem -o week.signed", "Sign the shifts of a week.")])

    private let setting: CommandSetting
    private let path: String
    private let key: RosterKeyFile
    private let output: String?

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        path = values.required("file")
        key = RosterKeyFile(path: values.required("key"))
        output = values.value("output")
    }

    func run(in console: Console) throws -> Int32 {
        let file = try RosterFile(path)
        let key = try key.read()
        let home = try setting.clientHome()
        let identity = try home.identity()
        let directory = try RollCache(home, root: identity.root, broker: identity.pin).roll.directory
        // By this machine's own copy of the roll: whoever signs need not reach the broker.
        var known: SignedRoster?
        if case .statements(let roster)? = directory.charter?.policy.roster(file.roster)?.source { known = roster }
        let statement = file.statement(root: identity.root, after: known, now: .now())
        if known == nil {
            console.errors("warning: the policy has no roster `\(file.roster)` that statements fill; nobody takes this before it has.\n")
        }
        try known?.check(statement.content, of: file.roster) { directory.people[$0] != nil }
        let text = try statement.signed(with: key).source.json.text + "\n"
        guard let output else {
            console.output(text)
            return 0
        }
        try DurableFile.writeAtomically(Array(text.utf8), to: output)
        console.errors("Version \(statement.content.version) of roster `\(file.roster)` is signed.\n")
        return 0
    }
}

struct RosterPublishCommand: Command {
    static let declaration = CommandDeclaration(
        name: "publish", group: Groups.policy, summary: "Publish a signed statement about who is on call",
        discussion: """
            Every broker, node and client checks the signature against the key that the policy names, the version, which only \
            grows, and the shifts. Who publishes it does not matter. With --signature, FILE is the statement's own bytes, and the \
            signature the 64 bytes that `openssl pkeyutl -sign -rawin` wrote: see docs/rosters.md.
            """,
        parameters: [
            .positional("file", value: "FILE", completes: .files, help: "What `stint roster sign` wrote."),
            .option("signature", value: "FILE", completes: .files, help: "The signature over FILE, where another program made it."),
        ],
        exitStatuses: [.init(3, "The statement is refused."), .init(5, "A newer one is published.")],
        examples: [.init("stint roster publish week.signed", "Tell everybody who is on call.")])

    private let setting: CommandSetting
    private let path: String
    private let signature: String?

    init(_ values: ParsedValues) throws(UsageError) {
        setting = CommandSetting(values)
        path = values.required("file")
        signature = values.value("signature")
    }

    func run(in console: Console) throws -> Int32 {
        let user = try setting.signIn()
        try user.synchronise()
        let statement = try read(user)
        let isNew = try user.publish(statement)
        let (name, content) = (statement.value.roster, statement.value.content)
        let object: JSONObject = [
            "roster": .string(name.text), "version": .integer(content.version), "digest": .string(statement.digest.hex), "new": .bool(isNew),
        ]
        setting.show(.object(object), in: console) {
            isNew
                ? "Version \(content.version) of roster `\(name)` is published, with \(content.shifts.count) shift\(content.shifts.count == 1 ? "" : "s").\n"
                : "Version \(content.version) of roster `\(name)` is published already.\n"
        }
        return 0
    }

    private func read(_ user: Operator) throws -> Signed<RosterStatement> {
        let bytes = try DurableFile.read(path, maximumBytes: 2 * SignedText.maximumLength)
        guard let signature else {
            let value: JSONValue
            do {
                value = try JSONValue(parsing: bytes, limits: JSONLimits(bytes: 2 * SignedText.maximumLength))
            } catch {
                throw ClientError.rosterNotSigned(path)
            }
            return try Signed(try SignedText(value))
        }
        // Read once for its name, which tells under which key it must be.
        let text = String(decoding: bytes, as: UTF8.self)
        let raw = try DurableFile.read(signature, maximumBytes: 64)
        let unsigned = try Signed<RosterStatement>(SignedText(text: text, signatures: []))
        let key = try user.signedRoster(unsigned.value.roster).key
        return try Signed(SignedText(text: text, signatures: [.init(key: key, bytes: raw)]))
    }
}
