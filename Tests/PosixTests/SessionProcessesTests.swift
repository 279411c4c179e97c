// SPDX-License-Identifier: Apache-2.0
import Glibc
@testable import Posix
import Testing

/// A session in a process of its own, which is the supervisor and must not see the children of other tests.
private struct Session: ~Copyable {
    let id = "t-" + Random.hexadecimal(bytes: 8)
    let shell: ChildProcess
    private let output: OwnedDescriptor

    /// Starts a shell with this script as an ordinary user.
    init(_ script: String, group: ControlGroup? = nil) throws {
        if geteuid() == 0, group == nil { try Privileges.become(try User.named("nobody"), in: []) }
        try ProcessControl.becomeSubreaper()
        let pipe = try Pipe()
        var request = SpawnRequest("/bin/bash", ["bash", "-c", script])
        request.environment = [("PATH", "/usr/bin:/bin"), (SessionProcesses.variable, id)]
        request.descriptors = [.null, .descriptor(pipe.writer.number), .descriptor(2)]
        request.newSession = true
        let reader = try pipe.reader.duplicate()
        let child = try request.start()
        output = reader
        shell = child
    }

    /// Waits until the script has written this many bytes, one for each process that is in its place.
    func waitFor(_ count: Int) throws {
        var seen = 0
        while seen < count {
            var entries = [PollEntry(output.number, .input)]
            try #require(try Poll.wait(&entries, timeout: .seconds(10)) == 1)
            seen += try output.read(maximum: 4096).count
        }
    }

    func end(group: ControlGroup? = nil) -> SessionProcesses.Outcome {
        // Far beyond what it takes, for machines that are busy with other things.
        SessionProcesses(session: id, group: group, child: shell.pid).end(within: .seconds(60))
    }

    /// Processes with the session's variable, found without the code under test.
    func remaining() throws -> String {
        try PosixTests.output(of: "grep -laz ^STINT_SESSION=\(id)$ /proc/[0-9]*/environ 2>/dev/null")
    }
}

