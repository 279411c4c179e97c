// SPDX-License-Identifier: Apache-2.0
// SECURITY: who looks on sees what was recorded, as it was recorded; the operator is told where the policy says so.

import Access
import Evidence
import Protocol
import Storage
import Terminal
import Transport

/// People who look on. On the relay's thread.
extension Relay {
    func begin(_ watcher: Watcher) {
        watcher.show(.begin(isOperatorTold: watcher.isOperatorTold, isTerminal: recorder?.isTerminal ?? true))
        do {
            let tail = try RecordingTail(of: core.home.recording(of: id))
            if let size = tail.size { watcher.show(.resize(columns: size.columns, rows: size.rows)) }
            if !tail.output.isEmpty { watcher.show(.output(tail.output)) }
        } catch {
            Log.error("session \(id): \(error)")  // it begins with what comes
        }
        watchers.append(watcher)
        announce(watcher, isThere: true)
    }

    func leave(_ watcher: Watcher) {
        guard watchers.contains(where: { $0 === watcher }) else { return }
        watchers.removeAll { $0 === watcher }
        announce(watcher, isThere: false)
        core.write { [id, person = watcher.person] workflow in
            try workflow.record("session.unwatched", id, by: person)
        } completion: { [id] result in
            if case .failure(let error) = result { Log.error("session \(id): \(error)") }
        }
    }

    /// Somebody was taken away, or the policy has changed.
    func recheckWatchers() {
        let roll = core.roll.current
        for watcher in watchers where !watcher.isAllowed(by: roll) {
            watcher.end("You may not look on any more.")
            leave(watcher)
        }
    }

    /// A client that has just come does not know who is there.
    func announceWatchers() {
        for watcher in watchers { announce(watcher, isThere: true) }
    }

    private func announce(_ watcher: Watcher, isThere: Bool) {
        guard watcher.isOperatorTold else { return }
        client?.enqueue(text: ControlMessage.watched(id, by: watcher.person, isThere: isThere).text)
    }

    func show(_ message: WatchMessage) {
        for watcher in watchers { watcher.show(message) }
    }

    func endWatching() {
        let here = watchers
        for watcher in here {
            watcher.end(hasReceipt ? "The session is over." : "The connection to the node was lost.")
            leave(watcher)
        }
    }
}
