// SPDX-License-Identifier: Apache-2.0
// SECURITY: everybody but the writer sees the roll as it was committed; a job in the writer sees what earlier jobs of its
// transaction appended.

import Evidence
import Synchronization

/// The roll in memory, with the signed entries that nodes and clients copy.
final class RollBox: Sendable {
    private struct State {
        var committed: Roll
        /// As the writer's present transaction sees it.
        var working: Roll
        /// Of `committed`: entry n stands at index n - 1.
        var entries: [SignedText]
    }

    private let state: Mutex<State>
    /// Served behind what is committed: for tests that need a broker which lies.
    private let forged: [SignedText]

    init(_ roll: Roll, entries: [SignedText], forged: [SignedText] = []) {
        state = Mutex(State(committed: roll, working: roll, entries: entries))
        self.forged = forged
    }

    /// As committed.
    var current: Roll { state.withLock { $0.committed } }

    /// For jobs in the writer only.
    var working: Roll { state.withLock { $0.working } }

    /// Entries after `number`: at most `limit`, and about 512 KiB of text.
    func entries(after number: Int64, limit: Int) -> [SignedText] {
        state.withLock { state in
            let served = forged.isEmpty ? state.entries : state.entries + forged
            guard number >= 0, number < served.count else { return [] }
            var size = 0
            return Array(
                served[Int(number)...].prefix(limit).prefix { entry in
                    defer { size += entry.text.utf8.count }
                    return size < 512 * 1024
                })
        }
    }

    /// The committed entry with this number; `nil` where there is none yet.
    func committedEntry(_ number: Int64) -> SignedText? {
        state.withLock { $0.entries.indices.contains(Int(number) - 1) ? $0.entries[Int(number) - 1] : nil }
    }

    /// Called by the job that appended; its transaction is not committed yet.
    func stage(_ roll: Roll) { state.withLock { $0.working = roll } }

    /// Called after the commit of the job that staged `roll` with `entry`. Commits come in the order of the entries.
    func publish(_ roll: Roll, _ entry: SignedText) {
        state.withLock { state in
            guard roll.number == state.committed.number + 1 else { return }
            state.committed = roll
            state.entries.append(entry)
            if roll.number > state.working.number { state.working = roll }
        }
    }

    /// Called on the writer's thread when the transaction of a job that staged was lost: it never happened.
    func discard() { state.withLock { $0.working = $0.committed } }
}
