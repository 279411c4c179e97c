// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Posix
package import Protocol

extension NodeFacts {
    /// How often a node tells them.
    package static let interval: Duration = .seconds(300)

    /// What this machine says of itself. What cannot be read is left out: no session depends on it.
    package static func gather() -> NodeFacts {
        var facts = NodeFacts()
        facts.system = value(of: "PRETTY_NAME", in: lines("/etc/os-release")) ?? "Linux"
        facts.kernel = lines("/proc/sys/kernel/osrelease").first ?? ""
        facts.architecture = Self.machine
        facts.hostName = cleaned(Environment.hostName())
        facts.processors = Int64(clamping: sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        facts.uptimeSeconds = lines("/proc/uptime").first.flatMap { Int64($0.prefix { $0 != "." }) } ?? 0
        facts.loadHundredths = lines("/proc/loadavg").first.flatMap { hundredths($0.prefix { $0 != " " }) } ?? 0
        let memory = lines("/proc/meminfo")
        facts.memoryBytes = kibibytes("MemTotal:", in: memory)
        facts.availableBytes = kibibytes("MemAvailable:", in: memory)
        facts.disks = disks()
        facts.users = users()
        facts.listening = ["tcp", "tcp6", "udp", "udp6"].flatMap(listening).prefix(maximumListening).map { $0 }
        return facts
    }

    private static var machine: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "aarch64"
        #else
            ""
        #endif
    }

    private static func lines(_ path: String) -> [String] {
        // A kernel without the file has nothing to say about it; facts decide nothing.
        let bytes = (try? DurableFile.readKernelFile(path, maximumBytes: 1 << 20)) ?? []
        return bytes.split(separator: UInt8(ascii: "\n")).map { cleaned(String(decoding: $0, as: UTF8.self)) }
    }

    private static func cleaned(_ text: String) -> String { PlainText.cleaned(String(text.map { $0 == "\t" ? " " : $0 }), maximum: 200) }

    /// `NAME="value"` (os-release(5)).
    private static func value(of name: String, in lines: [String]) -> String? {
        lines.first { $0.hasPrefix(name + "=") }.map { $0.dropFirst(name.count + 1).filter { $0 != "\"" } }
    }

    /// `0.42` → 42.
    private static func hundredths(_ text: some StringProtocol) -> Int64? {
        let parts = text.split(separator: ".")
        guard parts.count == 2, parts[1].count == 2, let whole = Int64(parts[0]), let rest = Int64(parts[1]), whole < 1_000_000 else { return nil }
        return whole * 100 + rest
    }

    private static func kibibytes(_ name: String, in lines: [String]) -> Int64 {
        let words = lines.first { $0.hasPrefix(name) }?.split(separator: " ") ?? []
        guard words.count > 1, let number = Int64(words[1]), number < 1 << 50 else { return 0 }
        return number * 1024
    }

    /// File systems on devices, each device once.
    private static func disks() -> [Disk] {
        var devices: Set<Substring> = []
        var disks: [Disk] = []
        for line in lines("/proc/self/mounts") where disks.count < maximumDisks {
            let words = line.split(separator: " ")
            guard words.count > 2, words[0].hasPrefix("/dev/"), devices.insert(words[0]).inserted else { continue }
            var status = statvfs()
            guard statvfs(String(words[1]), &status) == 0 else { continue }
            let unit = Int64(clamping: status.f_frsize)
            let (total, free) = (Int64(clamping: status.f_blocks), Int64(clamping: status.f_bavail))
            guard unit > 0, total < Int64.max / unit, free < Int64.max / unit else { continue }
            disks.append(Disk(mount: String(words[1]), totalBytes: total * unit, freeBytes: free * unit))
        }
        return disks
    }

    /// Local users whose shell is one. A directory service is not asked: it may have thousands, and take its time.
    private static func users() -> [String] {
        let closed = ["/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false", "/bin/sync"]
        return Array(
            lines("/etc/passwd").compactMap { line -> String? in
                let fields = line.split(separator: ":", omittingEmptySubsequences: false)
                guard fields.count == 7, !closed.contains(String(fields[6])) else { return nil }
                return String(fields[0])
            }.prefix(maximumUsers))
    }

    /// Sockets that wait for others, from /proc/net (proc(5)): `sl local_address rem_address st …`.
    private static func listening(_ family: String) -> [String] {
        // TCP_LISTEN is 0A; a datagram socket that is bound and not connected has the state 07.
        let state = family.hasPrefix("tcp") ? "0A" : "07"
        var found: [String] = []
        for line in lines("/proc/net/" + family).dropFirst() {
            let words = line.split(separator: " ")
            guard words.count > 3, words[3] == state, let address = address(words[1]) else { continue }
            let text = "\(family) \(address)"
            if !found.contains(text) { found.append(text) }
        }
        return found
    }

    /// `0100007F:1CFC` → `127.0.0.1:7420`: groups of four bytes in the machine's order, the port in hexadecimal.
    package static func address(_ text: some StringProtocol) -> String? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1], radix: 16) else { return nil }
        let digits = Array(parts[0].utf8)
        guard digits.count == 8 || digits.count == 32 else { return nil }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: digits.count, by: 8) {
            guard let word = UInt32(String(decoding: digits[start..<start + 8], as: UTF8.self), radix: 16) else { return nil }
            withUnsafeBytes(of: word) { bytes += $0 }
        }
        guard bytes.count == 16 else { return bytes.map { String($0) }.joined(separator: ".") + ":\(port)" }
        var name = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, bytes, &name, socklen_t(name.count)) != nil else { return nil }
        return "[" + String(decoding: name.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self) + "]:\(port)"
    }
}
