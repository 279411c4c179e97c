// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import StrictJSON
import Testing

/// One of each kind of statement, signed by anna. The check runs with its type.
private struct Sample: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let check: @Sendable (any Check) throws -> Void

    init<Value: Statement>(_ name: String, _ make: @escaping @Sendable () throws -> Value) {
        testDescription = name
        check = { try $0.run(make()) }
    }
}

private protocol Check { func run<Value: Statement>(_ statement: Value) throws }

/// Reads `object` as a statement, under a signature that fits it.
private func read<Value: Statement>(_ object: JSONObject, as: Value.Type) throws -> Value {
    try Signed<Value>(SignedText(signing: JSONValue.object(object).canonical, with: [Installation.key("anna")])).value
}

private func members<Value: Statement>(of statement: Value) throws -> JSONObject {
    try #require(try JSONValue(parsing: statement.text).asObject)
}

private func text(_ text: String, signedBy key: PublicKey, _ signature: [UInt8]) throws -> SignedText {
    let signatures: JSONValue = [["key": .string(key.hex), "signature": .string(Hex.encode(signature))]]
    return try SignedText(.object(["statement": .string(text), "signatures": signatures]))
}

@Suite struct StatementTests {
    private static let samples: [Sample] = [
        Sample("founding charter") { try Installation.charter() },
        Sample("charter") { try Installation(joined: false).nextCharter() },
        Sample("invitation of a person") {
            try Installation(joined: false).invitation(
                .person(PersonName("bob"), groups: [GroupName("ops")], attributes: ["team": "db"]), secret: "s")
        },
        Sample("invitation of a node") { try Installation(joined: false).invitation(.node(NodeName("db-1"), Tags(parsing: "env=prod")), secret: "s") },
        Sample("invitation of a device") { try Installation(joined: false).invitation(.device(PersonName("anna")), secret: "s") },
        Sample("enrolment") { try Installation(joined: false).enrolment(.none, key: "bob") },
        Sample("disabling of a person") { try Installation(joined: false).disabling(.person(PersonName("bob"))) },
        Sample("disabling of a device") { try Installation(joined: false).disabling(.device(Installation.key("bob").publicKey)) },
        Sample("disabling of a node") { try Installation(joined: false).disabling(.node(NodeName("db-1"))) },
        Sample("request") { try Installation(joined: false).request() },
        Sample("approval") { try Installation(joined: false).vote(by: "bob", on: .none) },
        Sample("denial") { try Installation(joined: false).vote(by: "bob", on: .none, approves: false) },
        Sample("activation") { try Installation(joined: false).activation(of: .none) },
        Sample("ending") {
            EndingStatement(
                root: .none, kind: .revoke, subject: "g-7k2p9x", person: try PersonName("bob"), reason: "enough",
                nonce: try Installation.nonce("e"), at: Installation.begun)
        },
        Sample("opening") { try Installation(joined: false).opening(under: .none) },
        Sample("acceptance") {
            AcceptanceStatement(
                root: .none, opening: .none, node: try NodeName("db-1"), ephemeral: Array(repeating: 1, count: 32), leaseVersion: 1,
                notAfter: Installation.begun, at: Installation.begun)
        },
        Sample("attach") { try AttachTests.attach(received: OutputOffsets(output: 5, errorOutput: UInt64(Int64.max))) },
        Sample("attach of a new client") { try AttachTests.attach(received: nil) },
        Sample("attached") { try AttachTests.attached(to: .none) },
        Sample("receipt") { try Self.receipt(.exited(0)) },
        Sample("receipt of a killed session") { try Self.receipt(.signalled(9)) },
        Sample("receipt without an outcome") { try Self.receipt(.none) },
    ]

    private static func receipt(_ outcome: ReceiptStatement.Outcome) throws -> ReceiptStatement {
        ReceiptStatement(
            root: .none, opening: .none, node: try NodeName("db-1"), reason: .exited, detail: "", outcome: outcome,
            startedAt: Installation.begun, endedAt: Installation.begun, killed: 2, left: 0, remarks: ["none"], method: "cgroup",
            inputBytes: 1, outputBytes: Int64.max)
    }

