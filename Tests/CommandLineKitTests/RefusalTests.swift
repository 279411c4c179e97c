// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Testing

private let requestHelp = "`stint request --help` shows what can be written."

struct RefusalTests {
    @Test func `an unknown option suggests the nearest one`() {
        #expect(run("request", "--raeson", "x") == refusal(
            "There is no option `--raeson` here.", hint: "Did you mean `--reason`?"))
        #expect(run("request", "--rea=x") == refusal(
            "There is no option `--rea` here.", hint: "Did you mean `--reason`?"))
        #expect(run("request", "--zzzzzz") == refusal("There is no option `--zzzzzz` here.", hint: requestHelp))
        #expect(run("request", "-wx") == refusal("There is no option `-x` here.", hint: requestHelp))
    }

    @Test func `an option of a command before its name is told to move`() {
        #expect(run("--reason", "x", "request") == refusal(
            "There is no option `--reason` here.",
            hint: "It is an option of a command: write it after the command's name."))
    }

    @Test func `an unknown command suggests the nearest one`() {
        #expect(run("reqest") == refusal("There is no command `reqest` in `stint`.", hint: "Did you mean `stint request`?"))
        #expect(run("policy", "chekc") == refusal(
            "There is no command `chekc` in `stint policy`.", hint: "Did you mean `stint policy check`?"))
        #expect(run("x") == refusal(
            "There is no command `x` in `stint`.", hint: "`stint --help` shows what can be written."))
        #expect(run("Request").status == 2)
    }

    @Test func `a family without its command names the choices`() {
        #expect(run("policy") == refusal("`stint policy` needs a command after it.", hint: "One of: check."))
    }

    @Test func `an option given twice is refused`() {
        let hint = "Keep one of them; which of the two counts would be a guess."
        #expect(run("request", "-rx", "--reason", "x") == refusal("`--reason` is given twice.", hint: hint))
        #expect(run("--home", "a", "request", "-rx", "--home", "a") == refusal("`--home` is given twice.", hint: hint))
        #expect(run("request", "--reason=", "--reason=") == refusal("`--reason` is given twice.", hint: hint))
    }

    @Test func `an option without its value is refused`() {
        #expect(run("request", "--reason") == refusal(
            "`--reason` needs a value after it.", hint: "Write `--reason TEXT`."))
        #expect(run("request", "-wr").status == 2)
    }

    @Test func `a forgotten value does not swallow the next option`() {
        let hint = "If it is the value, join the two: `--reason=VALUE`."
        #expect(run("request", "--reason", "--for", "1h") == refusal(
            "`--reason` needs a value, and `--for` looks like an option.", hint: hint))
        #expect(run("request", "-r", "--").errors.contains("`--` looks like an option"))
        #expect(run("request", "--reason=--for").output == "reason=--for\n")
    }

    @Test func `a flag with a value is refused`() {
        #expect(run("request", "--wait=yes") == refusal("`--wait` takes no value.", hint: "Write `--wait` alone."))
        #expect(run("request", "--wait=").status == 2)
        #expect(run("--help=x").status == 2)
    }

    @Test func `what is required and missing is named`() {
        #expect(run("request") == refusal("`--reason` is missing.", hint: "Why you need it. Write `--reason TEXT`."))
        #expect(run("exec", "--", "ls") == refusal("NODE is missing.", hint: "The node."))
        #expect(run("exec", "web1") == refusal(
            "CMD is missing.", hint: "Write it after `--`; everything behind `--` is passed on unchanged."))
        #expect(run("exec", "web1", "--").status == 2)
        #expect(run("show").errors.hasPrefix("stint: error: ID is missing."))
    }

    @Test func `a remote command without two dashes is refused, not guessed`() {
        #expect(run("exec", "web1", "ls") == refusal(
            "`ls` is one argument too many.",
            hint: "Write CMD after `--`; everything behind `--` is passed on unchanged."))
        #expect(run("exec", "web1", "ls", "-la").status == 2)
    }

    @Test func `a surplus word is refused`() {
        #expect(run("request", "-rx", "now") == refusal("`now` is one argument too many.", hint: requestHelp))
        #expect(run("policy", "check", "a", "b").status == 2)
        #expect(run("ledger", "lsit") == refusal(
            "There is no command `lsit` in `stint ledger`.", hint: "Did you mean `stint ledger list`?"))
    }

    @Test func `an option of the standard command does not pass to another one`() {
        #expect(run("ledger", "--limit", "3", "verify").errors.hasPrefix("stint: error: There is no option `--limit` here."))
    }

    @Test func `a word outside the listed ones is refused`() {
        #expect(run("request", "--mode", "root") == refusal(
            "`root` is not a value of `--mode`.", hint: "It takes one of `shell`, `exec`."))
    }

    @Test(arguments: ["0", "10", "+5", "1e1", "", "-1", "-", "9223372036854775808", "５", "5 ", "0x5", "--5"])
    func `what is not a number in range is refused`(text: String) {
        #expect(run("request", "-rx", "--votes=\(text)") == refusal(
            "`\(text)` is not a value of `--votes`.", hint: "It takes a whole number from 1 to 9."))
    }

    @Test func `words are compared byte for byte`() {
        // The Kelvin sign and K are equal as Swift strings.
        #expect(run("request", "-rx", "--mode=shell\u{301}").status == 2)
        #expect(run("--\u{301}").status == 2)
        #expect(run("-\u{301}").status == 2)
        #expect(run("request\u{301}").status == 2)
    }

    @Test func `hostile words are shown harmless and cut`() {
        let transcript = run("a\u{1B}[2J\nb\u{202E}")
        #expect(transcript.errors.hasPrefix(#"stint: error: There is no command `a\u{1b}[2J\nb\u{202e}` in `stint`."#))
        let long = run(String(repeating: "a", count: 1_000_000)).errors
        #expect(long.utf8.count < 300)
        #expect(long.contains("aaa…`"))
    }

    @Test(arguments: [
        "", "-", "--", "---", "--=", "--=x", "-=", "=", "\n", "\0", "\u{FFFD}", "-\u{FFFD}", "--\u{0}", "-é", "-👩‍👩‍👧",
        "--home", "--home=", "-h", "-hh", "-r", "__complete", "__manual", "\u{200D}", "-\u{200D}", "\r\n", "--\r\n=\r\n",
    ])
    func `odd words never stop the program`(odd: String) {
        for arguments in [[odd], [odd, odd], ["request", odd], ["exec", odd, odd, "--", odd], ["policy", odd], ["help", odd]] {
            let transcript = run(arguments)
            #expect([0, 2, 5, 7].contains(transcript.status))
            #expect(transcript.status != 2 || transcript.errors.hasPrefix("stint: error: "))
            #expect(transcript.errors.utf8.split(separator: UInt8(ascii: "\n")).count <= 2)
        }
    }

    @Test func `random words never stop the program`() {
        let parts = ["-", "--", "=", "request", "exec", "reason", "home", "r", "w", "\u{301}", "\n", "é", "", " ", "h"]
        var state: UInt64 = 42
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for _ in 0..<3000 {
            let arguments = (0..<next(6)).map { _ in (0..<next(5)).map { _ in parts[next(parts.count)] }.joined() }
            #expect([0, 2, 5, 7].contains(run(arguments).status))
        }
    }
}
