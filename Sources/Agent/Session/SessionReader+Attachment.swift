// SPDX-License-Identifier: Apache-2.0
// SECURITY: who may take a session up again is decided here, on signatures, whatever the broker thinks (P1).

import Access
import Evidence
import Posix
import Protocol

/// A session whose client or connection is lost, and comes back.
extension SessionReader {
    func recorded(_ offsets: OutputOffsets, at now: BootInstant) {
        begin()
        for output in program?.outputs ?? [] {
            let offset = output.stream == .output ? offsets.output : offsets.errorOutput
            guard output.acknowledge(recorded: offset) else {
                return finish(.recorderFailed, "The recording does not go on where this session's output does.")
            }
            if !isJoined { output.rewind(to: offset) }
        }
        guard !isJoined else { return }
        isJoined = true
        // Who is at the broker again may find out that the client is not.
        if link?.isAttached != true { deadlines.clientLost(at: now) }
    }

    func clientLost(at now: BootInstant) {
        guard let link, link.isAttached else { return }
        Log.info("\(terms.id): the client is lost")
        link.detach()
        delivery.hasSentEnd = false
        deadlines.clientLost(at: now)
        extendPatience(at: now)
    }

    /// The device that opened this session wants to go on. All of it is checked here, whatever the broker thinks (P1).
    func attach(_ source: SignedText) {
        guard let link, isJoined else { return }
        do {
            let attach: Signed<AttachStatement> = try Signed(source)
            try attach.check(against: terms.opening, by: terms.device)
            try attach.checkFreshness(after: attachedAt, at: .now)
            let from = try start(of: attach.value)
            let ephemeral = try EphemeralKey()
            let keys = try SessionLink.Keys(
                try ephemeral.agree(with: attach.value.ephemeral, opening: attach.digest, accepted: ephemeral.publicBytes))
            let (answer, _) = try keeper.answer(
                to: .attach(
                    ReaderRequest.Attachment(
                        digest: attach.digest, ephemeral: ephemeral.publicBytes, input: program?.input.received ?? 0,
                        output: from.output, errorOutput: from.errorOutput)))
            try link.send(.attached(answer))
            link.attach(keys)
            attachedAt = attach.value.at
            for output in program?.outputs ?? [] {
                output.rewind(to: output.stream == .output ? from.output : from.errorOutput)
            }
            deadlines.clientMayBeThere()
            delivery.hasSentEnd = false
            if let input = program?.input { send(.credit(.input, offset: input.renewCredit())) }
            tellLease()
            Log.info("\(terms.id): the client is attached again")
        } catch is KeeperLine.NoAnswer {
            // The session has just ended; its receipt says so.
        } catch {
            Log.warning("\(terms.id): not attached: \(AgentError(error).message)")
            // The link is seen to be lost where it is read.
            try? link.send(.refused(terms.id, Problem(AgentError(error))))
        }
    }

    /// Where the outputs go on for a client: where the client or the recording is behind, whichever is.
    func start(of attach: AttachStatement) throws(EvidenceError) -> OutputOffsets {
        var from = attach.received ?? OutputOffsets()
        for output in program?.outputs ?? [] {
            let received = output.stream == .output ? attach.received?.output : attach.received?.errorOutput
            let offset = received.map { min($0, output.position) } ?? output.start
            guard output.keeps(offset), (received ?? offset) <= output.end else {
                throw .doesNotBelong(type: AttachStatement.type, to: "output that is kept")
            }
            if output.stream == .output { from.output = offset } else { from.errorOutput = offset }
        }
        return from
    }

    /// The way to the broker is broken: the session goes on, detached, until a deadline or its lease ends it.
    func lose(_ reason: String, at now: BootInstant) {
        guard link != nil else { return }
        Log.warning("\(terms.id): detached: \(reason)")
        links.drop(at: now)
        isJoined = false
        delivery.hasSentEnd = false
        delivery.hasSentReceipt = false
        deadlines.clientMayBeThere()
        extendPatience(at: now)
    }
}
