// SPDX-License-Identifier: Apache-2.0

import Access
import Synchronization

/// Callers that wait for a request to change (long poll).
final class Waiters: Sendable {
    private struct State {
        var next: UInt64 = 0
        var waiting: [RequestID: [UInt64: @Sendable () -> Void]] = [:]
    }

    private let state = Mutex(State())

    /// Registers `wake`, called once when the request changes, or never after ``remove(_:of:)``.
    func add(_ id: RequestID, _ wake: @escaping @Sendable () -> Void) -> UInt64 {
        state.withLock { state in
            state.next += 1
            state.waiting[id, default: [:]][state.next] = wake
            return state.next
        }
    }

    /// - Returns: whether it was still waiting; the caller then answers it.
    @discardableResult
    func remove(_ token: UInt64, of id: RequestID) -> Bool {
        state.withLock { state in
            guard state.waiting[id]?.removeValue(forKey: token) != nil else { return false }
            if state.waiting[id]?.isEmpty == true { state.waiting[id] = nil }
            return true
        }
    }

    func changed(_ id: RequestID) {
        let wakes = state.withLock { $0.waiting.removeValue(forKey: id) } ?? [:]
        for wake in wakes.values { wake() }
    }
}
