// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization

/// A process that a test started. Its end is noted by a thread of its own, so that a busy test runner does not blur when
/// it happened.
final class RunningProgram: Sendable {
    /// How a process ended.
    struct End: Sendable {
        /// As a shell gives it: 128 + n for signal n.
        let status: Int32
        let at: ContinuousClock.Instant
    }

    let pid: pid_t
    private let name: String
    private let state = Mutex<End?>(nil)

    /// Files of the child's standard streams.
    enum Streams {
        case files(input: String, output: String, errors: String)
        /// One terminal for all three, which becomes the controlling one.
        case terminal(String)
    }

    /// - Parameter environment: all of the child's variables.
    init(_ executable: String, _ arguments: [String], environment: [String: String], streams: Streams) throws {
        name = ([executable] + arguments).joined(separator: " ")
        pid = try Self.spawn(executable, arguments, environment, streams)
        Thread.detachNewThread { [self] in collect() }
    }

    var end: End? { state.withLock { $0 } }
    var isRunning: Bool { end == nil }

    /// Waits until it has ended.
    func waitForEnd(within limit: Duration = .seconds(30)) async throws -> End {
        try await eventually("the end of `\(name)`", within: limit) { self.end }
    }

    /// Sends a signal, unless the process has ended: its number may belong to another by then.
    func signal(_ number: Int32) {
        state.withLock { end in
            if end == nil { _ = kill(pid, number) }
        }
    }

    /// Ends it the hard way, and waits.
    func kill9() async throws {
        signal(SIGKILL)
        _ = try await waitForEnd()
    }

    private func collect() {
        var info = siginfo_t()
        // It stays a zombie, and so keeps its number, until the lock is held.
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let now = ContinuousClock.now
        state.withLock { end in
            var raw: Int32 = 0
            _ = waitpid(pid, &raw, 0)
            let signal = raw & 0x7F
            end = End(status: signal == 0 ? raw >> 8 & 0xFF : 128 + signal, at: now)
        }
    }

    /// POSIX_SPAWN_SETSID of glibc's spawn.h, which Swift's Glibc module hides.
    private static let newSession: Int16 = 0x80

    private static func spawn(
        _ executable: String, _ arguments: [String], _ environment: [String: String], _ streams: Streams
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        switch streams {
        case .files(let input, let output, let errors):
            let create = O_WRONLY | O_CREAT | O_APPEND
            posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
            posix_spawn_file_actions_addopen(&actions, 1, output, create, 0o600)
            posix_spawn_file_actions_addopen(&actions, 2, errors, create, 0o600)
        case .terminal(let path):
            posix_spawn_file_actions_addopen(&actions, 0, path, O_RDWR, 0)
            posix_spawn_file_actions_adddup2(&actions, 0, 1)
            posix_spawn_file_actions_adddup2(&actions, 0, 2)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, newSession | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
        var pid: pid_t = 0
        let failure = withCStrings([executable] + arguments) { argv in
            withCStrings(environment.map { "\($0)=\($1)" }) { envp in
                posix_spawn(&pid, executable, &actions, &attributes, argv, envp)
            }
        }
        guard failure == 0 else { throw HarnessError("\(executable) does not start: \(String(cString: strerror(failure)))") }
        return pid
    }
}

/// Something that a test needed and did not get.
struct HarnessError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Asks again and again, until there is a value.
func eventually<Value>(
    _ what: @autoclosure () -> String, within limit: Duration = .seconds(15), _ look: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    while true {
        if let value = try await look() { return value }
        guard ContinuousClock.now < deadline else { throw HarnessError("\(what()) did not come within \(limit)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}

/// Asks again and again, until it is true.
func eventually(_ what: @autoclosure () -> String, within limit: Duration = .seconds(15), _ isSo: () async throws -> Bool)
    async throws
{
    let _: Bool = try await eventually(what(), within: limit) { try await isSo() ? true : nil }
}

/// Lends the texts as a C array that ends with a null pointer.
private func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return body(&pointers)
}
