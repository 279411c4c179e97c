// SPDX-License-Identifier: Apache-2.0

import Access
import CLinux
import Evidence
import Glibc
import Posix
import Protocol
import StrictJSON
import Testing
import Transport

@testable import Agent

/// `stint-agent join` as the kernel shows it: the half that is root has no connection.
@Suite(.serialized, .timeLimit(.minutes(2))) struct JoinSplitTests {
    private static let isRoot = geteuid() == 0

    // MARK: What each half has

    @Test(.enabled(if: isRoot)) func `while a join waits for the broker, only its half that is nobody has a connection`() async throws {
        let joining = try Joining(at: try SilentBroker())
        let half = try await joining.connectedHalf()
        let descriptors = try Descriptors.of(half)
        #expect([0, 1, 2].allSatisfy { descriptors[$0] == "/dev/null" })
        #expect(descriptors.filter { $0.key > 2 }.values.map { Descriptors.kind($0) }.sorted() == ["internet", "local"])
        let ofRoot = try Descriptors.of(joining.pid).values.map { Descriptors.kind($0) }
        #expect(!ofRoot.contains("internet"), "\(ofRoot)")
        let status = try Status(of: half)
        let account = try #require(try UnprivilegedAccount.find().user)
        #expect(status["Uid"] == Array(repeating: "\(account.uid)", count: 4) && account.uid != 0)
        #expect(status["Gid"] == Array(repeating: "\(account.gid)", count: 4) && status["Groups"] == [])
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] { #expect(status[set] == ["0000000000000000"], "\(set)") }
        #expect(status["NoNewPrivs"] == ["1"])
        let limits = String(decoding: try DurableFile.readKernelFile("/proc/\(half)/limits", maximumBytes: 8192), as: UTF8.self)
        for name in ["Max processes", "Max file size", "Max core file size"] {
            let line = limits.split(separator: "\n").first { $0.hasPrefix(name) }
            #expect(line?.dropFirst(name.count).split(separator: " ").prefix(2).map { String($0) } == ["0", "0"], "\(name)")
        }
        try joining.kill()
    }

    @Test(.enabled(if: isRoot)) func `neither the node's key nor the token's secret is in the memory of the half that reads the network`() async throws {
        let joining = try Joining(at: try SilentBroker())
        let half = try await joining.connectedHalf()
        let digits = try DurableFile.read(joining.newcomer.home.keyPath, maximumBytes: 128).prefix(64)
        let seed = try #require(Hex.decode(String(decoding: digits, as: UTF8.self)))
        for secret in [seed, Array(digits), joining.newcomer.secret.seed, Array(joining.token.utf8)] {
            #expect(try !MemoryOfProcess.contains(secret, in: half))
        }
        // In the other half it is found: the search sees what there is.
        #expect(try MemoryOfProcess.contains(seed, in: joining.pid))
        try joining.kill()
    }

    // MARK: A half that fails

    @Test func `a half that is killed ends the join with a reason`() async throws {
        let joining = try Joining(at: try SilentBroker())
        #expect(kill(try await joining.half(), SIGKILL) == 0)
        let end = try joining.end()
        #expect(end.status == .exited(1))
        #expect(end.words.contains("was ended: it was ended by signal 9. (agent.reader-fault)"), "\(end.words)")
        #expect(!joining.newcomer.home.isJoined)
    }

    @Test func `a half does not outlive its join`() async throws {
        let joining = try Joining(at: try SilentBroker())
        let half = try await joining.half()
        try joining.kill()
        while ProcessRecord(of: half)?.isAlive == true { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test func `a half that stands still is given up`() throws {
        let newcomer = try Newcomer()
        let identity = NodeIdentity(
            name: try .init("web-9"), broker: newcomer.broker.endpoint, pin: newcomer.installation.brokerKey.publicKey,
            root: try newcomer.installation.root)
        let key = try NodeKey(seed: try SecretBytes(random: SigningKey.seedLength))
        let channel = try JoinChannel(to: identity, with: key, executable: try TestSession.executable(), patience: .seconds(1))
        #expect(try !channel.entries(after: 0, invitation: newcomer.invitation).isEmpty)
        #expect(kill(channel.pid, SIGSTOP) == 0)
        do {
            _ = try channel.entries(after: 0, invitation: newcomer.invitation)
            Issue.record("it answered")
        } catch {
            #expect(AgentError(error) == .readerFault("nothing was heard from it for 1 s"))
        }
    }

    // MARK: A half that was turned against us

    static let hostile: [(bytes: [UInt8], words: String)] = [
        ([9, 0, 0, 0, 0], "it sent a frame of kind 9, which there is not"),
        ([2, 255, 255, 255, 255], "it sent 4294967295 bytes in a frame of kind 2"),
        ([1, 0, 0, 0, 0], "it reported `ready` while it was fetching"),
        ([3, 0, 0, 0, 0], "it reported `taken` while it was fetching"),
        ([3, 0, 0, 0, 1, 0], "it sent 1 bytes in a frame of kind 3, which has 0 at most"),
        ([4, 0, 0, 0, 1, 0], "it ended with what is no problem"),
        ([5, 0, 0, 0, 3, 91, 91, 91], "it ended with what is no problem"),
    ]

    @Test(.enabled(if: isRoot), arguments: hostile.indices)
    func `what is not in the table ends the join and says so`(index: Int) async throws {
        let joining = try Joining(at: try SilentBroker())
        try joining.speak(Self.hostile[index].bytes, asHalf: try await joining.connectedHalf())
        let end = try joining.end()
        #expect(end.status == .exited(1))
        #expect(end.words.contains("was ended: \(Self.hostile[index].words)") && end.words.contains("(agent.reader-fault)"), "\(end.words)")
        #expect(!joining.newcomer.home.isJoined)
    }

    @Test(.enabled(if: isRoot)) func `entries that a half makes up are not taken for the roll`() async throws {
        let joining = try Joining(at: try SilentBroker())
        let other = try Installation().entries
        let body = Array("{\"entries\":[\(other.map(\.json.text).joined(separator: ","))]}".utf8)
        var frame: [UInt8] = []
        ReaderFrames.append(JoinReport.entries, body, to: &frame)
        try joining.speak(frame, asHalf: try await joining.connectedHalf())
        let end = try joining.end()
        #expect(end.status == .exited(3) && end.words.contains("(agent.other-root)"), "\(end.words)")
        #expect(!joining.newcomer.home.isJoined)
    }

    // MARK: A broker that fails

    @Test func `a broker that does not answer is told as unreachable, after ten seconds`() throws {
        let joining = try Joining(at: try SilentBroker())
        let end = try joining.end()
        #expect(end.status == .exited(6))
        #expect(end.words.contains("Timed out while setting up the connection to 127.0.0.1:") && end.words.contains("(transport.timed-out)"))
    }

    @Test(arguments: [0, 1]) func `an answer is taken at its limit, and refused one past it`(more: Int) throws {
        let length = JoinReport.entries.limit + more
        let joining = try Joining(answer: { _ in HTTPResponse(status: 200, body: [UInt8](repeating: 32, count: length)) })
        let end = try joining.end()
        #expect(end.words.contains(more == 0 ? "(json.unexpected-end)" : "(http.body-too-large)"), "\(end.words)")
        #expect(!joining.newcomer.home.isJoined)
    }

    @Test func `a broker that says no has its own words shown`() throws {
        let problem = Problem(status: 403, code: "some.code", message: "Not \u{1B}[2J today.", hint: "Come tomorrow.")
        let joining = try Joining(answer: { _ in HTTPResponse(status: 403, body: Array(problem.json.text.utf8)) })
        let end = try joining.end()
        #expect(end.status == .exited(3))
        #expect(end.words.contains("Not \\u{1b}[2J today. (some.code)") && end.words.contains("Come tomorrow."), "\(end.words)")
    }
}

/// Takes connections and never says a word.
private final class SilentBroker {
    let endpoint: Endpoint
    private let number: Int32

    init() throws {
        number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try #require(number >= 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let number = number
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(number, $0, length) == 0 && listen(number, 8) == 0 && getsockname(number, $0, &length) == 0
            }
        }
        try #require(isListening)
        endpoint = try Endpoint("127.0.0.1:\(UInt16(bigEndian: address.sin_port))")
    }

    deinit { close(number) }
}

