// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The ledger as people and nodes see it, when the broker's files are changed under it.
@Suite(.serialized)
struct LedgerTests {
    @Test func `a database restored from yesterday is named by the client and refused by the node`() async throws {
        try await Installation.with { here in
            _ = try await here.grant()
            try await here.exec("true").checked()
            try await here.stopBroker()
            let yesterday = try here.takeDatabase()
            try await here.startBroker()
            try await here.awaitNode()
            try await here.exec("true").checked()
            try await here.stint(as: "oncall", "ledger", "verify").checked()
            try await here.killAgent("db-1")
            try await here.startAgent("db-1")
            try await eventually("the node's head of the ledger") { (here.sizeSeen(by: "db-1") ?? 0) > yesterday.entries + 3 }
            try await here.stopBroker()
            try here.putBack(yesterday)
            try await here.startBroker()

            let verified = try await here.stint(as: "oncall", "ledger", "verify")
            #expect(verified.status == 1)
            #expect(verified.errors.contains("ledger.behind") && verified.errors.contains("set back"), "\(verified.errors)")
            #expect(try await here.stint(as: "oncall", "request", "--on", "db-1", "--for", "10m", "--reason", "after the restore").status == 1)
            try await eventually("the node's refusal") { here.log(of: "db-1").contains("was set back") }
            // Whoever is let in by the broker learns why the node is away.
            let node = try await eventually("the node's word") {
                let nodes: [NodeAnswer] = try await here.stint(as: "laptop", "nodes", "--json").decoded()
                return nodes.first { $0.state == "distrusts" }
            }
            #expect(node.doubt?.contains("was set back") == true)
            // A device that has not seen the later ledger does not get through either.
            let refused = try await here.stint(as: "laptop", "exec", "db-1", "--", "true")
            #expect(refused.status == 1 && refused.errors.contains("node.distrusts-broker"), "\(refused.errors)")

            // Where the loss is real, each decides anew, at home.
            try await here.stopAgent("db-1")
            for home in [here.home(ofNode: "db-1"), here.home(of: "oncall"), here.home(of: "admin")] {
                for file in ["ledger.json", "roll.jsonl"] { unlink(home + "/" + file) }
            }
            try await here.startAgent("db-1")
            try await here.exec("true").checked()
        }
    }

    @Test func `the ledger is exported entry by entry, and goes on behind the last`() async throws {
        try await Installation.with { here in
            let all = try await here.stint(as: "admin", "ledger", "export").checked().text.split(separator: "\n")
            #expect(all.count > 10)
            let rest = try await here.stint(as: "admin", "ledger", "export", "--after", "10").checked().text.split(separator: "\n")
            #expect(rest.first == all[10])
        }
    }

    @Test func `evidence of a grant is verified by whoever never joined, and by nobody once a byte is changed`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            try await here.exec("echo", "proof").checked()
            _ = try await here.receipted(grant)
            let path = here.directory + "/grant.evidence"
            let written = try await here.stint(as: "lead", "evidence", grant, "--output", path).checked()
            let root = try #require(written.errors.split(separator: " ").last).trimmingCharacters(in: .newlines)

            func verify(_ path: String, root: String) async throws -> Outcome {
                try await here.run(Programs.stint, ["verify", path, "--root", root], environment: ["STINT_HOME": "/nonexistent"])
            }
            let verified = try await verify(path, root: root).checked()
            #expect(verified.text.contains("everything holds") && verified.text.contains("approved by"))
            #expect(try await verify(path, root: String(repeating: "0", count: 64)).status == 1)
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            for _ in 0..<40 {
                var changed = bytes
                changed[Int.random(in: bytes.indices)] ^= 1 << UInt8.random(in: 0...7)
                try changed.write(to: URL(fileURLWithPath: path + ".changed"))
                #expect(try await verify(path + ".changed", root: root).status == 1)
            }
            #expect(try await here.stint(as: "stranger", "evidence", grant, "--output", "-").status == 4)
        }
    }

    @Test func `a recording is verified against the evidence, and no changed byte of it is`() async throws {
        try await Installation.with { here in
            let grant = try await here.grant()
            try await here.exec("echo", "proof of the second kind").checked()
            let session = try await here.receipted(grant).id
            try await eventually("the end of the recording") {
                try await here.stint(as: "lead", "show", session, "--json").checked().text.contains("\"whole\"")
            }
            let cast = try here.file("session.cast", try await here.stint(as: "lead", "replay", session, "--raw").checked().text)
            let whole = try await evidence(of: grant, here)
            let verified = try await verify(whole, cast, here)
            #expect(verified.status == 0 && verified.text.contains("everything holds") && verified.text.contains("\(session), "))
            #expect(verified.text.contains("whole, as it was signed"))

            let bytes = try Data(contentsOf: URL(fileURLWithPath: cast))
            for _ in 0..<20 {
                var changed = bytes
                changed[Int.random(in: bytes.indices)] ^= 1 << UInt8.random(in: 0...7)
                try changed.write(to: URL(fileURLWithPath: cast + ".changed"))
                #expect(try await verify(whole, cast + ".changed", here).status == 1)
            }
            try bytes.dropLast(20).write(to: URL(fileURLWithPath: cast + ".short"))
            let short = try await verify(whole, cast + ".short", here)
            #expect(short.status == 1 && short.errors.contains("were signed for"))
        }
    }

    private func evidence(of grant: String, _ here: Installation) async throws -> String {
        let path = here.directory + "/\(UUID().uuidString).evidence"
        try await here.stint(as: "lead", "evidence", grant, "--output", path).checked()
        return path
    }

    /// By somebody who has joined; nobody asks the broker.
    private func verify(_ evidence: String, _ recording: String, _ here: Installation) async throws -> Outcome {
        try await here.stint(as: "lead", "verify", evidence, "--recording", recording)
    }
}

extension Installation {
    /// The database's files of a broker that does not run.
    struct Database {
        let files: [String: Data]
        let entries: Int64
    }

    fileprivate func takeDatabase() throws -> Database {
        let names = try FileManager.default.contentsOfDirectory(atPath: brokerHome).filter { $0.hasPrefix("stint.db") }
        let files = try names.map { ($0, try Data(contentsOf: URL(fileURLWithPath: brokerHome + "/" + $0))) }
        return Database(files: Dictionary(uniqueKeysWithValues: files), entries: sizeSeen(by: "db-1") ?? 0)
    }

    fileprivate func putBack(_ database: Database) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: brokerHome) where name.hasPrefix("stint.db") {
            try FileManager.default.removeItem(atPath: brokerHome + "/" + name)
        }
        for (name, bytes) in database.files {
            let path = brokerHome + "/" + name
            try bytes.write(to: URL(fileURLWithPath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        }
    }

    /// The size of the highest head that a node keeps.
    fileprivate func sizeSeen(by node: String) -> Int64? {
        guard let text = try? String(contentsOfFile: home(ofNode: node) + "/ledger.json", encoding: .utf8),
            let digits = text.firstMatch(of: /size\\":(\d+)/)?.1
        else { return nil }
        return Int64(digits)
    }
}
