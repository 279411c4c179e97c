// SPDX-License-Identifier: Apache-2.0
// SECURITY: the broker's time never runs backwards, and a wall clock that was set back grants nothing (SECURITY 1.5).

package import Access
import Posix
import Synchronization

/// The wall clock as the broker uses it: the latest moment it ever saw, its own ledger included.
package final class BrokerClock: Sendable {
    private let latest: Mutex<Int64>
    private let wall: @Sendable () -> Int64

    /// How far the wall clock may be behind the latest moment seen before nothing is granted any more.
    package static let tolerance: Int64 = 2000

    /// - Parameters:
    ///   - known: the time of the last ledger entry.
    ///   - wall: the wall clock, in milliseconds since 1970.
    package init(known: Timestamp, wall: @escaping @Sendable () -> Int64 = BootClock.wallMilliseconds) {
        latest = Mutex(known.milliseconds)
        self.wall = wall
    }

    package var now: Timestamp {
        let wall = wall()
        return latest.withLock { latest in
            latest = max(latest, wall)
            return Timestamp(milliseconds: latest)
        }
    }

    /// - Throws: ``BrokerError/clockMovedBack(seconds:)``
    package func checkNotMovedBack() throws(BrokerError) {
        let behind = latest.withLock { $0 } - wall()
        guard behind <= Self.tolerance else { throw .clockMovedBack(seconds: behind / 1000) }
    }
}
