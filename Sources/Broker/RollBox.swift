// SPDX-License-Identifier: Apache-2.0
// SECURITY: everybody but the writer sees the roll as it was committed; a job in the writer sees what earlier jobs of its
// transaction appended.

import Access
import Evidence
import Synchronization

/// The roll in memory, with the signed entries that nodes and clients copy.
final class RollBox: Sendable {
    private struct State {
        var committed: Roll
        /// As the writer's present transaction sees it.
        var working: Roll
        /// Of `committed`.
        var entries: RollEntries
    }

    private let state: Mutex<State>
    /// Served behind what is committed: for tests that need a broker which lies.
    private let forged: [SignedText]

    init(_ roll: Roll, entries: RollEntries, forged: [SignedText] = []) {
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
            let count = state.entries.count + forged.count
            guard number >= 0, number < count else { return [] }
            var (found, size): ([SignedText], Int) = ([], 0)
            for index in Int(number)..<min(count, Int(number) + limit) where size < 512 * 1024 {
                let entry = index < state.entries.count ? state.entries[index] : forged[index - state.entries.count]
                size += entry.text.utf8.count
                found.append(entry)
            }
            return found
        }
    }

    /// The committed entry with this number; `nil` where there is none yet.
    func committedEntry(_ number: Int64) -> SignedText? {
        state.withLock { state in
            guard number > 0, number <= state.entries.count else { return nil }
            return state.entries[Int(number) - 1]
        }
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

/// The signed entries of a roll, entry n at index n - 1. Each is one piece of memory: a ``SignedText`` is six to nine, and nearly
/// twice as much, and a large roll is most of what a broker keeps.
struct RollEntries: Sendable {
    /// How many signatures; of each the key, its length and its bytes; then the text.
    private var packed: [[UInt8]] = []

    var count: Int { packed.count }

    mutating func append(_ entry: SignedText) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1 + entry.signatures.count * (PublicKey.length + 1 + 64) + entry.text.utf8.count)
        // Who reads an entry takes eight signatures of 64 bytes at most.
        bytes.append(UInt8(clamping: entry.signatures.count))
        for signature in entry.signatures.prefix(255) {
            bytes += signature.key.bytes
            bytes.append(UInt8(clamping: signature.bytes.count))
            bytes += signature.bytes.prefix(255)
        }
        bytes += entry.text.utf8
        packed.append(bytes)
    }

    subscript(index: Int) -> SignedText {
        var rest = packed[index][...]
        var signatures: [SignedText.Signature] = []
        for _ in 0..<(rest.popFirst() ?? 0) {
            guard let key = PublicKey(bytes: Array(rest.prefix(PublicKey.length))) else { break }
            rest = rest.dropFirst(PublicKey.length)
            let length = Int(rest.popFirst() ?? 0)
            signatures.append(SignedText.Signature(key: key, bytes: Array(rest.prefix(length))))
            rest = rest.dropFirst(length)
        }
        return SignedText(text: String(decoding: rest, as: UTF8.self), signatures: signatures)
    }
}
