// SPDX-License-Identifier: Apache-2.0
// SECURITY: the one way to end: kill, count, sign the receipt, put it on disk, then tell (P2, P3, P4).

import Access
import Evidence
import Glibc
import Posix
import Protocol

/// The end of a session, from what causes it to the last byte delivered.
extension Supervisor {
    var isBlocked: Bool { program?.outputs.contains { $0.isOpen && !mayRead($0) } ?? false }

    /// Does what is due now.
    func advance(at now: ContinuousClock.Instant) {
        switch phase {
        case .running: heedDeadlines(at: now)
        case .draining(let until):
            guard now >= until || program?.isRead != false else { return }
            kill()
            quietSince = now
            phase = .emptying(until: now + Self.patience)
            if link?.isAttached != true { extendPatience(at: now) }
            advance(at: now)
        case .emptying(let until):
            let isQuiet = !isBlocked && now >= quietSince + Self.drainTime
            if now >= until || isQuiet || program?.isRead != false { settle() }
        case .closing(let until):
            guard now >= until || (delivery.isReceiptStored && delivery.isClientDone) else { return }
            closeLink()
            phase = .over
        case .over: break
        }
    }

    private func heedDeadlines(at now: ContinuousClock.Instant) {
        while case .running = phase, let event = deadlines.next(at: now) {
            switch event {
            case .end(.clientClosed):
                finish(.clientClosed, "The client was lost and did not come back within \(DurationText.format(terms.detachedFor)).")
            case .end(let reason): finish(reason, "")
            case .notice: send(.notice(event.text(grant: terms.grant, at: .now)))
            }
        }
    }

    /// Ends the session now, for any reason but the program's own end.
    func finish(_ reason: Session.EndReason, _ detail: String) {
        switch phase {
        case .running:
            end.reason = reason
            end.detail = detail
            if program?.hasBegun == false { program?.giveUp() }
        case .draining: break  // the program has ended by itself, and that stays the reason
        case .emptying, .closing, .over: return
        }
        kill()
        settle()
    }

    func kill() {
        let group = terms.group.map { ControlGroup(existing: $0) }
        end.processes = SessionProcesses(session: terms.id.description, group: group).end()
        end.at = .now
        // What is left in it keeps it from being removed, and is named in the receipt.
        try? group?.remove()
        if terms.settings.keepsLoginRecord { LoginRecords.end(host: terms.loginHost) }
        end.remarks += watch?.changes() ?? terms.handedOver
    }

    /// Puts the receipt on disk, and then tells.
    private func settle() {
        phase = .closing(until: .now + Self.patience)
        if link?.isAttached != true { extendPatience(at: .now) }
        end.inputBytes = Int64(clamping: program?.input.consumed ?? 0)
        end.outputBytes = program?.outputBytes ?? 0
        do {
            if let reason = end.reason.grantEnd { try grants.markEnded(terms.request, reason, until: terms.notAfter) }
            let receipt = try terms.receipt(of: end, by: identity, key: key, at: .now)
            try folder.save(receipt)
            delivery.receipt = receipt
            deliver()
        } catch {
            // The agent finds the folder and settles it.
            Log.error("\(terms.id): \(AgentError(error).message)")
            closeLink()
            phase = .over
        }
        Log.info("\(terms.id): ended: \(end.reason.rawValue), \(end.processes.killed) killed, \(end.processes.left.count) left")
    }

    /// Collects children that have ended: the program, and orphans of the session that became ours.
    func collect() {
        var raw: Int32 = 0
        while true {
            let pid = waitpid(-1, &raw, WNOHANG)
            guard pid > 0 else { return }
            if pid == program?.pid { programEnded(raw) }
        }
    }

    private func programEnded(_ raw: Int32) {
        guard case .running = phase else { return }
        if let failure = program?.takeReport() { return finish(.failed, failure) }
        end.outcome = raw & 0x7F == 0 ? .exited(Int(raw >> 8 & 0xFF)) : .signalled(Int(raw & 0x7F))
        end.reason = .exited
        phase = .draining(until: .now + Self.drainTime)
    }

    func sendEnd(over link: SessionLink) throws {
        guard case .closing = phase, let receipt = delivery.receipt else { return }
        if !delivery.hasSentEnd, link.isAttached {
            let ending = SessionEnding(
                reason: end.reason, detail: PlainText.cleaned(end.detail), outcome: end.outcome,
                killed: end.processes.killed, left: end.processes.left.count)
            try link.send(.end(ending.text))
            delivery.hasSentEnd = true
        }
        if !delivery.hasSentReceipt {
            try link.send(.receipt(receipt.source))
            delivery.hasSentReceipt = true
        }
    }

    func receiptStored() {
        guard case .closing = phase else { return }
        do {
            if folder.exists { try folder.remove() }  // else the agent was faster
        } catch {
            Log.warning("\(terms.id): \(AgentError(error).message)")  // the agent sends it once more
        }
        delivery.isReceiptStored = true
    }

    private func closeLink() { keeper.close() }

    /// What is delivered at the end may take longer when somebody has to come back for it.
    func extendPatience(at now: ContinuousClock.Instant) {
        let longer = now + (link == nil ? Self.patienceWithoutBroker : Self.patienceDetached)
        switch phase {
        case .emptying(let until): phase = .emptying(until: max(until, longer))
        case .closing(let until): phase = .closing(until: max(until, longer))
        case .running, .draining, .over: break
        }
    }
}
