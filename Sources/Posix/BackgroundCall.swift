// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// One call that blocks, on a thread of its own, while the caller goes on to wait in ``Poll`` for more than its result.
package final class BackgroundCall<Value: Sendable>: Sendable {
    private let outcome = Mutex<Result<Value, any Error>?>(nil)
    private let done: EventCounter

    /// Starts the call. Its result is dropped when nobody holds this object any more.
    package init(_ name: String, _ body: @escaping @Sendable () throws -> Value) throws(SystemError) {
        let done = try EventCounter()
        self.done = done
        try Thread.start(name, stackSize: 512 * 1024) { [weak self] in
            let result = Result { try body() }
            guard let self else { return }
            outcome.withLock { $0 = result }
            done.signal()
        }
    }

    /// Readable once the call has returned.
    package var number: Int32 { done.number }

    /// Waits for the result.
    package func wait() throws(SystemError) -> Result<Value, any Error> {
        while true {
            if let result { return result }
            var entries = [PollEntry(number, .input)]
            _ = try Poll.wait(&entries, timeout: nil)
        }
    }

    /// The result, once there is one.
    package var result: Result<Value, any Error>? { outcome.withLock { $0 } }
}
