// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// What a requester may put into a command of the charter.
@Suite struct CommandDocumentTests {
    private func policy(_ document: String, capabilities: String = #"["exec:tail-log"]"#, more: String = "") throws -> Policy {
        try Policy(
            parsing: """
                { documents: [\(document)],
                  entitlements: [{ name: "logs", requesters: ["group:ops"], nodes: "*", capabilities: \(capabilities), runAs: ["root"],
                                   seats: [{ count: 1, of: ["group:security"] }] }] \(more) }
                """, file: "policy")
    }

    private static let tail = """
        { name: "tail-log", version: 3, summary: "The end of a log",
          command: ["/usr/bin/tail", "-n", "${lines}", "--", "${file}"],
          parameters: { lines: { minimum: 1, maximum: 500, default: "50" }, file: { below: "/var/log/" } } }
        """

    private func tail() throws -> CommandDocument { try #require(try policy(Self.tail).documents.first) }

    private func refusal(_ document: CommandDocument, _ words: [String]) -> String {
        do throws(Refusal) {
            _ = try document.arguments(of: words)
            return "accepted"
        } catch {
            return error.code
        }
    }

    @Test func `values stand in their places, and what is left out has its default`() throws {
        let document = try tail()
        #expect(try document.opening(with: ["file": "/var/log/app/a.log"]) == ["tail-log@3", "file=/var/log/app/a.log"])
        #expect(
            try document.arguments(of: ["tail-log@3", "file=/var/log/syslog", "lines=7"])
                == ["/usr/bin/tail", "-n", "7", "--", "/var/log/syslog"])
        #expect(try document.arguments(of: ["tail-log@3", "file=/var/log/a"])[2] == "50")
    }

    @Test(arguments: [
        "/var/log/../shadow", "/var/log/..", "/var/log/", "/var/log", "/var/logs/a", "/etc/shadow", "var/log/a", "/var/log//a",
        "/var/log/./a", "/var/log/a/", "/var/log/a b", "/var/log/a;id", "/var/log/$(id)", "/var/log/a\nb", "/var/log/\u{2025}/a", "",
        "/var/log/a\0", " /var/log/a", "/var/log/*",
    ])
    func `a path stays below its directory`(path: String) throws {
        #expect(refusal(try tail(), ["tail-log@3", "file=" + path]) == "document.parameter-refused")
    }

    @Test(arguments: ["0", "501", "-1", "+5", "05", "5 ", "1e2", "0x5", "٥", "", "9223372036854775808"])
    func `a number is in its range and has one writing`(text: String) throws {
        #expect(refusal(try tail(), ["tail-log@3", "file=/var/log/a", "lines=" + text]) == "document.parameter-refused")
        #expect(refusal(try tail(), ["tail-log@3", "file=/var/log/a", "lines=500"]) == "accepted")
    }

    @Test func `words that are no values, come twice or belong to another version are refused`() throws {
        let document = try tail()
        #expect(refusal(document, []) == "document.other-version")
        #expect(refusal(document, ["tail-log@2", "file=/var/log/a"]) == "document.other-version")
        #expect(refusal(document, ["tail-log", "file=/var/log/a"]) == "document.other-version")
        #expect(refusal(document, ["tail-log@3"]) == "document.parameter-missing")
        #expect(refusal(document, ["tail-log@3", "file=/var/log/a", "file=/var/log/b"]) == "document.word-malformed")
        #expect(refusal(document, ["tail-log@3", "file=/var/log/a", "-f"]) == "document.word-malformed")
        #expect(refusal(document, ["tail-log@3", "file=/var/log/a", "user=root"]) == "document.parameter-unknown")
        #expect(throws: Refusal.self) { try document.opening(with: ["file": "/etc/passwd"]) }
    }

