// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Protocol
import Terminal

/// What becomes of a session whose connection is lost.
extension SessionClient {
    /// - Throws: where that is the end.
    func lose(_ what: String) throws {
        guard ending == nil else { return }
        // Lost already, and given up now.
        guard let channel else { throw SessionFault.connectionLost(what) }
        brokerEnd = channel.brokerEnd
        guard let ticket = session.ticket, brokerEnd == nil, closing == nil else { throw SessionFault.connectionLost(what) }
        channel.close()
        self.channel = nil
        let received = OutputOffsets(output: outputWindow.received, errorOutput: errorWindow.received)
        outage = Outage(ticket, received: received, left: notAfter - .now())
        show("connection lost, retrying…")
    }

    func keepConnection() throws {
        if let silence, .now >= silence { try lose("Nothing was heard from the broker.") }
        guard var current = outage else { return }
        let step = try current.advance(signedAfter: &signedAt)
        outage = current
        switch step {
        case .wait: break
        case .attached(let attached): try resume(attached)
        case .over(let error): throw error
        }
    }

    func resume(_ attached: AttachedSession) throws {
        try outputWindow.resume(at: attached.answer.from.output)
        try errorWindow.resume(at: attached.answer.from.errorOutput)
        let missing = try kept.bytes(from: attached.answer.input)
        channel = attached.channel
        outage = nil
        var offset = attached.answer.input
        for start in stride(from: 0, to: missing.count, by: Limits.frameFill) {
            let part = Array(missing[start..<min(missing.count, start + Limits.frameFill)])
            try channel?.sendInput(part, offset: offset)
            offset += UInt64(part.count)
        }
        if inputEnded, !hasTerminal { try channel?.send(.endOfInput(offset: inputWindow.sent)) }
        try greet()
        show("connected again.")
    }

    /// What the node cannot know of a client that has just attached.
    func greet() throws {
        isGreeted = true
        try channel?.send(.credit(.output, offset: outputWindow.renewCredit(waiting: output.waitingOfSession)))
        if !hasTerminal {
            try channel?.send(.credit(.errorOutput, offset: errorWindow.renewCredit(waiting: errorOutput.waiting)))
        }
        if isRaw, let size = Self.windowSize(descriptors) {
            try channel?.send(.resize(columns: size.columns, rows: size.rows))
        }
    }
}
