// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// A process as /proc described it. Its number may be used again by another process; number and start time together
/// are not.
package struct ProcessRecord: Hashable, Sendable {
    package let pid: Int32
    package let parent: Int32
    /// Whether any thread of it runs: a process that ended and was not yet collected does not count.
    package let isAlive: Bool
    /// Clock ticks since boot.
    package let startTime: UInt64

    /// Two records of one process are equal, whatever happened to its parent between them.
    package static func == (left: ProcessRecord, right: ProcessRecord) -> Bool {
        left.pid == right.pid && left.startTime == right.startTime
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(pid)
        hasher.combine(startTime)
    }

    /// Parses `/proc/PID/stat` (proc(5)); nil when it is not of that form.
    ///
    /// The second field is the program's name in parentheses and may contain anything, also parentheses and spaces,
    /// so the fields are counted from the last closing one.
    package init?(stat: [UInt8]) {
        guard let close = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = stat[(close + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 20)
        guard fields.count >= 20, let state = fields[0].first,
            let pid = Decimal.parse(stat.prefix { $0 != UInt8(ascii: " ") }).flatMap(Int32.init(exactly:)),
            let parent = Decimal.parse(fields[1]).flatMap(Int32.init(exactly:)),
            let threads = Decimal.parse(fields[17]), let startTime = Decimal.parse(fields[19])
        else { return nil }
        self.pid = pid
        self.parent = parent
        self.startTime = startTime
        // A process whose first thread has ended looks like a zombie while its other threads go on.
        isAlive = (state != UInt8(ascii: "Z") && state != UInt8(ascii: "X")) || threads > 1
    }

    /// The process with this number now; nil when there is none.
    package init?(of pid: Int32) {
        // It is gone when its file is: that is the answer, not a failure. One read gives the whole line, and hunts
        // depend on how fast this is.
        guard let file = try? DurableFile.open("/proc/\(pid)/stat", O_RDONLY),
            let stat = try? file.read(maximum: 1024)
        else { return nil }
        self.init(stat: stat)
    }

    /// The name the process gives itself, for people.
    package var command: String {
        // A process that has ended meanwhile has no name to show.
        let bytes = (try? DurableFile.readKernelFile("/proc/\(pid)/comm", maximumBytes: 64)) ?? []
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// Whether the program was started with this variable, when we may know.
    package func hasVariable(_ name: String, _ value: String) -> Bool {
        // Programs of other users are closed to us; they are not found by this way then.
        guard let bytes = try? DurableFile.readKernelFile("/proc/\(pid)/environ", maximumBytes: 4 << 20) else {
            return false
        }
        let wanted = Array((name + "=" + value).utf8)
        return bytes.split(separator: 0).contains { $0.elementsEqual(wanted) }
    }
}
