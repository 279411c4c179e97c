// SPDX-License-Identifier: Apache-2.0

import Access
import Synchronization

/// Who of those that may decide has looked at a pending request: a courtesy to whoever waits for them.
///
/// Nobody signs it and nothing is decided by it, so it is kept in memory only and a restart forgets it.
final class Looks: Sendable {
    struct Look: Sendable, Equatable {
        let person: PersonName
        let at: Timestamp
    }

    /// Beyond so many requests everything is forgotten: no store that grows.
    static let maximumRequests = 10_000

    private let looks = Mutex<[RequestID: [Look]]>([:])

    /// - Returns: whether this is the person's first look.
    func note(_ person: PersonName, at request: RequestID, _ now: Timestamp) -> Bool {
        looks.withLock { looks in
            guard looks[request]?.contains(where: { $0.person == person }) != true else { return false }
            if looks.count >= Self.maximumRequests { looks.removeAll() }
            looks[request, default: []].append(Look(person: person, at: now))
            return true
        }
    }

    func of(_ request: RequestID) -> [Look] { looks.withLock { $0[request] ?? [] } }
}
