// SPDX-License-Identifier: Apache-2.0

package import Access
import Evidence
package import Protocol
import Terminal

/// How a session's end is told, and which exit status it gives.
package enum EndingWords {
    /// What a client exits with when Stint ended the session or failed.
    package static let stintStatus: Int32 = 255

    package static func status(of ending: SessionEnding) -> Int32 {
        guard ending.reason == .exited else { return stintStatus }
        switch ending.outcome {
        case .exited(let status): return Int32(status)
        case .signalled(let number): return 128 + Int32(number)
        case .none: return stintStatus
        }
    }

    /// `Session s-7k2p9x ended: the grant expired. 3 processes killed, 0 left.`
    package static func sentence(_ id: SessionID, _ ending: SessionEnding) -> String {
        let processes = ending.killed == 1 ? "1 process" : "\(ending.killed) processes"
        return "\(sentence(id, ending.reason, detail: ending.detail)) \(processes) killed, \(ending.left) left."
    }

    package static func sentence(_ id: SessionID, _ reason: Session.EndReason, detail: String) -> String {
        let clause = detail.hasSuffix(".") ? String(detail.dropLast()) : detail
        let more = clause.isEmpty ? "" : " (\(DisplayText.escaped(clause)))"
        return "Session \(id) ended: \(words(reason))\(more)."
    }

    /// How to go on, where there is a way: `Grant g-7k2p9x is yours until …: stint shell db-1, or give it back: stint done`.
    package static func next(
        after reason: Session.EndReason, on node: NodeName, grant: GrantID?, until: Timestamp, now: Timestamp
    ) -> String? {
        switch reason {
        case .expired: return "To go on, ask again: stint shell \(node) --reason WHY --for 30m"
        case .revoked, .personDisabled, .released, .refused, .tampered: return nil
        case .exited, .maximumDuration, .idle, .ended, .clientClosed, .leaseLost, .recorderFailed, .failed, .unconfirmed:
            guard let grant, now < until else { return nil }
            return "Grant \(grant) is yours \(TimeText.brief(until, now: now)).\n"
                + "Go on: stint shell \(node)   Give it back: stint done \(grant)"
        }
    }

    private static func words(_ reason: Session.EndReason) -> String {
        switch reason {
        case .exited: "it exited"
        case .expired: "the grant expired"
        case .maximumDuration: "it reached the longest time a session may last"
        case .idle: "nothing was typed for too long"
        case .revoked: "the grant was revoked"
        case .released: "the grant was given back"
        case .ended: "somebody ended it"
        case .personDisabled: "the person was disabled"
        case .clientClosed: "it was closed from here"
        case .leaseLost: "the node heard nothing from the broker for too long"
        case .tampered: "the node found a frame tampered with"
        case .recorderFailed: "it could not be recorded any more"
        case .refused: "it was refused"
        case .failed: "something broke on the node"
        case .unconfirmed: "the node did not report"
        }
    }
}
