// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// A device key under a passphrase.
@Suite(.serialized, .installation())
struct KeyTests {
    /// A copy of a person's home, so that no other test meets a passphrase.
    private func copiedHome() throws -> String {
        let here = try Installation.here
        let path = "\(here.directory)/people/copy-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.copyItem(atPath: here.home(of: "oncall"), toPath: path)
        #expect(chmod(path, 0o700) == 0)
        return path
    }

    private func terminal(_ home: String, _ arguments: String...) throws -> TerminalProgram {
        try TerminalProgram(
            Programs.stint, arguments, environment: ["STINT_HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"])
    }

    private func protect(_ home: String, with passphrase: String) async throws {
        let program = try terminal(home, "key", "passphrase")
        try await program.expect("New passphrase: ")
        program.send(passphrase + "\r")
        try await program.expect("Once more: ")
        program.send(passphrase + "\r")
        try await program.expect("under this passphrase now")
        #expect(try await program.process.waitForEnd().status == 0)
        #expect(!program.transcript.contains(passphrase))
    }

    private func stint(_ home: String, _ arguments: String...) async throws -> Outcome {
        try await Installation.here.run(Programs.stint, arguments, environment: ["STINT_HOME": home])
    }

    @Test func `what the machine's configuration of OpenSSL says changes nothing`() async throws {
        let here = try Installation.here
        let path = "\(here.directory)/openssl.cnf"
        // With it a program has no algorithm at all.
        let text = "openssl_conf = a\n[a]\nproviders = b\n[b]\nbase = c\n[c]\nactivate = 1\n"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        let asked = try await here.run(
            Programs.stint, ["status"], environment: ["STINT_HOME": here.home(of: "oncall"), "OPENSSL_CONF": path])
        #expect(asked.status == 0 && asked.text.contains("reachable"), "\(asked.errors)")
        let checked = try await here.run(
            Programs.stintd, ["check", "--home", here.brokerHome], environment: ["OPENSSL_CONF": path])
        #expect(checked.status == 0, "\(checked.errors)")
    }

    @Test func `a protected key is asked for once, then held, then forgotten`() async throws {
        let home = try copiedHome()
        try await protect(home, with: "correct horse")
        let file = try String(contentsOfFile: home + "/device.key", encoding: .utf8)
        #expect(file.hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----"))

        let locked = try await stint(home, "status")
        #expect(locked.status == 7 && locked.errors.contains("key.locked"), "\(locked.errors)")
        #expect(try await stint(home, "whoami", "--offline").status == 0, "what asks nobody needs no key")

        let asked = try terminal(home, "status")
        try await asked.expect("Passphrase of your device key: ")
        asked.send("wrong horse\r")
        try await asked.expect("That is not it.")
        asked.send("correct horsex\u{7F}\r")
        try await asked.expect("reachable")
        #expect(try await asked.process.waitForEnd().status == 0)

        try await stint(home, "status").checked()
        #expect(try await stint(home, "key", "lock").checked().text.contains("is forgotten"))
        #expect(try await stint(home, "status").status == 7)
        #expect(try await stint(home, "key", "lock").checked().text.contains("No opened key"))
    }

    @Test func `a held key is forgotten when its time is up`() async throws {
        let home = try copiedHome()
        try await protect(home, with: "correct horse")
        let unlock = try terminal(home, "key", "unlock", "--for", "1s")
        try await unlock.expect("Passphrase of your device key: ")
        unlock.send("correct horse\r")
        try await unlock.expect("open for 1s")
        #expect(try await unlock.process.waitForEnd().status == 0)
        try await eventually("the end of the holder", within: .seconds(5)) {
            try await self.stint(home, "status").status == 7 && !FileManager.default.fileExists(atPath: home + "/key.sock")
        }
    }

    @Test func `openssl reads the key with its passphrase`() async throws {
        let home = try copiedHome()
        try await protect(home, with: "correct horse")
        let right = try await Installation.here.run(
            "/usr/bin/openssl", ["pkey", "-in", home + "/device.key", "-passin", "pass:correct horse", "-noout", "-text_pub"])
        #expect(right.status == 0 && right.text.contains("ED25519"), "\(right.errors)")
        let wrong = try await Installation.here.run(
            "/usr/bin/openssl", ["pkey", "-in", home + "/device.key", "-passin", "pass:wrong", "-noout"])
        #expect(wrong.status != 0)
    }

    @Test func `a short passphrase, two that differ, and Ctrl-C change nothing`() async throws {
        let home = try copiedHome()
        let before = try String(contentsOfFile: home + "/device.key", encoding: .utf8)
        for (first, second, code) in [
            ("seven c", nil, "key.passphrase-too-short"), ("correct horse", "correct hors", "key.passphrases-differ"),
            ("correct horse", "\u{3}", "key.not-given"),
        ] as [(String, String?, String)] {
            let program = try terminal(home, "key", "passphrase")
            try await program.expect("New passphrase: ")
            program.send(first + "\r")
            if let second {
                try await program.expect("Once more: ")
                program.send(second + "\r")
            }
            try await program.expect(code)
            #expect(try await program.process.waitForEnd().status != 0)
        }
        #expect(try String(contentsOfFile: home + "/device.key", encoding: .utf8) == before)
    }

    @Test func `the passphrase is taken away with the passphrase only`() async throws {
        let home = try copiedHome()
        try await protect(home, with: "correct horse")
        #expect(try await stint(home, "key", "passphrase", "--remove").status == 7)
        let program = try terminal(home, "key", "passphrase", "--remove")
        try await program.expect("Passphrase of your device key: ")
        program.send("correct horse\r")
        try await program.expect("no passphrase now")
        #expect(try await program.process.waitForEnd().status == 0)
        try await stint(home, "status").checked()
    }
}
