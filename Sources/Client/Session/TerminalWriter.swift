// SPDX-License-Identifier: Apache-2.0

import Posix
import Synchronization

/// Writes a flood to a terminal on a thread of its own, which waits inside write(2). A terminal takes 4 KiB at once, and to
/// wait for each of them beside everything else that a session waits for costs more than the bytes do.
///
/// What is given to it is written in its order. The thread is there from the first flood on.
final class TerminalWriter: Sendable {
    private struct State {
        /// Behind what the thread is writing now.
        var waiting: [UInt8] = []
        /// Bytes that were given and are not written yet.
        var left = 0
        var isWriting = false
        var isAbandoned = false
        var isStopped = false
        var failure: SystemError?
    }

    private let state = Mutex(State())
    /// For the thread: there is something to write.
    private let wake: EventCounter
    /// For the owner: some of it was written, or that failed.
    private let news: EventCounter
    private let descriptor: Int32

    /// Bytes of one call: so often is it known how far the terminal is.
    private static let piece = 16 * 1024
    /// Bytes after which the owner is told.
    private static let step = 48 * 1024

    /// - Parameter descriptor: a terminal that blocks. It is its owner's, and stays open until the process ends.
    init(_ descriptor: Int32) throws(SystemError) {
        self.descriptor = descriptor
        wake = try EventCounter()
        news = try EventCounter()
        try Thread.start("terminal") { [self] in run() }
    }

    /// Readable when some of it was written, or that failed. ``look()`` takes it.
    var number: Int32 { news.number }

    /// Takes over what is in `bytes` from `head` on.
    func give(_ bytes: inout [UInt8], from head: Int) {
        let isIdle = state.withLock { state in
            state.left += bytes.count - head
            // A buffer for another: in a flood neither side allocates.
            if state.waiting.isEmpty, head == 0 { swap(&state.waiting, &bytes) } else { state.waiting += bytes[head...] }
            return !state.isWriting
        }
        bytes.removeAll(keepingCapacity: true)
        if isIdle { wake.signal() }
    }

    /// - Returns: how many bytes that were given are not written yet.
    func look() throws(SystemError) -> Int {
        news.clear()
        let (left, failure) = state.withLock { ($0.left, $0.failure) }
        if let failure { throw failure }
        return left
    }

    /// Writes nothing any more, but for the piece that is on its way.
    ///
    /// - Returns: whether that was written in time. A terminal that was stopped takes nothing: until it goes on, who else wants
    ///   to write to it, or waits until it is drained, waits with us.
    func abandon(within time: Duration) -> Bool {
        state.withLock { ($0.waiting, $0.isAbandoned) = ([], true) }
        let limit = BootInstant.now + time
        while state.withLock({ $0.isWriting }) {
            let left = limit - .now
            guard left > .zero else { return false }
            var entries = [PollEntry(news.number, .input)]
            do { _ = try Poll.wait(&entries, timeout: left) } catch { return false }
            news.clear()
        }
        return true
    }

    /// Has the thread end, when the piece on its way is written.
    func stop() {
        state.withLock { ($0.waiting, $0.isAbandoned, $0.isStopped) = ([], true, true) }
        wake.signal()
    }

    // MARK: The thread

    private func run() {
        var bytes: [UInt8] = []
        do throws(SystemError) {
            while true {
                bytes.removeAll(keepingCapacity: true)
                let isStopped = state.withLock { state in
                    swap(&bytes, &state.waiting)
                    state.isWriting = !bytes.isEmpty
                    return state.isStopped
                }
                if isStopped { return }
                if bytes.isEmpty { try wait() } else { try write(bytes) }
            }
        } catch {
            state.withLock { ($0.failure, $0.isWriting) = (error, false) }
            news.signal()
        }
    }

    private func wait() throws(SystemError) {
        news.signal()
        var entries = [PollEntry(wake.number, .input)]
        _ = try Poll.wait(&entries, timeout: nil)
        wake.clear()
    }

    private func write(_ bytes: [UInt8]) throws(SystemError) {
        var (start, untold) = (0, 0)
        while start < bytes.count {
            let end = min(bytes.count, start + Self.piece)
            try bytes.span.bytes.withUnsafeBytes { (all: UnsafeRawBufferPointer) throws(SystemError) in
                try Transfer.writeAll(descriptor, UnsafeRawBufferPointer(rebasing: all[start..<end]))
            }
            untold += end - start
            let isAbandoned = state.withLock { state in
                state.left -= end - start
                return state.isAbandoned
            }
            if isAbandoned { return }
            start = end
            guard untold >= Self.step else { continue }
            untold = 0
            news.signal()
        }
    }
}
