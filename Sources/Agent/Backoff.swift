// SPDX-License-Identifier: Apache-2.0

import Posix

/// How long to wait before the next try: twice as long each time, and different on every node, so that ten thousand of
/// them do not come back to a restarted broker at once.
struct Backoff {
    static let first: Duration = .milliseconds(200)
    static let longest: Duration = .seconds(10)

    private var next = Backoff.first

    mutating func reset() { next = Self.first }

    /// - Parameter jitter: a random byte.
    /// - Returns: between half of the current wait and all of it.
    mutating func wait(jitter: UInt8 = Random.bytes(1)[0]) -> Duration {
        let full = next
        next = min(next * 2, Self.longest)
        return full / 2 + full / 510 * Int(jitter)
    }
}
