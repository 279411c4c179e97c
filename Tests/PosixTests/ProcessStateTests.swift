// SPDX-License-Identifier: Apache-2.0
import Glibc
import Posix
import Testing

struct UserTests {
    @Test(arguments: [
        "", "0", "1000", "-1", "#0", "#1000", "Root", "root ", "root\0", "a.b", "a:b", "é", "-root", "../etc",
        String(repeating: "a", count: 33), "root\n", "+root", "*",
    ])
    func `what is not a name never reaches the user database`(name: String) {
        #expect(refusal { () throws(SystemError) in _ = try User.named(name) } == "system.invalid-user-name")
    }

    @Test func `a name of 32 bytes is a name that nobody has`() {
        let name = String(repeating: "z", count: 32)
        #expect(refusal { () throws(SystemError) in _ = try User.named(name) } == "system.unknown-user")
    }

    @Test func `a user has ids, groups, a home and a shell`() throws {
        let root = try User.named("root")
        #expect(try root.uid == 0 && root.gid == 0 && root.groups().contains(0))
        #expect(root.home == "/root" && root.shell.hasPrefix("/"))
        #expect(try User.current().uid == geteuid())
    }
}

struct EnvironmentTests {
    @Test func `all variables are those that each can be asked for`() {
        let all = Environment.all
        #expect(all.contains { $0.name == "PATH" })
        for (name, value) in all { #expect(Environment.value(name) == value) }
    }
}

/// Each of these changes its process for good, so it has one of its own.
struct ProcessStateTests {
    @Test(.enabled(if: geteuid() == 0, "only root can become another user"))
    func `after becoming a user nothing of root is left`() async {
        await #expect(processExitsWith: .success) {
            let user = try User.named("nobody")
            try Privileges.become(user, in: user.groups())
            #expect(geteuid() == user.uid && getuid() == user.uid && getgid() == user.gid)
            #expect(try getgroups(0, nil) == Int32(user.groups().count))
            #expect(setuid(0) != 0 && setgid(0) != 0)
            #expect(throws: SystemError.self) { try Privileges.become(try User.named("root"), in: []) }
        }
    }

    @Test func `an ordinary user stays who they are and becomes nobody else`() async {
        await #expect(processExitsWith: .success) {
            if geteuid() == 0 { try Privileges.become(try User.named("nobody"), in: []) }
            try Privileges.become(try User.current(), in: [])
            let error = #expect(throws: SystemError.self) { try Privileges.become(try User.named("root"), in: []) }
            #expect(error?.code == "system.privileges-kept")
        }
    }

    @Test func `new privileges and inspection can be given up`() async {
        await #expect(processExitsWith: .success) {
            try ProcessControl.forbidNewPrivileges()
            try ProcessControl.forbidInspection()
            try ProcessControl.setLimit(.coreSize, soft: 0, hard: 0)
            #expect(try ProcessControl.limit(.coreSize) == (0, 0))
            try ProcessControl.raiseOpenFileLimit()
            let files = try ProcessControl.limit(.openFiles)
            #expect(files.soft == files.hard)
        }
    }

    @Test func `other processes can be given up, and threads, files and sockets stay`() async {
        await #expect(processExitsWith: .success) {
            // It ends by itself: we shall have no way to end it.
            let child = try SpawnRequest("/bin/sleep", ["sleep", "5"]).start()
            try ProcessControl.forbidNewPrivileges()
            try Privileges.refuseOtherProcesses()
            let refusal = SystemError(call: "clone", errno: EPERM)
            #expect(throws: refusal) { _ = try ChildProcess.copy() }
            #expect(throws: refusal) { _ = try ChildProcess.copyBeside() }
            #expect(throws: SystemError.self) { _ = try SpawnRequest("/bin/true", ["true"]).start() }
            #expect(throws: SystemError(call: "pidfd_send_signal", errno: EPERM)) { try child.signal(.kill) }
            let (pid, status) = (child.pid, try child.status())
            #expect(kill(pid, SIGKILL) == -1 && errno == EPERM && status == nil)
            let pipe = try Pipe()
            let writer = pipe.writer.number
            try Posix.Thread.start("writer") { _ = Glibc.write(writer, "x", 1) }
            #expect(try pipe.reader.read(maximum: 1) == [UInt8(ascii: "x")])
            #expect(try !DurableFile.read("/etc/passwd", maximumBytes: 1 << 20).isEmpty)
            #expect(try ProcessControl.limit(.openFiles).soft > 0)
        }
    }

    @Test func `blocked signals are read from a descriptor`() async {
        await #expect(processExitsWith: .success) {
            try Signals.block([.terminate, .windowChange])
            let descriptor = try SignalDescriptor([.terminate, .windowChange])
            #expect(try descriptor.next() == nil)
            raise(SIGTERM)
            #expect(try descriptor.next() == .terminate)
            #expect(try descriptor.next() == nil)
        }
    }

    @Test func `a write to a closed pipe is an error and not the end`() async {
        await #expect(processExitsWith: .success) {
            Signals.ignoreBrokenPipe()
            let sockets = try SocketPair()
            shutdown(sockets.second.number, Int32(SHUT_RDWR))
            #expect(throws: SystemError(call: "write", errno: EPIPE)) { try sockets.first.writeAll([1]) }
        }
    }

    @Test func `descriptors from a number on are closed`() async {
        await #expect(processExitsWith: .success) {
            let number = open("/dev/null", O_RDONLY)
            let high = dup2(number, 500)
            try ProcessControl.closeDescriptors(from: 500)
            #expect(fcntl(high, F_GETFD) == -1 && fcntl(number, F_GETFD) != -1)
        }
    }

    @Test func `random bytes differ and hexadecimal has two digits for each byte`() {
        #expect(Random.bytes(32) != Random.bytes(32))
        #expect(Random.hexadecimal(bytes: 5).utf8.count == 10)
        #expect(Random.bytes(0).isEmpty)
    }

    @Test func `the environment is read and not invented`() throws {
        #expect(Environment.value("PATH") != nil)
        #expect(Environment.value("STINT_NOT_SET_ANYWHERE") == nil)
        #expect(!Environment.hostName().isEmpty)
        #expect(try Environment.executablePath().hasPrefix("/"))
    }

    @Test func `an error has a code, a sentence and a next step`() {
        let error = SystemError(call: "open", errno: ENOSPC, subject: "/var/x")
        #expect(error.code == "system.enospc")
        #expect(error.message == "open /var/x: No space left on device.")
        #expect(error.hint == "Free some space on the disk.")
        #expect(SystemError(call: "x", errno: 12345).code == "system.errno-12345")
    }
}
