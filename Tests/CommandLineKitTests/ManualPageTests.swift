// SPDX-License-Identifier: Apache-2.0

@testable import CommandLineKit
import Testing

struct ManualPageTests {
    private let page = run("__manual").output

    @Test(.enabled(if: Workspace.find("mandoc") != nil))
    func `mandoc has nothing to say against the page`() throws {
        let place = try Workspace()
        try place.write("stint.1", page)
        let answer = try place.output(of: Workspace.find("mandoc") ?? "", "-T", "lint", "stint.1")
        #expect(answer.text.isEmpty)
        #expect(answer.status == 0)
    }

    @Test func `the page names every command, parameter and status`() {
        for text in [
            ".Dd March 1, 2026\n.Dt STINT 1\n", ".Ss stint policy check\n", ".Fl -reason Ar TEXT\n",
            ".It Fl r , Fl -reason Ar TEXT\n", ".Op Fl -for Ar DURATION\n", ".Fl - Ar CMD ...\n", ".It 3\n",
            ".It Ev STINT_HOME\n", ".Ed\n.Pp\nSee who has", ".It Pa /etc/stint\n",
        ] {
            #expect(page.contains(text), "\(text)")
        }
        #expect(!page.contains("__"))
    }

    @Test func `text cannot be taken for a macro`() {
        #expect(Mdoc.line(".Sh NAME") == "\\&.Sh NAME")
        #expect(Mdoc.line("'br") == "\\(aqbr")
        #expect(Mdoc.sentences("One. two\n.Pp three") == ["One.", "two .Pp three"])
        #expect(Mdoc.inline("\\fB … é-") == "\\efB \\[u2026] \\[u00E9]\\-")
        #expect(Mdoc.argument("a \"b\"") == "\"a \\(dqb\\(dq\"")
    }

    @Test func `a sentence that begins with a macro's dot is still text`() {
        #expect(Mdoc.sentences("Read. .profile is a file.") == ["Read.", "\\&.profile is a file."])
    }

    @Test(arguments: [
        ("2026-03-01", "March 1, 2026"), ("2026-12-31", "December 31, 2026"), ("2026-13-01", "2026-13-01"),
        ("soon", "soon"), ("", ""),
    ])
    func `a date is written as mdoc wants it`(date: String, long: String) {
        #expect(ManualPage.longDate(date) == long)
    }
}
