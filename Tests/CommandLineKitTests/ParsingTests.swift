// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Testing

/// What the sample's `request` prints for these words.
private func given(_ words: String...) -> String {
    let transcript = run(["request"] + words)
    return transcript.status == 0 ? transcript.output : transcript.errors
}

struct ParsingTests {
    @Test func `a value follows its option or an equals sign`() {
        #expect(given("--reason", "disk full") == "reason=disk full\n")
        #expect(given("--reason=disk=full") == "reason=disk=full\n")
        #expect(given("--reason=") == "reason=\n")
        #expect(given("--reason", "") == "reason=\n")
    }

    @Test func `a short option takes the rest of its word or the next one`() {
        #expect(given("-r", "x") == "reason=x\n")
        #expect(given("-rx") == "reason=x\n")
        #expect(given("-r=x") == "reason==x\n")
        #expect(given("-r", "-") == "reason=-\n")
    }

    @Test func `short flags can be bundled, with an option last`() {
        #expect(given("-wq", "-rx") == "wait\nquiet\nreason=x\n")
        #expect(given("-wqrx") == "wait\nquiet\nreason=x\n")
        #expect(given("-wqr", "x") == "wait\nquiet\nreason=x\n")
        #expect(given("-ww", "-rx") == "wait\nreason=x\n")
    }

    @Test func `a repeatable option keeps all values in their order`() {
        #expect(given("-rx", "--on", "b", "--on=a") == "reason=x\non+=b\non+=a\n")
    }

    @Test func `global options stand before or after the command`() {
        #expect(given("-rx", "--json", "--home", "/h") == "json\nreason=x\nhome=/h\n")
        #expect(run("--home=/h", "--json", "request", "-rx").output == "json\nreason=x\nhome=/h\n")
        #expect(run("--json", "policy", "--json", "check", "f").output == "checked f as JSON\n")
    }

    @Test func `options may follow words`() {
        #expect(run("exec", "web1", "--reason", "x", "--", "ls").output == "node=web1\nreason=x\nrest=ls\n")
    }

    @Test func `everything behind two dashes is passed on unchanged`() {
        let words = ["ls", "--help", "--", "-la", "", "a\nb", "--reason=x"]
        let shown = words.map { "rest=\($0)\n" }.joined()
        #expect(run(["exec", "web1", "--"] + words) == Transcript(output: "node=web1\n" + shown, status: 7))
    }

    @Test func `two dashes end the options of a command without a remote command`() {
        #expect(run("show", "--", "-x", "--help").output == "first=-x\nmore+=--help\n")
        #expect(run("--", "show", "--json").output == "first=--json\n")
    }

    @Test func `many words are kept in their order`() {
        #expect(run("show", "c", "a", "b").output == "first=c\nmore+=a\nmore+=b\n")
    }

    @Test func `a family may have a command that runs without its name`() {
        #expect(run("ledger").output == "list all\n")
        #expect(run("ledger", "--limit", "3").output == "list 3\n")
        #expect(run("ledger", "list", "--limit=3").output == "list 3\n")
    }

    @Test func `a number is taken at both ends of its range`() {
        #expect(given("-rx", "--votes", "1") == "reason=x\nvotes=1\n")
        #expect(given("-rx", "--votes", "9") == "reason=x\nvotes=9\n")
    }

    @Test func `--version shows the version and does nothing else`() {
        #expect(run("--version") == Transcript(output: "stint 1.2.3\n"))
        #expect(run("request", "--version") == Transcript(output: "stint 1.2.3\n"))
    }
}
