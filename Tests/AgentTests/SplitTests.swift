// SPDX-License-Identifier: Apache-2.0

import Access
import CLinux
import Evidence
import Glibc
import Posix
import Protocol
import StrictJSON
import Testing

@testable import Agent

/// The two halves of a supervisor, as the kernel shows them. What only root may see is looked at by root only.
@Suite(.serialized, .timeLimit(.minutes(3))) struct SplitTests {
    private static let isRoot = geteuid() == 0
    private static let typing = "read line; echo got $line"

    // MARK: What each half has

    @Test func `the reader is nobody, and has no way to become anybody`() async throws {
        let session = try await TestSession(Self.typing)
        let status = try Status(of: try session.reader())
        let account = try UnprivilegedAccount.find().user
        let (uid, gid) = (account?.uid ?? geteuid(), account?.gid ?? getegid())
        #expect(status["Uid"] == Array(repeating: "\(uid)", count: 4))
        #expect(status["Gid"] == Array(repeating: "\(gid)", count: 4))
        #expect(!Self.isRoot || (uid != 0 && gid != 0 && status["Groups"] == []))
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] + (Self.isRoot ? ["CapBnd"] : []) {
            #expect(status[set] == ["0000000000000000"], "\(set)")
        }
        #expect(status["NoNewPrivs"] == ["1"])
        try session.client.send(.close)
        _ = try await session.finish()
    }

    @Test(.enabled(if: isRoot)) func `only the reader has a connection, and neither has more than it needs`() async throws {
        let session = try await TestSession(Self.typing, terminal: true)
        let (keeper, reader) = (try session.keeper(), try session.reader())
        let ofReader = try Descriptors.of(reader)
        #expect(ofReader[0] == "/dev/null" && ofReader[1] == "/dev/null")
        let others = ofReader.filter { $0.key > 2 }.values.map { Descriptors.kind($0) }.sorted()
        #expect(others == ["/dev/pts/ptmx", "anon_inode:[timerfd]", "internet", "local"] || others == ["/dev/ptmx", "anon_inode:[timerfd]", "internet", "local"], "\(others)")
        // The lock and the way from the agent; the pipe in which the second stage reports is closed when it exec'ed.
        var ofKeeper = ["pipe"]
        while ofKeeper.contains("pipe") {
            ofKeeper = try Descriptors.of(keeper).filter { $0.key > 2 }.values.map { Descriptors.kind($0) }.sorted()
        }
        let folder = session.home.folder(of: session.terms.id)
        #expect(
            Set(ofKeeper) == [
                folder.controlPath, folder.path + "/lock", "anon_inode:[pidfd]", "anon_inode:[signalfd]", "anon_inode:[timerfd]", "local",
            ], "\(ofKeeper)")
        try session.client.send(.close)
        _ = try await session.finish()
    }

    @Test(.enabled(if: isRoot)) func `the node's key is in no page of the reader`() async throws {
        let session = try await TestSession(Self.typing)
        let digits = try DurableFile.read(session.home.keyPath, maximumBytes: 128).prefix(64)
        let seed = try #require(Hex.decode(String(decoding: digits, as: UTF8.self)))
        // In the keeper it is found: the search sees what there is.
        #expect(try MemoryOfProcess.contains(seed, in: try session.keeper()))
        #expect(try !MemoryOfProcess.contains(seed, in: try session.reader()))
        #expect(try !MemoryOfProcess.contains(Array(digits), in: try session.reader()))
        try session.client.send(.close)
        _ = try await session.finish()
    }

    @Test func `each half has a name of its own in process lists`() async throws {
        let session = try await TestSession(Self.typing)
        #expect(ProcessRecord(of: try session.reader())?.command == "stint-reader")
        #expect(ProcessRecord(of: try session.keeper())?.command == "stint-session")
        try session.client.send(.close)
        _ = try await session.finish()
    }

    // MARK: A reader that fails

    @Test func `a reader that stands still keeps nothing alive past the grant's end`() async throws {
        let deadline = Timestamp.now + .seconds(2)
        let session = try await TestSession.begun("setsid sleep 300 >/dev/null & echo begun; exec sleep 300") {
            $0["deadline"] = .integer(BootClock.now + 2_000_000_000)
        }
        let reader = try session.reader()
        #expect(kill(reader, SIGSTOP) == 0)
        let receipt = try await session.waitForReceiptOnDisk()
        #expect(receipt.reason == .expired && receipt.killed == 2 && receipt.left == 0)
        #expect(receipt.endedAt - deadline < .seconds(1), "\(receipt.endedAt - deadline)")
        // A second for the reader to count, and what a loaded machine adds.
        #expect(Timestamp.now - deadline < .seconds(4))
        #expect(receipt.remarks.contains { $0.hasPrefix("Nobody counted the session's bytes.") })
        try await session.waitForEnd(of: reader)
    }

    @Test func `a reader that is killed takes its session with it, at once and with a receipt`() async throws {
        let session = try await TestSession.begun("setsid sleep 300 >/dev/null & echo begun; exec sleep 300")
        let start = Timestamp.now
        #expect(kill(try session.reader(), SIGKILL) == 0)
        let receipt = try await session.waitForReceiptOnDisk()
        #expect(receipt.reason == .failed && receipt.detail == "The session's reader ended unexpectedly.")
        #expect(receipt.killed == 2 && receipt.left == 0)
        #expect(receipt.endedAt - start < .seconds(1))
    }

    @Test(arguments: [SIGKILL, SIGSTOP]) func `a reader does not outlive its keeper`(before signal: Int32) async throws {
        let session = try await TestSession.begun("echo begun; exec sleep 300")
        let reader = try session.reader()
        if signal == SIGSTOP { #expect(kill(reader, SIGSTOP) == 0) }
        try session.supervisors.killSupervisor(of: session.terms.id)
        try await session.waitForEnd(of: reader)
        let receipt = try await session.waitForReceiptOnDisk()
        #expect(receipt.reason == .failed && receipt.left == 0)
    }

    // MARK: A reader that was turned against us

    /// Messages that no reader of ours sends while a program runs.
    static let hostile: [[UInt8]] = {
        var messages: [[UInt8]] = [
            [0], [9], [255], [1], [2, 0], [3], [4], [4, 200], [5, 1], [6], [7, 7], [8, 0],
            ReaderRequest.accept(ephemeral: [UInt8](repeating: 1, count: 32)).bytes, ReaderRequest.start.bytes,
            ReaderRequest.drained.bytes, ReaderRequest.counted(input: 1, output: 1).bytes, ReaderRequest.stored.bytes,
            [3] + [UInt8](repeating: 0xFF, count: 88), [4, 0] + [UInt8](repeating: 65, count: 501),
            [UInt8](repeating: 4, count: 100_000), Array("{\"receipt\":true}".utf8),
        ]
        for seed in 0..<20 {
            var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
            messages.append(
                (0..<(1 + 37 * seed)).map { _ in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return UInt8(truncatingIfNeeded: state >> 56) | 0x10  // of a kind that there is not
                })
        }
        return messages
    }()

    @Test(.enabled(if: isRoot), arguments: hostile.indices)
    func `what is not in the table ends the session and says so`(index: Int) async throws {
        let session = try await TestSession.begun("echo begun; exec sleep 300")
        try session.speakAsReader(Self.hostile[index])
        let receipt = try await session.waitForReceiptOnDisk()
        #expect(receipt.reason == .failed && receipt.detail.hasPrefix("The session's reader asked for what its table does not have:"))
        #expect(receipt.killed == 1 && receipt.left == 0)
    }

    @Test(.enabled(if: isRoot)) func `a reader that asks to begin before there is an acceptance in force gets nothing`() async throws {
        let directory = try TemporaryDirectory()
        let session = try await TestSession("touch \(directory.path)/ran; exec sleep 300", records: false)
        try session.speakAsReader(ReaderRequest.accept(ephemeral: [UInt8](repeating: 1, count: 32)).bytes)
        let receipt = try await session.waitForReceiptOnDisk()
        #expect(receipt.reason == .failed && receipt.detail.contains("accept while the session is accepted") || receipt.detail.contains("accept too often"))
        #expect(access(directory.path + "/ran", F_OK) != 0)
    }

    @Test(.enabled(if: isRoot)) func `a descriptor that comes with a request ends the session`() async throws {
        let session = try await TestSession.begun("echo begun; exec sleep 300")
        try session.speakAsReader(ReaderRequest.end(.idle, detail: "").bytes, with: [STDERR_FILENO])
        let receipt = try await session.waitForReceiptOnDisk()
        #expect(receipt.reason == .failed && receipt.detail.contains("something with a descriptor"))
    }

    @Test(.enabled(if: isRoot)) func `a reader can end its session, and cannot make the receipt say what only the keeper knows`() async throws {
        let session = try await TestSession.begun("echo begun; exec sleep 300")
        try session.speakAsReader(ReaderRequest.end(.idle, detail: "by me\u{1B}[2J").bytes)
        let receipt = try await session.waitForReceiptOnDisk()
        #expect(receipt.reason == .idle && receipt.detail == "by me?[2J")
        #expect(receipt.killed == 1 && receipt.outcome == ReceiptStatement.Outcome.none)
    }
}