// One after the other: some of them keep the machine busy on purpose.
@Suite(.serialized)
struct SessionProcessesTests {
    @Test func `every usual way to stay behind is found, killed and counted`() async {
        await #expect(processExitsWith: .success) {
            let session = try Session(
                """
                say='printf x; exec sleep 1000'
                bash -c "$say" &                                         # background job
                nohup bash -c "$say" 2>/dev/null &
                setsid bash -c "$say" &
                bash -c "bash -c '$say' &" &                             # double fork
                ( setsid bash -c "( setsid bash -c '$say' & )" & )       # and a session in a session
                bash -c "trap '' HUP TERM INT; printf x; while :; do sleep 1000; done" &
                bash -c "$say" & disown
                env -i PATH=$PATH bash -c "$say" &                       # without the variable
                printf x; exec sleep 1000
                """)
            try session.waitFor(9)
            let outcome = session.end()
            #expect(outcome.left == [])
            #expect((10...14).contains(outcome.killed), "\(outcome.killed)")
            #expect(try session.remaining() == "")
            #expect(try session.shell.wait() == .signalled(SIGKILL))
        }
    }

    @Test func `a program that forks and exits without end is caught`() async {
        await #expect(processExitsWith: .success) {
            let session = try Session("f() { sleep 0.01; f & exit; }; f & f & printf x; sleep 1000")
            try session.waitFor(1)
            let outcome = session.end()
            #expect(outcome.left == [] && outcome.killed >= 3)
            #expect(try session.remaining() == "")
        }
    }

    @Test func `programs that fork as fast as they can are caught`() async {
        await #expect(processExitsWith: .success) {
            let session = try Session("f() { f & exit; }; for i in {1..3}; do f & done; printf x; sleep 1000")
            try session.waitFor(1)
            let outcome = session.end()
            #expect(outcome.left == [])
            #expect(try session.remaining() == "")
        }
    }

    @Test func `stopped processes and a hundred at once are killed, and counted exactly`() async {
        await #expect(processExitsWith: .success) {
            let session = try Session(
                "for i in {1..100}; do bash -c 'printf x; kill -STOP $$; sleep 1' & done; printf x; exec sleep 1000")
            try session.waitFor(101)
            #expect(session.end() == SessionProcesses.Outcome(killed: 101, left: []))
        }
    }

    @Test func `a stray outside of the tree is found by the session's variable`() async {
        await #expect(processExitsWith: .success) {
            // The shell is our child; a supervisor that is another process finds it as a stray only.
            let session = try Session("printf x; exec sleep 1000")
            try session.waitFor(1)
            let other = try SpawnRequest("/bin/sleep", ["sleep", "1000"]).start()
            let ended = SessionProcesses(of: other.pid, session: session.id).end()
            #expect(ended == SessionProcesses.Outcome(killed: 1, left: []))
            #expect(try other.status() == nil)
            try other.signal(.kill)
        }
    }

    @Test func `strays that fork as fast as they can, below nobody of ours, are caught`() async {
        await #expect(processExitsWith: .success) {
            // We are no subreaper here: what its parent leaves goes to somebody above us.
            let id = "s-stray\(getpid())"
            var request = SpawnRequest(
                "/bin/bash", ["bash", "-c", "f() { f & exit; }; for i in 1 2 3; do f & done"],
                environment: [("STINT_SESSION", id), ("PATH", "/usr/bin:/bin")])
            request.newSession = true
            let status = try request.start().wait()
            #expect(status == .exited(0))
            let outcome = SessionProcesses(session: id).end()
            #expect(outcome.left == [] && outcome.killed >= 1, "\(outcome)")
            #expect(SessionProcesses(session: id).end() == SessionProcesses.Outcome(killed: 0, left: []))
        }
    }

    @Test func `who was started since the session began is found among all others, wherever it hangs`() async {
        await #expect(processExitsWith: .success) {
            // We are no subreaper here, and have no child left: only the mark tells.
            let id = "s-since\(getpid())"
            let newest = try ProcessList.newestNumber()
            // However few numbers there are here, and however long this takes.
            let beginning = ProcessMoment(newest: try #require(newest), at: .now, largest: 1 << 32)
            #expect(SessionProcesses(session: id, since: beginning).end() == SessionProcesses.Outcome(killed: 0, left: []))
            var request = SpawnRequest(
                "/bin/bash", ["bash", "-c", "for i in 1 2 3; do sleep 1000 & done"], environment: [("STINT_SESSION", id), ("PATH", "/usr/bin:/bin")])
            request.newSession = true
            let status = try request.start().wait()
            #expect(status == .exited(0))
            #expect(SessionProcesses(session: id, since: beginning).end() == SessionProcesses.Outcome(killed: 3, left: []))
            #expect(SessionProcesses(session: id, since: beginning).end() == SessionProcesses.Outcome(killed: 0, left: []))
        }
    }

    @Test func `numbers since a moment are only told while they can be no others`() {
        let now = BootInstant.now
        let moment = ProcessMoment(newest: 1000, at: now, largest: 32_768)
        #expect(moment.numbers(to: 1003, at: now) == 1001...1003)
        #expect(moment.numbers(to: 1003, at: now + .milliseconds(32)) == 1001...1003)
        // They may have come round meanwhile, or have begun again at the bottom, or are as many as there are processes.
        #expect(moment.numbers(to: 1003, at: now + .milliseconds(33)) == nil)
        #expect(moment.numbers(to: 1000, at: now) == nil)
        #expect(moment.numbers(to: 3, at: now) == nil)
        #expect(moment.numbers(to: 1256, at: now) == 1001...1256)
        #expect(moment.numbers(to: 1257, at: now) == nil)
        let roomy = ProcessMoment(newest: 1000, at: now, largest: 4_194_304)
        #expect(roomy.numbers(to: 1001, at: now + .seconds(4)) == 1001...1001)
        #expect(roomy.numbers(to: 1001, at: now + .seconds(5)) == nil)
        #expect(ProcessMoment(newest: 1000, at: now, largest: .max).numbers(to: 1001, at: now) == 1001...1001)
    }

    @Test func `the kernel says which numbers there are`() throws {
        let (largest, newest) = (try ProcessList.largestNumber(), try ProcessList.newestNumber())
        #expect(try #require(newest) < #require(largest))
    }

    @Test func `the number given out last moves with whoever starts`() throws {
        let newest = try ProcessList.newestNumber()
        let before = try #require(newest)
        _ = try SpawnRequest("/bin/true", ["true"]).start().wait()
        let after = try ProcessList.newestNumber()
        #expect(after != before)
    }

    @Test func `a session of another name is not touched`() async {
        await #expect(processExitsWith: .success) {
            let session = try Session("printf x; exec sleep 1000")
            try session.waitFor(1)
            let other = try SpawnRequest("/bin/sleep", ["sleep", "1000"]).start()
            let prefix = String(session.id.dropLast())
            #expect(SessionProcesses(of: other.pid, session: prefix).end().killed == 0)
            #expect(try session.shell.status() == nil)
            try other.signal(.kill)
            _ = session.end()
        }
    }

    @Test func `a session that ended by itself has nothing to kill`() async {
        await #expect(processExitsWith: .success) {
            let session = try Session("printf x")
            try session.waitFor(1)
            #expect(try session.shell.wait() == .exited(0))
            #expect(session.end() == SessionProcesses.Outcome(killed: 0, left: []))
        }
    }

    @Test func `orphans that ended are collected and the shell's end is kept for its owner`() async {
        await #expect(processExitsWith: .success) {
            let session = try Session("(bash -c 'printf x; exit 3' &); printf x; exit 5")
            try session.waitFor(2)
            var entries = [PollEntry(session.shell.pidfd.number, .input)]
            #expect(try Poll.wait(&entries, timeout: .seconds(5)) == 1)
            _ = session.end()
            #expect(try session.shell.wait() == .exited(5))
            #expect(waitpid(-1, nil, WNOHANG) == -1 && errno == ECHILD)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root starts a process that an ordinary user may not end"))
    func `who cannot be killed is named at once, not after the time limit`() async {
        await #expect(processExitsWith: .success) {
            let untouchable = try SpawnRequest("/bin/sleep", ["sleep", "20"]).start()
            let session = try Session("printf x; exec sleep 1000")
            try session.waitFor(1)
            let start = ContinuousClock.now
            let outcome = session.end()
            #expect(start.duration(to: .now) < .seconds(15))
            #expect(outcome.killed == 1)
            #expect(outcome.left.map(\.command) == ["sleep"] && outcome.left.map(\.pid) == [untouchable.pid])
        }
    }
}

