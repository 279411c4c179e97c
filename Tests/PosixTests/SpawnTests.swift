// SPDX-License-Identifier: Apache-2.0
import Glibc
import Posix
import Testing

struct SpawnTests {
    @Test func `a child gets its arguments, its environment and nothing else`() throws {
        #expect(
            try output(of: "echo $0 \"$1\"; env | grep -v ^_= | sort", environment: [("B", "2 3"), ("A", "")])
                == "sh \nA=\nB=2 3\nPWD=\(output(of: "pwd").dropLast())\n")
    }

    @Test func `a child has no descriptor of ours but those it was given`() throws {
        // Not close-on-exec on purpose: what a careless library would leave open.
        let leaked = open("/dev/null", O_RDONLY)
        defer { close(leaked) }
        // The last number is of the directory that `ls` reads.
        #expect(try output(of: "ls /proc/self/fd") == "0\n1\n2\n3\n")
    }

    @Test func `descriptors can change places`() async {
        await #expect(processExitsWith: .success) {
            let first = try Pipe()
            let second = try Pipe()
            try first.writer.writeAll(Array("first".utf8))
            try second.writer.writeAll(Array("second".utf8))
            // Each has the number that the other gets in the child.
            try #require(dup2(first.reader.number, 60) == 60 && dup2(second.reader.number, 61) == 61)
            let out = try Pipe()
            var request = SpawnRequest("/bin/bash", ["bash", "-c", "head -c 6 <&60; head -c 5 <&61"])
            request.environment = [("PATH", "/usr/bin:/bin")]
            request.descriptors = [.null, .descriptor(out.writer.number)] + Array(repeating: .null, count: 58)
            request.descriptors += [.descriptor(61), .descriptor(60)]
            #expect(try request.start().wait() == .exited(0))
            #expect(try out.reader.read(maximum: 100) == Array("secondfirst".utf8))
        }
    }

    @Test func `the end of a child is told by its code or its signal`() throws {
        #expect(try SpawnRequest("/bin/sh", ["sh", "-c", "exit 7"]).start().wait() == .exited(7))
        #expect(try SpawnRequest("/bin/sh", ["sh", "-c", "kill -TERM $$"]).start().wait() == .signalled(SIGTERM))
        #expect(ExitStatus.signalled(9).shellCode == 137)
    }

    @Test func `a running child has no status and its descriptor becomes readable at its end`() throws {
        let child = try SpawnRequest("/bin/sleep", ["sleep", "100"]).start()
        #expect(try child.status() == nil)
        try child.signal(.kill)
        var entries = [PollEntry(child.pidfd.number, .input)]
        #expect(try Poll.wait(&entries, timeout: .seconds(5)) == 1)
        #expect(try child.status() == .signalled(SIGKILL))
        try child.signal(.kill)
    }

    @Test func `signals that we ignore or block have their defaults in the child`() throws {
        Signals.ignoreBrokenPipe()
        let masks = try output(of: "grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f2")
            .split(separator: "\n").map { UInt64($0, radix: 16) ?? .max }
        // 32 and 33 belong to the C library, which sets them up for itself in each program.
        #expect(masks.map { $0 & ~(3 << 31) } == [0, 0])
    }

    @Test func `NUL is refused in each text of a request`() throws {
        var requests = [
            SpawnRequest("/bin/true\0", []), SpawnRequest("/bin/true", ["a\0b"]),
            SpawnRequest("/bin/true", [], environment: [("A\0", "")]),
            SpawnRequest("/bin/true", [], environment: [("A", "\0")]), SpawnRequest("/bin/true", []),
        ]
        requests[4].workingDirectory = "/\0tmp"
        for request in requests {
            #expect(refusal { () throws(SystemError) in _ = try request.start() } == "system.contains-nul")
        }
    }

    @Test func `a variable's name is neither empty nor contains an equals sign`() {
        for name in ["", "A=B"] {
            let request = SpawnRequest("/bin/true", [], environment: [(name, "x")])
            #expect(refusal { () throws(SystemError) in _ = try request.start() } == "system.einval")
        }
    }

    @Test func `a program or directory that is not there is an error of the start`() {
        var missing = SpawnRequest("/bin/true", ["true"])
        missing.workingDirectory = "/does/not/exist"
        for request in [missing, SpawnRequest("/does/not/exist", ["x"])] {
            #expect(refusal { () throws(SystemError) in _ = try request.start() } == "system.enoent")
        }
    }

    @Test func `a descriptor that is not open is refused and nothing is left open`() throws {
        let pipe = try Pipe()
        var request = SpawnRequest("/bin/true", ["true"])
        request.descriptors = [.descriptor(pipe.reader.number), .descriptor(-1), .null]
        #expect(refusal { () throws(SystemError) in _ = try request.start() } == "system.ebadf")
    }

    @Test func `a terminal needs a new session and comes first`() {
        var request = SpawnRequest("/bin/true", ["true"])
        request.controllingTerminal = "/dev/tty"
        request.descriptors = [.terminal, .terminal, .terminal]
        #expect(refusal { () throws(SystemError) in _ = try request.start() } == "system.bad-descriptor-list")
        request.newSession = true
        request.descriptors = [.null, .terminal, .terminal]
        #expect(refusal { () throws(SystemError) in _ = try request.start() } == "system.bad-descriptor-list")
    }

    @Test func `the working directory is set for the child only`() throws {
        let out = try Pipe()
        var request = SpawnRequest("/bin/sh", ["sh", "-c", "pwd"])
        request.descriptors = [.null, .descriptor(out.writer.number), .null]
        request.workingDirectory = "/usr"
        #expect(try request.start().wait() == .exited(0))
        #expect(try out.reader.read(maximum: 10) == Array("/usr\n".utf8))
    }
}

