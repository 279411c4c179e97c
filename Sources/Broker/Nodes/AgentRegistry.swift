// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Protocol
import Synchronization
import Transport

/// The nodes that are connected now. One control channel a node: a later one replaces the earlier.
final class AgentRegistry: Sendable {
    private struct Entry {
        let socket: LoopWebSocket
        /// The last roll entry that was sent on this channel.
        var rollNumber: Int64
        let version: String
        let since: Timestamp
    }

    private let entries = Mutex<[NodeName: Entry]>([:])
    /// What nodes said before they hung up.
    private let doubts = Mutex<[NodeName: Problem]>([:])

    /// Takes the channel of a node that said hello; closes the one it had.
    func connect(_ node: NodeName, _ socket: LoopWebSocket, rollNumber: Int64, version: String, at now: Timestamp) {
        doubts.withLock { $0[node] = nil }
        let earlier = entries.withLock { entries in
            let earlier = entries[node]?.socket
            entries[node] = Entry(socket: socket, rollNumber: rollNumber, version: version, since: now)
            return earlier
        }
        if let earlier, earlier !== socket { earlier.close(1000, "replaced by a newer connection") }
    }

    /// - Returns: false when the node has another channel by now.
    func disconnect(_ node: NodeName, _ socket: LoopWebSocket) -> Bool {
        entries.withLock { entries in
            guard entries[node]?.socket === socket else { return false }
            entries[node] = nil
            return true
        }
    }

    func isConnected(_ node: NodeName) -> Bool { entries.withLock { $0[node] != nil } }

    /// Until it connects again, `problem` is why the node is away.
    func distrusts(_ node: NodeName, because problem: Problem) { doubts.withLock { $0[node] = problem } }

    func doubt(of node: NodeName) -> Problem? { doubts.withLock { $0[node] } }

    func version(of node: NodeName) -> String? { entries.withLock { $0[node]?.version } }

    /// - Returns: false when the node is not connected or does not keep up.
    @discardableResult
    func send(_ message: ControlMessage, to node: NodeName) -> Bool {
        guard let socket = entries.withLock({ $0[node]?.socket }) else { return false }
        return socket.send(text: message.text)
    }

    func sendToAll(_ message: ControlMessage) {
        let text = message.text
        for socket in entries.withLock({ $0.values.map(\.socket) }) { socket.send(text: text) }
    }

    /// Brings `node`'s copy of the roll forward. Messages of one channel keep their order, so what is sent next finds the
    /// node up to date. On the loop's thread only, so that no two callers send the same entries.
    func bringForward(_ node: NodeName, from roll: RollBox) {
        while let (socket, known) = entries.withLock({ $0[node].map { ($0.socket, $0.rollNumber) } }) {
            let batch = roll.entries(after: known, limit: Limits.rollBatch)
            guard !batch.isEmpty, socket.send(text: ControlMessage.roll(batch).text) else { return }
            entries.withLock { entries in
                guard entries[node]?.socket === socket else { return }
                entries[node]?.rollNumber = known + Int64(batch.count)
            }
        }
    }

    /// Closes the channel of a node that was disabled.
    func expel(_ node: NodeName) { entries.withLock { $0[node]?.socket }?.close(1008, "disabled") }

    var names: [NodeName] { entries.withLock { Array($0.keys) } }
}
