// SPDX-License-Identifier: Apache-2.0
// SECURITY: somebody who looks on gets copies of what was recorded, and can send nothing to the session. A slow one misses
// bytes; the session never waits for it.

import Access
import Evidence
import Protocol
import Synchronization
import Transport

/// One person who looks on at a live session. The relay hands over and goes on.
final class Watcher: Sendable {
    let person: PersonName
    let device: PublicKey
    let isOperatorTold: Bool
    /// What the session was opened for: asked again when the roll has grown.
    let request: RequestTerms
    private let socket: LoopWebSocket
    private let skipped = Mutex<UInt64>(0)

    init(_ person: PersonName, device: PublicKey, _ terms: WatchTerms, of request: RequestTerms, on socket: LoopWebSocket) {
        self.person = person
        self.device = device
        isOperatorTold = terms.isOperatorTold
        self.request = request
        self.socket = socket
    }

    /// From any thread. What does not fit into the queue of the connection is counted, and the count is told when there is
    /// room again.
    func show(_ message: WatchMessage) {
        let size: UInt64 =
            switch message {
            case .output(let bytes), .errorOutput(let bytes): UInt64(bytes.count)
            case .begin, .resize, .skipped, .end: 0
            }
        skipped.withLock { skipped in
            if skipped > 0 {
                guard socket.send(binary: WatchMessage.skipped(bytes: skipped).bytes) else {
                    skipped += size
                    return
                }
                skipped = 0
            }
            if !socket.send(binary: message.bytes) { skipped += size }
        }
    }

    func end(_ words: String) {
        show(.end(words))
        socket.close(1000, "the session is over")
    }

    /// Whether the person may still look on.
    func isAllowed(by roll: Roll) -> Bool {
        guard roll.person(withDevice: device)?.name == person else { return false }
        // What cannot be decided any more is a no.
        return (try? EntitlementInForce(for: request, in: roll.directory).watch(by: person, in: roll.directory)) != nil
    }
}
