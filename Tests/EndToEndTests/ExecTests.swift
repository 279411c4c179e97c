// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A command without a terminal.
@Suite(.serialized, .installation(.init(agentEnvironment: ["AGENTS_OWN": "secret"])))
struct ExecTests {
    @Test func `standard output and standard error stay apart, and the exit status is the command's`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let outcome = try await here.exec("sh", "-c", "echo out; echo err >&2; exit 7")
        #expect(outcome.text == "out\n" && outcome.errors == "err\n" && outcome.status == 7)
    }

    @Test func `a command runs under exactly the grant that was named`() async throws {
        let here = try Installation.here
        let first = try await here.grant()
        let request = try await here.request(on: "db-1")
        let approved: RequestAnswer = try await here.stint(as: "lead", "approve", request.id, "--yes", "--json").decoded()
        let second = try #require(approved.grant)
        for grant in [first, second] {
            try await here.stint(as: "oncall", "exec", "db-1", "--grant", grant, "--", "true").checked()
            #expect(try await here.sessions(of: grant).count == 1)
        }
        try await here.stint(as: "oncall", "done", first).checked()
        let over = try await here.stint(as: "oncall", "exec", "db-1", "--grant", first, "--", "true")
        #expect(over.status != 0 && over.errors.contains("cannot be used"))
        try await here.stint(as: "oncall", "done", second).checked()
    }

    @Test func `arguments arrive as they were given, with no shell in between`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let outcome = try await here.exec("printf", "<%s>", "two words", "$HOME", "*", "", "quote\"s'")
        #expect(outcome.text == "<two words><$HOME><*><><quote\"s'>")
    }

    @Test func `a program opens its own streams by their names`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let input = try here.file("typed", "typed")
        let outcome = try await here.exec("sh", "-c", "echo err >/dev/stderr; cat /dev/stdin >/dev/stdout", input: input)
        #expect(outcome.status == 0 && outcome.text == "typed" && outcome.errors.contains("err\n"), "\(outcome)")
    }

    @Test func `a mebibyte goes through standard input and back unharmed`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let bytes = Data((0..<1_048_576).map { _ in UInt8.random(in: 0...255) })
        let path = here.directory + "/mebibyte"
        try bytes.write(to: URL(fileURLWithPath: path))
        let outcome = try await here.exec("cat", input: path)
        let isWhole = outcome.output == bytes
        #expect(outcome.status == 0 && isWhole)
    }

    @Test func `the recording of a large session can be fetched whole`() async throws {
        let here = try Installation.here
        let grant = try await here.grant()
        // Bytes that are not text take more room in the recording than one answer of the broker holds.
        try await here.exec("head", "-c", "4000000", "/dev/urandom").checked()
        let session = try await here.receipted(grant)
        let raw = try await here.stint(as: "lead", "replay", session.id, "--raw").checked()
        #expect(raw.output.count > 4 * 1024 * 1024)
        #expect(raw.output.last == UInt8(ascii: "\n"))
    }

    @Test func `an end of file that a terminal's program threw away comes again`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let program = "import sys, termios, time; time.sleep(1); termios.tcflush(0, termios.TCIFLUSH); sys.stdin.read(); print('ended')"
        let outcome = try await here.run(
            Programs.stint, ["exec", "-t", "db-1", "--", "python3", "-c", program],
            environment: ["STINT_HOME": here.home(of: "oncall")], within: .seconds(30))
        #expect(outcome.status == 0 && outcome.text.contains("ended"), "\(outcome.status) \(outcome.text) \(outcome.errors)")
    }

    @Test func `an empty standard input is an end of file`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        #expect(try await here.exec("wc", "-c").text == "0\n")
    }

    @Test func `a command that is not there gives 127, and one that may not run 126`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        let missing = try await here.exec("no-such-command")
        #expect(missing.status == 127 && missing.errors.contains("no-such-command"))
        #expect(try await here.exec("/etc/passwd").status == 126)
    }

    @Test(arguments: [("TERM", 143), ("KILL", 137), ("INT", 130)])
    func `a command that a signal ends gives 128 and its number`(signal: String, status: Int32) async throws {
        let here = try Installation.here
        _ = try await here.grant()
        #expect(try await here.exec("sh", "-c", "kill -\(signal) $$").status == status)
    }

    @Test func `a command under the user that the policy names runs as that user and nothing more`() async throws {
        guard Programs.isRoot else { return }  // only root can become somebody else
        let here = try Installation.here
        _ = try await here.grant(runAs: "nobody")
        let outcome = try await here.exec("sh", "-c", "id -un; id -Gn; cat /proc/self/status")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.text.hasPrefix("nobody\nnogroup\n"))
        #expect(outcome.text.contains("CapEff:\t0000000000000000"))
        #expect(try await here.exec("cat", "/etc/shadow").status != 0)
    }

    @Test func `a user that the policy does not name is refused`() async throws {
        let here = try Installation.here
        let outcome = try await here.stint(
            as: "oncall", "request", "--on", "db-1", "--for", "5m", "--reason", "to be somebody else", "--as", "daemon")
        #expect(outcome.status == 3)
        #expect(outcome.errors.contains("policy.run-as") && outcome.errors.contains("Allowed:"), "\(outcome.errors)")
    }

    @Test func `the program's environment is its own, and no descriptor of ours is open in it`() async throws {
        let here = try Installation.here
        _ = try await here.grant()
        // Looked at without a pipe or a folder of the shell's own.
        let look = #"i=0; while [ $i -lt 99 ]; do [ -L /proc/$$/fd/$i ] && printf '%s ' $i; i=$((i + 1)); done"#
        let outcome = try await here.exec("sh", "-c", "env; \(look)")
        #expect(outcome.text.contains("STINT_SESSION=s-") && !outcome.text.contains("AGENTS_OWN"))
        #expect(outcome.text.hasSuffix("\n0 1 2 "), "\(outcome.text)")
    }
}
