// SPDX-License-Identifier: Apache-2.0
// SECURITY: the broker's time never runs backwards, and a wall clock that was set back grants nothing (SECURITY 1.5).

import Access
import Posix
import Synchronization

/// The wall clock as the broker uses it: the latest moment it ever saw, its own ledger included.
final class BrokerClock: Sendable {
    private let latest: Mutex<Int64>

    /// How far the wall clock may be behind the latest moment seen before nothing is granted any more.
    static let tolerance: Int64 = 2000

    /// - Parameter known: the time of the last ledger entry.
    init(known: Timestamp) { latest = Mutex(known.milliseconds) }

    var now: Timestamp {
        let wall = BootClock.wallMilliseconds()
        return latest.withLock { latest in
            latest = max(latest, wall)
            return Timestamp(milliseconds: latest)
        }
    }

    /// - Throws: ``BrokerError/clockMovedBack(seconds:)``
    func checkNotMovedBack() throws(BrokerError) {
        let behind = latest.withLock { $0 } - BootClock.wallMilliseconds()
        guard behind <= Self.tolerance else { throw .clockMovedBack(seconds: behind / 1000) }
    }
}
