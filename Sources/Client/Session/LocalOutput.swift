// SPDX-License-Identifier: Apache-2.0

import Glibc
import Posix

/// What waits to be written to the operator's terminal, pipe or file. The descriptor is shared with others, so it stays
/// blocking. A pipe or a terminal is opened once more, for us alone, and that one never blocks. Where it cannot be, we write
/// only when poll says that a piece fits (poll(2): for a pipe, PIPE_BUF bytes).
struct LocalOutput: ~Copyable {
    /// What to wait for.
    let descriptor: Int32
    private let own: OwnedDescriptor?
    private let isOurs: Bool
    private var bytes: [UInt8] = []
    private var head = 0
    private let piece: Int
    /// Bytes among those that wait that the session has not sent.
    private var ours = 0

    private static let pipePiece = 4096
    private static let filePiece = 1024 * 1024
    private static let slack = 64 * 1024

    /// - Parameter isShared: write to the descriptor itself, as where it cannot be opened once more.
    init(_ descriptor: Int32, isShared: Bool = false) {
        var status = stat()
        let kind = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
        let again = isShared ? -1 : Self.openAgain(descriptor, kind)
        isOurs = again >= 0
        own = isOurs ? OwnedDescriptor(owning: again) : nil
        self.descriptor = isOurs ? again : descriptor
        piece = kind == S_IFREG ? Self.filePiece : Self.pipePiece
    }

    /// The same pipe or terminal under flags of its own (proc_pid_fd(5)). It fails where it is another user's, and for
    /// sockets.
    ///
    /// - Returns: a negative number where it fails.
    private static func openAgain(_ descriptor: Int32, _ kind: mode_t) -> Int32 {
        guard kind == S_IFIFO || kind == S_IFCHR && isatty(descriptor) == 1 else { return -1 }
        return open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    }

    var waiting: Int { bytes.count - head }
    /// Of the session's own bytes, for its credit. Never too many: ours may have been written before.
    var waitingOfSession: Int { max(0, waiting - ours) }

    /// Something that is not the session's.
    mutating func addOwn(_ more: [UInt8]) {
        ours += more.count
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
            if !isOurs {
                var entries = [PollEntry(descriptor, .output)]
                guard try Poll.wait(&entries, timeout: .zero) > 0 else { return }
            }
            let end = isOurs ? bytes.count : min(bytes.count, head + piece)
            do throws(SystemError) {
                head += try bytes.span.bytes.withUnsafeBytes { (all: UnsafeRawBufferPointer) throws(SystemError) in
                    try Transfer.write(descriptor, UnsafeRawBufferPointer(rebasing: all[head..<end]))
                }
                // It is full: to ask again would be a system call in vain for each 4 KiB that a terminal takes.
                if isOurs, head < end { return }
            } catch {
                if error.wouldBlock { return }
                if error.errno == EPIPE || error.errno == EIO { throw SessionFault.outputClosed }
                throw error
            }
        }
        bytes.removeAll(keepingCapacity: true)
        (head, ours) = (0, 0)
    }
}
