// SPDX-License-Identifier: Apache-2.0
// SECURITY: takes what client and broker say. What is out of order or not for a supervisor ends the session
// or is ignored; nothing here trusts that the broker passed on what the client sent (P1).

import Access
import Evidence
import Posix
import Protocol

/// What comes to a session: frames of the client, messages of the broker and of the keeper.
extension SessionReader {
    func receive(from link: SessionLink, at now: BootInstant) {
        do {
            try link.receive { incoming in
                deadlines.heardBroker(at: now)
                links.heard(at: now)
                switch incoming {
                case .frame(let frame): take(frame, at: now)
                case .control(let message): take(message, at: now)
                case .tampered: finish(.tampered, "A frame was not as the client sent it.")
                case .malformed(let what): finish(.failed, what)
                }
            }
        } catch {
            lose(AgentError(error).message, at: now)
        }
    }

    private func take(_ frame: Frame, at now: BootInstant) {
        guard case .running = phase, let program else {
            if case .credit(let stream, let offset) = frame { _ = program?.output(stream)?.acknowledge(offset) }
            if case .close = frame { delivery.isClientDone = true }
            return
        }
        switch frame {
        case .input(let offset, let bytes):
            if !bytes.isEmpty { deadlines.inputArrived(at: now) }
            agree { try program.input.take(bytes, at: offset, into: program.inputDescriptor) }
        case .endOfInput(let offset): agree { try program.input.end(at: offset) }
        case .resize(let columns, let rows): program.resize(columns: columns, rows: rows)
        case .credit(let stream, let offset):
            guard program.output(stream)?.acknowledge(offset) == true else {
                return finish(.failed, "The client acknowledged output that was not sent.")
            }
        case .close: finish(.clientClosed, "")
        case .output, .errorOutput, .notice, .end, .lease: finish(.failed, "The client sent a frame that only a node sends.")
        }
    }

    func agree(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            finish(.failed, "The client sent input out of order, or more than was agreed.")
        }
    }

    private func take(_ message: ControlMessage, at now: BootInstant) {
        switch message {
        case .time(let time) where SessionDeadlines.isOver(lease.notAfter, byBroker: time): finish(.expired, "By the broker's clock.")
        case .time: break
        case .end(let id, let reason, let detail) where id == terms.id: finish(reason.fromBroker, detail)
        case .receiptStored(let id) where id == terms.id: receiptStored()
        case .recorded(let id, let offsets) where id == terms.id: recorded(offsets, at: now)
        case .clientLost(let id) where id == terms.id: clientLost(at: now)
        case .attach(let statement): attach(statement)
        case .hello, .refused, .lease, .leaseRefused, .leaseMoved, .receipt, .ledgerSeen, .ledgerHead, .roll, .open, .accepted,
            .opening, .end, .grantsOver, .receiptStored, .rejoin, .facts, .distrusts, .recorded, .watched, .clientLost, .attached:
            Log.warning("\(terms.id): a message that is not for a supervisor was ignored")
        }
    }

    /// What the keeper says.
    func hearKeeper(at now: BootInstant) throws {
        while let (message, _) = try keeper.next() {
            switch message {
            case .key(let key): links.take(try SessionDialer(identity, with: key))
            case .lease(let version, let notAfter, let deadline): leaseMoved((version, notAfter), deadline)
            case .drain: programEnded(at: now)
            case .count(let rest): allKilled(rest: rest, at: now)
            case .receipt(let receipt, let ending): ended(receipt, ending, at: now)
            case .session, .accepted, .attached, .dial: throw KeeperMessage.Malformed()
            }
        }
    }

    private func leaseMoved(_ moved: (version: Int64, notAfter: Timestamp), _ deadline: Int64) {
        lease = moved
        deadlines.move(grantEnd: BootInstant(nanoseconds: deadline), at: .now)
        tellLease()
        let left = BootInstant.now.duration(to: deadlines.end)
        send(.notice(SessionDeadlines.extensionText(grant: terms.grant, left: left, deadlines.endReason, at: .now)))
    }

    func tellLease() {
        guard lease.version > 1, let end = UInt64(exactly: lease.notAfter.milliseconds) else { return }
        send(.lease(version: UInt64(clamping: lease.version), notAfter: end))
    }
}
