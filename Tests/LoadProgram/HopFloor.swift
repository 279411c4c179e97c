// SPDX-License-Identifier: Apache-2.0

import Access
import CLinux
import Evidence
import Glibc
import Posix
import Terminal
import Transport

/// What two TLS hops cost with nothing else around them: client, relay and node as three processes that pass bytes on, for
/// `deploy/bench` to measure beside Stint in one run. With `--work yes` they do beside it what Stint promises for each byte:
/// tags at both ends, and at the relay a recording with its digest that is synchronised every MiB. No frames, no credit, no
/// questions asked: what is above this in Stint's figures is Stint's own, and what is in it no change of Stint's can take away.
struct HopFloor {
    /// `hop node|relay|shell|exec --dir DIR [--work yes] [--user NAME] [-- WORD...]`
    static func run(_ arguments: [String]) throws {
        let split = arguments.firstIndex(of: "--") ?? arguments.endIndex
        let words = Array(arguments[split...].dropFirst())
        guard let role = arguments.first else { throw LoadError(LoadProgram.usage) }
        let options = try Options(Array(arguments[1..<split]))
        let floor = HopFloor(
            directory: try options.text("dir"), hasWork: (try? options.text("work")) == "yes",  // it may be missing
            user: (try? options.text("user")) ?? "")
        switch role {
        case "node": try floor.serve("node") { try floor.attend($0) }
        case "relay": try floor.serve("relay") { try floor.relay($0) }
        case "shell", "exec": try floor.dialIn([role] + words)
        default: throw LoadError(LoadProgram.usage)
        }
    }

    let directory: String
    let hasWork: Bool
    let user: String

    private func work() throws -> HopWork? { hasWork ? try HopWork() : nil }

    // MARK: Servers

    /// Takes one connection after the other, each with a thread of its own, for ever.
    private func serve(_ name: String, _ body: @escaping @Sendable (Hop) throws -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = Hop.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutableBytes(of: &address) { raw in
            let pointer = raw.assumingMemoryBound(to: sockaddr.self).baseAddress
            return bind(listener, pointer, length) == 0 && getsockname(listener, pointer, &length) == 0
        }
        guard listener >= 0, bound, listen(listener, 64) == 0 else { throw SystemError(call: "listen", errno: errno) }
        let context = try TLSContext(serverWith: try Hop.identity())
        try Self.write("\(getpid())\n", to: "\(directory)/\(name).pid")
        try Self.write("\(UInt16(bigEndian: address.sin_port))\n", to: "\(directory)/\(name).port")
        while true {
            var peer = sockaddr()
            let connection = accept(listener, &peer, &length)
            guard connection >= 0, fcntl(connection, F_SETFL, O_NONBLOCK) == 0, fcntl(connection, F_SETFD, FD_CLOEXEC) == 0 else { continue }
            try Thread.start(name) {
                do {
                    try body(try Hop(connection, context))
                } catch TransportError.truncated {
                    // Whoever measures hangs up when it has seen enough: nothing is protected here, and that is the usual end.
                } catch {
                    LoadProgram.tell("\(name): \(error)")
                }
            }
        }
    }