    @Test(arguments: samples) private func `a statement is read as it was said`(sample: Sample) throws {
        struct RoundTrip: Check {
            func run<Value: Statement>(_ statement: Value) throws {
                let signed = try statement.signed(with: Installation.key("anna"))
                let read = try Signed<Value>(SignedText(try JSONValue(parsing: signed.source.json.text)))
                #expect(read == signed && read.value == statement)
                #expect(read.isSigned(by: try Installation.key("anna").publicKey))
                #expect(!read.isSigned(by: try Installation.key("bob").publicKey))
                let stored = try SignedText(text: signed.source.text, signatures: signed.source.signaturesJSON.text)
                #expect(stored == signed.source)
            }
        }
        try sample.check(RoundTrip())
    }

    @Test(arguments: samples) private func `a missing field, an unknown field and a field of another kind are refused`(sample: Sample) throws {
        struct Fields: Check {
            func run<Value: Statement>(_ statement: Value) throws {
                let whole = try members(of: statement)
                #expect(throws: Never.self) { try read(whole, as: Value.self) }
                for (key, value) in whole.members {
                    var without = whole
                    without[key] = nil
                    #expect(throws: EvidenceError.self, "without \(key)") { try read(without, as: Value.self) }
                    for other: JSONValue in [.null, true, -1, "\u{1B}", [[]], ["x": [:]]] where !mayBe(other, key, value) {
                        var changed = whole
                        changed[key] = .some(other)
                        #expect(throws: EvidenceError.self, "\(key) = \(other)") { try read(changed, as: Value.self) }
                    }
                }
                for key in ["extra", "Type", "type ", "ty\u{301}pe", ""] {
                    var more = whole
                    more[key] = "x"
                    #expect(throws: EvidenceError.self, "\(key)") { try read(more, as: Value.self) }
                }
            }

            /// What stands for nothing where that is a meaning, and free text.
            private func mayBe(_ other: JSONValue, _ key: String, _ value: JSONValue) -> Bool {
                (["terminal", "received", "founder", "exit", "signal"].contains(key) && other == .null)
                    || (["method", "language"].contains(key) && other.asString != nil)
                    || (key == "policy" && other.asString != nil) || (key == "breakGlass" && other.asBool != nil) || other == value
            }
        }
        try sample.check(Fields())
    }

    @Test(arguments: samples) private func `a statement of another type or in another form is refused`(sample: Sample) throws {
        struct Form: Check {
            func run<Value: Statement>(_ statement: Value) throws {
                let key = try Installation.key("anna")
                var other = try members(of: statement)
                other["type"] = "other"
                #expect(throws: EvidenceError.typeUnexpected("other", expected: Value.type)) { try read(other, as: Value.self) }
                let text = statement.text
                for form in [text + " ", " " + text, text + "\n", "{ " + text.dropFirst(), text.dropLast() + ",\"a\":1}", "[\(text)]", ""] {
                    #expect(throws: EvidenceError.self) { try Signed<Value>(SignedText(signing: form, with: [key])) }
                }
                let reordered = try JSONValue.object(members(of: statement)).pretty
                #expect(throws: EvidenceError.self) { try Signed<Value>(SignedText(signing: reordered, with: [key])) }
            }
        }
        try sample.check(Form())
    }

    @Test(arguments: samples) private func `every changed byte breaks the signature`(sample: Sample) throws {
        struct Flip: Check {
            func run<Value: Statement>(_ statement: Value) throws {
                let key = try Installation.key("anna")
                let source = try statement.signed(with: key).source
                let bytes = Array(source.text.utf8)
                for index in bytes.indices {
                    var changed = bytes
                    changed[index] ^= 1
                    let text = SignedText(text: String(decoding: changed, as: UTF8.self), signatures: source.signatures)
                    #expect(!text.isSigned(by: key.publicKey), "byte \(index)")
                    #expect(try text.digest() != source.digest())
                }
                for text in [source.text + " ", String(source.text.dropLast()), ""] {
                    #expect(!SignedText(text: text, signatures: source.signatures).isSigned(by: key.publicKey))
                }
            }
        }
        try sample.check(Flip())
    }