struct PseudoTerminalTests {
    /// Runs a command at a terminal of its own and gives what it showed.
    /// - Parameter after: what the program shows when it is ready for `input`.
    private func show(
        _ command: String, after prompt: String = "", typing input: String = "",
        _ change: (borrowing PseudoTerminal) throws -> Void = { _ in }
    ) throws -> String {
        var terminal = try PseudoTerminal(columns: 101, rows: 37)
        var request = SpawnRequest("/bin/sh", ["sh", "-c", command], environment: [("PATH", "/usr/bin:/bin")])
        request.controllingTerminal = terminal.slavePath
        request.newSession = true
        request.descriptors = [.terminal, .terminal, .terminal]
        let child = try request.start()
        terminal.closeSlave()
        var shown: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        var isWaiting = true
        while true {
            if isWaiting, String(decoding: shown, as: UTF8.self).contains(prompt) {
                isWaiting = false
                try change(terminal)
                try terminal.master.writeAll(Array(input.utf8))
            }
            let count = try buffer.withUnsafeMutableBytes { try terminal.read(into: $0) }
            if count == 0 { break }
            shown += buffer.prefix(count)
        }
        _ = try child.wait()
        return String(decoding: shown, as: UTF8.self)
    }

    @Test func `a program at the terminal sees its size and its modes`() throws {
        #expect(
            try show("stty size; stty -a | grep -o ' iutf8'; tty >/dev/tty").hasPrefix("37 101\r\n iutf8\r\n/dev/pts/"))
    }

    @Test func `the end comes after the last byte`() throws {
        #expect(try show("head -c 200000 /dev/zero | tr '\\0' x").utf8.count == 200_000)
    }

    @Test func `Ctrl-C ends the foreground program`() throws {
        let shown = try show(
            "trap 'echo interrupted; exit' INT; echo ready; read line", after: "ready", typing: "\u{3}")
        #expect(shown.contains("interrupted"))
    }

    @Test func `a new size reaches the program`() throws {
        let shown = try show("echo ready; read line; stty size", after: "ready", typing: "\n") {
            try $0.setWindowSize(columns: 9, rows: 8)
        }
        #expect(shown.hasSuffix("8 9\r\n"))
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives a terminal away"))
    func `the terminal belongs to its user`() throws {
        let user = try User.named("nobody")
        let terminal = try PseudoTerminal(columns: 80, rows: 24, owner: user)
        #expect(try output(of: "stat -c %u:%a \(terminal.slavePath)") == "\(user.uid):620\n")
    }
}
