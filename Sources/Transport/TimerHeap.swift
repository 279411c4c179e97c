// SPDX-License-Identifier: Apache-2.0
import Posix

/// Names one scheduled piece of work, to cancel it.
package struct TimerToken: Sendable, Hashable {
    let number: UInt64
}

/// Deadlines in order, as a binary heap. Cancelling is cheap: the entry stays until it is the first or a tidying.
struct TimerHeap {
    typealias Work = @Sendable () -> Void

    private struct Entry {
        let deadline: BootInstant
        let token: TimerToken
    }

    private var entries: [Entry] = []
    private var work: [TimerToken: Work] = [:]
    private var lastNumber: UInt64 = 0

    /// The earliest time at which there is something to do.
    var earliest: BootInstant? { entries.first?.deadline }

    /// Entries, with those of cancelled work that are not tidied yet.
    var count: Int { entries.count }

    mutating func add(at deadline: BootInstant, _ body: @escaping Work) -> TimerToken {
        lastNumber += 1
        let token = TimerToken(number: lastNumber)
        work[token] = body
        entries.append(Entry(deadline: deadline, token: token))
        siftUp(entries.count - 1)
        return token
    }

    mutating func cancel(_ token: TimerToken) {
        work[token] = nil
        tidyFront()
        // Half of the entries are dead: rebuild, so that cancelled work costs no memory for long.
        guard entries.count > 64, entries.count > 2 * work.count else { return }
        entries.removeAll { work[$0.token] == nil }
        entries.sort { $0.deadline < $1.deadline }
    }

    /// Removes and returns the next work whose time has come.
    mutating func popDue(at now: BootInstant) -> Work? {
        while let first = entries.first, first.deadline <= now {
            removeFirst()
            let body = work.removeValue(forKey: first.token)
            tidyFront()
            if let body { return body }
        }
        return nil
    }

    /// What is first is work: nobody is woken for what was cancelled.
    private mutating func tidyFront() {
        while let first = entries.first, work[first.token] == nil { removeFirst() }
    }

    private mutating func removeFirst() {
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        siftDown(0)
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].deadline < entries[parent].deadline else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var child = 2 * parent + 1
            guard child < entries.count else { return }
            if child + 1 < entries.count, entries[child + 1].deadline < entries[child].deadline { child += 1 }
            guard entries[child].deadline < entries[parent].deadline else { return }
            entries.swapAt(child, parent)
            parent = child
        }
    }
}