    @Test func `every changed bit of a signature or key breaks it`() throws {
        let key = try Installation.key("anna")
        let source = try Installation.charter().signed(with: key).source
        let signature = try #require(source.signatures.first)
        for bit in 0..<512 {
            var bytes = signature.bytes
            bytes[bit / 8] ^= 1 << (bit % 8)
            #expect(!(try text(source.text, signedBy: key.publicKey, bytes).isSigned(by: key.publicKey)))
        }
        for bit in 0..<256 {
            var bytes = key.publicKey.bytes
            bytes[bit / 8] ^= 1 << (bit % 8)
            let other = try #require(PublicKey(bytes: bytes))
            #expect(!(try text(source.text, signedBy: other, signature.bytes).isSigned(by: other)))
            #expect(!source.isSigned(by: other))
        }
        for length in [0, 1, 63, 65, 128] {
            #expect(!key.publicKey.verifies(Array((signature.bytes + signature.bytes).prefix(length)), over: Array(source.text.utf8)))
        }
    }

    @Test func `a signature over the bare text is not one under a statement`() throws {
        let key = try Installation.key("anna")
        let charter = try Installation.charter().text
        let bare = try text(charter, signedBy: key.publicKey, key.sign(Array(charter.utf8)))
        #expect(!bare.isSigned(by: key.publicKey))
    }

    @Test func `what was found out about a signature is of that key and those bytes only`() throws {
        let (anna, bob) = (try Installation.key("anna"), try Installation.key("bob"))
        let source = try SignedText(signing: "{}", with: [anna])
        let examined = source.examined(for: anna.publicKey)
        #expect(examined.isSigned(by: anna.publicKey) && examined == source)
        #expect(!examined.isSigned(by: bob.publicKey))
        #expect(!source.examined(for: bob.publicKey).isSigned(by: bob.publicKey))
        #expect(source.examined(for: bob.publicKey).isSigned(by: anna.publicKey))
        let forged = SignedText(text: "{ }", signatures: source.signatures).examined(for: anna.publicKey)
        #expect(!forged.isSigned(by: anna.publicKey) && forged != source)
    }

    @Test func `a signature counts only under the key that made it`() throws {
        let (anna, bob) = (try Installation.key("anna"), try Installation.key("bob"))
        let source = try Installation.charter().signed(with: anna).source
        let relabelled = try text(source.text, signedBy: bob.publicKey, #require(source.signatures.first).bytes)
        #expect(!relabelled.isSigned(by: anna.publicKey) && !relabelled.isSigned(by: bob.publicKey))
    }

    @Test func `the signature that counts may stand anywhere among others`() throws {
        let statement = try Installation.charter().signed(with: Installation.key("bob"), Installation.key("anna"))
        #expect(statement.isSigned(by: try Installation.key("anna").publicKey))
        #expect(throws: Never.self) { try statement.check(signedBy: Installation.key("bob").publicKey, who: "bob") }
        #expect(throws: EvidenceError.notSigned(type: "charter", by: "carl")) {
            try statement.check(signedBy: Installation.key("carl").publicKey, who: "carl")
        }
    }

    // MARK: Values that cannot be

