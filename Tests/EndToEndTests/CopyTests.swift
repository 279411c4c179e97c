// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// Files to a node and from it.
@Suite(.serialized, .installation(.init(rules: ["capabilities": #"["shell", "exec", "copy"]"#])))
struct CopyTests {
    private func grant(_ capabilities: String = "copy", runAs: String? = nil) async throws -> String {
        let here = try Installation.here
        for old in try await here.grants() where ["ready", "active"].contains(old.state) {
            try await here.stint(as: "oncall", "done", old.id).checked()
        }
        var arguments = ["request", "--on", "db-1", "--for", "10m", "--reason", "a file, \(UInt32.random(in: 0 ... .max))", "--capabilities", capabilities, "--json"]
        if let runAs { arguments += ["--as", runAs] }
        let request: RequestAnswer = try await here.run(Programs.stint, arguments, environment: ["STINT_HOME": here.home(of: "oncall")]).decoded()
        let approved: RequestAnswer = try await here.stint(as: "lead", "approve", request.id, "--yes", "--json").decoded()
        return try #require(approved.grant)
    }

    private func copy(_ paths: String...) async throws -> Outcome {
        let here = try Installation.here
        return try await here.run(Programs.stint, ["copy"] + paths, environment: ["STINT_HOME": here.home(of: "oncall")])
    }

    /// A folder on the node that every user may write to, and one here.
    private func folders() throws -> (node: String, here: String) {
        let here = try Installation.here
        let (node, own) = (here.scratch("node"), here.directory + "/own-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(atPath: node, withIntermediateDirectories: true)
        chmod(node, 0o1777)
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
        return (node, own)
    }

    @Test func `a tree goes there and back, byte for byte, and is the user's there`() async throws {
        let here = try Installation.here
        let id = try await grant()
        let (node, own) = try folders()
        try FileManager.default.createDirectory(atPath: own + "/tree/deep", withIntermediateDirectories: true)
        let bytes = Data((0..<3_000_000).map { _ in UInt8.random(in: 0...255) })
        try bytes.write(to: URL(fileURLWithPath: own + "/tree/deep/a file; $HOME"))
        try Data().write(to: URL(fileURLWithPath: own + "/-empty"))
        let there = try await copy(own + "/tree", own + "/-empty", "db-1:\(node)/")
        #expect(there.status == 0 && there.text.isEmpty && there.errors.isEmpty, "\(there.errors)")
        let attributes = try FileManager.default.attributesOfItem(atPath: node + "/tree/deep")
        #expect(attributes[.ownerAccountName] as? String == Programs.user)
        try FileManager.default.createDirectory(atPath: own + "/back", withIntermediateDirectories: true)
        let back = try await copy("db-1:\(node)/tree", "db-1:\(node)/-empty", own + "/back")
        #expect(back.status == 0 && back.errors.isEmpty, "\(back.errors)")
        let isSame = try Data(contentsOf: URL(fileURLWithPath: own + "/back/tree/deep/a file; $HOME")) == bytes
        #expect(isSame && FileManager.default.fileExists(atPath: own + "/back/-empty"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: node).sorted() == ["-empty", "tree"])
        for session in try await here.sessions(of: id) { #expect(session.capability == "copy") }
        // What was copied stands in the opening, for whoever reads it later.
        #expect(try await here.stint(as: "lead", "sessions", "--all").checked().text.contains("from \(node)/tree"))
        #expect(try await here.stint(as: "lead", "show", "r" + id.dropFirst()).checked().text.contains("opened on db-1: copy from \(node)/tree"))
    }

    @Test func `one file takes another name, and relative paths begin in the user's home`() async throws {
        let here = try Installation.here
        _ = try await grant("exec,copy")
        let (node, own) = try folders()
        try Data("one".utf8).write(to: URL(fileURLWithPath: own + "/file"))
        try await copy(own + "/file", "db-1:\(node)/renamed").checked()
        try await copy("db-1:\(node)/renamed", own + "/again").checked()
        #expect(try String(contentsOfFile: own + "/again", encoding: .utf8) == "one")
        let name = "copied-\(UInt32.random(in: 0 ... .max))"
        try await copy(own + "/file", "db-1:\(name)").checked()
        #expect(try await here.exec("sh", "-c", "cat ~/\(name); rm ~/\(name)").checked().text == "one")
    }

    @Test func `what cannot be copied is told by name, and nothing is left half`() async throws {
        _ = try await grant()
        let (node, own) = try folders()
        try Data("one".utf8).write(to: URL(fileURLWithPath: own + "/file"))
        func expect(_ outcome: Outcome, _ status: Int32, _ words: String...) {
            #expect(outcome.status == status && words.allSatisfy { outcome.errors.contains($0) }, "\(outcome.status) \(outcome.errors)")
        }
        expect(try await copy("db-1:/no-such-thing", own), 1, "no-such-thing", "No such file")
        expect(try await copy("db-1:/etc/hosts", "db-1:/no-such-thing", own), 1, "No such file")
        expect(try await copy(own + "/file", own + "/none", "db-1:\(node)/"), 1, "none", "nothing was put in place")
        expect(try await copy(own + "/file", "db-1:\(node)/no/such/folder"), 1, "There is no folder")
        expect(try await copy("db-1:/etc/hosts", own + "/no/such"), 1, "There is no folder", "copy.no-such-folder")
        expect(try await copy(own + "/file"), 2, "usage.copy-sides")
        expect(try await copy(own + "/file", own + "/other"), 2, "usage.copy-sides")
        expect(try await copy("db-1:/etc/hosts", "db-2:/tmp"), 2, "usage.copy-sides")
        expect(try await copy("db-1:/etc/..", own), 2, "copy.no-name")
        if Programs.isRoot { expect(try await copy("db-1:/etc/shadow", own), 1, "Permission denied") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: node).isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: own) == ["file"])
    }

    @Test func `the right to a shell or a command is none to copy`() async throws {
        _ = try await grant("shell,exec")
        let (_, own) = try folders()
        let refused = try await copy("db-1:/etc/hosts", own)
        #expect(refused.status == 3 && refused.errors.contains("grant.none-covers"), "\(refused.errors)")
        #expect(refused.errors.contains("stint copy db-1:/etc/hosts"))
    }
}
