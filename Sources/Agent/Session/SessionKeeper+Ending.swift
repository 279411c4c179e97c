// SPDX-License-Identifier: Apache-2.0
// SECURITY: the one way to end: kill, count, sign the receipt, put it on disk, then tell (P2, P3, P4).

import Access
import Evidence
import Posix
import Protocol

/// The end of a session, from what causes it to the receipt.
extension SessionKeeper {
    /// Ends the session now, for any reason but the program's own end.
    func finish(_ reason: Session.EndReason, _ detail: String) {
        switch phase {
        case .waiting, .opening, .accepted, .live:
            end.reason = reason
            end.detail = detail
            if program?.hasBegun == false { program?.giveUp() }
        case .draining: break  // the program has ended by itself, and that stays the reason
        case .emptying, .closing, .over: return
        }
        kill()
        count(rest: false)
    }

    /// The reader asked for something that is not in the table: it is not our program any more.
    func violated(_ violation: ReaderRequest.Violation) {
        distrust("The session's reader asked for what its table does not have: \(violation.text).")
    }

    /// Ends a reader that is not to be trusted or waited for, and with it the session.
    func distrust(_ why: String) {
        Log.error("\(terms.id): \(why)")
        dismissReader()
        withoutReader(why)
    }

    /// The reader is gone, by its own doing or somebody else's. Nobody can take its place: the keys of the client are gone
    /// with it.
    func readerEnded() throws {
        guard try reader.hasEnded() else { return }
        withoutReader("The session's reader ended unexpectedly.")
    }

    private static let uncounted = "Nobody counted the session's bytes. "

    private func withoutReader(_ why: String) {
        switch phase {
        case .waiting, .opening, .accepted: finish(.failed, why)
        case .live, .draining:
            end.remarks.append(Self.uncounted + why)
            finish(.failed, why)
        case .emptying:
            end.remarks.append(Self.uncounted + why)
            settle()
        case .closing: phase = .over  // it has delivered what it could; the agent sees to the rest
        case .over: break
        }
    }

    /// Puts the receipt on disk, and then has the reader tell.
    func settle() {
        phaseEnd = nil
        do {
            if let reason = end.reason.grantEnd { try grants.markEnded(terms.request, reason, until: terms.notAfter) }
            let receipt = try terms.receipt(of: end, by: identity, key: key, at: .now)
            try folder.save(receipt)
            let ending = SessionEnding(
                reason: end.reason, detail: PlainText.cleaned(end.detail), outcome: end.outcome, killed: end.processes.killed,
                left: end.processes.left.count)
            closing()
            tell(.receipt(receipt.source, ending: ending.text))
        } catch {
            // The agent finds the folder and settles it.
            Log.error("\(terms.id): \(AgentError(error).message)")
            phase = .over
        }
        Log.info("\(terms.id): ended: \(end.reason.rawValue), \(end.processes.killed) killed, \(end.processes.left.count) left")
    }

    func receiptStored() {
        do {
            if folder.exists { try folder.remove() }  // else the agent was faster
        } catch {
            Log.warning("\(terms.id): \(AgentError(error).message)")  // the agent sends it once more
        }
    }
}
