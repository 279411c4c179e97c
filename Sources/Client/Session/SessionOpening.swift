// SPDX-License-Identifier: Apache-2.0
// SECURITY: the session's keys are agreed with whoever holds the node's key, by this client's own roll. The broker in
// between cannot take the node's place (P1).

package import Access
package import Evidence
import Posix
import Protocol
import Transport

/// What to open, once there is a grant for it.
package struct SessionPlan: Sendable, Equatable {
    package let use: GrantUse
    /// The argument vector of an `exec`; empty for a shell.
    package let command: [String]
    /// nil: three separate streams.
    package let terminal: OpeningStatement.Terminal?
    package let language: String

    package init(use: GrantUse, command: [String], terminal: OpeningStatement.Terminal?, language: String) {
        self.use = use
        self.command = command
        self.terminal = terminal
        self.language = language
    }

    /// Bytes of one stream in flight before the sender waits for credit.
    package var window: Int { terminal == nil ? Limits.streamCredit : Limits.terminalCredit }
    package var inputWindow: Int { terminal == nil ? Limits.streamCredit : Limits.terminalInputCredit }
}

/// A session that the node has accepted.
package struct OpenedSession {
    package let id: SessionID
    package let plan: SessionPlan
    package let notAfter: Timestamp
    package let channel: FrameChannel
    /// `nil` where a lost connection is the end.
    package var ticket: SessionTicket?
    /// `nil` where more time cannot be asked for.
    package var desk: ExtensionDesk?
    /// When the statement in force was signed.
    package var signedAt = Timestamp(milliseconds: 0)
    /// Where the outputs begin: not at 0 for a client that came later.
    package var from = OutputOffsets()
    /// Bytes of input that the node has already.
    package var input: UInt64 = 0
    /// Whether somebody worked in it before this client.
    package var isResumed = false
}

extension Operator {
    /// How long the node may take: it may have to fetch the roll and start a supervisor.
    private static let openingTime: Duration = .seconds(30)

    /// Opens a session under an activated grant.
    ///
    /// - Throws: the node's or the broker's refusal, in their words.
    package func open(
        _ plan: SessionPlan, under grant: GrantView, activation: Signed<ActivationStatement>
    ) throws -> OpenedSession {
        let key = try EphemeralKey()
        let statement = OpeningStatement(
            root: identity.root, activation: activation.digest, person: identity.person, node: plan.use.node,
            capability: plan.use.capability, runAs: try plan.use.runAs ?? RunAsName(user: grant.runAs), command: plan.command,
            terminal: plan.terminal, language: plan.language, ephemeral: key.publicBytes, rollNumber: roll.number,
            nonce: try Evidence.Random.nonce(), at: .now())
        let opening = try statement.signed(with: self.key.signing)
        let stream = try broker.openStream(Route.open)
        stream.enqueue(text: ControlMessage.opening(opening.source).text)
        _ = try stream.flush()
        try saveHead()  // while the node is busy with it
        let source = try SessionAnswer.wait(on: stream, within: Self.openingTime, whose: plan.use.node) {
            try Self.acceptance(in: $0, of: opening.id)
        }
        let acceptance = try verify(try Signed<AcceptanceStatement>(source), of: opening)
        let keys = try key.agree(with: acceptance.ephemeral, opening: opening.digest, accepted: acceptance.ephemeral)
        let channel = FrameChannel(
            stream, sealing: try keys.authenticator(.toNode), opening: try keys.authenticator(.toClient))
        let ticket = directory.nodes[plan.use.node].map { SessionTicket(opening, at: $0, of: self) }
        return OpenedSession(
            id: opening.id, plan: plan, notAfter: acceptance.notAfter, channel: channel, ticket: ticket,
            desk: ExtensionDesk(home, for: grant.id), signedAt: opening.value.at)
    }

    /// - Throws: unless the node that was asked for has signed this, for this opening.
    package func verify(
        _ acceptance: Signed<AcceptanceStatement>, of opening: Signed<OpeningStatement>
    ) throws -> AcceptanceStatement {
        let value = acceptance.value
        guard value.root == identity.root else { throw EvidenceError.otherInstallation(type: AcceptanceStatement.type) }
        guard value.opening == opening.digest, value.node == opening.value.node else {
            throw EvidenceError.doesNotBelong(type: AcceptanceStatement.type, to: "opening")
        }
        guard let node = directory.nodes[value.node], node.isEnabled else {
            throw EvidenceError.subjectUnknown(kind: "node", value.node.text)
        }
        try acceptance.check(signedBy: node.key, who: "node `\(node.name)`")
        return value
    }

    /// The acceptance, if the message is one; other news of the broker means nothing here.
    private static func acceptance(in text: [UInt8], of id: SessionID) throws -> SignedText? {
        switch try ControlMessage(String(decoding: text, as: UTF8.self)) {
        case .accepted(let source): return source
        case .refused(_, let problem): throw problem
        case .end(_, let reason, let detail):
            throw ClientError.nodeGaveUp(EndingWords.sentence(id, reason, detail: detail))
        case .time, .hello, .receipt, .roll, .open, .lease, .leaseRefused, .leaseMoved, .grantsOver, .receiptStored, .ledgerSeen,
            .ledgerHead, .opening, .rejoin, .recorded, .facts, .distrusts, .watched, .clientLost, .attach, .attached:
            return nil
        }
    }
}
