// SPDX-License-Identifier: Apache-2.0

import Access
import StrictJSON
import Testing

/// How sessions are set up: the stricter rule wins, and what gives more needs every rule's word.
@Suite struct SessionSettingsTests {
    private func policy(_ preferences: String...) throws -> Policy {
        try Policy(
            parsing: """
                { entitlements: [{ name: "prod", requesters: ["group:ops"], nodes: "*", capabilities: ["shell"], runAs: ["root"],
                                   seats: [{ count: 1, of: ["group:security"] }] }],
                  preferences: [\(preferences.enumerated().map { "{ name: \"p\($0)\", \($1) }" }.joined(separator: ", "))] }
                """, file: "policy")
    }

    private func settings(_ preferences: String..., node: String = "db-1") throws -> SessionSettings {
        let ours = try Organisation()
        let joined = preferences.enumerated().map { "{ name: \"p\($0)\", \($1) }" }.joined(separator: ", ")
        let policy = try Policy(
            parsing: """
                { entitlements: [{ name: "prod", requesters: ["group:ops"], nodes: "*", capabilities: ["shell"], runAs: ["root"],
                                   seats: [{ count: 1, of: ["group:security"] }] }], preferences: [\(joined)] }
                """, file: "policy")
        return policy.settings(on: try #require(ours.directory.nodes[try NodeName(node)]))
    }

    @Test func `only rules that mean the node count, and the shorter time wins`() throws {
        let found = try settings(
            #"nodes: "*", idleLimit: "10m", sessionMaximum: "1h""#, #"nodes: "role=db", idleLimit: "5m", sessionMaximum: "2h""#,
            #"nodes: "role=web", idleLimit: "1m""#)
        #expect(found.idleLimit == .seconds(300) && found.sessionMaximum == .seconds(3600))
    }

    @Test func `of several rules the stricter holds in each respect`() throws {
        let found = try settings(
            #"nodes: "*", minimumUserID: 1000, limits: { openFiles: 64, processes: 10 }, shell: "/bin/bash""#,
            #"nodes: "*", minimumUserID: 500, noNewPrivileges: true, limits: { openFiles: 128, coreBytes: 0 }, shell: "/bin/sh""#)
        #expect(found.minimumUserID == 1000 && found.noNewPrivileges && found.shell == "/bin/bash")
        #expect(found.limits == [.openFiles: 64, .processes: 10, .coreBytes: 0])
    }

    @Test func `between two policies, an account and sudo are there only where both give them alike`() throws {
        let with = try settings(#"nodes: "*", account: { home: "wipe" }, sudo: ["/usr/bin/systemctl restart nginx.service"]"#)
        let other = try settings(#"nodes: "*", account: { home: "keep" }, sudo: ["ALL"]"#)
        #expect(with.stricter(with: with) == with)
        for stricter in [with.stricter(with: other), other.stricter(with: with), with.stricter(with: SessionSettings())] {
            #expect(stricter.account == nil && stricter.sudo == nil)
        }
    }

    @Test func `settings are read back as they were written`() throws {
        let found = try settings(
            """
            nodes: "*", sessionMaximum: "1d", idleLimit: "1h", shell: "/bin/bash", directory: "/srv/app", minimumUserID: 1000,
            environment: { EDITOR: "vi", "PS1": "" }, commands: ["cd /srv", "umask 027"], greets: true, keepsLoginRecord: true,
            limits: { coreBytes: 0, memoryBytes: 1073741824 }, account: { home: "keep", groups: ["adm"] }, sudo: ["ALL"]
            """)
        var reader = try ObjectReader(found.json)
        #expect(try SessionSettings(&reader) == found)
        #expect(throws: Never.self) { try reader.finish() }
    }

    @Test(arguments: [
        #"sessionMaximum: "59s""#, #"sessionMaximum: "86401s""#, #"idleLimit: "59s""#, #"idleLimit: "3601s""#, #"shell: "bash""#,
        #"shell: "/bin/../bin/sh""#, #"shell: "/bin/sh -c""#, #"directory: "~""#, #"commands: ["a\nb"]"#, #"commands: [""]"#,
        #"environment: { PATH: "/tmp" }"#, #"environment: { LD_PRELOAD: "x" }"#, #"environment: { STINT_SESSION: "x" }"#,
        #"environment: { BASH_ENV: "x" }"#, #"environment: { "A=B": "x" }"#, #"environment: { lower: "x" }"#, #"environment: { A: "a\nb" }"#,
        "minimumUserID: -1", "limits: { openFiles: -1 }", "limits: { files: 1 }", #"sudo: []"#, #"sudo: ["ls"]"#, #"sudo: ["/bin/sh, ALL"]"#,
        #"sudo: ["/bin/*"]"#, #"sudo: ["!/bin/sh"]"#, #"sudo: ["/bin/sh\nroot ALL=ALL"]"#, #"sudo: ["ALL"], noNewPrivileges: true"#,
        #"account: { home: "burn" }"#, #"account: { groups: ["0"] }"#, "account: { uid: 0 }", "unknown: 1",
    ])
    func `a setting that is out of its range or could be read as something else is refused`(member: String) {
        #expect(throws: PolicyError.self) { try policy("nodes: \"*\", \(member)") }
    }

    @Test(arguments: ["${person.department}", "env=${person.env}", ""])
    func `settings go by tags, not by people`(selector: String) {
        #expect(throws: PolicyError.self) { try policy("nodes: \"\(selector)\"") }
    }

    @Test func `the lease has the shorter of entitlement and preferences`() throws {
        var ours = try Organisation(Organisation.entitlement { ($0.sessionMaximum, $0.idleLimit) = (.seconds(600), .seconds(600)) })
        var policy = try #require(ours.directory.charter?.policy)
        policy.preferences = try self.policy(#"nodes: "*", idleLimit: "5m", sessionMaximum: "1h""#).preferences
        ours.directory.charters = [Charter(version: 1, administrators: [], policy: policy)]
        let opening = Opening(
            person: try PersonName("anna"), device: Organisation.key(1), node: try NodeName("db-1"), capability: .shell,
            runAs: try RunAsName(user: "deploy"), at: Organisation.asked + .seconds(120))
        let lease = try opening.lease(
            under: try Organisation.terms(), votes: [Organisation.approval(by: "bob"), Organisation.approval(by: "carl", after: 90)],
            activation: Activation(person: try PersonName("anna"), at: Organisation.asked + .seconds(100)), in: ours.directory,
            at: Organisation.asked + .seconds(120))
        #expect(lease.idleLimit == .seconds(300) && lease.sessionMaximum == .seconds(600))
    }

    // MARK: Run-as by attribute

    @Test(arguments: [("anna", "deploy"), ("carl", nil), ("-1", nil), ("0", nil), ("Root", nil), ("a b", nil)] as [(String, String?)])
    func `an attribute names a user only where it is a user's name`(login: String, other: String?) throws {
        let person = Person(name: try PersonName("anna"), groups: [], attributes: ["login": login])
        let rule = try Organisation.entitlement { $0.runAs = [try RunAsRule("${person.login}"), try RunAsRule("deploy")] }
        let isName = login == "anna" || login == "carl"
        #expect(rule.users(for: person).map(\.text) == (isName ? [login, "deploy"] : ["deploy"]))
    }

    @Test func `whoever lacks the attribute is told which`() throws {
        let ours = try Organisation(Organisation.entitlement { $0.runAs = [try RunAsRule("${person.login}")] })
        let rule = try #require(ours.directory.charter?.policy.entitlements.first)
        let ask = try Organisation.ask(by: try ours.person("anna"))
        #expect(rule.refusal(of: ask, in: ours.directory) == .attributeMissing("login", rule.name))
    }

    // MARK: Session preferences of AWS

    @Test func `the document of AWS is taken, and what is not is said`() throws {
        let imported = try ImportedPreferences(
            try JSONValue(
                parsing: """
                    {"schemaVersion":"1.0","description":"d","sessionType":"Standard_Stream","inputs":{"s3BucketName":"b","s3KeyPrefix":"",
                     "s3EncryptionEnabled":true,"cloudWatchLogGroupName":"","cloudWatchStreamingEnabled":false,"kmsKeyId":"k",
                     "runAsEnabled":true,"runAsDefaultUser":"ops","idleSessionTimeout":"20","maxSessionDuration":"60",
                     "shellProfile":{"windows":"date","linux":"cd /srv\\nexport A=1"},"new":"x"}}
                    """))
        #expect(imported.settings.idleLimit == .seconds(1200) && imported.settings.sessionMaximum == .seconds(3600))
        #expect(imported.settings.commands == ["cd /srv", "export A=1"])
        let mapped = imported.notes.filter(\.isMapped).map(\.key), other = imported.notes.filter { !$0.isMapped }.map(\.key)
        #expect(mapped == ["idleSessionTimeout", "maxSessionDuration", "shellProfile.linux"])
        #expect(other == ["runAsEnabled", "shellProfile.windows", "s3BucketName", "s3EncryptionEnabled", "kmsKeyId", "new"])
    }

    @Test(arguments: ["0", "61", "x", "1.5", "-5"])
    func `a time that AWS would not take is refused`(text: String) {
        #expect(throws: JSONError.self) {
            try ImportedPreferences(
                try JSONValue(parsing: "{\"schemaVersion\":\"1.0\",\"inputs\":{\"idleSessionTimeout\":\"\(text)\"}}"))
        }
    }
}
