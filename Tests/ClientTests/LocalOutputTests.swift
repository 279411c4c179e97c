// SPDX-License-Identifier: Apache-2.0

import Glibc
import Posix
import Terminal
import Testing

@testable import Client

/// What the operator is shown: every byte once, and never a wait.
@Suite struct LocalOutputTests {
    /// Writes more than the pipe holds and reads it a little at a time.
    private func written(_ total: [UInt8], isShared: Bool, to pipe: borrowing Pipe) throws -> [UInt8] {
        var output = LocalOutput(pipe.writer.number, isShared: isShared)
        #expect((output.descriptor == pipe.writer.number) == isShared)
        var (read, added) = ([UInt8](), 0)
        while read.count < total.count {
            let piece = min(70_001, total.count - added)
            total[added..<added + piece].withUnsafeBytes { output.add($0) }
            added += piece
            try output.flush()
            #expect(output.waiting == output.waitingOfSession)
            read += try pipe.reader.read(maximum: 30_011)
        }
        #expect(output.waiting == 0)
        return read
    }

    @Test(arguments: [true, false])
    func `a full pipe is not waited for, and gets every byte once`(isShared: Bool) throws {
        let pipe = try Pipe()
        let total = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8 ^ $0 >> 16) }
        #expect(try written(total, isShared: isShared, to: pipe) == total)
        let flags = fcntl(pipe.writer.number, F_GETFL, 0)
        #expect(flags >= 0 && flags & O_NONBLOCK == 0, "who shares it finds it as it was")
    }

    @Test(arguments: [true, false])
    func `a reader that is gone is told`(isShared: Bool) throws {
        Signals.ignoreBrokenPipe()
        let pair = try Pipe()
        var output = LocalOutput(pair.writer.number, isShared: isShared)
        pair.take { reader, writer in
            let number = writer.release()
            _ = close(reader.release())
            output.addOwn([1])
            #expect(throws: SessionFault.outputClosed) { try output.flush() }
            _ = close(number)
        }
    }

    @Test func `a socket, which cannot be opened once more, is written to as it is`() throws {
        let pair = try SocketPair()
        var output = LocalOutput(pair.first.number)
        #expect(output.descriptor == pair.first.number)
        output.addOwn([1, 2, 3])
        try output.flush()
        #expect(output.waiting == 0)
        #expect(try pair.second.read(maximum: 10) == [1, 2, 3])
    }

    /// A terminal that changes nothing, and somebody at its end.
    private func withTerminal(_ body: (_ slave: Int32, _ mode: consuming RawMode, borrowing PseudoTerminal) throws -> Void) throws {
        let terminal = try PseudoTerminal(columns: 80, rows: 24)
        try terminal.master.setNonBlocking()
        let slave = open(terminal.slavePath, O_RDWR | O_NOCTTY | O_CLOEXEC)
        defer { close(slave) }
        try body(slave, try RawMode(slave), terminal)
    }

    /// Everything that comes before the terminal is silent for a while.
    private func readAll(_ terminal: borrowing PseudoTerminal, atLeast count: Int = 0) throws -> [UInt8] {
        var (read, entries) = ([UInt8](), [PollEntry(terminal.master.number, .input)])
        while try Poll.wait(&entries, timeout: read.count < count ? .seconds(10) : .milliseconds(50)) > 0 {
            read += try terminal.master.read(maximum: 5000)
        }
        return read
    }

    @Test func `a flood for a terminal is written by a thread, whole and in its order`() throws {
        try withTerminal { slave, mode, terminal in
            var output = LocalOutput(slave)
            let total = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8 ^ $0 >> 16) }
            var (read, added, hadThread) = ([UInt8](), 0, false)
            while added < total.count || output.waiting > 0 {
                // Floods and lines in turns.
                let piece = min(added % 2 == 0 ? 40_001 : 99, total.count - added)
                total[added..<added + piece].withUnsafeBytes { output.add($0) }
                added += piece
                try output.flush()
                // Behind what the thread is at, and behind what waits for it.
                if added % 3 == 0 { continue }
                hadThread = hadThread || output.wanted.map { $0.number != output.descriptor } ?? false
                read += try readAll(terminal)
                if let wanted = output.wanted {
                    var entries = [wanted]
                    _ = try Poll.wait(&entries, timeout: .seconds(10))
                }
            }
            read += try readAll(terminal, atLeast: total.count - read.count)
            let isSame = read == total  // the difference of two such arrays takes minutes to show
            #expect(isSame)
            #expect(hadThread)
            try mode.restore()
        }
    }

    @Test func `a terminal that was stopped does not hold up who leaves it`() throws {
        try withTerminal { slave, mode, terminal in
            var output = LocalOutput(slave)
            [UInt8](repeating: 7, count: 300_000).withUnsafeBytes { output.add($0) }
            try output.flush()
            #expect(output.waiting == 300_000)
            var entries = [PollEntry(terminal.master.number, .input)]
            try #require(try Poll.wait(&entries, timeout: .seconds(10)) > 0, "the thread has begun")
            let isFree = output.abandon(within: .milliseconds(50))
            #expect(!isFree, "nobody reads")
            #expect(output.waiting == 0)
            try mode.restore(afterOutput: false)
            let read = try readAll(terminal, atLeast: 1)
            let isFreeNow = output.abandon(within: .seconds(10))
            #expect(isFreeNow, "a piece was on its way, and nothing behind it")
            let rest = try readAll(terminal)
            #expect(read.count + rest.count < 100_000)
        }
    }

    @Test func `a flood for a terminal that is gone is told`() throws {
        try withTerminal { slave, mode, _ in
            let other = try PseudoTerminal(columns: 80, rows: 24)
            let gone = open(other.slavePath, O_RDWR | O_NOCTTY | O_CLOEXEC)
            defer { close(gone) }
            var output = LocalOutput(gone)
            _ = consume other
            [UInt8](repeating: 7, count: 300_000).withUnsafeBytes { output.add($0) }
            #expect(throws: SessionFault.outputClosed) {
                for _ in 0..<100 {
                    try output.flush()
                    guard let wanted = output.wanted else { break }
                    var entries = [wanted]
                    _ = try Poll.wait(&entries, timeout: .seconds(1))
                }
            }
            try mode.restore()
        }
    }

    @Test func `our own lines are not counted to the session's bytes`() throws {
        let pipe = try Pipe()
        var output = LocalOutput(pipe.writer.number)
        output.addOwn([1, 2])
        [UInt8](repeating: 3, count: 5).withUnsafeBytes { output.add($0) }
        #expect(output.waiting == 7 && output.waitingOfSession == 5)
    }
}