/// The program, joining.
private final class Joining {
    let newcomer: Newcomer
    let token: String
    private let process: ChildProcess
    private let errors: OwnedDescriptor
    private let broker: SilentBroker?
    private var isCollected = false

    convenience init(at broker: SilentBroker) throws {
        let newcomer = try Newcomer()
        try self.init(newcomer, token: try newcomer.token(broker: broker.endpoint), broker)
    }

    convenience init(answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse) throws {
        let newcomer = try Newcomer(answer: answer)
        try self.init(newcomer, token: try newcomer.token(), nil)
    }

    private init(_ newcomer: Newcomer, token: String, _ broker: SilentBroker?) throws {
        (self.newcomer, self.token, self.broker) = (newcomer, token, broker)
        let pipe = try Pipe()
        // In a file: it would be found in memory by who looks for it among the arguments.
        let file = newcomer.directory.path + "/token"
        try DurableFile.writeAtomically(Array(token.utf8), to: file, mode: 0o600)
        var request = SpawnRequest(
            try TestSession.executable(), ["stint-agent", "join", "--home", newcomer.home.path, "--token-file", file],
            environment: Environment.all)
        request.descriptors = [.null, .null, .descriptor(pipe.writer.number)]
        process = try request.start()
        errors = try pipe.reader.duplicate()
    }

    deinit {
        // One that a test gave up on.
        if !isCollected { try? kill() }
    }

    var pid: Int32 { process.pid }

    func kill() throws {
        isCollected = true
        try process.signal(.kill)
        _ = try process.wait()
    }

    /// How it ended, and what it said.
    func end() throws -> (status: Posix.ExitStatus, words: String) {
        let bytes = try errors.readToEnd(maximum: 1 << 20)
        isCollected = true
        return (try process.wait(), String(decoding: bytes, as: UTF8.self))
    }

    /// The process that reads the network for it, once it is who it is to be.
    func half() async throws -> Int32 {
        while true {
            let children = try DurableFile.listDirectory("/proc").compactMap { Int32($0) }.compactMap { ProcessRecord(of: $0) }
                .filter { $0.parent == pid && $0.command == "stint-join" }
            // It stands in its first lines until it has given up everything.
            if let child = children.first, try Status(of: child.pid)["NoNewPrivs"] == ["1"] { return child.pid }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    func connectedHalf() async throws -> Int32 {
        let half = try await half()
        while try !Descriptors.of(half).values.contains(where: { Descriptors.kind($0) == "internet" }) {
            try await Task.sleep(for: .milliseconds(5))
        }
        return half
    }

    /// Stops the half, and says something in its place.
    func speak(_ bytes: [UInt8], asHalf half: Int32) throws {
        let handle = stint_pidfd_open(half)
        try #require(handle >= 0 && stint_pidfd_signal(handle, SIGSTOP) == 0)
        defer { close(handle) }
        let line = OwnedDescriptor(owning: stint_take_descriptor(handle, 3))
        try line.setNonBlocking(false)
        try line.writeAll(bytes)
    }
}
