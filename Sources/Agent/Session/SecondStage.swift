// SPDX-License-Identifier: Apache-2.0
// SECURITY: between the supervisor and the user's program. It joins the control group while it is still root, gives up
// root for good, and becomes the program. Nothing of the supervisor's memory or descriptors comes along.

import Access
import Evidence
import Glibc
import Posix
import StrictJSON

/// `stint-agent enter USER GROUP SETTINGS (shell | exec ARGUMENT... | forward DESTINATION | copy ORDER...)`, started by a supervisor with the session's streams as
/// descriptors 0 to 2 and the session's environment. It starts while the supervisor still agrees with the client, and
/// waits at the gate until that is done.
package enum SecondStage {
    package static let command = "enter"

    /// The descriptor on which the supervisor reads why the program could not be started. Closed by the exec.
    static let report: Int32 = 3
    /// The descriptor on which one byte says that the program may begin; its end says that it must not.
    static let gate: Int32 = 4

    /// The exit statuses of a command that cannot be run, as a shell gives them (POSIX, "Exit Status for Commands").
    private static let notFound: Int32 = 127
    private static let notExecutable: Int32 = 126

    /// The words that come after the program's name.
    static func arguments(for terms: SessionTerms, user: User) -> [String] {
        let opening = terms.opening.value
        return [command, user.name, terms.group ?? "", terms.settings.json.text] + program(for: opening, terms)
    }

    private static func program(for opening: OpeningStatement, _ terms: SessionTerms) -> [String] {
        switch opening.capability {
        case .shell: ["shell"]
        case .exec, .document: ["exec"] + (terms.program ?? opening.command)
        case .forward, .ssh: ["forward"] + [opening.capability.destination?.description ?? ""]
        case .copy: ["copy"] + opening.command
        }
    }

    /// Becomes the session's program. Returns only when that failed.
    package static func run(_ arguments: [String]) -> Int32 {
        do {
            guard arguments.count >= 4 else { throw SystemError(call: command, errno: EINVAL) }
            guard fcntl(report, F_SETFD, FD_CLOEXEC) == 0 else { throw SystemError(call: "fcntl", errno: errno) }
            let user = try User.named(arguments[0])
            var settings = try settings(arguments[2])
            // Before anybody waits for us.
            try limitProcesses(of: user, in: &settings)
            let groups = try user.groups()
            guard try Transfer.read(gate, maximum: 1).count == 1 else { return notExecutable }
            _ = close(gate)
            try enter(as: user, in: groups, group: arguments[1], settings)
            let words = Array(arguments.dropFirst(4))
            switch arguments[3] {
            case "exec": return start(words)
            case "forward", "copy":
                // These two are this program itself, as the user; an exec would have closed it.
                _ = close(report)
                return arguments[3] == "forward" ? CarryingProgram.forward(words) : CarryingProgram.copy(words)
            default:
                if settings.greets { Greeting.show(to: user) }
                throw start(shellOf: user, settings)
            }
        } catch {
            // The supervisor sees the end of the process in any case.
            try? Transfer.writeAll(report, Array(AgentError(error).message.utf8))
            return notExecutable
        }
    }

    private static func settings(_ text: String) throws -> SessionSettings {
        var reader = try ObjectReader(try JSONValue(parsing: text))
        let settings = try SessionSettings(&reader)
        try reader.finish()
        return settings
    }

    /// Where the policy sets no limit of processes, and the control group, if there is one, knows none, the user's get one:
    /// the kernel counts all that the user has, so those of now are added. Root is under no such limit.
    private static func limitProcesses(of user: User, in settings: inout SessionSettings) throws {
        guard settings.limits[.processes] == nil, user.uid != 0, try !ControlGroup.limitsProcesses() else { return }
        settings.limits[.processes] = SessionSettings.usualProcesses + Int64(try UserProcesses.count(of: user.uid))
    }

    private static func enter(as user: User, in groups: [UInt32], group: String, _ settings: SessionSettings) throws {
        if !group.isEmpty { try ControlGroup(existing: group).add(0) }
        for (limit, value) in settings.limits { try lower(limit, to: UInt64(value)) }
        // The supervisor's is not for the session.
        if geteuid() == 0 { try ProcessControl.setNiceness(0) }
        try Privileges.become(user, in: groups)
        if settings.noNewPrivileges { try ProcessControl.forbidNewPrivileges() }
        umask(0o022)
        // After becoming the user: what they may not enter is not their working directory.
        if let directory = settings.directory {
            guard chdir(directory) == 0 else { throw SystemError(call: "chdir", errno: errno, subject: directory) }
        } else if chdir(user.home) != 0, chdir("/") != 0 {
            throw SystemError(call: "chdir", errno: errno, subject: "/")
        }
    }

    /// A limit is lowered, for good, and never raised: what the node's own limits forbid stays so.
    private static func lower(_ limit: SessionSettings.Limit, to value: UInt64) throws(SystemError) {
        let kind: ProcessControl.Limit =
            switch limit {
            case .coreBytes: .coreSize
            case .openFiles: .openFiles
            case .processes: .processes
            case .memoryBytes: .memory
            case .fileBytes: .fileSize
            case .processorSeconds: .processorTime
            }
        let lowest = min(value, try ProcessControl.limit(kind).hard)
        try ProcessControl.setLimit(kind, soft: lowest, hard: lowest)
    }

    private static func start(shellOf user: User, _ settings: SessionSettings) -> SystemError {
        let shell = settings.shell ?? user.shell
        let name = shell.utf8.lastIndex(of: UInt8(ascii: "/")).map { shell[shell.utf8.index(after: $0)...] }
        // A first argument with a dash makes it a login shell. Commands are run by a shell that then becomes the login shell.
        let arguments = settings.commands.isEmpty
            ? ["-" + (name.map { String($0) } ?? shell)]
            : [shell, "-c", settings.commands.joined(separator: "\n") + "\nexec \"$0\" -l", shell]
        let failure = become(arguments) { execv(shell, $0) }
        return SystemError(call: "execve", errno: failure, subject: shell)
    }

    private static func start(_ arguments: [String]) -> Int32 {
        let failure = become(arguments) { execvp(arguments[0], $0) }
        let reason = failure == ENOENT ? "command not found" : SystemError(call: "execve", errno: failure).message
        // It is for whoever reads the command's standard error; when nobody does, the status still tells.
        try? StandardStream.error.write("stint-agent: \(arguments[0]): \(reason)\n")
        return failure == ENOENT ? notFound : notExecutable
    }

    /// Replaces this process. Returns the error number when that failed.
    private static func become(_ arguments: [String], _ exec: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Int32) -> Int32 {
        var pointers = arguments.map { strdup($0) }
        pointers.append(nil)
        _ = pointers.withUnsafeBufferPointer { buffer in buffer.baseAddress.map { exec($0) } }
        let failure = errno
        for pointer in pointers { free(pointer) }
        return failure
    }
}
