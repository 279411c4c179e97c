// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What Stint says while a session draws, in a real terminal: tmux holds the screen, and its picture is compared.
@Suite(.serialized, .installation())
struct NoticeTests {
    /// A tmux server of its own; `keys` types, `screen` is what a person sees.
    private struct Screen {
        let here: Installation
        let socket: String

        init(_ here: Installation, _ name: String) async throws {
            self.here = here
            socket = "\(here.directory)/tmux-\(name)"
            _ = try await tmux("-f", "/dev/null", "new-session", "-d", "-x", "90", "-y", "24", "sh")
            _ = try await tmux("set", "-g", "status", "off")
            try await keys("export STINT_HOME=\(here.home(of: "oncall")) TERM=tmux-256color PS1='local> '; clear\r")
        }

        func tmux(_ arguments: String...) async throws -> String {
            try await here.run("/usr/bin/tmux", ["-S", socket] + arguments, environment: ["TERM": "xterm-256color"]).text
        }

        func keys(_ text: String) async throws { _ = try await tmux("send-keys", "-l", text) }

        func picture() async throws -> String { try await tmux("capture-pane", "-p") }

        @discardableResult
        func wait(for text: String) async throws -> String {
            do {
                return try await eventually("`\(text)` on the screen") {
                    let shown = try await picture()
                    return shown.contains(text) ? shown : nil
                }
            } catch {
                throw HarnessError("`\(text)` is not on the screen:\n\(try await picture())")
            }
        }

        func end() async throws { _ = try await tmux("kill-server") }
    }

    /// A program that has the whole window is not drawn over when somebody begins to look on; the line comes when it leaves.
    @Test(arguments: ["vi", "less", "tmux"])
    func `a notice does not garble a full-screen program, and is told afterwards`(_ program: String) async throws {
        let here = try Installation.here
        let grant = try await here.grant()
        let text = try here.file("numbers-\(program)", (1...60).map { "line \($0)\n" }.joined())
        let screen = try await Screen(here, program)
        try await screen.keys("\(Programs.stint) shell db-1\r")
        try await screen.wait(for: Programs.user == "root" ? "#" : "$")  // the prompt; tmux shows no blanks at the end of a line
        try await screen.keys("echo up-$((1+1))\r")
        try await screen.wait(for: "up-2")
        let command =
            switch program {
            case "vi": "vi \(text)\r"
            case "less": "less \(text)\r"
            default: "tmux -S \(here.scratch("inner")) -f /dev/null new-session 'cat \(text); exec sleep 600'\r"
            }
        try await screen.keys(command)
        let before = try await screen.wait(for: program == "tmux" ? "line 60" : "line 20")
        let id = try #require(try await here.sessions(of: grant).first { $0.state == "live" }).id
        let watching = try here.terminal(as: "lead", "watch", id)
        try await watching.expect("Looking on")
        try await eventually("the notice in the title") {
            try await screen.tmux("display-message", "-p", "#{pane_title}").contains("lead looks on.")
        }
        #expect(try await screen.picture() == before, "the picture is another")
        // What comes at once is a paste for tmux.
        let leave = ["vi": ["\u{1B}:q!\r"], "less": ["q"], "tmux": ["\u{2}", ":", "kill-server\r"]]
        for keys in try #require(leave[program]) { try await screen.keys(keys) }
        try await screen.wait(for: "[stint] lead looks on.")
        watching.send("q")
        _ = try await watching.process.waitForEnd()
        try await screen.keys("exit\r")
        try await screen.wait(for: "ended: it exited.")
        try await screen.end()
    }

    @Test func `the title tells the time left, and is given back`() async throws {
        let here = try Installation.here
        _ = try await here.grant(for: "10m")
        let shell = try await here.shell()
        #expect(shell.transcript.contains("\u{1B}[22;2t"))
        #expect(shell.transcript.contains("\u{1B}]2;db-1: 9 min left\u{07}"))
        shell.send("~?")
        try await shell.expect("this help; all of them at the start of a line")
        shell.send("~.")
        try await shell.expect("\u{1B}[23;2t")
        #expect(try await shell.process.waitForEnd().status == 255)
    }
}
