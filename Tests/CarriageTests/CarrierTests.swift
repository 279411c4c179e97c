// SPDX-License-Identifier: Apache-2.0

import Access
import Foundation
import Glibc
import Posix
import StrictJSON
import Synchronization
import Testing
import Transport

@testable import Carriage

/// Both ends of a session that forwards, joined by two pipes, each in a thread of its own.
private final class Joined: Sendable {
    let door: LocalDoor
    let said = Mutex<[String]>([])
    private let ends = Mutex<[Result<String?, CarriageError>]>([])
    private let link: (Int32, Int32, Int32, Int32)

    init(to destination: String, owner: UInt32 = geteuid()) throws {
        Signals.ignoreBrokenPipe()  // as both programs do
        let dialler = try DestinationDialler(try Destination(destination))
        door = try LocalDoor(port: 0, owner: owner)
        let (nodeInput, clientOutput) = try Pipe().release()
        let (clientInput, nodeOutput) = try Pipe().release()
        link = (nodeInput, clientOutput, clientInput, nodeOutput)
        try Posix.Thread.start("node") { [self] in
            end(nodeInput, nodeOutput) { () throws(CarriageError) in try Carrier.dialling(dialler, from: nodeInput, to: nodeOutput, say: note).run() }
        }
        try Posix.Thread.start("client") { [self] in
            end(clientInput, clientOutput) { () throws(CarriageError) in try Carrier.opening(door, from: clientInput, to: clientOutput, say: note).run() }
        }
    }

    private func note(_ text: String) { said.withLock { $0.append(text) } }

    private func end(_ input: Int32, _ output: Int32, _ run: () throws(CarriageError) -> String?) {
        let result = Result<String?, CarriageError> { () throws(CarriageError) in try run() }
        close(output)
        close(input)
        ends.withLock { $0.append(result) }
    }

    func results() -> [Result<String?, CarriageError>] { ends.withLock { $0 } }
}

/// Waits, with a limit, until something holds.
private func eventually(_ what: String, _ holds: () -> Bool) throws {
    let limit = ContinuousClock.now + .seconds(20)
    while !holds() {
        guard ContinuousClock.now < limit else { throw Failed(what: what) }
        _ = try Poll.wait(&nothing, timeout: .milliseconds(10))
    }
}

private struct Failed: Error { let what: String }
private nonisolated(unsafe) var nothing: [PollEntry] = []

/// A server on the loopback address whose connections a test handles itself.
private final class Server: Sendable {
    let port: UInt16
    let listener: Int32

    init() throws {
        let (descriptor, bound) = try Socket.listen(on: Endpoint(host: "127.0.0.1", port: 0))
        (listener, port) = (descriptor, bound.port)
    }

    deinit { close(listener) }

    /// Blocks, with a limit.
    func accept() throws -> Int32 {
        var entries = [PollEntry(listener, .input)]
        guard try Poll.wait(&entries, timeout: .seconds(20)) > 0, case .connection(let descriptor, _) = Socket.accept(from: listener) else {
            throw Failed(what: "nobody came")
        }
        return descriptor
    }
}

private func dial(_ port: UInt16) throws -> Int32 {
    let address = try #require(try Socket.addresses(of: Endpoint(host: "127.0.0.1", port: port)).first)
    let descriptor = try Socket.beginConnecting(to: address)
    var entries = [PollEntry(descriptor, .output)]
    _ = try Poll.wait(&entries, timeout: .seconds(20))
    try Socket.finishConnecting(descriptor)
    return descriptor
}

/// Reads until `count` bytes or the end are there, with a limit.
private func read(_ descriptor: Int32, _ count: Int = .max) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
        var entries = [PollEntry(descriptor, .input)]
        guard try Poll.wait(&entries, timeout: .seconds(20)) > 0 else { throw Failed(what: "\(bytes.count) bytes, and no more") }
        let piece = try Transfer.read(descriptor, maximum: min(65_536, count - bytes.count))
        if piece.isEmpty { break }
        bytes += piece
    }
    return bytes
}

