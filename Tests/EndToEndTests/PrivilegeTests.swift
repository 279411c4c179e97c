// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// On a node the network is read by processes that could not do anything else (docs/decisions/0053).
@Suite(.serialized, .installation())
struct PrivilegeTests {
    @Test func `who reads the network is nobody, may do nothing and can gain nothing`() async throws {
        let here = try Installation.here
        let status = try #require(ProcessTable.text(try await here.reader(), "status"))
        func field(_ name: String) -> [Substring] {
            status.split(separator: "\n").first { $0.hasPrefix(name + ":") }?.split(whereSeparator: \.isWhitespace).dropFirst().map { $0 } ?? []
        }
        if Programs.isRoot {
            #expect(field("Uid").count == 4 && Set(field("Uid")).count == 1 && !field("Uid").contains("0"), "\(field("Uid"))")
            #expect(field("Gid").count == 4 && Set(field("Gid")).count == 1 && !field("Gid").contains("0"), "\(field("Gid"))")
            #expect(field("Groups").isEmpty, "\(field("Groups"))")
        }
        for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] { #expect(field(name) == ["0000000000000000"], "\(name)") }
        #expect(field("NoNewPrivs") == ["1"])
    }

    @Test(.enabled(if: Programs.isRoot)) func `nobody but the reader has a socket of the network, and nobody listens`() async throws {
        let here = try Installation.here
        let reader = try await here.reader()
        let (connected, listening) = NetworkSockets.all()
        let node = ProcessTable.descendants(of: [try #require(here.agent())])
        #expect(node.count >= 2)
        // What the other tests of this process had open when they started an agent is not the agent's doing.
        let inherited = NetworkSockets.sockets(of: getpid())
        var owners: Set<pid_t> = []
        for pid in node {
            let sockets = NetworkSockets.sockets(of: pid).subtracting(inherited)
            #expect(sockets.isDisjoint(with: listening), "\(pid) listens")
            if !sockets.isDisjoint(with: connected) { owners.insert(pid) }
        }
        #expect(owners == [reader])
        // What it has open is its two sockets, and nothing three times.
        #expect(try Set(FileManager.default.contentsOfDirectory(atPath: "/proc/\(reader)/fd")).count == 5)
    }

    @Test(.enabled(if: Programs.isRoot)) func `with a session, too, nobody who has a socket of the network is root`() async throws {
        let here = try Installation.here
        let session = try await here.markedShell()
        let inherited = NetworkSockets.sockets(of: getpid())
        let (connected, listening) = NetworkSockets.all()
        var owners = 0
        for pid in ProcessTable.descendants(of: [try #require(here.agent())]) {
            let sockets = NetworkSockets.sockets(of: pid).subtracting(inherited)
            #expect(sockets.isDisjoint(with: listening), "\(pid) listens")
            guard !sockets.isDisjoint(with: connected) else { continue }
            owners += 1
            let ids = ProcessTable.text(pid, "status")?.split(separator: "\n").first { $0.hasPrefix("Uid:") }
            #expect(ids?.split(whereSeparator: \.isWhitespace).contains("0") == false, "\(pid): \(ids ?? "")")
        }
        #expect(owners == 2, "the channel's reader and the session's")
        session.terminal.send("exit\r")
        _ = try await session.terminal.process.waitForEnd()
    }

    @Test(.enabled(if: Programs.isRoot)) func `the key that signs for the node is not in the reader's memory`() async throws {
        let here = try Installation.here
        let digits = try String(contentsOfFile: here.home(ofNode: "db-1") + "/node.key", encoding: .utf8).prefix { $0 != "\n" }
        let seed = stride(from: 0, to: digits.count, by: 2).compactMap { offset in
            let start = digits.index(digits.startIndex, offsetBy: offset)
            return UInt8(digits[start...].prefix(2), radix: 16)
        }
        try #require(seed.count == 32)
        let reader = try await here.reader()
        for secret in [Data(seed), Data(digits.utf8)] { #expect(try ProcessMemory.count(secret, in: reader) == 0) }
        // Whoever has it is found out, or this would prove nothing.
        #expect(try ProcessMemory.count(Data(seed), in: try #require(here.agent())) > 0)
        #expect(try ProcessMemory.count(Data("broker".utf8), in: reader) > 0)
    }

    @Test func `the reader is killed: the session goes on, and the node is back`() async throws {
        let here = try Installation.here
        let session = try await here.markedShell()
        for _ in 1...3 {
            let reader = try await here.reader()
            #expect(kill(reader, SIGKILL) == 0)
            try await eventually("another reader") { try await here.reader() != reader }
            try await here.awaitNode()
        }
        session.terminal.send("echo kept-$((1+1))\r")
        try await session.terminal.expect("kept-2")
        #expect(here.log(of: "db-1").contains("the reader is ended: it was ended by signal 9."))
        session.terminal.send("exit\r")
        _ = try await session.terminal.process.waitForEnd()
        try await here.expectNothingLeft(of: session, reason: "exited")
    }

    @Test func `the reader ends with its agent, also where that is killed`() async throws {
        let here = try Installation.here
        for signal in [SIGTERM, SIGKILL] {
            let (agent, reader) = (try #require(here.agent()), try await here.reader())
            #expect(kill(agent, signal) == 0)
            try await eventually("the end of the reader") { ProcessTable.text(reader, "cmdline") ?? "" == "" }
            try await here.startAgent("db-1")
        }
    }

    /// Bytes in the place of those of a reader, and what the root part says of it.
    private static let hostile: [(what: String, bytes: String, word: String)] = [
        ("random bytes", "os.urandom(100000)", "the reader is ended: it"),
        ("another kind", "bytes([9,0,0,0,0])", "it sent a frame of kind 9, which there is not"),
        ("a length beyond all limits", "bytes([3,255,255,255,255])", "it sent 4294967295 bytes in a frame of kind 3"),
        ("a beginning in the middle", "bytes([1,0,0,0,0])", "it reported `ready` while it was serving"),
        ("another connection", "bytes([2,0,0,0,0])", "it reported `connected` while it was serving"),
        ("a message of an agent", "frame(b'{\"size\":1,\"type\":\"ledger-seen\"}')", "a message of kind `ledger-seen`, which no broker sends"),
        ("no message", "frame(b'[' * 100000)", "it passed on what is no control message"),
        ("no text", "frame(bytes(range(256)) * 4000)", "it passed on a message that is not UTF-8"),
        ("an opening on nothing", "frame(b'{\"evidence\":{},\"type\":\"open\"}')", "it passed on what is no control message"),
    ]

    @Test(.enabled(if: Programs.isRoot)) func `a reader that does what it may not is ended, and the root part goes on`() async throws {
        let here = try Installation.here
        let session = try await here.markedShell()
        let agent = try #require(here.agent())
        for (what, bytes, word) in Self.hostile {
            let reader = try await here.reader()
            let before = here.log(of: "db-1").split(separator: word).count
            try await here.run("/usr/bin/python3", ["-c", Self.usurper, String(reader), bytes]).checked()
            try await eventually("another reader after \(what)", within: .seconds(40)) {
                try await here.reader() != reader && here.log(of: "db-1").split(separator: word).count > before
            }
            try await here.awaitNode()
            #expect(here.agent() == agent, "\(what)")
        }
        session.terminal.send("echo kept-$((1+1))\r")
        try await session.terminal.expect("kept-2")
        #expect(try await here.exec("echo", "after").checked().text == "after\n")
        session.terminal.send("exit\r")
        _ = try await session.terminal.process.waitForEnd()
    }

    #if arch(x86_64)
        /// The calls that are tried, and the number of the error that each has to end with (errno(3)).
        private static let refused = [
            "fork 1", "vfork 1", "clone 1", "clone3 38", "execve 1", "kill agent 1", "kill another reader 1", "tgkill another reader 1",
            "pidfd_send_signal another reader 1", "ptrace another reader 1", "process_vm_readv another reader 1",
            "prlimit another reader 1", "F_SETOWN another reader 1", "setuid 0 1", "setresgid 0 1", "unshare user 1", "io_uring_setup 1",
            "open node.key 13", "open the agent's memory 13", "open another reader's memory 13",
        ]

        @Test(.enabled(if: Programs.isRoot)) func `who takes a reader over starts, signals and becomes nobody, and opens nothing of the node's`() async throws {
            let here = try Installation.here
            let session = try await here.markedShell()
            let channel = try await here.reader()
            let ofSession = try #require(
                ProcessTable.all().first { $0.commandLine.hasPrefix("stint-agent\0netreader\0") && $0.commandLine.contains(session.id) })
            let agent = try #require(here.agent())
            for (reader, other) in [(channel, ofSession.pid), (ofSession.pid, channel)] {
                let words = [reader, agent, other].map { String($0) } + [here.home(ofNode: "db-1") + "/node.key"]
                let answer = try await here.run("/usr/bin/python3", ["-c", Self.intruder] + words).checked()
                #expect(answer.text.split(separator: "\n").map { String($0) } == Self.refused)
            }
            // Both are as they were.
            session.terminal.send("echo kept-$((1+1))\r")
            try await session.terminal.expect("kept-2")
            #expect(try await here.reader() == channel)
            session.terminal.send("exit\r")
            _ = try await session.terminal.process.waitForEnd()
        }

        /// Makes system calls in the place of a process, as code would that was brought into it, and prints with what error each
        /// ended. The process waits in a call of its own, behind whose instruction it stands.
        private static let intruder = """
            import ctypes, os, sys
            pid, agent, other = map(int, sys.argv[1:4])
            names = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"
            class Registers(ctypes.Structure): _fields_ = [(name, ctypes.c_ulonglong) for name in names.split()]
            ptrace = ctypes.CDLL(None, use_errno=True).ptrace
            ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
            ptrace.restype = ctypes.c_long
            def trace(request, data=None):
                if ptrace(request, pid, None, data) < 0: sys.exit("ptrace %d: %d" % (request, ctypes.get_errno()))
            ATTACH, DETACH, GETREGS, SETREGS, STEP = 16, 17, 12, 13, 9
            trace(ATTACH)
            os.waitpid(pid, 0x40000000)
            before = Registers()
            trace(GETREGS, ctypes.addressof(before))
            memory = os.open("/proc/%d/mem" % pid, os.O_RDWR)
            if os.pread(memory, 2, before.rip - 2) != bytes([0x0f, 0x05]): sys.exit("it is not in a system call")
            place = before.rsp - 4096
            def call(what, number, *arguments):
                words, at = [], place
                for argument in arguments:
                    if isinstance(argument, bytes):
                        os.pwrite(memory, argument + bytes(1), at)
                        words, at = words + [at], at + len(argument) + 8
                    else: words.append(argument & (1 << 64) - 1)
                now = Registers.from_buffer_copy(before)
                now.rax, now.orig_rax, now.rip = number, (1 << 64) - 1, before.rip - 2
                for name, word in zip(["rdi", "rsi", "rdx", "r10", "r8", "r9"], words + [0] * 6): setattr(now, name, word)
                trace(SETREGS, ctypes.addressof(now))
                trace(STEP)
                os.waitpid(pid, 0x40000000)
                trace(GETREGS, ctypes.addressof(now))
                print(what, -ctypes.c_longlong(now.rax).value)
            call("fork", 57)
            call("vfork", 58)
            call("clone", 56, 17)
            call("clone3", 435, bytes(88), 88)
            call("execve", 59, b"/bin/true", 0, 0)
            call("kill agent", 62, agent, 0)
            call("kill another reader", 62, other, 0)
            call("tgkill another reader", 234, other, other, 0)
            call("pidfd_send_signal another reader", 424, 3, 0, 0, 0)
            call("ptrace another reader", 101, ATTACH, other, 0, 0)
            call("process_vm_readv another reader", 310, other, 0, 0, 0, 0, 0)
            call("prlimit another reader", 302, other, 0, 0, 0)
            call("F_SETOWN another reader", 72, 3, 8, other)
            call("setuid 0", 105, 0)
            call("setresgid 0", 119, 0, 0, 0)
            call("unshare user", 272, 0x10000000)
            call("io_uring_setup", 425, 1, place)
            call("open node.key", 257, -100, sys.argv[4].encode(), 0, 0)
            call("open the agent's memory", 257, -100, b"/proc/%d/mem" % agent, 0, 0)
            call("open another reader's memory", 257, -100, b"/proc/%d/mem" % other, 0, 0)
            trace(SETREGS, ctypes.addressof(before))
            trace(DETACH)
            """
    #endif

    /// Stops a reader and writes into its socket in its place: what somebody would do who had taken it over.
    private static let usurper = """
        import ctypes, os, signal, sys
        def frame(content, kind=3): return bytes([kind]) + len(content).to_bytes(4, "big") + content
        pid = int(sys.argv[1])
        content = eval(sys.argv[2])
        os.kill(pid, signal.SIGSTOP)
        pidfd_getfd = 438
        socket = ctypes.CDLL(None, use_errno=True).syscall(pidfd_getfd, os.pidfd_open(pid), 3, 0)
        if socket < 0: sys.exit("pidfd_getfd: %d" % ctypes.get_errno())
        os.set_blocking(socket, True)
        try:
            while content: content = content[os.write(socket, content):]
        except (BrokenPipeError, ConnectionResetError): pass
        """
}

/// One that stands still keeps no node away. It takes as long as the heartbeat's limit.
struct StoppedReaderTests {
    @Test func `a reader that stands still is replaced within the heartbeat's limit`() async throws {
        try await Installation.with(Installation.Setting(turn: .patient)) { here in
            let reader = try await here.reader()
            #expect(kill(reader, SIGSTOP) == 0)
            let start = ContinuousClock.now
            try await eventually("another reader", within: .seconds(60)) { try await here.reader() != reader }
            #expect(ContinuousClock.now - start < .seconds(47))
            try await here.awaitNode()
            #expect(here.log(of: "db-1").contains("nothing was heard from it for 45 s"))
        }
    }
}

extension Installation {
    /// The agent of the node, by what it was started with.
    fileprivate func agent() -> pid_t? {
        ProcessTable.all().first { $0.commandLine == "\(Programs.agent)\0serve\0--home\0\(home(ofNode: "db-1"))\0" }?.pid
    }

    /// The process that reads the network for the agent.
    fileprivate func reader() async throws -> pid_t {
        try await eventually("a reader") {
            guard let agent = agent() else { return nil }
            return ProcessTable.all().first { $0.parent == agent && $0.commandLine.hasPrefix("stint-agent\0messenger\0") }?.pid
        }
    }
}

/// The sockets of the machine's network, by their inodes.
private enum NetworkSockets {
    static func all() -> (connected: Set<String>, listening: Set<String>) {
        var (connected, listening): (Set<String>, Set<String>) = ([], [])
        for family in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"] {
            // No file for a family that the kernel does not have.
            let lines = (ProcessTable.text(getpid(), "net/\(family)") ?? "").split(separator: "\n").dropFirst()
            for fields in lines.map({ $0.split(separator: " ") }) where fields.count > 9 {
                // 0A listens; of a datagram socket 07, which is bound and not connected.
                if fields[3] == (family.hasPrefix("tcp") ? "0A" : "07") { listening.insert(String(fields[9])) }
                connected.insert(String(fields[9]))
            }
        }
        return (connected, listening)
    }

    static func sockets(of pid: pid_t) -> Set<String> {
        let folder = "/proc/\(pid)/fd"
        // A process that is gone has none.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let targets = names.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)") }
        return Set(targets.filter { $0.hasPrefix("socket:[") }.map { String($0.dropFirst("socket:[".count).dropLast()) })
    }
}

/// The memory of another process, for root.
private enum ProcessMemory {
    /// How often bytes are found in what the process may read of its memory.
    static func count(_ wanted: Data, in pid: pid_t) throws -> Int {
        let maps = try #require(ProcessTable.text(pid, "maps"))
        let memory = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/\(pid)/mem"))
        defer { try? memory.close() }
        var found = 0
        for line in maps.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 1, fields[1].hasPrefix("r"), !line.hasSuffix("[vvar]"), !line.hasSuffix("[vsyscall]") else { continue }
            let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard ends.count == 2, ends[1] - ends[0] < 1 << 30 else { continue }
            try memory.seek(toOffset: ends[0])
            // A page that was never there cannot be read.
            guard let bytes = try? memory.read(upToCount: Int(ends[1] - ends[0])) else { continue }
            var rest = bytes[...]
            while let range = rest.range(of: wanted) {
                found += 1
                rest = rest[range.upperBound...]
            }
        }
        return found
    }
}