/// `/proc/PID/status`, by the names of its lines.
struct Status {
    private var lines: [Substring: [String]] = [:]

    init(of pid: Int32) throws {
        let text = String(decoding: try DurableFile.readKernelFile("/proc/\(pid)/status", maximumBytes: 16384), as: UTF8.self)
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            lines[line[..<colon]] = line[line.index(after: colon)...].split(whereSeparator: { $0 == " " || $0 == "\t" }).map { String($0) }
        }
    }

    subscript(_ name: String) -> [String]? { lines[Substring(name)] }
}

/// What a process has open.
enum Descriptors {
    static func of(_ pid: Int32) throws -> [Int: String] {
        var found: [Int: String] = [:]
        for name in try DurableFile.listDirectory("/proc/\(pid)/fd") {
            var buffer = [CChar](repeating: 0, count: 4096)
            let length = readlink("/proc/\(pid)/fd/\(name)", &buffer, buffer.count)
            guard let number = Int(name), length > 0 else { continue }
            found[number] = String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return found
    }

    /// Its name without what is different each time.
    static func kind(_ name: String) -> String {
        if name.hasPrefix("pipe:") { return "pipe" }
        guard name.hasPrefix("socket:["), let inode = name.dropFirst(8).dropLast().split(separator: "]").first else { return name }
        let tables = ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"]
        let isInternet = tables.contains { table in
            // A kernel without this family has no such table.
            guard let bytes = try? DurableFile.readKernelFile("/proc/net/\(table)", maximumBytes: 16 << 20) else { return false }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").contains { $0.split(separator: " ").dropFirst(9).first == inode }
        }
        return isInternet ? "internet" : "local"
    }
}

enum MemoryOfProcess {
    /// Whether the bytes are anywhere in what a process can read of its own memory.
    static func contains(_ wanted: [UInt8], in pid: Int32) throws -> Bool {
        let maps = String(decoding: try DurableFile.readKernelFile("/proc/\(pid)/maps", maximumBytes: 4 << 20), as: UTF8.self)
        let memory = open("/proc/\(pid)/mem", O_RDONLY | O_CLOEXEC)
        try #require(memory >= 0)
        defer { close(memory) }
        var looked = 0
        var isFound = false
        for line in maps.split(separator: "\n") {
            let fields = line.split(separator: " ")
            let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard ends.count == 2, fields[1].hasPrefix("r"), !line.hasSuffix("[vvar]"), ends[1] < UInt64(Int64.max) else { continue }
            var bytes = [UInt8](repeating: 0, count: Int(ends[1] - ends[0]))
            let count = pread(memory, &bytes, bytes.count, Int(ends[0]))
            guard count > 0 else { continue }
            looked += count
            isFound = isFound || stint_contains(bytes, count, wanted, wanted.count)
        }
        try #require(looked > 1 << 20)
        return isFound
    }
}

extension TestSession {
    /// A session whose command runs, and has said `begun`.
    static func begun(_ command: String, change: (inout JSONObject) -> Void = { _ in }) async throws -> TestSession {
        let session = try await TestSession(command, change: change)
        try await session.client.listen { $0.text.hasPrefix("begun\n") }
        return session
    }

