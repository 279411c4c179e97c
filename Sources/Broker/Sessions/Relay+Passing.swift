// SPDX-License-Identifier: Apache-2.0
// SECURITY: what is shown was recorded first (P6); a frame is passed on as it came, and only to the client it was made for (P1).

import Access
import Evidence
import Protocol
import Transport

/// Frames on their way, and what is recorded of them.
extension Relay {
    func readClient() {
        guard let client, (supervisor?.outgoingBytes ?? 0) < Self.outgoingLimit else { return }
        do {
            let filled = try client.fill()
            if case .some = filled { heardClient = now }
            while let message = try client.next() {
                switch message.kind {
                case .binary where isJoined: message.withPayload(passToNode)
                case .ping, .pong: break
                case .binary, .text, .close: return clientLeft()
                }
            }
            if case .ended = filled { clientLeft() }
        } catch {
            clientLeft()
        }
    }

    private func passToNode(_ message: UnsafeRawBufferPointer) {
        let body = UnsafeRawBufferPointer(rebasing: message.dropLast(Frame.tagLength))
        // A frame that cannot be read is passed on all the same: the node checks its tag and says what is wrong.
        switch try? Frame(decoding: body) {
        case .input(let offset, let bytes): record { try $0.input(bytes, at: offset) }
        case .resize(let columns, let rows):
            record { try $0.resize(columns, rows) }
            show(.resize(columns: columns, rows: rows))
        case .output, .errorOutput, .credit, .endOfInput, .close, .notice, .end, .lease, nil: break
        }
        guard !isUnrecorded else { return }
        guard let interference else {
            supervisor?.enqueue(.binary, parts: message)
            return
        }
        for changed in interference(true, Array(message)) { supervisor?.enqueue(.binary, changed) }
    }

    func readSupervisor() {
        guard let supervisor, (client?.outgoingBytes ?? 0) < Self.outgoingLimit else { return }
        do {
            let filled = try supervisor.fill()
            if case .some = filled { heardSupervisor = now }
            while let message = try supervisor.next() {
                switch message.kind {
                case .binary: message.withPayload(passToClient)
                case .text: try take(String(decoding: message.bytes, as: UTF8.self))
                case .ping, .pong: break
                case .close: return dropSupervisor()
                }
            }
            if case .ended = filled { dropSupervisor() }
        } catch {
            dropSupervisor()
        }
    }

    private func passToClient(_ message: UnsafeRawBufferPointer) {
        let body = UnsafeRawBufferPointer(rebasing: message.dropLast(Frame.tagLength))
        switch try? Frame(decoding: body) {  // as above: the client checks and says what is wrong
        case .output(let offset, let bytes):
            record { recorder in
                let part = try recorder.output(bytes, at: offset)
                if !watchers.isEmpty, !part.isEmpty { show(.output(Array(part))) }
            }
        case .errorOutput(let offset, let bytes):
            record { recorder in
                let part = try recorder.errorOutput(bytes, at: offset)
                if !watchers.isEmpty, !part.isEmpty { show(.errorOutput(Array(part))) }
            }
        case .input, .resize, .credit, .endOfInput, .close, .notice, .end, .lease, nil: break
        }
        // A frame of before an attachment is not for the client of after it.
        guard isJoined, !isUnrecorded else { return }
        guard let interference else {
            client?.enqueue(.binary, parts: message)
            return
        }
        for changed in interference(false, Array(message)) { client?.enqueue(.binary, changed) }
    }

    func take(_ text: String) throws {
        switch try ControlMessage(text) {
        case .receipt(let source):
            // Only its own receipt ends a session: the recording is whole then, and its digest is written down.
            let receipt: Signed<ReceiptStatement> = try Signed(source)
            guard SessionID(digest: receipt.value.opening.bytes) == id else {
                throw EvidenceError.doesNotBelong(type: ReceiptStatement.type, to: "session")
            }
            try receipt.check(signedBy: node.key, who: "node `\(node.name)`")
            hasReceipt = true
            ReceiptIntake.store(source, from: node, in: core) { [weak self] id in self?.command(.tellNode(.receiptStored(id))) }
        case .attached(let source): attached(try Signed(source))
        case .refused(_, let problem):
            // The attachment was refused; the session goes on without this client.
            guard attaching != nil else { return }
            client?.enqueue(text: ControlMessage.refused(id, problem).text)
            _ = try client?.flush()
            clientLeft()
        default: throw EvidenceError.typeUnexpected("message", expected: "receipt or attached")
        }
    }

    /// Tells the node what it need not keep for the recording any more.
    func acknowledge(always: Bool) {
        guard let recorder, supervisor != nil else { return }
        do {
            guard let offsets = try recorder.acknowledge(always: always) else { return }
            supervisor?.enqueue(text: ControlMessage.recorded(id, offsets).text)
        } catch {
            failRecorder(error)
        }
    }

    private func record(_ write: (Recorder) throws -> Void) {
        guard let recorder else { return }
        do {
            try write(recorder)
        } catch {
            failRecorder(error)
        }
    }

    /// Nothing that was not recorded is shown or typed: from here on no frame passes, and the session ends (P6).
    private func failRecorder(_ error: any Error) {
        let detail = Problem(explaining: error).message
        (recorder, isUnrecorded) = (nil, true)
        client?.enqueue(text: ControlMessage.end(id, .recorderFailed, detail: detail).text)
        tellEnd(.recorderFailed, detail)
    }

    /// Frames are missing from here on, so the client has nothing to wait for.
    func dismissUnrecorded() {
        guard isUnrecorded, let client else { return }
        client.enqueueClose(1000)
        flushLast(client)
        loseClient()
    }
}