    private static func write(_ text: String, to path: String) throws {
        let file = OwnedDescriptor(owning: open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644))
        try file.writeAll(Array(text.utf8))
    }

    private func relay(_ client: Hop) throws {
        let node = try Hop(dialling: directory, "node")
        let recording = hasWork ? try HopRecording("\(directory)/recording.\(client.descriptor)") : nil
        try HopPump.run(
            [
                HopPump(from: client, to: node, before: recording.map { recording in { try recording.input($0) } }),
                HopPump(from: node, to: client, before: recording.map { recording in { try recording.output($0) } }),
            ])
    }

    /// The node's end: the first line says what to start.
    private func attend(_ hop: Hop) throws {
        let words = try hop.readLine().split(separator: "\u{1f}").map(String.init)
        let become = user.isEmpty ? [] : ["/usr/bin/setpriv", "--reuid", user, "--regid", user, "--init-groups"]
        let command = become + (words.first == "shell" ? ["/bin/bash", "-il"] : Array(words.dropFirst()))
        var request = SpawnRequest(
            command[0].hasPrefix("/") ? command[0] : "/bin/\(command[0])", command,
            environment: [("PATH", "/usr/bin:/bin"), ("TERM", "xterm"), ("HOME", "/tmp"), ("PS1", "$ ")])
        request.newSession = true
        if words.first == "shell" {
            var terminal = try PseudoTerminal(columns: 80, rows: 24, owner: user.isEmpty ? nil : try User.named(user))
            request.descriptors = [.terminal, .terminal, .terminal]
            request.controllingTerminal = terminal.slavePath
            let child = try request.start()
            terminal.closeSlave()
            try pump(hop, input: terminal.master.number, output: terminal.master.number, until: 0)
            _ = try child.wait()
        } else {
            let input = try Pipe()
            let output = try Pipe()
            // As Stint's supervisor has them.
            _ = stint_set_pipe_size(output.writer.number, 256 * 1024)
            request.descriptors = [.descriptor(input.reader.number), .descriptor(output.writer.number), .descriptor(2)]
            let child = try request.start()
            var ends = (Int32(-1), Int32(-1))
            input.take { reader, writer in ends.0 = writer.release(); _ = reader.number }
            output.take { reader, writer in ends.1 = reader.release(); _ = writer.number }
            try pump(hop, input: ends.0, output: ends.1)
            close(ends.1)
            _ = try child.wait()
        }
    }

    // MARK: The client

    private func dialIn(_ words: [String]) throws {
        let hop = try Hop(dialling: directory, "relay")
        try hop.write(Array((words.joined(separator: "\u{1f}") + "\n").utf8))
        let raw = isatty(0) == 1 ? try RawMode(0) : nil
        // What a command's input still has is sent; a person's keyboard has no end.
        try pump(hop, input: 1, output: 0, until: words.first == "shell" ? 1 : nil)
        try raw?.restore()
    }

    /// Between a connection and the descriptors of a program or a person.
    private func pump(_ hop: Hop, input: Int32, output: Int32, until last: Int? = nil) throws {
        let (seal, open) = (try work(), try work())
        try HopPump.run(
            [
                HopPump(from: HopFile(output), to: hop, before: seal.map { seal in { try seal.tag($0) } }),
                HopPump(from: hop, to: HopFile(input), before: open.map { open in { try open.tag($0) } }),
            ], until: last)
    }
}

/// One end of a pump.
protocol HopEnd: AnyObject {
    var descriptor: Int32 { get }
    /// Bytes may be had although the descriptor is silent.
    var hasBuffered: Bool { get }
    /// - Returns: 0 at the end, `nil` where there is nothing now.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int?
    /// Waits until everything is written.
    func write(_ bytes: UnsafeRawBufferPointer) throws
    func end()
}

/// Passes bytes on from one end to the other.
struct HopPump {
    let source: any HopEnd
    let target: any HopEnd
    let work: ((UnsafeRawBufferPointer) throws -> Void)?

    init(from source: any HopEnd, to target: any HopEnd, before work: ((UnsafeRawBufferPointer) throws -> Void)?) {
        (self.source, self.target, self.work) = (source, target, work)
    }

    private static let piece = 64 * 1024

    /// Runs two of them on one thread, until the one of this index is at its end, or both.
    static func run(_ pumps: [HopPump], until last: Int? = nil) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: 16)
        defer { buffer.deallocate() }
        var isOpen = pumps.map { _ in true }
        while last.map({ isOpen[$0] }) ?? isOpen.contains(true) {
            var entries = pumps.indices.map { PollEntry(isOpen[$0] ? pumps[$0].source.descriptor : -1, .input) }
            let buffered = pumps.indices.filter { isOpen[$0] && pumps[$0].source.hasBuffered }
            _ = try Poll.wait(&entries, timeout: buffered.isEmpty ? nil : .zero)
            for index in pumps.indices where isOpen[index] && (entries[index].isReadable || buffered.contains(index)) {
                isOpen[index] = try pumps[index].pass(buffer)
            }
        }
    }

    /// - Returns: false at the end.
    private func pass(_ buffer: UnsafeMutableRawBufferPointer) throws -> Bool {
        var count = 0
        while count < buffer.count {
            guard let more = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...])) else { break }
            guard more > 0 else {
                if count == 0 { target.end() }
                if count == 0 { return false }
                break
            }
            count += more
            if more < 2048 || !source.hasBuffered { break }
        }
        guard count > 0 else { return true }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        try work?(bytes)
        try target.write(bytes)
        return true
    }
}

/// A descriptor of a program or of whoever sits at the client.
final class HopFile: HopEnd {
    let descriptor: Int32
    let hasBuffered = false

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int? {
        let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        if count < 0, errno == EAGAIN || errno == EINTR { return nil }
        return max(0, count)  // EIO is how a terminal ends
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws { try Transfer.writeAll(descriptor, bytes) }

    func end() { close(descriptor) }
}

/// One TLS connection, with what Stint's own have.
final class Hop: HopEnd {
    private let connection: TLSConnection
    var descriptor: Int32 { connection.descriptor }
    var hasBuffered: Bool { connection.hasPending }

    init(_ socket: Int32, _ context: TLSContext) throws {
        var one: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        connection = try TLSConnection(context, adopting: socket)
        while true {
            switch try connection.handshake() {
            case .done: return
            case .wantsRead: try wait(.input)
            case .wantsWrite: try wait(.output)
            }
        }
    }

