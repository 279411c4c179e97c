// SPDX-License-Identifier: Apache-2.0

import Glibc
import Posix

/// What waits to be written to the operator's terminal, pipe or file. The descriptor is shared with others, so it stays
/// blocking. A pipe or a terminal is opened once more, for us alone, and that one never blocks. Where it cannot be, we write
/// only when poll says that a piece fits (poll(2): for a pipe, PIPE_BUF bytes).
struct LocalOutput: ~Copyable {
    /// The terminal, pipe or file.
    let descriptor: Int32
    private let shared: Int32
    private let own: OwnedDescriptor?
    private let isOurs: Bool
    private var bytes: [UInt8] = []
    private var head = 0
    private let piece: Int
    /// Whether what it does not take at once may be given to ``writer``.
    private let isTerminal: Bool
    private var writer: TerminalWriter?
    /// Bytes that the writer has and has not written yet.
    private var given = 0
    /// Bytes among those that wait that the session has not sent.
    private var ours = 0

    private static let pipePiece = 4096
    private static let filePiece = 1024 * 1024
    private static let slack = 64 * 1024
    /// So much at once is more than a terminal takes.
    private static let flood = 8 * 1024

    /// - Parameter isShared: write to the descriptor itself, as where it cannot be opened once more.
    init(_ descriptor: Int32, isShared: Bool = false) {
        var status = stat()
        let kind = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
        let again = isShared ? -1 : Self.openAgain(descriptor, kind)
        isOurs = again >= 0
        shared = descriptor
        own = isOurs ? OwnedDescriptor(owning: again) : nil
        self.descriptor = isOurs ? again : descriptor
        isTerminal = isOurs && kind == S_IFCHR
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

    deinit { writer?.stop() }

    var waiting: Int { bytes.count - head + given }
    /// What to wait for until more can be written; `nil` where nothing waits.
    var wanted: PollEntry? {
        if given > 0, let writer { return PollEntry(writer.number, .input) }
        return waiting > 0 ? PollEntry(descriptor, .output) : nil
    }
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
        do throws(SystemError) {
            try writeOn()
        } catch {
            if error.errno == EPIPE || error.errno == EIO { throw SessionFault.outputClosed }
            throw error
        }
    }

    /// What waits is not written any more.
    ///
    /// - Returns: whether others may write now.
    mutating func abandon(within time: Duration) -> Bool {
        bytes = []
        (head, given) = (0, 0)
        return writer?.abandon(within: time) ?? true
    }

    private mutating func writeOn() throws(SystemError) {
        if given > 0, let writer {
            given = try writer.look()
            // What came meanwhile has to stand behind it.
            if given > 0 { return giveRest(to: writer) }
        }
        if isTerminal, bytes.count - head >= Self.flood {
            if writer == nil { writer = try TerminalWriter(shared) }
            if let writer { return giveRest(to: writer) }
        }
        while head < bytes.count {
            if !isOurs {
                var entries = [PollEntry(descriptor, .output)]
                guard try Poll.wait(&entries, timeout: .zero) > 0 else { return }
            }
            let end = isOurs ? bytes.count : min(bytes.count, head + piece)
            do throws(SystemError) {
                head += try bytes.span.bytes.withUnsafeBytes { (all: UnsafeRawBufferPointer) throws(SystemError) in
                    try Transfer.write(descriptor, UnsafeRawBufferPointer(rebasing: all[head..<end]))
                }
            } catch {
                guard error.wouldBlock else { throw error }
                return
            }
            // It is full: to ask again would be a system call in vain for each 4 KiB that a terminal takes.
            if isOurs, head < end { return }
        }
        bytes.removeAll(keepingCapacity: true)
        (head, ours) = (0, 0)
    }

    private mutating func giveRest(to writer: TerminalWriter) {
        guard head < bytes.count else { return }
        given += bytes.count - head
        writer.give(&bytes, from: head)
        head = 0
    }
}