    @Test(arguments: [
        ("web-#", "web-12", true), ("web-#", "web-", false), ("web-#", "web-1x", false), ("web-#", "xweb-1", false),
        ("*.service", "nginx.service", true), ("*.service", ".service", false), ("*.service", "a/b.service", false),
        ("*.service", "a.service.service", true), ("*.service", "a.service;", false), ("v?", "v1", true), ("v?", "v12", false),
        ("v?", "v/", false), ("a b", "a b", true), ("#.#", "10.20", true), ("#.#", "10", false), ("**", "a", false), ("**", "ab", true),
    ])
    func `a pattern is about the whole value`(pattern: String, value: String, fits: Bool) throws {
        #expect(try ValuePattern(pattern).matches(value) == fits)
    }

    @Test func `a pattern that could be tried in very many ways takes no time`() throws {
        let pattern = try ValuePattern(String(repeating: "*", count: 63) + "!")
        let start = ContinuousClock.now
        #expect(!pattern.matches(String(repeating: "a", count: ParameterRule.maximumLength)))
        #expect(start.duration(to: .now) < .seconds(1))
    }

    @Test(arguments: ["", #"a\b"#, "a$b", "a\u{7F}", "ä", String(repeating: "a", count: 65)])
    func `what is no pattern is refused`(text: String) {
        #expect(throws: Refusal.self) { try ValuePattern(text) }
    }

    @Test func `a value does not become an option`() throws {
        let document = try #require(
            try policy(
                """
                { name: "tail-log", version: 1, command: ["/bin/x", "${name}", "--to=${name}"], parameters: { name: { pattern: "*" } } }
                """
            ).documents.first)
        #expect(refusal(document, ["tail-log@1", "name=-rf"]) == "document.parameter-refused")
        #expect(refusal(document, ["tail-log@1", "name=a-rf"]) == "accepted")
    }

    @Test(arguments: [
        #"name: "tail-log", version: 0, command: ["/bin/x"]"#, #"name: "tail-log", command: ["/bin/x"]"#,
        #"name: "tail-log", version: 1, command: []"#, #"name: "tail-log", version: 1, command: ["tail"]"#,
        #"name: "tail-log", version: 1, command: ["/bin/../bin/x"]"#, #"name: "tail-log", version: 1, command: ["/bin/${a}"], parameters: { a: { pattern: "*" } }"#,
        #"name: "tail-log", version: 1, command: ["/bin/x", "${a}"]"#, #"name: "tail-log", version: 1, command: ["/bin/x", "${a"], parameters: { a: { pattern: "*" } }"#,
        #"name: "tail-log", version: 1, command: ["/bin/x"], parameters: { a: { pattern: "*" } }"#,
        #"name: "tail-log", version: 1, command: ["/bin/x", "${a}"], parameters: { a: {} }"#,
        #"name: "tail-log", version: 1, command: ["/bin/x", "${a}"], parameters: { a: { pattern: "*", values: ["b"] } }"#,
        #"name: "tail-log", version: 1, command: ["/bin/x", "${a}"], parameters: { a: { below: "var/" } }"#,
        #"name: "tail-log", version: 1, command: ["/bin/x", "${a}"], parameters: { a: { below: "/var" } }"#,
        #"name: "tail-log", version: 1, command: ["/bin/x", "${a}"], parameters: { a: { minimum: 1, default: "0" } }"#,
        #"name: "tail-log", version: 1, command: ["/bin/x"], shell: true"#,
    ])
    func `a document that cannot work is refused with the policy`(members: String) {
        #expect(throws: PolicyError.self) { try policy("{ \(members) }") }
    }

    @Test func `a rule names only documents that exist, each once`() {
        #expect(throws: PolicyError.self) { try policy(Self.tail, capabilities: #"["exec:other"]"#) }
        #expect(throws: PolicyError.self) { try policy(Self.tail, capabilities: #"["exec:"]"#) }
        #expect(throws: PolicyError.self) { try policy(Self.tail + "," + Self.tail) }
        #expect(throws: PolicyError.self) {
            try policy(Self.tail, more: #", forbid: [{ name: "f", nodes: "*", capabilities: ["exec:other"] }]"#)
        }
    }

    @Test func `who may run nothing else may not run it in a session of another kind`() throws {
        let ours = try Organisation(Organisation.entitlement { $0.capabilities = [.document(try DocumentName("tail-log"))] })
        for capability in [Capability.shell, .exec, .document(try DocumentName("other"))] {
            let ask = try Organisation.ask(by: try ours.person("anna"), capabilities: [capability])
            let rule = try #require(ours.directory.charter?.policy.entitlements.first)
            #expect(rule.refusal(of: ask, in: ours.directory) == .capabilityNotAllowed(capability, rule.name))
        }
    }

    @Test func `what forbids every command forbids documents too`() throws {
        let document = Capability.document(try DocumentName("tail-log"))
        let ours = try Organisation()
        let (anna, node) = (try ours.person("anna"), try #require(ours.directory.nodes[try NodeName("db-1")]))
        let user = try RunAsName(user: "deploy")
        let rule = { (mine: Set<Capability>) in ForbidRule(name: try RuleName("f"), nodes: .everything, capabilities: mine) }
        #expect(try rule([.exec]).forbids(anna, [document], as: user, on: node))
        #expect(try rule([document]).forbids(anna, [document, .shell], as: user, on: node))
        #expect(try !rule([document]).forbids(anna, [.exec], as: user, on: node))
        #expect(try !rule([.shell]).forbids(anna, [document], as: user, on: node))
    }

    // MARK: The decision

    private func lease(
        frozen: String = tail, current: String = tail, words: [String] = ["tail-log@3", "file=/var/log/a"], hasTerminal: Bool = false
    ) throws -> Lease {
        var ours = try Organisation()
        let document = Capability.document(try DocumentName("tail-log"))
        var charters: [Charter] = []
        for (index, text) in [frozen, current].enumerated() {
            var policy = try #require(ours.directory.charter?.policy)
            policy.entitlements[0].capabilities = [document]
            policy.documents = try self.policy(text).documents
            charters.append(Charter(version: Int64(index + 1), administrators: [], policy: policy))
        }
        ours.directory.charters = charters
        let terms = try Organisation.terms()
        let request = RequestTerms(
            id: terms.id, person: terms.person, entitlement: terms.entitlement, charterVersion: 1, selector: terms.selector,
            capabilities: [document], runAs: terms.runAs, duration: terms.duration, reason: terms.reason, at: terms.at)
        let opening = Opening(
            person: try PersonName("anna"), device: Organisation.key(1), node: try NodeName("db-1"), capability: document,
            runAs: try RunAsName(user: "deploy"), command: words, hasTerminal: hasTerminal, at: Organisation.asked + .seconds(120))
        return try opening.lease(
            under: request, votes: [Organisation.approval(by: "bob"), Organisation.approval(by: "carl", after: 90)],
            activation: Activation(person: try PersonName("anna"), at: Organisation.asked + .seconds(100)), in: ours.directory,
            at: Organisation.asked + .seconds(120))
    }

    @Test func `the node runs the charter's words with the requester's values`() throws {
        #expect(try lease().program == ["/usr/bin/tail", "-n", "50", "--", "/var/log/a"])
    }

    @Test func `a document that was changed after the request is refused`() throws {
        let changed = Self.tail.replacing("maximum: 500", with: "maximum: 501")
        #expect(throws: Refusal.document(.changed(try DocumentName("tail-log")))) { try lease(current: changed) }
        #expect(throws: Refusal.document(.changed(try DocumentName("tail-log")))) { try lease(frozen: changed) }
    }

    @Test func `a document has a terminal when it is interactive, and only then`() throws {
        let name = try DocumentName("tail-log")
        #expect(throws: Refusal.document(.hasNoTerminal(name))) { try lease(hasTerminal: true) }
        let interactive = Self.tail.replacing("version: 3", with: "version: 3, interactive: true")
        #expect(throws: Refusal.document(.needsTerminal(name))) { try lease(frozen: interactive, current: interactive) }
        #expect(throws: Never.self) { try lease(frozen: interactive, current: interactive, hasTerminal: true) }
    }

    @Test func `a value that the charter does not allow opens nothing`() {
        #expect(throws: Refusal.self) { try lease(words: ["tail-log@3", "file=/etc/shadow"]) }
        #expect(throws: Refusal.self) { try lease(words: ["/bin/sh", "-c", "id"]) }
        #expect(throws: Refusal.self) { try lease(words: []) }
    }
}