struct ControlGroupTests {
    static let isAvailable: Bool = {
        guard let group = try? ControlGroup.make("probe-" + Random.hexadecimal(bytes: 8)) else { return false }
        return (try? group.remove()) != nil
    }()

    /// Runs a shell script inside of a group and gives what it wrote.
    private func output(of script: String, in group: ControlGroup) throws -> String {
        let pipe = try Pipe()
        var request = SpawnRequest("/bin/sh", ["sh", "-c", script], environment: [("PATH", "/usr/bin:/bin"), ("B", "2 3")])
        request.descriptors = [.null, .descriptor(pipe.writer.number), .descriptor(2)]
        request.newSession = true
        let child = try request.start(in: group)
        let reader = try pipe.reader.duplicate()
        pipe.take { reader, writer in
            _ = consume reader
            _ = consume writer
        }
        let text = String(decoding: try reader.readToEnd(maximum: 1 << 16), as: UTF8.self)
        _ = try child.wait()
        return text
    }

    @Test(.enabled(if: isAvailable, "no control group can be made here"))
    func `a program can be started in a group, with what it was given and nothing else`() throws {
        let group = try ControlGroup.make("t-" + Random.hexadecimal(bytes: 8))
        defer { try? group.remove() }  // an empty directory that nobody needs
        // Not close-on-exec on purpose: what a careless library would leave open.
        let leaked = open("/dev/null", O_RDONLY)
        defer { close(leaked) }
        let name = group.path.split(separator: "/").last ?? ""
        #expect(try output(of: "cat /proc/self/cgroup", in: group).contains("/\(name)\n"))
        #expect(try output(of: "ls /proc/self/fd", in: group) == "0\n1\n2\n3\n")
        #expect(try output(of: "env | grep -v -e ^_= -e ^PWD= | sort", in: group) == "B=2 3\nPATH=/usr/bin:/bin\n")
        #expect(try output(of: "kill -PIPE $$; echo lives", in: group) == "")
    }

    @Test(.enabled(if: isAvailable, "no control group can be made here"))
    func `a program that cannot be started in a group is an error`() throws {
        let group = try ControlGroup.make("t-" + Random.hexadecimal(bytes: 8))
        defer { try? group.remove() }  // an empty directory that nobody needs
        var missing = SpawnRequest("/no/such/program", ["x"])
        missing.newSession = true
        let request = missing
        #expect(refusal { () throws(SystemError) in _ = try request.start(in: group) } == "system.enoent")
        let nowhere = ControlGroup(existing: group.path + "-not-there")
        #expect(refusal { () throws(SystemError) in _ = try request.start(in: nowhere) } == "system.enoent")
    }

