// SPDX-License-Identifier: Apache-2.0
// SECURITY: finds the strays of a session (P3). A process that could not be looked at is never taken for one without the
// mark, unless its environment is closed to us because it belongs to somebody else.
import CLinux
import Glibc

/// Looks for one variable in the environments that programs were started with. Keeps its buffer from one process to the
/// next, because a hunt asks all of them.
struct EnvironmentMark {
    enum Answer: Equatable { case absent, present, gone }

    /// `NAME=VALUE` between two NULs.
    private let mark: [UInt8]
    /// A NUL, what was read, and a NUL.
    private var text = [UInt8](repeating: 0, count: 16 * 1024)

    /// What a program may be started with at most, with its arguments (execve(2)).
    private static let maximumBytes = 6 << 20

    init(_ name: String, _ value: String) { mark = [0] + Array((name + "=" + value).utf8) + [0] }

    mutating func look(at pid: Int32) -> Answer {
        let number = stint_open("/proc/\(pid)/environ", O_RDONLY | O_CLOEXEC, 0)
        // ESRCH: it has no memory, as a thread of the kernel and a process that has ended and is not yet collected.
        guard number >= 0 else { return [EACCES, EPERM, ESRCH].contains(errno) ? .absent : .gone }
        defer { close(number) }
        var count = 1
        while true {
            if count + 1 >= text.count {
                guard text.count < Self.maximumBytes else { return .gone }
                text += [UInt8](repeating: 0, count: text.count)
            }
            let read = text.withUnsafeMutableBytes { Glibc.read(number, $0.baseAddress! + count, $0.count - 1 - count) }
            guard read >= 0 else { return .gone }
            if read == 0 { break }
            count += read
        }
        text[count] = 0
        let isPresent = text.withUnsafeBytes { stint_contains($0.baseAddress!, count + 1, mark, mark.count) }
        return isPresent ? .present : .absent
    }
}
