// SPDX-License-Identifier: Apache-2.0

import CommandLineKit
import Testing

/// What each shell offers at the end of a line. The words of a line are separated by single blanks.
private let offers: [(line: String, words: Set<String>)] = [
    ("stint re", ["request"]),
    ("stint --home /h po", ["policy"]),
    ("stint policy ", ["check"]),
    ("stint ledger v", ["verify"]),
    ("stint request --rea", ["--reason"]),
    ("stint request --hom", ["--home"]),
    ("stint ledger --li", ["--limit"]),
    ("stint request --mode ", ["shell", "exec"]),
    ("stint request --on we", ["web1", "web2"]),
    ("stint request --reason policy --on d", ["db1"]),
    ("stint exec w", ["web1", "web2"]),
    ("stint exec --reason x w", ["web1", "web2"]),
    ("stint exec web1 ", []),
    ("stint show ", ["requests-none"]),
    ("stint --home /h show ", ["requests-/h"]),
    ("stint show --home /h ", ["requests-/h"]),
    ("stint show a b c ", ["sessions-none"]),
    ("stint completion z", ["zsh"]),
    ("stint policy check some", ["some file", "some dir/"]),
    ("stint --home some", ["some dir/"]),
    ("stint __", []),
    ("stint exec web1 -- l", []),
    ("stint exec -- w", []),
]

struct CompletionTests {
    @Test func `an unknown shell is refused with the known ones`() {
        #expect(run("completion", "csh") == refusal(
            "`csh` is not a value of `SHELL`.", hint: "It takes one of `bash`, `zsh`, `fish`."))
    }

    @Test func `hidden commands are in no script`() {
        for shell in Shell.allCases {
            let names = run("completion", shell.rawValue).output.split { !($0.isLetter || $0 == "_") }
            #expect(!names.contains("__manual"))
        }
    }

    @Test(.enabled(if: Workspace.find("bash") != nil), arguments: offers)
    func `bash offers what fits`(line: String, words: Set<String>) throws {
        let place = try Workspace()
        try place.write("script", run("completion", "bash").output)
        try place.write("driver", """
            source ./script
            compopt() { :; }
            COMP_WORDS=(\(line.split(separator: " ").map { "'\($0)'" }.joined(separator: " ")))
            [[ '\(line)' == *' ' ]] && COMP_WORDS+=('')
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _stint
            for word in "${COMPREPLY[@]}"; do [[ -d $word ]] && word+=/; printf '%s\\n' "$word"; done
            """)
        let answer = try place.output(of: "/bin/bash", "driver")
        #expect(Set(answer.text.split(separator: "\n").map(String.init)) == words)
    }

    @Test(.enabled(if: Workspace.find("bash") != nil))
    func `bash offers a value that is joined to its option`() throws {
        let place = try Workspace()
        try place.write("script", run("completion", "bash").output)
        // Bash makes a word of its own of the equals sign.
        for (words, expected) in [("= ex", "exec\n"), ("=", "shell\nexec\n")] {
            try place.write("driver", """
                source ./script
                COMP_WORDS=(stint request --mode \(words))
                COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
                _stint
                printf '%s\\n' "${COMPREPLY[@]}"
                """)
            #expect(try place.output(of: "/bin/bash", "driver").text == expected)
        }
    }

    @Test(.enabled(if: Workspace.find("fish") != nil), arguments: offers)
    func `fish offers what fits`(line: String, words: Set<String>) throws {
        let place = try Workspace()
        try place.write("script", run("completion", "fish").output)
        try place.write("driver", "source script\ncomplete -C '\(line)' | string replace -r '\\t.*' ''\n")
        let answer = try place.output(of: Workspace.find("fish") ?? "", "--no-config", "driver")
        #expect(Set(answer.text.split(separator: "\n").map(String.init)) == words)
    }

    // Zsh completes only for a person at a terminal; that its script is one at all can be tested without.
    @Test(.enabled(if: Workspace.find("zsh") != nil))
    func `zsh understands its script`() throws {
        let place = try Workspace()
        try place.write("script", run("completion", "zsh").output)
        let answer = try place.output(of: Workspace.find("zsh") ?? "", "-f", "-n", "script")
        #expect(answer.text.isEmpty)
        #expect(answer.status == 0)
    }
}