    @Test(.enabled(if: isAvailable, "no control group can be made here"))
    func `a group ends all its members, also those in groups below it, and can be removed`() async {
        await #expect(processExitsWith: .success) {
            let group = try ControlGroup.make("t-" + Random.hexadecimal(bytes: 8))
            let session = try Session(
                """
                echo $$ > \(group.path)/cgroup.procs
                mkdir \(group.path)/below
                setsid bash -c 'echo $$ > \(group.path)/below/cgroup.procs; printf x; exec sleep 1000' &
                (setsid bash -c 'printf x; exec sleep 1000' &)
                printf x; exec sleep 1000
                """, group: group)
            try session.waitFor(3)
            #expect(try group.members().count == 3)
            #expect(session.end(group: group) == SessionProcesses.Outcome(killed: 3, left: []))
            try group.remove()
            #expect(access(group.path, F_OK) != 0)
        }
    }

    @Test(.enabled(if: isAvailable, "no control group can be made here"))
    func `a process of root that left the group is found by the walk`() async {
        await #expect(processExitsWith: .success) {
            let group = try ControlGroup.make("t-" + Random.hexadecimal(bytes: 8))
            let session = try Session(
                """
                echo $$ > \(group.path)/cgroup.procs
                top=\(group.path); while [ -e $top/../cgroup.procs ]; do top=$top/..; done
                setsid env -i PATH=$PATH bash -c "echo \\$\\$ > $top/cgroup.procs; printf x; exec sleep 1000" &
                printf x; exec sleep 1000
                """, group: group)
            try session.waitFor(2)
            #expect(try group.members() == [session.shell.pid])
            #expect(session.end(group: group) == SessionProcesses.Outcome(killed: 2, left: []))
            try group.remove()
        }
    }

    @Test(.enabled(if: isAvailable, "no control group can be made here"))
    func `a group with a process in it is neither removed nor made again`() throws {
        let group = try ControlGroup.make("t-" + Random.hexadecimal(bytes: 8))
        let child = try SpawnRequest("/bin/sleep", ["sleep", "1000"]).start()
        try group.add(child.pid)
        let name = String(group.path.split(separator: "/").last ?? "")
        #expect(refusal { () throws(SystemError) in try group.remove() } == "system.ebusy")
        #expect(refusal { () throws(SystemError) in _ = try ControlGroup.make(name) } == "system.ebusy")
        try group.kill()
        #expect(try group.waitUntilEmpty(until: .now.advanced(by: .seconds(5))))
        _ = try child.wait()
        #expect(try ControlGroup.make(name) == group)
        try group.remove()
    }

    @Test(arguments: ["", "..", "a/b", "a\0", "."])
    func `a name that would be another directory is refused`(name: String) {
        #expect(refusal { () throws(SystemError) in _ = try ControlGroup.make(name) } == "system.einval")
    }
}

struct ProcessRecordTests {
    private func stat(_ name: String, state: String = "S", parent: String = "7", threads: String = "1") -> [UInt8] {
        Array("42 (\(name)) \(state) \(parent) 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 \(threads) 0 12345 0 0\n".utf8)
    }

    @Test(arguments: ["sh", "a b", "evil) S 1 1 (x", ")", ""])
    func `a program's name cannot forge the other fields`(name: String) {
        let record = ProcessRecord(stat: stat(name))
        #expect(record?.pid == 42 && record?.parent == 7 && record?.startTime == 12345)
    }

    @Test func `a zombie is not alive unless other threads of it run`() {
        #expect(ProcessRecord(stat: stat("x", state: "Z"))?.isAlive == false)
        #expect(ProcessRecord(stat: stat("x", state: "X"))?.isAlive == false)
        #expect(ProcessRecord(stat: stat("x", state: "Z", threads: "2"))?.isAlive == true)
        #expect(ProcessRecord(stat: stat("x", state: "D"))?.isAlive == true)
    }

    @Test func `what is not a record is refused`() {
        let whole = stat("x")
        for length in 0..<(whole.count - 12) { #expect(ProcessRecord(stat: Array(whole.prefix(length))) == nil) }
        #expect(ProcessRecord(stat: stat("x", parent: "-1")) == nil)
        #expect(ProcessRecord(stat: stat("x", parent: "99999999999999999999")) == nil)
        #expect(ProcessRecord(stat: stat("x", parent: "+1")) == nil)
    }

    @Test func `a family takes descendants in any order and nobody else`() throws {
        func record(_ pid: Int32, child parent: Int32) throws -> ProcessRecord {
            try #require(
                ProcessRecord(stat: Array("\(pid) (x) S \(parent) 0 0 0 0 0 0 0 0 0 0 0 0 0 0 20 0 1 0 5 0".utf8)))
        }
        var family = ProcessFamily(of: 50)
        let pairs: [(Int32, Int32)] = [(2, 90), (3, 2), (4, 1), (51, 50), (60, 61), (61, 60), (90, 51)]
        let taken = try pairs.map { family.take(try record($0, child: $1)) { false }.map(\.pid) }
        #expect(taken == [[], [], [], [51], [], [], [90, 2, 3]])
        #expect(family.take(try record(61, child: 60)) { true }.map(\.pid) == [61, 60])
    }
}
