// SPDX-License-Identifier: Apache-2.0

import Posix
import Synchronization

/// Puts recordings on disk beside the threads of their sessions, so that no frame waits for the disk. A thread of its own.
final class DiskQueue: Sendable {
    /// One call for one file.
    final class Request: Sendable {
        private let file: SharedFile
        private let done: @Sendable () -> Void
        private let outcome = Mutex<Result<Void, SystemError>?>(nil)

        fileprivate init(_ file: SharedFile, _ done: @escaping @Sendable () -> Void) { (self.file, self.done) = (file, done) }

        /// `nil` while it is on its way.
        var result: Result<Void, SystemError>? { outcome.withLock { $0 } }

        fileprivate func carryOut() {
            let result: Result<Void, SystemError>
            do throws(SystemError) { result = .success(try file.synchronise()) } catch { result = .failure(error) }
            outcome.withLock { $0 = result }
            done()
        }
    }

    private struct State {
        var waiting: [Request] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let wake: EventCounter

    init() throws(SystemError) { wake = try EventCounter() }

    func start() throws(SystemError) { try Thread.start("disk") { [self] in run() } }

    /// What waits is still done.
    func stop() {
        state.withLock { $0.isStopped = true }
        wake.signal()
    }

    /// Puts on disk what the file holds now.
    ///
    /// - Parameter done: called on the queue's thread once there is a result.
    func synchronise(_ file: SharedFile, done: @escaping @Sendable () -> Void) -> Request {
        let request = Request(file, done)
        state.withLock { $0.waiting.append(request) }
        wake.signal()
        return request
    }

    private func run() {
        while true {
            let (waiting, isStopped) = state.withLock { state in
                defer { state.waiting = [] }
                return (state.waiting, state.isStopped)
            }
            for request in waiting { request.carryOut() }
            if isStopped { return }
            if waiting.isEmpty { wait() }
        }
    }

    private func wait() {
        var entries = [PollEntry(wake.number, .input)]
        do {
            if try Poll.wait(&entries, timeout: nil) > 0 { wake.clear() }
        } catch {
            Log.error("disk: \(error.message)")
        }
    }
}

/// A file that its recorder and the queue hold; it is closed when both have let go.
final class SharedFile: Sendable {
    private let file: AppendFile

    init(_ file: consuming AppendFile) { self.file = file }

    /// Writes everything, into the kernel's cache.
    func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) { try file.append(bytes) }

    /// Puts what was appended so far on disk.
    func synchronise() throws(SystemError) { try file.synchronise() }

    /// Lets go of what the kernel has cached of a part that is on disk.
    func forgetCached(from start: Int64, to end: Int64) { file.forgetCached(from: start, to: end) }
}