    /// The sample, its field, a value at the limit or past it, and whether it is taken.
    private static let values: [(String, String, JSONValue, Bool)] = [
        ("request", "charter", 0, false), ("request", "charter", 1_000_000, true), ("request", "charter", 1_000_001, false),
        ("request", "selector", "db-1", false), ("request", "selector", "name=db-1", true), ("request", "selector", "*", true),
        ("request", "capabilities", [], false), ("request", "capabilities", ["shell", "shell"], false),
        ("request", "capabilities", ["shell", "exec"], true), ("request", "capabilities", ["sudo"], false), ("request", "runAs", "0", false),
        ("request", "runAs", "0day", false), ("request", "runAs", "root", true), ("request", "duration", 31_622_400, true),
        ("request", "duration", 31_622_401, false), ("request", "roll", 0, false), ("request", "roll", 1_000_000_000, true),
        ("request", "roll", 1_000_000_001, false), ("request", "at", 0, true), ("request", "at", 253_402_300_799_999, true),
        ("request", "at", 253_402_300_800_000, false), ("request", "nonce", "00112233445566778899aabbccddeeff", true),
        ("request", "nonce", "00112233445566778899AABBCCDDEEFF", false), ("request", "nonce", "00112233445566778899aabbccddee", false),
        ("request", "nonce", "00112233445566778899aabbccddeeff00", false), ("request", "person", "Anna", false),
        ("request", "reason", "a\u{202E}b", false), ("request", "root", .string(String(repeating: "A", count: 64)), false),
        ("request", "root", .string(String(repeating: "a", count: 62)), false),
        ("request", "reason", .string(String(repeating: "é", count: 1000)), true),
        ("request", "reason", .string(String(repeating: "é", count: 1001)), false), ("approval", "verdict", "maybe", false),
        ("approval", "verdict", "deny", false), ("approval", "nodes", ["db-1", "db-1"], false), ("approval", "nodes", ["db-1"], true),
        ("approval", "nodes", .array((0..<500).map { .string("n\($0)") }), true),
        ("approval", "nodes", .array((0..<501).map { .string("n\($0)") }), false), ("approval", "note", "\n", false),
        ("denial", "nodes", ["db-1"], false), ("denial", "duration", 1, false), ("ending", "kind", "kill", false),
        ("ending", "kind", "withdraw", false), ("ending", "kind", "release", true), ("ending", "subject", "r-7k2p9x", false),
        ("ending", "subject", "g-7k2p9u", false), ("ending", "reason", "\u{7}", false), ("enrolment", "label", "a\u{200B}b", false),
        ("enrolment", "label", .string(String(repeating: "a", count: 128)), true), ("enrolment", "key", "00", false),
        ("enrolment", "label", .string(String(repeating: "a", count: 129)), false), ("enrolment", "number", 0, false),
        ("enrolment", "number", 1_000_000_001, false), ("disabling of a person", "kind", "group", false),
        ("disabling of a person", "kind", "node", true), ("disabling of a person", "kind", "device", false),
        ("disabling of a person", "reason", "\u{0085}", false), ("invitation of a node", "kind", "group", false),
        ("invitation of a node", "tags", ["name": "db-1"], false), ("invitation of a node", "tags", ["env": "a|b"], false),
        ("invitation of a node", "tags", ["env": 1], false), ("invitation of a person", "attributes", ["Team": "db"], false),
        ("invitation of a person", "attributes", ["team": "d b"], false), ("invitation of a person", "groups", ["Ops"], false),
        ("opening", "capability", "sudo", false), ("opening", "runAs", "1000", false), ("opening", "ephemeral", "00", false),
        ("opening", "command", ["ls", 1], false), ("opening", "command", .array(Array(repeating: "a", count: 256)), true),
        ("opening", "command", .array(Array(repeating: "a", count: 257)), false),
        ("opening", "command", [.string(String(repeating: "a", count: 32_768))], true),
        ("opening", "command", [.string(String(repeating: "a", count: 32_769))], false),
        ("opening", "terminal", ["type": "x", "columns": 1, "rows": 10_000], true),
        ("opening", "terminal", ["type": "x", "columns": 0, "rows": 1], false),
        ("opening", "terminal", ["type": "x", "columns": 1, "rows": 10_001], false),
        ("opening", "terminal", ["type": "x", "columns": 1, "rows": 1, "depth": 1], false), ("acceptance", "lease", 0, false),
        ("acceptance", "lease", 1_000_001, false), ("acceptance", "ephemeral", .string(String(repeating: "0", count: 66)), false),
        ("receipt", "reason", "bored", false), ("receipt", "exit", 255, true), ("receipt", "exit", 256, false), ("receipt", "signal", 9, false),
        ("receipt without an outcome", "signal", 0, false), ("receipt without an outcome", "signal", 1, true),
        ("receipt without an outcome", "signal", 64, true), ("receipt without an outcome", "signal", 65, false),
        ("receipt", "killed", 10_000_001, false), ("receipt", "left", 10_000_001, false), ("receipt", "detail", "\u{1B}[2J", false),
        ("charter", "version", 0, false), ("charter", "administrators", ["Anna"], false),
    ]

