// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Protocol
import StrictJSON
import Testing

@Suite struct MessageTests {
    private static func key() throws -> SigningKey { try SigningKey(seed: SecretBytes(count: 32) { $0.copyBytes(from: 0..<32) }) }

    private static func evidence() throws -> OpeningEvidence {
        let (person, node, user) = (try PersonName("anna"), try NodeName("db-1"), try RunAsName(user: "root"))
        let (at, nonce, key) = (Timestamp(milliseconds: 1), String(repeating: "0", count: 32), try key())
        let request = try RequestStatement(
            root: .none, person: person, entitlement: EntitlementName("prod"), charterVersion: 1, selector: Selector("env=prod"),
            capabilities: [.shell], runAs: user, duration: .seconds(60), reason: "why", rollNumber: 1, nonce: nonce, at: at
        ).signed(with: key)
        let vote = try VoteStatement(
            root: .none, request: request.digest, vote: Vote(person: person, verdict: .deny, note: "", at: at), rollNumber: 1, nonce: nonce
        ).signed(with: key)
        let activation = try ActivationStatement(root: .none, request: request.digest, person: person, nonce: nonce, at: at).signed(with: key)
        let opening = try OpeningStatement(
            root: .none, activation: activation.digest, person: person, node: node, capability: .shell, runAs: user, command: [],
            terminal: nil, language: "", ephemeral: Array(repeating: 1, count: 32), rollNumber: 1, nonce: nonce, at: at
        ).signed(with: key)
        return OpeningEvidence(request: request, votes: [vote], activation: activation, opening: opening)
    }

    private static func messages() throws -> [ControlMessage] {
        let (id, text) = (try SessionID("abcdef"), try SignedText(signing: "{}", with: [key()]))
        return [
            .hello(version: "0.1.0", rollNumber: 7, sessions: [id]), .hello(version: "", rollNumber: 0, sessions: []),
            .refused(id, Problem(status: 403, code: "vote.no-seat", message: "No.", hint: "Ask.")),
            .refused(id, Problem(status: 403, code: "vote.no-seat", message: "No.")), .receipt(text), .roll([text, text]), .roll([]),
            .open(try evidence()), .end(id, .revoked, detail: "by carl"), .receiptStored(id), .time(Timestamp(milliseconds: 5)),
            .accepted(text), .opening(text), .rejoin(id), .recorded(id, OutputOffsets(output: 7, errorOutput: UInt64(Int64.max))),
            .clientLost(id), .attach(text), .attached(text), .grantsOver([]),
            .facts(NodeFacts()),
            .distrusts(Problem(status: 409, code: "ledger.behind", message: "No.")),
            .grantsOver([GrantOver(request: try Digest(of: [1]), reason: .revoked, until: Timestamp(milliseconds: 5))]),
        ]
    }

