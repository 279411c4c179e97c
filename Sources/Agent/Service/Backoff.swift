// SPDX-License-Identifier: Apache-2.0

import Posix

/// How long to wait before the next try: twice as long each time, and different on every node, so that ten thousand of
/// them do not come back to a restarted broker at once.
struct Backoff {
    /// Of the agent's control channel.
    static let first: Duration = .milliseconds(200)
    static let longest: Duration = .seconds(10)

    private let first: Duration
    private let longest: Duration
    private var next: Duration

    init(first: Duration = Backoff.first, longest: Duration = Backoff.longest) {
        (self.first, self.longest, next) = (first, longest, first)
    }

    mutating func reset() { next = first }

    /// - Parameter jitter: a random byte.
    /// - Returns: between half of the current wait and all of it.
    mutating func wait(jitter: UInt8 = Random.bytes(1)[0]) -> Duration {
        let full = next
        next = min(next * 2, longest)
        return full / 2 + full / 510 * Int(jitter)
    }
}
