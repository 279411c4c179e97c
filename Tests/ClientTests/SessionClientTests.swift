// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Glibc
import Posix
import Protocol
import Synchronization
import Terminal
import Testing

@testable import Client

/// The client's end of a session, on pipes, against a node that does what a test says.
@Suite(.timeLimit(.minutes(1))) struct SessionClientTests {
    /// The operator's side: files, because they take everything and keep it.
    private final class Desk: Sendable {
        let home: TemporaryHome
        let descriptors: SessionClient.Descriptors
        private let stuck: Pipe

        /// - Parameter isStuck: whether the output goes into a pipe that nobody reads.
        init(input: [UInt8], isStuck: Bool, from terminal: Int32?) throws {
            let home = try TemporaryHome()
            func open(_ name: String, _ flags: Int32) -> Int32 { Glibc.open(home.home.path + name, flags | O_CLOEXEC, 0o600) }
            self.home = home
            try DurableFile.writeAtomically(input, to: home.home.path + "/in")
            let stuck = try Pipe()
            let output = open("/out", O_WRONLY | O_CREAT)
            descriptors = SessionClient.Descriptors(
                input: terminal.map { dup($0) } ?? open("/in", O_RDONLY), output: isStuck ? dup(stuck.writer.number) : output,
                errors: open("/err", O_WRONLY | O_CREAT))
            if isStuck { close(output) }
            self.stuck = stuck
        }

        deinit { for number in [descriptors.input, descriptors.output, descriptors.errors] { close(number) } }

        func output() throws -> [UInt8] { try DurableFile.read(home.home.path + "/out", maximumBytes: 64 << 20) }
        func errors() throws -> String {
            String(decoding: try DurableFile.read(home.home.path + "/err", maximumBytes: 1 << 20), as: UTF8.self)
        }
    }

    private struct Outcome {
        let result: Result<SessionClient.Result, any Error>
        let output: [UInt8]
        let errors: String

        var fault: SessionFault? {
            if case .failure(let error) = result { return error as? SessionFault }
            return nil
        }

        var ending: SessionEnding? {
            if case .success(.ended(let ending)) = result { return ending }
            return nil
        }
    }

    private final class Slot: Sendable {
        let result = Mutex<Result<SessionClient.Result, any Error>?>(nil)
        let done: EventCounter
        init() throws { done = try EventCounter() }
    }

    private func run(
        input: [UInt8] = [], terminal: Bool = false, isStuck: Bool = false, from slave: Int32? = nil,
        _ node: @escaping @Sendable (inout NodeEnd) throws -> Void
    ) throws -> Outcome {
        let size = OpeningStatement.Terminal(type: "xterm", columns: 80, rows: 24)
        let plan = SessionPlan(
            use: GrantUse(node: try NodeName("db-1"), capability: .exec, runAs: nil), command: ["x"],
            terminal: terminal ? size : nil, language: "")
        let desk = try Desk(input: input, isStuck: isStuck, from: slave)
        let slot = try Slot()
        // The client blocks signals on its thread, which must not be one of the test runner's.
        try Thread.start("client") {
            let outcome = Result {
                try SessionClient(FakeNode.session(plan, node), on: desk.descriptors).run()
            }
            slot.result.withLock { $0 = outcome }
            slot.done.signal()
        }
        var entries = [PollEntry(slot.done.number, .input)]
        guard try Poll.wait(&entries, timeout: .seconds(30)) > 0, let result = slot.result.withLock({ $0 }) else {
            throw TestFailure("the session did not end")
        }
        return Outcome(result: result, output: try desk.output(), errors: try desk.errors())
    }

    @Test func `output arrives whole, and the ending after it`() throws {
        let outcome = try run { node in
            try node.send(output: Array("hello ".utf8))
            try node.send(output: Array("world".utf8))
            try node.end(.exited, .exited(7))
        }
        #expect(outcome.output == Array("hello world".utf8))
        #expect(outcome.ending?.outcome == .exited(7))
    }

    @Test func `input arrives in order with its offsets, then its end`() throws {
        let input = (0..<40_000).map { UInt8(truncatingIfNeeded: $0) }
        let received = Mutex<[UInt8]>([])
        let outcome = try run(input: input) { node in
            while true {
                switch try node.hear() {
                case .input(let offset, let bytes):
                    guard offset == UInt64(received.withLock({ $0.count })) else { throw TestFailure("offset") }
                    received.withLock { $0 += bytes }
                case .endOfInput(let offset):
                    guard offset == 40_000 else { throw TestFailure("end") }
                    return try node.end()
                default: throw TestFailure("unexpected")
                }
            }
        }
        #expect(outcome.ending != nil)
        #expect(received.withLock { $0 } == input)
    }

    @Test func `what was pasted into a terminal comes in frames as large as it gives, and what is typed at once`() throws {
        let terminal = try PseudoTerminal(columns: 80, rows: 24)
        try terminal.master.setNonBlocking()
        let slave = open(terminal.slavePath, O_RDWR | O_NOCTTY | O_CLOEXEC)
        defer { close(slave) }
        let raw = try RawMode(slave)
        let pasted = (0..<9000).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        try #require(try pasted.withUnsafeBytes { try terminal.master.write($0) } == pasted.count)
        let frames = Mutex<[[UInt8]]>([])
        let outcome = try run(input: [], terminal: true, from: slave) { node in
            while frames.withLock({ $0.joined().count }) < pasted.count {
                if case .input(_, let bytes) = try node.hear() { frames.withLock { $0.append(bytes) } }
            }
            try node.end()
        }
        #expect(outcome.ending != nil)
        let heard = frames.withLock { $0 }
        #expect(Array(heard.joined()) == pasted)
        #expect(heard.count < 3)
        try raw.restore(afterOutput: false)
    }

    @Test func `input stops at the window until there is credit`() throws {
        let count = Limits.streamCredit + 1000
        let before = Mutex(0)
        let outcome = try run(input: Array(repeating: 1, count: count)) { node in
            var total = 0
            while total < Limits.streamCredit - 2 {
                guard case .input(_, let bytes) = try node.hear() else { throw TestFailure("unexpected") }
                total += bytes.count
            }
            if try node.isSilent(for: .milliseconds(200)) { before.withLock { $0 = total } }
            try node.send(Frame.encode(.credit(.input, offset: UInt64(total))))
            while total < count {
                guard case .input(_, let bytes) = try node.hear() else { throw TestFailure("unexpected") }
                total += bytes.count
            }
            try node.end()
        }
        #expect(outcome.ending != nil)
        #expect((Limits.streamCredit - 2...Limits.streamCredit).contains(before.withLock { $0 }))
    }

    @Test func `a terminal without a keyboard gets the end-of-file key, two in the middle of a line`() throws {
        for (text, keys) in [("exit\n", 1), ("exit", 2), ("", 1)] {
            let last = Mutex<[UInt8]>([])
            let outcome = try run(input: Array(text.utf8), terminal: true) { node in
                while !last.withLock({ $0.contains(4) }) {
                    guard case .input(_, let bytes) = try node.hear() else { throw TestFailure("unexpected") }
                    last.withLock { $0 += bytes }
                }
                try node.end()
            }
            #expect(outcome.ending != nil)
            #expect(last.withLock { $0 } == Array(text.utf8) + Array(repeating: 4, count: keys))
        }
    }

    @Test func `credit is given as output is written`() throws {
        let credited = Mutex<UInt64>(0)
        let outcome = try run { node in
            let piece = [UInt8](repeating: 7, count: 32 * 1024)
            var sent = 0
            while sent < 3 * Limits.streamCredit {
                while sent + piece.count <= Int(credited.withLock { $0 }) + Limits.streamCredit {
                    try node.send(output: piece)
                    sent += piece.count
                }
                while true {
                    if case .credit(.output, let offset) = try node.hear() {
                        credited.withLock { $0 = offset }
                        break
                    }
                }
            }
            try node.end()
        }
        #expect(outcome.ending != nil)
        #expect(outcome.output.count >= 3 * Limits.streamCredit)
    }

    // MARK: What must not pass

    @Test func `a changed byte of a frame ends the session as tampered with, and nothing of it is shown`() throws {
        for place in [0, 8, 9, 12, -1] {
            let outcome = try run { node in
                try node.send(output: Array("good".utf8))
                let frame = Array("bad!".utf8).withUnsafeBytes { bytes in Frame.encode(.output(offset: 4, bytes)) }
                try node.send(frame) { $0[place < 0 ? $0.count - 1 : place] ^= 1 }
                _ = try node.hear()
            }
            #expect(outcome.fault == .tampered)
            #expect(outcome.output == Array("good".utf8))
        }
    }

    @Test func `a frame left out is noticed at the next one`() throws {
        let outcome = try run { node in
            try node.send(output: Array("a".utf8))
            try node.lose(Frame.encode(.notice("lost")))
            try node.send(output: Array("b".utf8))
            _ = try node.hear()
        }
        #expect(outcome.fault == .tampered)
        #expect(outcome.output == Array("a".utf8))
    }

    @Test func `output beyond its credit ends the session while the output is stuck`() throws {
        let outcome = try run(isStuck: true) { node in
            guard try node.hear() == .endOfInput(0) else { throw TestFailure("unexpected") }
            let piece = [UInt8](repeating: 7, count: 32 * 1024)
            // The pipe itself takes 64 KiB, for which no credit is due yet.
            for _ in 0..<Limits.streamCredit / piece.count { try node.send(output: piece) }
            guard try node.isSilent(for: .milliseconds(200)) else { throw TestFailure("credit for what was not written") }
            try node.send(output: [7])
            _ = try node.hear()
        }
        #expect(outcome.fault?.kind == "protocolBroken")
    }

    @Test func `output with a gap ends the session`() throws {
        let outcome = try run { node in
            let frame = Array("x".utf8).withUnsafeBytes { bytes in Frame.encode(.output(offset: 1, bytes)) }
            try node.send(frame)
            _ = try node.hear()
        }
        #expect(outcome.fault?.kind == "protocolBroken")
    }

    @Test func `a frame that only a client sends, credit for what was never sent, and nonsense end the session`() throws {
        let frames: [[UInt8]] = [
            Frame.encode(.close), Frame.encode(.resize(columns: 1, rows: 1)), Frame.encode(.credit(.input, offset: 1)),
            Frame.encode(.credit(.output, offset: 0)), Frame.encode(.end("{}")), [77], [2, 0],
        ]
        for frame in frames {
            let outcome = try run { node in
                try node.send(frame)
                while true { _ = try node.hear() }
            }
            #expect(outcome.fault?.kind == "protocolBroken", "\(frame)")
        }
    }

    @Test func `a connection that ends without the node's word is told as lost`() throws {
        let outcome = try run { node in try node.send(output: Array("half".utf8)) }
        #expect(outcome.fault?.kind == "connectionLost")
        #expect(outcome.output == Array("half".utf8))
    }

    @Test func `a notice is a line of its own on the error stream, with nothing that steers the terminal`() throws {
        let outcome = try run { node in
            try node.send(Frame.encode(.notice("5 minutes\u{1B}[2J left")))
            try node.end()
        }
        #expect(outcome.errors == "stint: 5 minutes\\x1b[2J left\n")
        #expect(outcome.output == [])
    }
}

extension SessionFault {
    /// Without the words.
    fileprivate var kind: String {
        switch self {
        case .tampered: "tampered"
        case .protocolBroken: "protocolBroken"
        case .connectionLost: "connectionLost"
        case .outputClosed: "outputClosed"
        }
    }
}
