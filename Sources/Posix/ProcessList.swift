// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The processes of the machine, from /proc.
package enum ProcessList {
    /// Calls `body` with each process number, lowest first, as soon as the kernel has named it.
    ///
    /// One at a time, and not from a list taken before: numbers rise, so a process that starts another and exits
    /// while we come near is followed by one that we have still before us. With a list of all, whoever starts and
    /// exits all the time is gone when its turn comes, and its successor is not on the list.
    package static func forEach(_ body: (Int32) -> Void) throws(SystemError) {
        let directory = try DurableFile.open("/proc", O_RDONLY | O_DIRECTORY)
        // An entry with a number of up to 7 digits takes 32 bytes: room for one such entry and not for two. Other
        // names in /proc may need more.
        let usual = 48
        let largest = 320
        try withUnsafeTemporaryAllocation(byteCount: largest, alignment: 8) { buffer throws(SystemError) in
            while true {
                var count = stint_read_entries(directory.number, buffer.baseAddress!, usual)
                if count < 0, errno == EINVAL {
                    count = stint_read_entries(directory.number, buffer.baseAddress!, largest)
                }
                guard count >= 0 else { throw SystemError(call: "getdents64", errno: errno, subject: "/proc") }
                if count == 0 { return }
                forEachNumber(in: UnsafeRawBufferPointer(rebasing: buffer[..<count]), body)
            }
        }
    }

    /// Entries are: inode 8 bytes, offset 8, length of the entry 2, type 1, name with a NUL (getdents(2)).
    private static func forEachNumber(in entries: UnsafeRawBufferPointer, _ body: (Int32) -> Void) {
        var rest = entries[...]
        while rest.count > 19 {
            let length = Int(UnsafeRawBufferPointer(rebasing: rest).loadUnaligned(fromByteOffset: 16, as: UInt16.self))
            guard length > 19, length <= rest.count else { return }
            let name = rest.prefix(length).dropFirst(19).prefix { $0 != 0 }
            if let pid = Decimal.parse(name).flatMap(Int32.init(exactly:)) { body(pid) }
            rest = rest.dropFirst(length)
        }
    }

    /// The number that was given out last, to a process or a thread: the fifth field of /proc/loadavg. While it stays, nobody
    /// has started anybody.
    static func newestNumber() throws(SystemError) -> UInt64? {
        let text = try DurableFile.readKernelFile("/proc/loadavg", maximumBytes: 128)
        let last = text.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.last
        return last.flatMap(Decimal.parse)
    }

    /// Numbers are smaller than this.
    static func largestNumber() throws(SystemError) -> UInt64? {
        let text = try DurableFile.readKernelFile("/proc/sys/kernel/pid_max", maximumBytes: 32)
        return Decimal.parse(text.prefix { $0 != UInt8(ascii: "\n") })
    }

    /// The process and all above it.
    static func lineage(of process: Int32) -> Set<Int32> {
        var line: Set<Int32> = []
        var next: Int32? = process
        while let pid = next, pid > 0, line.insert(pid).inserted { next = ProcessRecord(of: pid)?.parent }
        return line
    }
}
