// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs `body` on so many threads at the same time, and returns when the last is done.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let done = DispatchGroup()
    for index in 0..<count {
        done.enter()
        Thread {
            body(index)
            done.leave()
        }.start()
    }
    done.wait()
}

/// Keeps a thread waiting until it is opened: in the middle of a job, for one.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    func open() { semaphore.signal() }
    func pass() { semaphore.wait() }
}