    convenience init(dialling directory: String, _ name: String) throws {
        let file = OwnedDescriptor(owning: open("\(directory)/\(name).port", O_RDONLY | O_CLOEXEC))
        let text = String(decoding: try file.read(maximum: 16).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        guard let port = UInt16(text) else { throw LoadError("\(directory)/\(name).port has no port") }
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = Self.address(port: port)
        let connected = withUnsafeBytes(of: &address) { raw in
            connect(number, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(raw.count))
        }
        guard connected == 0, fcntl(number, F_SETFL, O_NONBLOCK) == 0 else { throw SystemError(call: "connect", errno: errno) }
        let identity = try Self.identity()
        try self.init(number, try TLSContext(clientWith: identity, expecting: identity.publicKey))
    }

    /// All have the same key: nothing is protected here.
    static func identity() throws -> TLSIdentity {
        try [UInt8](repeating: 7, count: 32).withUnsafeBytes { try TLSIdentity(ed25519Seed: $0) }
    }

    static func address(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private func wait(_ events: PollEntry.Events) throws {
        var entries = [PollEntry(descriptor, events)]
        _ = try Poll.wait(&entries, timeout: nil)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int? {
        switch try connection.read(into: buffer) {
        case .bytes(let count): count
        case .wouldBlock: nil
        case .end: 0
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        let isLong = rest.count > 16 * 1024
        if isLong { connection.hold(true) }
        defer { if isLong { connection.hold(false) } }
        while !rest.isEmpty {
            switch try connection.write(rest) {
            case .bytes(let count): rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            case .wouldBlock: try wait(.output)
            }
        }
    }

    func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    func readLine() throws -> String {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while byte != UInt8(ascii: "\n") {
            if !hasBuffered { try wait(.input) }
            let count = try withUnsafeMutableBytes(of: &byte) { try read(into: $0) }
            guard let count else { continue }
            guard count > 0 else { break }
            line.append(byte)
        }
        return String(decoding: line.dropLast(), as: UTF8.self)
    }

    func end() { connection.closeNotify() }
}

/// The tags that both ends of a session make and check for every byte.
final class HopWork {
    private let authenticator: FrameAuthenticator
    private let target = UnsafeMutableRawBufferPointer.allocate(byteCount: FrameAuthenticator.tagLength, alignment: 8)

    init() throws {
        let (ours, theirs) = (try EphemeralKey(), try EphemeralKey())
        authenticator = try ours.agree(with: theirs.publicBytes, opening: .none, accepted: ours.publicBytes).authenticator(.toNode)
    }

    deinit { target.deallocate() }

    func tag(_ bytes: UnsafeRawBufferPointer) throws {
        try authenticator.seal(UnsafeRawBufferPointer(start: nil, count: 0), bytes, tag: target)
    }
}

/// A recording as the broker writes one: lines, their digest, and every MiB on disk, by another thread.
final class HopRecording {
    private var writer = AsciicastWriter()
    private var lines = JSONLine(capacity: 4096)
    private var digest: RunningDigest
    private let file: Shared
    private var size: Int64 = 0, asked: Int64 = 0, forgotten: Int64 = 0

    private static let step: Int64 = 1024 * 1024

    private final class Shared: Sendable {
        let file: AppendFile
        let wake: EventCounter
        let done: EventCounter

        init(_ path: String) throws {
            file = try AppendFile(path)
            wake = try EventCounter()
            done = try EventCounter()
        }
    }

    init(_ path: String) throws {
        unlink(path)
        digest = try RunningDigest()
        let file = try Shared(path)
        self.file = file
        unlink(path)
        try Thread.start("disk") { [weak file] in
            while let number = file?.wake.number {
                var entries = [PollEntry(number, .input)]
                guard (try? Poll.wait(&entries, timeout: .seconds(1))) != nil else { return }  // the session is over
                guard entries[0].isReadable, let file else { continue }
                file.wake.clear()
                try? file.file.synchronise()  // of no worth to anybody
                file.done.signal()
            }
        }
    }

    func output(_ bytes: UnsafeRawBufferPointer) throws {
        writer.data(bytes, at: .seconds(1), to: &lines)
        try store()
    }

    func input(_ bytes: UnsafeRawBufferPointer) throws {
        writer.input(bytes, at: .seconds(1), to: &lines)
        try store()
    }

    private func store() throws {
        defer { lines.removeAll() }
        try lines.withBytes { (bytes) throws in
            try file.file.append(bytes)
            try digest.add(bytes)
            size += Int64(bytes.count)
        }
        guard size - asked >= Self.step else { return }
        file.file.forgetCached(from: forgotten, to: asked)
        (forgotten, asked) = (asked, size)
        file.wake.signal()
    }
}
