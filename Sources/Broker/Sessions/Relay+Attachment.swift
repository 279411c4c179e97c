// SPDX-License-Identifier: Apache-2.0
// SECURITY: frames flow only between a supervisor and the client it agreed with (P1).

import Access
import Evidence
import Posix
import Protocol
import Storage
import Transport

/// Connections that are lost and replaced while the session goes on.
extension Relay {
    func take(_ box: StreamBox, _ attach: Signed<AttachStatement>) {
        if isUnrecorded { return box.stream.close() }
        if let earlier = client {
            // Where it is another process of the same device, it must not come back and take the session again.
            earlier.enqueue(text: ControlMessage.refused(id, Problem(explaining: BrokerError.takenOver(id))).text)
            _ = try? earlier.flush()  // it is closed in either case
            earlier.close()
        }
        (client, attaching, isJoined) = (box.stream, attach, false)
        heardClient = .now
        acknowledge(always: true)
        supervisor?.enqueue(text: ControlMessage.attach(attach.source).text)
    }

    func replaceSupervisor(_ stream: WebSocketStream) {
        supervisor?.close()
        supervisor = stream
        heardSupervisor = .now
        loseClient()
        do {
            guard let session = try core.readers.perform({ [id] in try $0.session(id) }) else {
                return tellEnd(.failed, "the session is not known")
            }
            welcome(session)
        } catch {
            tellEnd(.failed, Problem(explaining: error).message)
        }
    }

    /// The client's connection is gone. The session waits for it to come back; a client that wants the end says so in a
    /// frame to the node.
    func clientLeft() {
        guard client != nil else { return }
        loseClient()
        guard !hasReceipt else { return }
        supervisor?.enqueue(text: ControlMessage.clientLost(id).text)
        markDetached(lost: "client")
    }

    func loseClient() {
        client?.close()
        (client, attaching, isJoined) = (nil, nil, false)
    }

    func markDetached(lost end: String) {
        core.write { [id] in try $0.detach(id, lost: end) } completion: { [id] result in
            if case .failure(let error) = result { Log.error("session \(id): \(error)") }
        }
    }

    /// The supervisor agreed. Its frames from here on are under the new keys.
    func attached(_ answer: Signed<AttachedStatement>) {
        guard let attach = attaching, answer.value.attach == attach.digest else { return }
        client?.enqueue(text: ControlMessage.attached(answer.source).text)
        (attaching, isJoined) = (nil, true)
        announceWatchers()
        core.write { [id] in try $0.attach(id, by: attach) } completion: { [id] result in
            if case .failure(let error) = result { Log.error("session \(id): \(error)") }
        }
    }

    /// What a supervisor that is back must know: how far the recording is, and an end that it missed.
    func welcome(_ session: StoredSession) {
        acknowledge(always: true)
        switch session.machine.state {
        case .ending, .ended: tellEnd(session.machine.endReason ?? .failed, session.detail ?? "")
        case .opening, .live, .detached: break
        }
    }
}
