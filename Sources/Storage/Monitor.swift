// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A value guarded by a lock, with a way to wait until it is as one needs it: what `Mutex` does not offer.
///
/// `@unchecked Sendable`: `state` is touched only between lock and unlock.
final class Monitor<State>: @unchecked Sendable {
    enum Waking { case one, all }

    // Heap memory of their own, because the system calls need addresses that never change.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    init(_ state: State) {
        self.state = state
        lock = .allocate(capacity: 1)
        lock.initialize(to: pthread_mutex_t())
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(lock, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(lock)
        condition.deallocate()
        lock.deallocate()
    }

    /// Changes the state and wakes who waits for it. `body` must not take another lock nor block.
    func update<Result>(waking: Waking, _ body: (inout State) -> Result) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        let result = body(&state)
        switch waking {
        case .one: pthread_cond_signal(condition)
        case .all: pthread_cond_broadcast(condition)
        }
        return result
    }

    /// Waits until `body` finds what it looks for; it is asked again after each change.
    func wait<Result>(for body: (inout State) -> Result?) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while true {
            if let result = body(&state) { return result }
            pthread_cond_wait(condition, lock)
        }
    }
}
