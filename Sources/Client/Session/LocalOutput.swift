// SPDX-License-Identifier: Apache-2.0

import Glibc
import Posix

/// What waits to be written to the operator's terminal, pipe or file. The descriptor is shared with others, so it stays
/// blocking: we write only when poll says that a piece fits (poll(2): for a pipe, PIPE_BUF bytes).
struct LocalOutput {
    let descriptor: Int32
    private var bytes: [UInt8] = []
    private var head = 0
    private let piece: Int
    /// Bytes among those that wait that the session has not sent.
    private var own = 0

    private static let pipePiece = 4096
    private static let slack = 64 * 1024

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var status = stat()
        let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        piece = isFile ? 1024 * 1024 : Self.pipePiece
    }

    var waiting: Int { bytes.count - head }
    /// Of the session's own bytes, for its credit. Never too many: ours may have been written before.
    var waitingOfSession: Int { max(0, waiting - own) }

    /// Something that is not the session's.
    mutating func addOwn(_ more: [UInt8]) {
        own += more.count
        more.withUnsafeBytes { add($0) }
    }

    mutating func add(_ more: UnsafeRawBufferPointer) {
        if head > Self.slack, head > bytes.count / 2 {
            // A reader that is always a little behind must not make us keep all that it has read.
            bytes.removeFirst(head)
            head = 0
        }
        bytes.append(contentsOf: more)
    }

    /// Writes what goes without waiting.
    ///
    /// - Throws: ``SessionFault/outputClosed`` where nobody reads any more.
    mutating func flush() throws {
        while waiting > 0 {
            var entries = [PollEntry(descriptor, .output)]
            guard try Poll.wait(&entries, timeout: .zero) > 0 else { return }
            let end = min(bytes.count, head + piece)
            do throws(SystemError) {
                head += try bytes.span.bytes.withUnsafeBytes { (all: UnsafeRawBufferPointer) throws(SystemError) in
                    try Transfer.write(descriptor, UnsafeRawBufferPointer(rebasing: all[head..<end]))
                }
            } catch {
                if error.wouldBlock { return }
                if error.errno == EPIPE || error.errno == EIO { throw SessionFault.outputClosed }
                throw error
            }
        }
        bytes.removeAll(keepingCapacity: true)
        (head, own) = (0, 0)
    }
}
