// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Testing

struct HelpTests {
    @Test func `without words the program shows its commands under their headings`() {
        let transcript = run()
        #expect(transcript.status == 0)
        #expect(transcript.output == """
            stint: Temporary access, decided by people.

            Usage: stint COMMAND [ARGUMENT]...

            Ask, decide, work; then it ends.

            Asking:
              request  Ask for access

            Working:
              exec  Run a command on a node

            Seeing:
              show    Show requests
              ledger  Read the ledger

            Administration:
              policy  Work on the policy

            Help:
              help        Explain a command
              completion  Write a script that completes words in your shell

            Options of every command:
              --home DIR  Keep everything under this directory instead of the usual places.
              --json      Write JSON instead of text for people.
              -h, --help  Explain the program or the command, and do nothing else.
              --version   Show the version, and do nothing else.

            `stint help COMMAND` explains one command.

            """)
        #expect(run("--help") == transcript)
        #expect(run("help") == transcript)
    }

    @Test func `a command explains everything it takes`() {
        let transcript = run("request", "--help")
        #expect(transcript == run("help", "request"))
        #expect(transcript == run("request", "--wait", "-h", "--bogus"))
        #expect(transcript.output == """
            Ask for access.

            Usage: stint request --reason TEXT [OPTION]...

            The request goes to everybody who may decide it.

            It lapses when nobody does.

            Options:
              -r, --reason TEXT  Why you need it.
              --for DURATION     How long you need it.
              --on SELECTOR      Where you need it. May be repeated.
              --mode MODE        What you will do there. One of: shell, exec.
              --votes COUNT      How many votes to wait for.
              -f, --file FILE    Read the reason from it.
              -w, --wait         Wait for the decision.
              -q, --quiet        Say nothing, e.g. in [scripts]; it's enough.

            Options of every command:
              --home DIR  Keep everything under this directory instead of the usual places.
              --json      Write JSON instead of text for people.
              -h, --help  Explain the program or the command, and do nothing else.
              --version   Show the version, and do nothing else.

            Exit status:
              0  Done.
              1  Failed.
              2  The command line was not understood.
              3  The policy refuses the request.

            Examples:
              Ask for an hour on one node.
                $ stint request --on web1 --reason 'disk is full' | cat

            """)
    }

    @Test func `a synopsis shows what is required and what takes many`() {
        #expect(run("exec", "--help").output.contains("Usage: stint exec [OPTION]... NODE -- CMD...\n"))
        #expect(run("show", "--help").output.contains("Usage: stint show ID [ID]...\n"))
        #expect(run("policy", "check", "-h").output.contains("Usage: stint policy check [FILE]\n"))
    }

    @Test func `a family lists its commands`() {
        #expect(run("policy", "--help") == run("help", "policy"))
        #expect(run("help", "ledger").output.contains("Usage: stint ledger [COMMAND] [ARGUMENT]...\n"))
        #expect(run("help", "ledger").output.contains("Without COMMAND it is `stint ledger list`.\n"))
    }

    @Test func `help of something unknown suggests the nearest`() {
        #expect(run("help", "reqest") == refusal(
            "There is no command or topic `reqest` in `stint`.", hint: "Did you mean `stint help request`?"))
        #expect(run("help", "policy", "chek") == refusal(
            "There is no command `chek` in `stint policy`.", hint: "Did you mean `stint policy check`?"))
        #expect(run("help", "request", "x").errors.hasPrefix("stint: error: `x` is one argument too many."))
        #expect(run("help", "policy", "check", "x").errors.hasPrefix("stint: error: `x` is one argument too many."))
    }

    @Test(arguments: [0, 1, 40, 57, 80, 1000])
    func `no line of help is wider than the terminal`(width: Int) {
        for topic in ["request", "exec", "policy"] {
            let lines = run(["help", topic], width: width).output.split(separator: "\n")
            // An example is one line, however long: it is there to be copied.
            let prose = lines.filter { !$0.contains("$ ") && !$0.hasPrefix("Usage") && !$0.hasPrefix("`") }
            #expect(prose.allSatisfy { DisplayWidth.of(String($0)) <= min(max(width, 40), 100) })
        }
    }
}
