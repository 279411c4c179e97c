// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization

/// What /proc knows, for the tests that make sure that nothing is left.
enum ProcessTable {
    struct Entry: Sendable, Hashable {
        let pid: pid_t
        let parent: pid_t
        /// The arguments, each with a NUL behind it.
        let commandLine: String
    }

    /// All processes that live; a zombie does not.
    static func all() -> [Entry] {
        numbers().compactMap { pid in
            guard let status = text(pid, "stat"), let end = status.lastIndex(of: ")") else { return nil }
            let fields = status[status.index(after: end)...].split(separator: " ")
            guard fields.count > 1, fields[0] != "Z", let parent = pid_t(fields[1]) else { return nil }
            return Entry(pid: pid, parent: parent, commandLine: text(pid, "cmdline") ?? "")
        }
    }

    /// The processes that carry `text` among their arguments or in their environment, other than Stint's own programs.
    static func carrying(_ text: String) -> [Entry] {
        all().filter { entry in
            guard !Programs.isOurs(entry.pid) else { return false }
            return entry.commandLine.contains(text) || (self.text(entry.pid, "environ")?.contains(text) ?? false)
        }
    }

    /// These processes and all that descend from them.
    static func descendants(of roots: Set<pid_t>) -> Set<pid_t> {
        let all = all()
        var found = roots
        while true {
            let more = all.filter { found.contains($0.parent) && !found.contains($0.pid) }.map(\.pid)
            if more.isEmpty { return found }
            found.formUnion(more)
        }
    }

    private static func numbers() -> [pid_t] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var numbers: [pid_t] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let pid = pid_t(name) { numbers.append(pid) }
        }
        return numbers
    }

    /// The file of this name in the process's directory. nil for a process that is gone, or whose file is not for us.
    static func text(_ pid: pid_t, _ name: String) -> String? {
        let descriptor = open("/proc/\(pid)/\(name)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return count == 0 ? String(decoding: bytes, as: UTF8.self) : nil }
            bytes += buffer[..<count]
        }
    }
}

/// Watches, on a thread of its own, for the moment from which on no process carries a text any more.
final class Disappearance: Sendable {
    private let state = Mutex<(at: ContinuousClock.Instant?, isStopped: Bool)>((nil, false))
    private let text: String

    init(of text: String) {
        self.text = text
        Thread.detachNewThread { [self] in watch() }
    }

    func instant(within limit: Duration) async throws -> ContinuousClock.Instant {
        defer { state.withLock { $0.isStopped = true } }
        return try await eventually("the end of \(ProcessTable.carrying(text))", within: limit) { state.withLock(\.at) }
    }

    private func watch() {
        while !state.withLock(\.isStopped) {
            let now = ContinuousClock.now
            if ProcessTable.carrying(text).isEmpty { return state.withLock { $0.at = now } }
            usleep(10_000)
        }
    }
}