    @Test(arguments: values) private func `a value at its limit is taken and one past it refused`(
        name: String, key: String, value: JSONValue, isTaken: Bool
    ) throws {
        struct Change: Check {
            let (key, value, isTaken): (String, JSONValue, Bool)
            func run<Value: Statement>(_ statement: Value) throws {
                var object = try members(of: statement)
                #expect(object[key] != nil, "the sample has no `\(key)`")
                object[key] = .some(value)
                do {
                    _ = try read(object, as: Value.self)
                    #expect(isTaken, "it was taken")
                } catch let error as EvidenceError {
                    #expect(!isTaken && error.code != "internal", "\(error)")
                }
            }
        }
        let sample = try #require(Self.samples.first { $0.testDescription == name })
        try sample.check(Change(key: key, value: value, isTaken: isTaken))
    }

    @Test(arguments: ["a\u{1B}[2J", "a\u{202E}b"]) func `the founder's device has a label that prints`(label: String) throws {
        let statement = try Installation.charter(device: label).signed(with: Installation.key("anna"))
        #expect(throws: EvidenceError.self) { try Signed<CharterStatement>(statement.source) }
    }

    @Test func `the id of a request is made from what was signed and not from the signatures`() throws {
        let statement = try Installation(joined: false).request()
        let (one, two) = (try statement.signed(with: Installation.key("anna")), try statement.signed(with: Installation.key("bob")))
        #expect(one.id == two.id && one.digest == two.digest)
        let other = try Installation(joined: false).request(nonce: "other").signed(with: Installation.key("anna"))
        #expect(other.id != one.id)
    }

    // MARK: Signed texts

    private func signature(_ change: (inout JSONObject) -> Void = { _ in }) throws -> JSONValue {
        let source = try Installation.charter().signed(with: Installation.key("anna")).source
        var object = try #require(source.signaturesJSON.asArray?.first?.asObject)
        change(&object)
        return .object(object)
    }

    @Test func `one to eight signatures are taken`() throws {
        let good = try signature()
        func text(_ count: Int) throws -> SignedText {
            try SignedText(.object(["statement": "{}", "signatures": .array(Array(repeating: good, count: count))]))
        }
        for count in [1, 8] { #expect(try text(count).signatures.count == count) }
        for count in [0, 9] { #expect(throws: EvidenceError.self) { try text(count) } }
    }

    @Test func `a malformed signature is refused`() throws {
        let changes: [(inout JSONObject) -> Void] = [
            { $0["key"] = "00" }, { $0["key"] = nil }, { $0["key"] = .some(.null) }, { $0["signature"] = "00" }, { $0["signature"] = nil },
            { $0["more"] = 1 }, { $0["key"] = .string(($0["key"]?.asString ?? "").uppercased()) },
            { $0["signature"] = .string(String(($0["signature"]?.asString ?? "").dropLast(2))) },
            { $0["signature"] = .string(($0["signature"]?.asString ?? "") + "00") },
        ]
        for change in changes {
            let bad = try signature(change)
            #expect(throws: EvidenceError.self) { try SignedText(.object(["statement": "{}", "signatures": [bad]])) }
        }
        for value in [JSONValue.null, [:], ["statement": "{}"], ["statement": 1, "signatures": []]] {
            #expect(throws: EvidenceError.self) { try SignedText(value) }
        }
        let good = try signature()
        #expect(throws: EvidenceError.self) { try SignedText(.object(["statement": "{}", "signatures": [good], "more": 1])) }
        for stored in ["", "{}", "null", "[]", "[{}]", "[1]"] {
            #expect(throws: EvidenceError.self) { try SignedText(text: "{}", signatures: stored) }
        }
    }
}
