// SPDX-License-Identifier: Apache-2.0

import Glibc
import Posix
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

    @Test func `our own lines are not counted to the session's bytes`() throws {
        let pipe = try Pipe()
        var output = LocalOutput(pipe.writer.number)
        output.addOwn([1, 2])
        [UInt8](repeating: 3, count: 5).withUnsafeBytes { output.add($0) }
        #expect(output.waiting == 7 && output.waitingOfSession == 5)
    }
}
