// SPDX-License-Identifier: Apache-2.0

import Access
import CommandLineKit
import Evidence
import Posix
import Synchronization
import Testing

@testable import Client

@Suite struct ProgramTests {
    private func run(_ arguments: String...) -> (status: Int32, output: String, errors: String) {
        let output = Mutex("")
        let errors = Mutex("")
        let console = Console(
            output: { text in output.withLock { $0 += text } }, errors: { text in errors.withLock { $0 += text } })
        let status = ClientProgram.program.main(arguments: arguments, console: console)
        return (status, output.withLock { $0 }, errors.withLock { $0 })
    }

    @Test func `every parameter explains itself and every example parses`() {
        #expect(ClientProgram.program.faults == [])
    }

    @Test func `a command before joining says how to join, with status 7`() throws {
        let temporary = try TemporaryHome()
        let result = run("whoami", "--offline", "--home", temporary.home.path)
        #expect(result.status == 7)
        #expect(result.output == "")
        #expect(result.errors.hasPrefix("stint: error: This client has not joined any installation"))
        #expect(result.errors.contains("(client.not-joined)\nstint: hint: "))
    }

    @Test func `an error as JSON has its code by itself`() throws {
        let temporary = try TemporaryHome()
        let result = run("nodes", "--json", "--home", temporary.home.path)
        #expect(result.status == 7)
        #expect(result.errors.contains(#""code":"client.not-joined""#))
        #expect(!result.errors.contains("(client.not-joined)"))
    }

    @Test(arguments: [
        ["request", "--on", "a=,b", "--reason", "x"], ["request", "--on", "x", "--reason", "x", "--for", "10"],
        ["request", "--on", "x", "--reason", "x", "--as", "0"], ["request", "--on", "x", "--reason", "x", "--capabilities", "root"],
        ["request", "--on", "x"], ["approve", "r-7k2p9"], ["end", "r-7k2p9x"], ["shell", "Db-1"],
        ["disable", "device", "abc", "--reason", "x"], ["invite", "node", "x", "--tags", "name=y"],
        ["invite", "person", "x", "--valid-for", "8d"], ["join"], ["join", "x", "--token-file", "y"],
        ["ledger", "list", "--limit", "0"], ["ledger", "list", "--limit", "1001"], ["replay", "s-7k2p9x", "--speed", "-1"],
    ])
    func `what cannot be understood is status 2, before anything is done`(_ arguments: [String]) {
        let output = Mutex("")
        let console = Console(output: { _ in }, errors: { text in output.withLock { $0 += text } })
        let program = ClientProgram.program
        #expect(program.main(arguments: arguments + ["--home", "/nonexistent"], console: console) == 2)
        #expect(output.withLock { $0 }.hasPrefix("stint: error: "))
    }

    // MARK: Joining

    private func token(_ kind: JoinToken.Kind, seconds: Int64 = 60) throws -> String {
        let isFounding = kind == .founding
        let digest = isFounding ? nil : Digest.none
        return try JoinToken(
            kind: kind, name: isFounding ? "" : "bob", broker: "127.0.0.1:1", pin: Installation.makeKey().publicKey,
            root: digest, invitation: digest, notAfter: .now() + .seconds(seconds), secret: SecretBytes(random: 32)
        ).text()
    }

    @Test func `a token that is none, damaged, of a node or expired is refused before anything is sent or made`() throws {
        let temporary = try TemporaryHome()
        let good = try token(.person)
        let damaged = good.dropLast(8) + (good.hasSuffix("A") ? "BBBBBBBB" : "AAAAAAAA")
        let rows: [(String, Int32, String)] = [
            ("hello", 2, "token.malformed"), (String(damaged), 2, "token."), (try token(.node), 2, "token.wrong-kind"),
            (try token(.person, seconds: -1), 5, "token.expired"),
        ]
        for (text, status, code) in rows {
            let result = run("join", text, "--home", temporary.home.path)
            #expect(result.status == status)
            #expect(result.errors.contains("(\(code)"))
        }
        #expect(try DurableFile.listDirectory(temporary.home.path) == [])
    }

    @Test func `a token is read from a file, and a broker that is not there is status 6`() throws {
        let temporary = try TemporaryHome()
        let file = temporary.home.path + "/token"
        try DurableFile.writeAtomically(Array((try token(.founding) + "\n").utf8), to: file)
        let result = run("join", "--token-file", file, "--home", temporary.home.path)
        #expect(result.status == 6)
        #expect(result.errors.contains("(transport.unreachable)"))
        #expect(refusal { _ = try temporary.home.identity() } == "client.not-joined")
    }
}
