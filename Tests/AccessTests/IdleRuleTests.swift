// SPDX-License-Identifier: Apache-2.0

import Access
import Testing

/// Warnings about rules that can never apply, where they stand.
@Suite struct IdleRuleTests {
    private func review(_ text: String, in directory: Directory?) throws -> [PolicyReview.Finding] {
        try PolicyReview(text, file: "p.json5", in: directory).findings
    }

    private static func policy(_ capabilities: String = "'shell', 'exec'", runAs: String = "'root'", nodes: String = "env=prod", more: String = "") -> String {
        """
        { entitlements: [{ name: "prod", requesters: ["group:ops"],
          nodes: "\(nodes)",
          capabilities: [\(capabilities)],
          runAs: [\(runAs)], seats: [{ count: 1, of: ["group:security"] }] }],
          \(more) }
        """
    }

    @Test(arguments: [
        ("{ name: 'f', nodes: '*' }", ["can never apply", "can never apply"]), ("{ name: 'f', nodes: 'env=prod' }", ["can never apply", "can never apply"]),
        ("{ name: 'f', nodes: '*', capabilities: ['shell'] }", ["`shell` can never be had"]),
        ("{ name: 'f', nodes: '*', capabilities: ['exec', 'shell'], runAs: ['root', 'deploy'] }", ["can never apply", "can never apply"]),
        ("{ name: 'f', nodes: 'env=prod,role=db' }", []), ("{ name: 'f', nodes: '*', requesters: ['group:ops'] }", []),
        ("{ name: 'f', nodes: '*', runAs: ['deploy'] }", []), ("{ name: 'f', nodes: '*', capabilities: ['copy'] }", []),
        ("{ name: 'f', nodes: 'env=prod', capabilities: ['copy', 'forward'] }", []),
    ])
    func `what forbid takes away from everybody is told without knowing anybody`(forbid: String, words: [String]) throws {
        let findings = try review(Self.policy(more: "forbid: [\(forbid)]"), in: nil)
        #expect(findings.count == words.count, "\(findings)")
        for (finding, words) in zip(findings, words) {
            #expect(!finding.isError && finding.message.hasPrefix("p.json5:3:17: ") && finding.message.contains(words), "\(finding)")
        }
    }

    @Test func `a user that an attribute names may not be the forbidden one`() throws {
        let forbid = "forbid: [{ name: 'f', nodes: '*', runAs: ['root'] }]"
        #expect(try review(Self.policy(runAs: "'root', '${person.login}'", more: forbid), in: nil).isEmpty)
        #expect(try review(Self.policy(more: forbid), in: nil).count == 2)
    }

    @Test(arguments: [
        ("documents: [{ name: 'uptime', version: 1, summary: 'How long', command: ['/usr/bin/uptime'] }]", "no rule allows `exec:uptime`"),
        ("rosters: [{ name: 'r', zone: 'UTC', start: '2026-01-05 09:00', people: ['anna'] }]", "no rule names the roster `r`"),
    ])
    func `what no rule uses is told without knowing anybody`(more: String, words: String) throws {
        let findings = try review(Self.policy(more: more), in: nil)
        #expect(findings.count == 1 && findings[0].message.hasPrefix("p.json5:5:") && findings[0].message.contains(words), "\(findings)")
        #expect(findings.allSatisfy { !$0.isError })
    }

    @Test func `a document that is allowed and a roster that is named have no finding`() throws {
        let document = "documents: [{ name: 'uptime', version: 1, summary: 'How long', command: ['/usr/bin/uptime'] }]"
        #expect(try review(Self.policy("'shell', 'exec:uptime'", more: document), in: nil).isEmpty)
    }

    @Test(arguments: [
        ("env=prod,rol=db", "No node has the tag `rol`; tags are env, role."), ("env=test", "No node has `env=test`; values are prod."),
        ("env=prod|test,role=cache", "No node has `role=cache`; values are db, web."), ("env=prod,name=db-9", nil),
    ])
    func `a selector that no node fulfils names the condition`(nodes: String, hint: String?) throws {
        let finding = try #require(try review(Self.policy(nodes: nodes), in: try Organisation().directory).first)
        #expect(finding.message.hasPrefix("p.json5:2:10: ") && finding.message.contains("no node matches"))
        #expect(finding.hint == hint)
    }

    @Test(arguments: [
        ("forbid: [{ name: 'f', nodes: '*', requesters: ['group:nobody'] }]", "it means nobody"),
        ("retention: [{ nodes: 'env=tset', keepDays: 3 }]", "no node matches"),
        ("preferences: [{ name: 'x', nodes: 'env=tset', shell: '/bin/bash' }]", "no node matches"),
    ])
    func `rules about nobody and no node are told where they stand`(more: String, words: String) throws {
        let findings = try review(Self.policy(more: more), in: try Organisation().directory)
        #expect(findings.count == 1 && findings[0].message.hasPrefix("p.json5:5:") && findings[0].message.contains(words), "\(findings)")
        #expect(findings.allSatisfy { !$0.isError })
    }

    @Test func `one forbidden capability of two is no reason to say that all is taken away`() throws {
        let forbid = "forbid: [{ name: 'f', nodes: '*', capabilities: ['shell'] }]"
        let findings = try review(Self.policy(more: forbid), in: try Organisation().directory)
        #expect(findings.map { $0.message.contains("takes everything away") } == [false], "\(findings)")
    }

    @Test func `a roster that statements fill may mean everybody, and is told until the first is published`() throws {
        let key = String(repeating: "a1", count: 32)
        let text = """
            { rosters: [{ name: "dba", key: "\(key)", maximumAge: "24h" }], entitlements: [{ name: "prod", requesters: ["roster:dba"],
              nodes: "env=prod", capabilities: ["shell"], runAs: ["root"], seats: [{ count: 2, of: ["roster:dba"] }] }] }
            """
        var directory = try Organisation().directory
        let findings = try review(text, in: directory)
        #expect(findings.count == 1 && findings[0].message.hasPrefix("p.json5:1:") && findings[0].message.contains("no statement"), "\(findings)")
        directory.charters.append(Charter(version: 2, administrators: [], policy: try Policy(parsing: text, file: "p")))
        directory.take(
            PublishedRoster(version: 1, at: Organisation.asked, shifts: []), of: try RosterName("dba"), signedBy: try #require(PublicKey(hex: key)))
        #expect(try review(text, in: directory).isEmpty)
    }

    @Test func `two administrators are an error where there is one, a warning where there are just two`() throws {
        let text = Self.policy(more: "charter: { administrators: 2 }")
        func findings(_ names: [String]) throws -> [PolicyReview.Finding] {
            var directory = try Organisation().directory
            let names = Set(try names.map { try PersonName($0) })
            directory.charters.append(Charter(version: 2, administrators: names, policy: Policy(entitlements: [])))
            return try review(text, in: directory)
        }
        let one = try findings(["anna"])
        #expect(one.count == 1 && one[0].isError && one[0].message.contains("could never be changed again"), "\(one)")
        let two = try findings(["anna", "bob"])
        #expect(two.count == 1 && !two[0].isError && two[0].message.contains("just 2 administrators"), "\(two)")
        #expect(try findings(["anna", "bob", "carl"]).isEmpty)
    }
}
