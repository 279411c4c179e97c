// SPDX-License-Identifier: Apache-2.0
// SECURITY: attaching again agrees on new keys with the node that accepted the session, known by the key that was checked
// then. No key and no nonce of the lost connection is used again (P1).

package import Access
package import Evidence
import Posix
import Protocol
import StrictJSON
import Transport

/// All that is needed to attach to a session again: from any thread, and from another process of the same device.
package struct SessionTicket: Sendable {
    package let id: SessionID
    package let root: Digest
    package let opening: Digest
    package let node: NodeName
    package let nodeKey: PublicKey
    let broker: String
    let pin: PublicKey
    let device: DeviceKey

    /// How long the node may take to answer.
    private static let answerTime: Duration = .seconds(10)

    package init(_ opening: Signed<OpeningStatement>, at node: Node, of user: Operator) {
        id = opening.id
        root = opening.value.root
        self.opening = opening.digest
        self.node = node.name
        nodeKey = node.key
        broker = user.identity.broker
        pin = user.identity.pin
        device = user.key
    }

    /// Dials the broker and attaches. Waits for the network.
    ///
    /// - Parameters:
    ///   - received: what the client has of the outputs; `nil` for a new one.
    ///   - at: the wall clock, after that of every attachment before.
    func attach(received: OutputOffsets?, at: Timestamp) throws -> AttachedSession {
        let key = try EphemeralKey()
        let attach = try AttachStatement(
            root: root, opening: opening, ephemeral: key.publicBytes, received: received,
            nonce: try Evidence.Random.nonce(), at: at
        ).signed(with: device.signing)
        let stream = try BrokerClient(broker, pin: pin, as: device).openStream(Route.open)
        stream.enqueue(text: ControlMessage.attach(attach.source).text)
        let answer: Signed<AttachedStatement> = try Signed(
            try SessionAnswer.wait(on: stream, within: Self.answerTime, whose: node) { try Self.answer(in: $0, of: id) })
        try answer.check(answers: attach, by: nodeKey, named: node)
        let keys = try key.agree(
            with: answer.value.ephemeral, opening: attach.digest, accepted: answer.value.ephemeral)
        let channel = FrameChannel(
            stream, sealing: try keys.authenticator(.toNode), opening: try keys.authenticator(.toClient))
        return AttachedSession(channel: channel, answer: answer.value)
    }

    /// Takes up a session that this device opened, in a new process. The operator's terminal shows what the node still
    /// keeps, and what comes.
    package static func attach(to id: SessionID, of user: Operator) throws -> OpenedSession {
        let shown = Answer(try user.broker.get("\(Route.sessions)/\(id)"))
        guard let signed = shown.json["opening"] else { throw ClientError.unclearAnswer("`opening` is missing") }
        let source: Signed<OpeningStatement> = try Signed(try SignedText(signed))
        guard source.id == id, source.value.root == user.identity.root else {
            throw ClientError.wrongObject(asked: id.description, got: source.id.description)
        }
        guard source.isSigned(by: user.key.signing.publicKey), source.value.person == user.identity.person else {
            throw ClientError.notFound(id.description)
        }
        switch source.value.capability {
        case .shell, .exec, .document: break
        case .forward, .ssh, .copy: throw ClientError.carries(id.description)
        }
        guard let node = user.directory.nodes[source.value.node], node.isEnabled else {
            throw EvidenceError.subjectUnknown(kind: "node", source.value.node.text)
        }
        let grant = try user.grant(try GrantID(try shown.text("grant")))
        let ticket = SessionTicket(source, at: node, of: user)
        let signedAt = Timestamp.now()
        let attached = try ticket.attach(received: nil, at: signedAt)
        let start = source.value
        let plan = SessionPlan(
            use: GrantUse(node: start.node, capability: start.capability, runAs: start.runAs), command: start.command,
            terminal: start.terminal, language: start.language)
        return OpenedSession(
            id: id, plan: plan, notAfter: grant.notAfter ?? .now(), channel: attached.channel, ticket: ticket,
            desk: ExtensionDesk(user.home, for: grant.id), signedAt: signedAt, from: attached.answer.from, input: attached.answer.input, isResumed: true)
    }

    private static func answer(in text: [UInt8], of id: SessionID) throws -> SignedText? {
        switch try ControlMessage(String(decoding: text, as: UTF8.self)) {
        case .attached(let source): return source
        case .refused(_, let problem): throw problem
        case .end(_, let reason, let detail):
            throw ClientError.nodeGaveUp(EndingWords.sentence(id, reason, detail: detail))
        case .time, .hello, .receipt, .roll, .open, .lease, .leaseRefused, .leaseMoved, .grantsOver, .receiptStored, .ledgerSeen,
            .ledgerHead, .accepted, .opening, .rejoin, .recorded, .facts, .distrusts, .watched, .clientLost, .attach:
            return nil
        }
    }

    /// Whether what went wrong may go right in a moment: the network, or one of the others that is not back yet.
    static func isPassing(_ error: any Error) -> Bool {
        switch error {
        case let problem as Problem: problem.code == Problem.nodeAway || problem.status >= 500
        case is TransportError, is WebSocketError: true
        case ClientError.waitedTooLong: true
        case ClientError.connectionClosed: true
        default: false
        }
    }
}

/// A session that the node has agreed to go on with. Handed from the thread that dialled to the one that owns it then.
struct AttachedSession: @unchecked Sendable {
    let channel: FrameChannel
    let answer: AttachedStatement
}

/// Waiting for the one message that begins or resumes a session.
enum SessionAnswer {
    /// - Parameter take: looks at a text message; nil for one that means nothing here.
    static func wait(
        on stream: WebSocketStream, within time: Duration, whose node: NodeName, _ take: ([UInt8]) throws -> SignedText?
    ) throws -> SignedText {
        let deadline = BootInstant.now + time
        while true {
            let written = try stream.flush()
            while let message = try stream.next() {
                switch message.kind {
                case .text:
                    if let answer = try take(message.bytes) { return answer }
                case .close: throw ClientError.connectionClosed
                case .binary: throw ClientError.unclearAnswer("a frame came before the session was open")
                case .ping, .pong: break
                }
            }
            let left = BootInstant.now.duration(to: deadline)
            guard left > .zero else { throw ClientError.waitedTooLong(node.text) }
            if !stream.hasBuffered {
                var entries = [PollEntry(stream.descriptor, written ? .input : [.input, .output])]
                guard try Poll.wait(&entries, timeout: left) > 0 else { continue }
            }
            if try stream.fill() == .ended { throw ClientError.connectionClosed }
        }
    }
}