    @Test func `a message is read as it was said`() throws {
        for message in try Self.messages() { #expect(try ControlMessage(message.text) == message) }
    }

    @Test func `a missing field, an unknown field and a field of another kind are refused`() throws {
        for message in try Self.messages() {
            let whole = try #require(try JSONValue(parsing: message.text).asObject)
            for (key, value) in whole.members {
                var without = whole
                without[key] = nil
                #expect(throws: EvidenceError.self, "\(message.text) without \(key)") { try ControlMessage(JSONValue.object(without).text) }
                for other: JSONValue in [.null, true, -1, [[]], ["x": 1]] where other != value && key != "problem" {
                    var changed = whole
                    changed[key] = .some(other)
                    #expect(throws: EvidenceError.self, "\(key) = \(other)") { try ControlMessage(JSONValue.object(changed).text) }
                }
            }
            for key in ["extra", "Type", ""] {
                var more = whole
                more[key] = 1
                #expect(throws: EvidenceError.self) { try ControlMessage(JSONValue.object(more).text) }
            }
        }
    }

    @Test(arguments: [
        "", "null", "[]", "{}", "{\"type\":\"\"}", "{\"type\":\"shutdown\"}", "{\"type\":\"Time\",\"at\":0}", "{\"type\":\"time\",\"at\":1.0}",
        "{\"type\":\"time\",\"at\":-1}", "{\"type\":\"time\",\"at\":253402300800000}", "{\"type\":\"time\",\"at\":1,\"at\":1}",
        "{\"type\":\"time\",\"at\":1} x", "\u{FEFF}{\"type\":\"time\",\"at\":1}", "{\"type\":\"hello\",\"version\":\"1\",\"roll\":-1,\"sessions\":[]}",
        "{\"type\":\"hello\",\"version\":\"1\",\"roll\":0,\"sessions\":[\"g-abcdef\"]}", "{\"type\":\"receipt-stored\",\"session\":\"r-abcdef\"}",
        "{\"type\":\"end\",\"session\":\"s-abcdef\",\"reason\":\"bored\",\"detail\":\"\"}", "{\"type\":\"roll\",\"entries\":[{}]}",
    ])
    func `anything else is no message`(text: String) {
        #expect(throws: EvidenceError.self) { try ControlMessage(text) }
    }

    @Test func `what is long is taken at its limit and refused one past it`() throws {
        let entry = try SignedText(signing: "{}", with: [Self.key()])
        #expect(throws: Never.self) { try ControlMessage(ControlMessage.roll(Array(repeating: entry, count: 200)).text) }
        #expect(throws: EvidenceError.self) { try ControlMessage(ControlMessage.roll(Array(repeating: entry, count: 201)).text) }
        let version = String(repeating: "1", count: 64)
        #expect(throws: Never.self) { try ControlMessage(ControlMessage.hello(version: version, rollNumber: 1, sessions: []).text) }
        #expect(throws: EvidenceError.self) { try ControlMessage(ControlMessage.hello(version: version + "1", rollNumber: 1, sessions: []).text) }
        let time = "{\"type\":\"time\",\"at\":1}"
        let filled = time + String(repeating: " ", count: Limits.controlMessage - time.utf8.count)
        #expect(throws: Never.self) { try ControlMessage(filled) }
        #expect(throws: EvidenceError.self) { try ControlMessage(filled + " ") }
    }

    @Test func `twenty thousand damaged messages are read or refused`() throws {
        let samples = try Self.messages().map { Array($0.text.utf8) }
        var random = SeededGenerator(seed: 2)
        for round in 0..<20_000 {
            var bytes = samples[round % samples.count]
            damage(&bytes, &random)
            guard let message = try? ControlMessage(String(decoding: bytes, as: UTF8.self)) else { continue }
            if (try? ControlMessage(message.text)) != message { Issue.record("\(message.text) is not read as it was said") }
        }
    }

    // MARK: Problems and endings

    @Test func `a problem crosses the wire`() throws {
        let problem = Problem(Refusal.mayNotEnd("g-7k2p9x"))
        #expect(Problem(try JSONValue(parsing: problem.json.text), status: 403) == problem)
        #expect(problem.json["type"]?.asString == "urn:stint:problem:end.not-allowed")
    }

    @Test func `a problem without its parts says so, and one too long is not repeated`() {
        let unclear = Problem(status: 418, code: "broker.unclear", message: "The broker answered with status 418 and no reason.")
        for value: JSONValue in [.null, [:], [], ["code": 1, "title": true, "hint": []], "x"] { #expect(Problem(value, status: 418) == unclear) }
        func problem(code: Int, title: Int, hint: Int) -> Problem {
            Problem(
                [
                    "code": .string(String(repeating: "c", count: code)), "title": .string(String(repeating: "t", count: title)),
                    "hint": .string(String(repeating: "h", count: hint)),
                ], status: 418)
        }
        let most = problem(code: 64, title: 4096, hint: 4096)
        #expect(most.code.count == 64 && most.message.count == 4096 && most.hint?.count == 4096)
        #expect(problem(code: 65, title: 4097, hint: 4097) == unclear)
    }

    @Test(arguments: [
        ("person.unknown", 404), ("session.not-found", 404), ("request.already-resolved", 409), ("vote.already-voted", 409), ("roll.gap", 409),
        ("json.duplicate-key", 400), ("name.malformed", 400), ("evidence.not-signed", 400), ("reason.too-short", 400), ("internal", 500),
        ("internal.cryptography", 500), ("storage.full", 503), ("vote.no-seat", 403), ("", 403), ("anything", 403), ("evidence.field-malformed", 400),
    ])
    func `a code has its status`(code: String, status: Int) {
        #expect(Problem.status(for: code) == status)
    }

    @Test(arguments: [ReceiptStatement.Outcome.exited(0), .exited(255), .signalled(1), .signalled(64), .none])
    func `an ending is read as it was said`(outcome: ReceiptStatement.Outcome) throws {
        let ending = SessionEnding(reason: .revoked, detail: "by carl", outcome: outcome, killed: 3, left: 0)
        #expect(try SessionEnding(ending.text) == ending)
    }

    @Test func `an ending with a field too many or too few is refused`() throws {
        let text = SessionEnding(reason: .revoked, detail: "", outcome: .exited(1), killed: 3, left: 0).text
        let whole = try #require(try JSONValue(parsing: text).asObject)
        for (key, _) in whole.members {
            var without = whole
            without[key] = nil
            #expect(throws: JSONError.self) { try SessionEnding(JSONValue.object(without).text) }
        }
        var more = whole
        more["x"] = 1
        #expect(throws: JSONError.self) { try SessionEnding(JSONValue.object(more).text) }
        for (key, value) in [("killed", JSONValue.integer(-1)), ("left", 10_000_001), ("killed", "3"), ("detail", .string(String(repeating: "d", count: 1001)))] {
            var changed = whole
            changed[key] = value
            #expect(throws: JSONError.self) { try SessionEnding(JSONValue.object(changed).text) }
        }
    }

    @Test(arguments: [256, -1, .max, .min] as [Int64]) func `an exit status that cannot be is no outcome`(status: Int64) throws {
        let text = SessionEnding(reason: .exited, detail: "", outcome: .exited(1), killed: 0, left: 0).text
        #expect(try SessionEnding(text.replacing("\"exit\":1", with: "\"exit\":\(status)")).outcome == .none)
        #expect(try SessionEnding(text.replacing("\"exited\"", with: "\"bored\"")).reason == .failed)
    }
}
