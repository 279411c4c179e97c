// SPDX-License-Identifier: Apache-2.0
// SECURITY: what the node signs about the end of a session (P3). What cannot be promised is said.

import Access
import Evidence
import Glibc
import Posix

/// How a session ended, as whoever ended it saw it.
struct SessionEnd: Sendable {
    var reason: Session.EndReason
    /// When the last process was killed; `nil` before.
    var at: Timestamp?
    var detail = ""
    var outcome: ReceiptStatement.Outcome = .none
    var processes = SessionProcesses.Outcome(killed: 0, left: [])
    var inputBytes: Int64 = 0
    var outputBytes: Int64 = 0
    /// What else is to be said.
    var remarks: [String] = []
}

extension SessionTerms {
    /// The signed receipt of this session.
    func receipt(of end: SessionEnd, by identity: NodeIdentity, key: NodeKey, at now: Timestamp) throws
        -> Signed<ReceiptStatement>
    {
        let statement = ReceiptStatement(
            root: identity.root, opening: opening.digest, node: identity.name, reason: end.reason,
            detail: PlainText.cleaned(end.detail), outcome: end.outcome, startedAt: startedAt, endedAt: end.at ?? now,
            killed: end.processes.killed, left: end.processes.left.count, remarks: remarks(on: end.processes) + end.remarks.prefix(Self.maximumRemarks),
            method: group == nil ? "tree" : "cgroup", inputBytes: end.inputBytes, outputBytes: end.outputBytes)
        return try statement.signed(with: key.signing)
    }

    /// Of those that only ``SessionEnd`` knows.
    private static var maximumRemarks: Int { 24 }

    private func remarks(on outcome: SessionProcesses.Outcome) -> [String] {
        var remarks = outcome.left.prefix(32).map { "\(PlainText.cleaned($0.command, maximum: 64)) (process \($0.pid)) is left." }
        switch consent {
        case .people: break
        case .policy: remarks.append("Approved by policy: no second person agreed to this session.")
        case .breakGlass: remarks.append("Break-glass: nobody agreed to this session beforehand; it owes a review.")
        }
        let isRoot = opening.value.runAs.text == "root"
        // Whoever runs as the agent's user can end its processes and read its files. A name that means nobody any more is
        // nobody's.
        let user = try? User.named(opening.value.runAs.text)
        if !isRoot, user?.uid == geteuid() {
            remarks.append("The session ran as the agent's own user: it could reach the agent, its supervisor and the node's key.")
        }
        // It is another account than the sessions' where the packages' is there. Nobody looks into it even so.
        if let reader = try? UnprivilegedAccount.find().user, reader.uid == user?.uid {
            remarks.append("The session ran as the account that reads the network for sessions: it could end one.")
        }
        // Without root there is no control group that a session could not leave, and a set-user-id program is out of
        // our reach.
        if isRoot { remarks.append("A root session may have left the control group or hidden a process.") }
        if group == nil { remarks.append("There was no control group; processes were found by their parents and environment.") }
        if isRoot || group == nil {
            remarks.append("Work handed to cron, at, systemd or a container engine is not covered.")
        }
        return remarks
    }
}

extension Session.EndReason {
    /// Why the grant of a session that ended like this is over for this node; `nil` when it may be used again.
    var grantEnd: Grant.EndReason? {
        switch self {
        case .expired: .expired
        case .revoked: .revoked
        case .released: .released
        case .personDisabled: .personDisabled
        case .exited, .maximumDuration, .idle, .ended, .clientClosed, .leaseLost, .tampered, .recorderFailed, .refused,
            .failed, .unconfirmed:
            nil
        }
    }

    /// What the broker may give as a reason: it can end a session, and cannot put words into the node's mouth about
    /// what only the node knows.
    var fromBroker: Session.EndReason {
        switch self {
        case .revoked, .released, .ended, .expired, .personDisabled, .clientClosed, .recorderFailed: self
        case .exited, .maximumDuration, .idle, .leaseLost, .tampered, .refused, .failed, .unconfirmed: .ended
        }
    }
}
