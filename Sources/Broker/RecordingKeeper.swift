// SPDX-License-Identifier: Apache-2.0
// SECURITY: what was shown is on disk a second later, whatever happens to the broker; and when a session has ended, the
// digest of its recording is in the ledger, so that no byte of it changes afterwards (P4, P5).

import Access
import Evidence
import Glibc
import Posix
import StrictJSON
import Synchronization

/// Puts recordings on disk while they grow, and their digests into the ledger when they are whole. A thread of its own:
/// a slow disk holds up no session.
final class RecordingKeeper: Sendable {
    private struct State {
        /// Sessions that are being recorded, with the size that is on disk.
        var growing: [SessionID: Int64] = [:]
        var ended: [SessionID] = []
        var isStopped = false
    }

    private let home: BrokerHome
    private let state = Mutex(State())
    private let wake: EventCounter

    /// How much of a session a power failure may take from its recording.
    private static let pause: Duration = .seconds(1)

    init(_ home: BrokerHome) throws(SystemError) {
        self.home = home
        wake = try EventCounter()
    }

    /// Starts the thread, which ends with ``stop()``.
    ///
    /// - Parameter whole: told of each recording that is whole and on disk, with its digest and size in bytes.
    func start(_ whole: @escaping @Sendable (SessionID, String, Int64) -> Void) throws(SystemError) {
        try Thread.start("recordings", stackSize: 512 * 1024) { [self] in run(whole) }
    }

    /// A recording begins, or goes on.
    func begin(_ id: SessionID) {
        state.withLock { $0.growing[id] = 0 }
        wake.signal()
    }

    /// - Parameter isWhole: the session is over and nothing will be written any more.
    func end(_ id: SessionID, isWhole: Bool) {
        state.withLock { state in
            state.growing[id] = nil
            if isWhole { state.ended.append(id) }
        }
        wake.signal()
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        wake.signal()
    }

    private func run(_ whole: (SessionID, String, Int64) -> Void) {
        while true {
            let (isStopped, growing, ended) = state.withLock { state in
                defer { state.ended = [] }
                return (state.isStopped, state.growing, state.ended)
            }
            for (id, size) in growing { synchronise(id, known: size) }
            for id in ended { seal(id, whole) }
            if isStopped { return }
            wait(growing.isEmpty ? nil : Self.pause)
        }
    }

    private func wait(_ limit: Duration?) {
        var entries = [PollEntry(wake.number, .input)]
        do {
            if try Poll.wait(&entries, timeout: limit) > 0 { wake.clear() }
        } catch {
            Log.error("recordings: \(error.message)")
        }
    }

    private func synchronise(_ id: SessionID, known: Int64) {
        let path = home.recording(of: id)
        do {
            let file = try open(path)
            let size = Int64(lseek(file.number, 0, SEEK_END))
            guard size > known else { return }
            guard fdatasync(file.number) == 0 else { throw SystemError(call: "fdatasync", errno: errno, subject: path) }
            state.withLock { if $0.growing[id] != nil { $0.growing[id] = size } }
        } catch {
            Log.error("session \(id): \(error)")
        }
    }

    private func seal(_ id: SessionID, _ whole: (SessionID, String, Int64) -> Void) {
        do {
            let file = try open(home.recording(of: id))
            var digest = try RunningDigest()
            var size: Int64 = 0
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 16)
            defer { buffer.deallocate() }
            while true {
                let count = read(file.number, buffer.baseAddress, buffer.count)
                guard count >= 0 else { throw SystemError(call: "read", errno: errno, subject: home.recording(of: id)) }
                if count == 0 { break }
                try digest.add(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                size += Int64(count)
            }
            guard fdatasync(file.number) == 0 else {
                throw SystemError(call: "fdatasync", errno: errno, subject: home.recording(of: id))
            }
            whole(id, try digest.finish(), size)
        } catch {
            // Without its end in the ledger the recording is shown as truncated, which it may be.
            Log.error("session \(id): the recording has no end: \(error)")
        }
    }

    private func open(_ path: String) throws(SystemError) -> OwnedDescriptor {
        let number = Glibc.open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { throw SystemError(call: "open", errno: errno, subject: path) }
        return OwnedDescriptor(owning: number)
    }
}
