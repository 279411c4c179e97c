// SPDX-License-Identifier: Apache-2.0
// SECURITY: a head is signed for what is committed and on disk, never for what a transaction is about to write: a crash
// must not make the broker look as if it had taken something back.

import Evidence
import Storage
import Synchronization

/// Signs heads of the ledger, one for each size.
final class LedgerHeads: Sendable {
    private let key: SigningKey
    private let roll: RollBox
    private let clock: BrokerClock
    private let latest = Mutex<Signed<LedgerHeadStatement>?>(nil)

    init(_ key: SigningKey, _ roll: RollBox, _ clock: BrokerClock) {
        self.key = key
        self.roll = roll
        self.clock = clock
    }

    /// The head now, with what shows that it continues the first `size` entries; without that where there are fewer.
    ///
    /// - Parameter database: of a reader: its snapshot holds what is committed.
    func news(after size: Int64, from database: Connection) throws -> LedgerNews {
        let head = try head(of: database)
        return LedgerNews(head: head.source, consistency: try database.ledgerTree().consistency(with: size))
    }

    func head(of database: Connection) throws -> Signed<LedgerHeadStatement> {
        let (size, chain) = try database.ledgerHead()
        let root = roll.current.root ?? .none
        if let known = latest.withLock({ $0 }), known.value.size == size, known.value.root == root { return known }
        let statement = LedgerHeadStatement(
            root: root, size: size, tree: try database.ledgerTree().root(of: size), chain: chain, at: clock.now)
        let head = try statement.signed(with: key)
        latest.withLock { $0 = head }
        return head
    }
}