@Suite(.serialized) struct CarrierTests {
    @Test func `bytes go both ways, and each end's end alone`() throws {
        let server = try Server()
        let joined = try Joined(to: "127.0.0.1:\(server.port)")
        let client = try dial(joined.door.bound.port)
        let served = try server.accept()
        try Transfer.writeAll(client, Array("question".utf8))
        #expect(try read(served, 8) == Array("question".utf8))
        shutdown(client, Int32(SHUT_WR))
        #expect(try read(served).isEmpty)
        try Transfer.writeAll(served, Array("answer".utf8))
        close(served)
        #expect(try read(client) == Array("answer".utf8))
        close(client)
        try eventually("the node's word") { joined.said.withLock { $0.contains { $0.contains("is over: 8 bytes there, 6 bytes back") } } }
    }

    @Test func `a reader who stops holds up no other connection, and what waits for it has a limit`() throws {
        let server = try Server()
        let joined = try Joined(to: "127.0.0.1:\(server.port)")
        let stuck = try dial(joined.door.bound.port)
        let stuckServed = try server.accept()
        // Without a reader so much is taken: the kernel's buffers, a window at either end, and what is on its way.
        var sent = 0
        let piece = [UInt8](repeating: 7, count: 65_536)
        while sent < 64 << 20 {
            var entries = [PollEntry(stuckServed, .output)]
            guard try Poll.wait(&entries, timeout: .seconds(2)) > 0 else { break }
            sent += try piece.withUnsafeBytes { try Transfer.write(stuckServed, $0) }
        }
        #expect(sent < 32 << 20, "\(sent) bytes were taken")
        let other = try dial(joined.door.bound.port)
        let otherServed = try server.accept()
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try Posix.Thread.start("writer") {
            try? Transfer.writeAll(otherServed, bytes)
            close(otherServed)
        }
        let isSame = try read(other) == bytes
        #expect(isSame)
        // And the one that was stuck goes on where it stopped.
        close(stuckServed)
        let late = try read(stuck)
        #expect(late.count == sent && late.allSatisfy { $0 == 7 })
        close(stuck)
        close(other)
    }

