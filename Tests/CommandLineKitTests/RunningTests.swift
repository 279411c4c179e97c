// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Glibc
import Testing

struct RunningTests {
    @Test func `an error of a command is explained on stderr with its status`() {
        #expect(run("policy", "check") == Transcript(
            errors: "stint: error: Line 1:\\nbroken \"x\".\nstint: hint: Mend it.\n", status: 5))
    }

    @Test func `for people a sentence ends with its code`() {
        #expect(run("policy", "check").code == "policy.broken")
        #expect(run("frobnicate").code == "usage.unknown-command")
        #expect(run("show").code == "usage.missing-argument")
        #expect(run("help", "nothing").code == "usage.unknown-topic")
    }

    @Test func `an error of a command is JSON where JSON was asked for`() {
        let json = #"{"error":{"code":"policy.broken","message":"Line 1:\u000abroken \"x\".","hint":"Mend it."}}"#
        #expect(run("policy", "check", "--json") == Transcript(errors: json + "\n", status: 5))
    }

    @Test func `a command line that was not understood is told in JSON where JSON was asked for`() {
        let transcript = run("--json", "frobnicate")
        #expect(transcript.status == 2)
        #expect(transcript.errors.hasPrefix(#"{"error":{"code":"usage."#))
        #expect(!run("frobnicate").errors.hasPrefix("{") && !run("frobnicate", "--", "--json").errors.hasPrefix("{"))
    }

    @Test func `output that could not be written is not a success`() {
        let transcript = run(["show", "a"], failure: ENOSPC)
        #expect(transcript.status == 1)
        #expect(transcript.errors == "stint: error: The output could not be written: No space left on device.\n")
    }

    @Test func `a reader who left early is no message`() {
        #expect(run(["show", "a"], failure: EPIPE) == Transcript(output: "first=a\n", status: 1))
        #expect(run(["exec", "a", "--", "b"], failure: EPIPE).status == 7)
    }

    @Test func `candidates are those that begin so and mean only themselves to a shell`() {
        #expect(run("__complete", "--", "nodes", "web").output == "web1\nweb2\n")
        #expect(run("__complete", "--", "nodes", "").output == "web1\nweb2\ndb1\n")
        #expect(run("__complete", "nodes").output == "web1\nweb2\ndb1\n")
        #expect(run("__complete", "--", "nodes", "-").output == "")
        #expect(run("__complete", "--", "unheard-of", "") == Transcript())
    }

    @Test func `candidates are looked up in the given home`() {
        #expect(run("--home", "/h", "__complete", "--", "requests", "/").output == "/h\n")
    }
}
