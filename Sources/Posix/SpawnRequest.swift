// SPDX-License-Identifier: Apache-2.0
// SECURITY: a child gets the descriptors, the environment and the signal state written here and nothing else of ours.
// Between its first moment and the exec it makes system calls only.
import CLinux
import Glibc

/// A program to start, by posix_spawn(3): no code of ours runs between fork and exec.
package struct SpawnRequest: Sendable {
    /// What a child finds at a descriptor number.
    package enum Source: Sendable, Equatable {
        /// /dev/null.
        case null
        /// One of ours, by number; it stays open here.
        case descriptor(Int32)
        /// The terminal named in `controllingTerminal`.
        case terminal
    }

    /// The path of the program; no search in PATH.
    package var executable: String
    /// From `argv[0]` on: a shell whose first argument begins with `-` is a login shell.
    package var arguments: [String]
    package var environment: [(name: String, value: String)]
    /// Entry n becomes descriptor n; all others are closed in the child.
    package var descriptors: [Source] = [.null, .null, .null]
    /// A session and process group of its own, without terminal.
    package var newSession = false
    /// The path of a terminal's slave, to become the terminal that controls the new session.
    package var controllingTerminal: String?
    /// No signal blocked and none ignored, whatever we do ourselves.
    package var resetSignals = true
    package var workingDirectory: String?

    package init(_ executable: String, _ arguments: [String], environment: [(name: String, value: String)] = []) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
    }

    /// Starts the program. When this returns, the exec has happened: a missing file or directory is thrown here.
    ///
    /// - Throws: `system.contains-nul`, `system.bad-descriptor-list`, or what the system says.
    package consuming func start() throws(SystemError) -> ChildProcess {
        try validate()
        var attributes = posix_spawnattr_t()
        try checkNumber("posix_spawnattr_init") { posix_spawnattr_init(&attributes) }
        defer { posix_spawnattr_destroy(&attributes) }
        try set(&attributes)

        var actions = posix_spawn_file_actions_t()
        try checkNumber("posix_spawn_file_actions_init") { posix_spawn_file_actions_init(&actions) }
        defer { posix_spawn_file_actions_destroy(&actions) }
        let copies = try DescriptorCopies(descriptors)
        try add(copies, to: &actions)

        var process: pid_t = 0
        let variables = environment.map { $0.name + "=" + $0.value }
        let number = withCStrings(arguments) { argv in
            withCStrings(variables) { envp in posix_spawn(&process, executable, &actions, &attributes, argv, envp) }
        }
        guard number == 0 else { throw SystemError(call: "posix_spawn", errno: number, subject: executable) }
        return try ChildProcess(started: process)
    }

    /// Starts the program inside of a control group, where all it starts will be too. The kernel takes 5 to 15 ms to move a
    /// process that runs, and no time to start one there.
    ///
    /// - Throws: also where the kernel has no such call (Linux 5.7); then nothing was started.
    package consuming func start(in group: ControlGroup) throws(SystemError) -> ChildProcess {
        try validate()
        guard newSession, resetSignals, workingDirectory == nil else { throw SystemError(call: "clone3", errno: EINVAL) }
        let directory = try DurableFile.open(group.path, O_RDONLY | O_DIRECTORY)
        let copies = try DescriptorCopies(descriptors, above: 1)
        let report = try Pipe()
        // Above all that the child sets, as the copies are.
        let writer = OwnedDescriptor(
            owning: try check("dup") { stint_duplicate(report.writer.number, Int32(descriptors.count) + 1) })
        let sources: [Int32] = descriptors.indices.map { index in
            switch descriptors[index] {
            case .null: stint_from_null
            case .terminal: stint_from_terminal
            case .descriptor: copies.number(at: index)
            }
        }
        let variables = environment.map { $0.name + "=" + $0.value }
        var process: pid_t = -1
        var failure: Int32 = 0
        withCStrings([executable, controllingTerminal ?? ""]) { texts in
            withCStrings(arguments) { argv in
                withCStrings(variables) { envp in
                    sources.withUnsafeBufferPointer { sources in
                        var start = stint_start(
                            path: texts[0], arguments: argv, environment: envp, sources: sources.baseAddress,
                            count: Int32(sources.count), terminal: controllingTerminal == nil ? nil : texts[1],
                            report: writer.number)
                        process = stint_start_in_group(directory.number, &start)
                        failure = errno
                    }
                }
            }
        }
        guard process > 0 else { throw SystemError(call: "clone3", errno: failure, subject: group.path) }
        let child = try ChildProcess(started: process)
        try writer.close()
        try Self.checkExec(child, report, executable)
        return child
    }

    /// - Throws: what the child could not do, and collects it.
    private static func checkExec(
        _ child: borrowing ChildProcess, _ report: consuming Pipe, _ executable: String
    ) throws(SystemError) {
        var reader = -1 as Int32
        report.take { first, _ in reader = first.release() }
        let bytes = try OwnedDescriptor(owning: reader).readToEnd(maximum: 64)
        guard !bytes.isEmpty else { return }
        let number = bytes.enumerated().reduce(Int32(0)) { $0 | Int32($1.element) << (8 * Int32($1.offset & 3)) }
        _ = try child.wait()
        throw SystemError(call: "execve", errno: number, subject: executable)
    }

    private func validate() throws(SystemError) {
        for text in [executable, workingDirectory ?? "", controllingTerminal ?? ""] + arguments {
            try refuseNul(text, in: "posix_spawn")
        }
        for (name, value) in environment {
            try refuseNul(name + value, in: "posix_spawn")
            guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "=")) else {
                throw SystemError(call: "posix_spawn", errno: EINVAL, subject: "the variable “\(name)”")
            }
        }
        let needsTerminal = descriptors.contains(.terminal)
        // The terminal is opened as descriptor 0, first of all: that makes it the controlling one.
        guard descriptors.count >= 3, needsTerminal == (controllingTerminal != nil),
            !needsTerminal || descriptors[0] == .terminal, !needsTerminal || newSession
        else { throw SystemError(.badDescriptorList, in: "posix_spawn", about: executable) }
    }

    private func set(_ attributes: inout posix_spawnattr_t) throws(SystemError) {
        var flags = newSession ? POSIX_SPAWN_SETSID : 0
        if resetSignals {
            flags |= Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
            var set = sigset_t()
            sigemptyset(&set)
            try checkNumber("posix_spawnattr_setsigmask") { posix_spawnattr_setsigmask(&attributes, &set) }
            sigfillset(&set)
            try checkNumber("posix_spawnattr_setsigdefault") { posix_spawnattr_setsigdefault(&attributes, &set) }
        }
        try checkNumber("posix_spawnattr_setflags") { posix_spawnattr_setflags(&attributes, Int16(flags)) }
    }

    private func add(
        _ copies: borrowing DescriptorCopies, to actions: inout posix_spawn_file_actions_t
    ) throws(SystemError) {
        let call = "posix_spawn_file_actions"
        for (index, source) in descriptors.enumerated() {
            let number = Int32(index)
            switch source {
            case .terminal where number == 0:
                let path = controllingTerminal ?? ""
                try checkNumber(call) { posix_spawn_file_actions_addopen(&actions, 0, path, O_RDWR, 0) }
            case .terminal:
                try checkNumber(call) { posix_spawn_file_actions_adddup2(&actions, 0, number) }
            case .null:
                try checkNumber(call) { posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0) }
            case .descriptor:
                let copy = copies.number(at: index)
                try checkNumber(call) { posix_spawn_file_actions_adddup2(&actions, copy, number) }
            }
        }
        let first = Int32(descriptors.count)
        try checkNumber(call) { posix_spawn_file_actions_addclosefrom_np(&actions, first) }
        if let workingDirectory {
            try checkNumber(call) { posix_spawn_file_actions_addchdir_np(&actions, workingDirectory) }
        }
    }
}

/// Copies of the descriptors for a child, above all numbers that the child will use: so no action in the child
/// overwrites what a later one still needs.
private struct DescriptorCopies: ~Copyable {
    private var numbers: [Int32] = []

    init(_ sources: [SpawnRequest.Source], above spare: Int32 = 0) throws(SystemError) {
        for source in sources {
            switch source {
            case .null, .terminal: numbers.append(-1)
            case .descriptor(let number):
                let minimum = Int32(sources.count) + spare
                let copy = stint_duplicate(number, minimum)
                guard copy >= 0 else {
                    let failure = SystemError(call: "dup", errno: errno)
                    Self.closeAll(numbers)
                    numbers = []
                    throw failure
                }
                numbers.append(copy)
            }
        }
    }

    deinit { Self.closeAll(numbers) }

    func number(at index: Int) -> Int32 { numbers[index] }

    private static func closeAll(_ numbers: [Int32]) {
        for number in numbers where number >= 0 { _ = Glibc.close(number) }
    }
}

/// Lends the texts as a C array that ends with a null pointer.
private func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = texts.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
}