    @Test func `many connections at once carry what is theirs`() async throws {
        let server = try Server()
        let joined = try Joined(to: "127.0.0.1:\(server.port)")
        let port = joined.door.bound.port
        // An echo for each connection, in one thread each.
        try Posix.Thread.start("echo") {
            for _ in 0..<40 {
                guard let served = try? server.accept() else { return }
                try? Posix.Thread.start("echo-one") {
                    while let bytes = try? read(served, 1), !bytes.isEmpty { try? Transfer.writeAll(served, bytes + ((try? Transfer.read(served, maximum: 65_536)) ?? [])) }
                    close(served)
                }
            }
        }
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<40 {
                group.addTask {
                    guard let descriptor = try? dial(port) else { return false }
                    defer { close(descriptor) }
                    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* (number + 3)) }
                    try? Posix.Thread.start("writer") { try? Transfer.writeAll(descriptor, bytes) }
                    return (try? read(descriptor, bytes.count)) == bytes
                }
            }
            for await isSame in group { #expect(isSame) }
        }
    }

    @Test func `a connection that breaks is broken off at the other end, not ended`() throws {
        let server = try Server()
        let joined = try Joined(to: "127.0.0.1:\(server.port)")
        let client = try dial(joined.door.bound.port)
        let served = try server.accept()
        try Transfer.writeAll(client, [1])
        #expect(try read(served, 1) == [1])
        Socket.breakOff(served)
        close(served)
        #expect(throws: SystemError.self) { try read(client) }
        close(client)
    }

    @Test func `where nobody listens the connection is refused, and the next one may work`() throws {
        let free = try Server().port
        let joined = try Joined(to: "127.0.0.1:\(free)")
        let client = try dial(joined.door.bound.port)
        #expect((try? read(client).isEmpty) ?? true)
        close(client)
        try eventually("the node's word") { joined.said.withLock { $0.contains { $0.contains("was refused: connect: Connection refused") } } }
        #expect(joined.results().isEmpty)
    }

    @Test func `a process of another user is sent away`() throws {
        let server = try Server()
        let joined = try Joined(to: "127.0.0.1:\(server.port)", owner: geteuid() + 1)
        if geteuid() == 0 { return }  // root may always
        let client = try dial(joined.door.bound.port)
        #expect((try? read(client).isEmpty) ?? true)
        try eventually("the word") { joined.said.withLock { $0.contains { $0.contains("was sent away") } } }
        close(client)
    }

    // MARK: Hostile ends

    /// What an end does with bytes that another than Carrier sends.
    private func answer(of role: String, to bytes: [UInt8]) throws -> Result<String?, CarriageError> {
        Signals.ignoreBrokenPipe()
        let (input, feed) = try Pipe().release()
        let (answers, output) = try Pipe().release()
        defer { for number in [input, answers, output] { close(number) } }
        try Transfer.writeAll(feed, bytes)
        close(feed)
        return Result { () throws(CarriageError) in
            let carrier = role == "node"
                ? Carrier.dialling(try DestinationDialler(Destination.sshServer), from: input, to: output) { _ in }
                : Carrier.joining((input: -1, output: -1), from: input, to: output) { _ in }
            return try carrier.run()
        }
    }

    private func frame(_ kind: UInt8, _ id: UInt32, _ number: UInt32, _ body: [UInt8] = []) -> [UInt8] {
        [kind] + [id, number].flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) } } + body
    }

    @Test func `what an end may not send ends everything, with a word`() throws {
        let open = frame(1, 1, 0)
        let window = CarriageFrame.window
        for (bytes, role) in [
            (frame(0, 1, 0), "node"), (frame(9, 1, 0), "node"), (frame(4, 1, 1, [7]), "node"), (open + open, "node"), (frame(1, 0, 0), "node"),
            (open + frame(4, 1, 0), "node"), (open + frame(4, 1, 32_769), "node"), (open + frame(2, 1, 0), "node"), (open + frame(3, 1, 1, [65]), "node"),
            (open + frame(5, 1, 7), "node"), (open + frame(7, 1, 0), "node"), (open + frame(7, 1, 1), "node"), (open + frame(5, 2, 0), "node"),
            (open + frame(5, 1, 0) + frame(4, 1, 1, [7]), "node"), (open, "client"), (frame(3, 1, 513), "client"), (frame(3, 1, 2, [0xC3, 0x28]), "client"),
            (frame(2, 9, 0), "client"), (frame(7, 1, UInt32(window)), "client"),
        ] as [([UInt8], String)] {
            let result = try answer(of: role, to: bytes)
            guard case .failure(.protocolBroken(let what)) = result else {
                Issue.record("\(role) took \(bytes.prefix(30)): \(result)")
                continue
            }
            #expect(!what.isEmpty)
        }
    }

    @Test func `no bytes make an end trap or hang`() throws {
        var generator = SystemRandomNumberGenerator()
        for round in 0..<600 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...30, using: &generator) {
                let kind = UInt8.random(in: 0...8, using: &generator)
                let number = [0, 1, 5, 32_768, 32_769, .max, UInt32.random(in: 0...100)].randomElement(using: &generator) ?? 0
                let body = (0..<min(Int(number), 40)).map { _ in UInt8.random(in: 0...255, using: &generator) }
                bytes += frame(kind, UInt32.random(in: 0...4, using: &generator), kind == 4 || kind == 3 ? UInt32(body.count) : number, body)
            }
            if round.isMultiple(of: 3) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
            _ = try answer(of: round.isMultiple(of: 2) ? "node" : "client", to: bytes)
        }
    }

    @Test func `more data than a window has is an error, and not memory`() throws {
        let connection = CarriedConnection(1, input: -1, output: -1)
        let piece = [UInt8](repeating: 1, count: CarriageFrame.maximumData)
        for _ in 0..<CarriageFrame.window / piece.count { try piece.withUnsafeBytes { try connection.take($0) } }
        #expect(throws: CarriageError.self) { try piece.withUnsafeBytes { try connection.take($0) } }
        #expect(connection.waiting.count == CarriageFrame.window)
        #expect(throws: CarriageError.self) { try connection.give(1) }
    }
}

@Suite struct DestinationDiallerTests {
    @Test func `a name that leads to the node itself leads nowhere unless it is localhost`() throws {
        #expect(try DestinationDialler(try Destination("localhost:80")).addresses.allSatisfy { $0.port == 80 })
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count)
        let own = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).lowercased()
        guard let destination = try? Destination("\(own):80"), let dialler = try? DestinationDialler(destination) else { return }
        for address in dialler.addresses { #expect(NetworkAddress(bytes: address.bytes)?.isLoopback == false) }
    }

    @Test func `a name without an address is told`() throws {
        let error = #expect(throws: CarriageError.self) { try DestinationDialler(try Destination("no-such-name.invalid:80")) }
        #expect(error?.code == "destination.no-address" && error?.message.contains("no-such-name.invalid:80") == true)
    }
}