    /// The half that is root.
    func keeper() throws -> Int32 {
        var pid: Int32 = -1
        supervisors.process(of: terms.id) { pid = $0.pid }
        try #require(pid > 0)
        return pid
    }

    /// The half that reads the network: the one child of the other that has its name.
    func reader() throws -> Int32 {
        let keeper = try keeper()
        let found = try DurableFile.listDirectory("/proc").compactMap { Int32($0) }
            .compactMap { ProcessRecord(of: $0) }.filter { $0.parent == keeper && $0.command == "stint-reader" }
        try #require(found.count == 1)
        return found[0].pid
    }

    /// Stops the reader, and says something to the keeper in its place.
    func speakAsReader(_ message: [UInt8], with descriptors: [Int32] = []) throws {
        let reader = try reader()
        let handle = try #require(Optional(stint_pidfd_open(reader)).flatMap { $0 >= 0 ? $0 : nil })
        defer { close(handle) }
        try #require(stint_pidfd_signal(handle, SIGSTOP) == 0)
        let line = stint_take_descriptor(handle, 3)
        try #require(line >= 0)
        defer { close(line) }
        let sent = stint_send_message(line, message, message.count, descriptors, Int32(descriptors.count))
        try #require(sent == message.count)
    }

    func waitForEnd(of pid: Int32) async throws {
        while ProcessRecord(of: pid)?.isAlive == true {
            supervisors.collect()
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
