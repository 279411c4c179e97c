// SPDX-License-Identifier: Apache-2.0
// SECURITY: what the keeper has put on disk is told, never before (P4).

import Access
import Evidence
import Posix
import Protocol

/// The end of a session, from what causes it to the last byte delivered.
extension SessionReader {
    var isBlocked: Bool { program?.outputs.contains { $0.isOpen && !mayRead($0) } ?? false }

    /// Does what is due now.
    func advance(at now: BootInstant) {
        switch phase {
        case .running: heedDeadlines(at: now)
        case .draining(let until):
            guard now >= until || program?.isRead != false else { return }
            phase = .drained
            keeper.ask(.drained)
        case .emptying(let until):
            let isQuiet = !isBlocked && now >= quietSince + Self.drainTime
            if now >= until || isQuiet || program?.isRead != false { count() }
        case .closing(let until):
            guard now >= until || (delivery.isReceiptStored && delivery.isClientDone) else { return }
            links.close()
            phase = .over
        case .drained, .asked, .counted, .over: break
        }
    }

    private func heedDeadlines(at now: BootInstant) {
        while case .running = phase, let event = deadlines.next(at: now) {
            switch event {
            case .end(.clientClosed):
                finish(.clientClosed, "The client was lost and did not come back within \(DurationText.format(terms.detachedFor)).")
            case .end(let reason): finish(reason, "")
            case .notice: send(.notice(event.text(grant: terms.grant, at: .now)))
            }
        }
    }

    /// Has the keeper end the session now, for any reason but the program's own end.
    func finish(_ reason: Session.EndReason, _ detail: String) {
        switch phase {
        case .running, .draining: break
        case .drained, .asked, .emptying, .counted, .closing, .over: return
        }
        phase = .asked
        keeper.ask(.end(reason, detail: PlainText.cleaned(detail, maximum: ReaderRequest.maximumDetail)))
    }

    // MARK: The keeper's words

    func programEnded(at now: BootInstant) {
        guard case .running = phase else { return }  // the keeper was asked to end the session meanwhile, and will
        phase = .draining(until: now + Self.drainTime)
    }

    func allKilled(rest: Bool, at now: BootInstant) {
        guard rest else { return count() }
        quietSince = now
        phase = .emptying(until: now + Self.patience)
        if link?.isAttached != true { extendPatience(at: now) }
        advance(at: now)
    }

    private func count() {
        phase = .counted
        keeper.ask(.counted(input: Int64(clamping: program?.input.consumed ?? 0), output: program?.outputBytes ?? 0))
    }

    func ended(_ receipt: SignedText, _ ending: String, at now: BootInstant) {
        // Who was not told of an acceptance hears of the end from the agent, as of everything before.
        guard program != nil else {
            links.close()
            phase = .over
            return
        }
        (delivery.receipt, delivery.ending) = (receipt, ending)
        phase = .closing(until: now + Self.patience)
        if link?.isAttached != true { extendPatience(at: now) }
        deliver()
    }

    func sendEnd(over link: SessionLink) throws {
        guard case .closing = phase, let receipt = delivery.receipt else { return }
        if !delivery.hasSentEnd, link.isAttached {
            try link.send(.end(delivery.ending))
            delivery.hasSentEnd = true
        }
        if !delivery.hasSentReceipt {
            try link.send(.receipt(receipt))
            delivery.hasSentReceipt = true
        }
    }

    func receiptStored() {
        guard case .closing = phase, !delivery.isReceiptStored else { return }
        delivery.isReceiptStored = true
        keeper.ask(.stored)
    }

    /// What is delivered at the end may take longer when somebody has to come back for it.
    func extendPatience(at now: BootInstant) {
        let longer = now + (link == nil ? Self.patienceWithoutBroker : Self.patienceDetached)
        switch phase {
        case .emptying(let until): phase = .emptying(until: max(until, longer))
        case .closing(let until): phase = .closing(until: max(until, longer))
        case .running, .draining, .drained, .asked, .counted, .over: break
        }
    }
}
