// SPDX-License-Identifier: Apache-2.0
// SECURITY: nothing in the file is believed but what leads back to the root by signatures and to the signed head by hashes.

package import Access
import StrictJSON

extension GrantEvidence {
    /// What the evidence shows.
    package struct Finding: Sendable, Equatable {
        package let request: RequestID
        /// What was agreed to; `nil` where the seats were never filled.
        package let terms: GrantTerms?
        /// Whose consent it rests on; `nil` without a grant.
        package let consent: Consent?
        package let leases: [SessionID: Lease]
        /// What each extension added, at most.
        package let extensions: [GrantTerms]
    }

    /// Verifies every signature, every binding and every proof.
    ///
    /// - Parameter root: the digest of entry 1 of the roll, known from elsewhere.
    /// - Throws: the first thing that does not hold.
    package func verify(root: Digest) throws(EvidenceError) -> Finding {
        do {
            let rolls = try RollHistory(roll, root: root)
            try checkAllSignatures()
            try checkLedger(rolls.last)
            try checkAsking(rolls)
            try checkReview(rolls)
            let terms = try judge(rolls)
            let added = try extensions.map { try judge($0, rolls) }
            guard activation == nil || terms != nil else { throw EvidenceError.doesNotBelong(type: "activation", to: "request") }
            var leases: [SessionID: Lease] = [:]
            for session in sessions { leases[session.opening.id] = try check(session, rolls) }
            try checkMentions()
            return Finding(request: request.id, terms: terms, consent: terms.map { _ in consent }, leases: leases, extensions: added)
        } catch {
            throw EvidenceError(error)
        }
    }

    private var statements: [SignedText] {
        var all = roll + [request.source, head.source] + votes.map(\.source) + endings.map(\.source)
        if let activation { all.append(activation.source) }
        if let review { all.append(review.source) }
        for extended in extensions { all += [extended.statement.source] + extended.votes.map(\.source) }
        for session in sessions {
            all.append(session.opening.source)
            if let acceptance = session.acceptance { all.append(acceptance.source) }
            if let receipt = session.receipt { all.append(receipt.source) }
            if let recording = session.recording { all.append(recording.source) }
        }
        return all
    }

    /// Also those that nothing depends on: no byte of the file is without meaning.
    private func checkAllSignatures() throws {
        for statement in statements {
            for signature in statement.signatures where !statement.isSigned(by: signature.key) {
                throw EvidenceError.notSigned(type: try statement.statementType(), by: signature.key.hex)
            }
        }
    }

    /// What the file is about.
    private var subjects: Set<String> {
        let grant: GrantID = request.id.sibling()
        return Set([request.id.description, grant.description] + sessions.map(\.opening.id.description) + extensions.map(\.statement.id.description))
    }

    private func checkLedger(_ roll: Roll) throws {
        guard head.value.root == roll.root else { throw EvidenceError.otherInstallation(type: LedgerHeadStatement.type) }
        guard let broker = roll.broker else { throw EvidenceError.rollEmpty }
        try head.check(signedBy: broker, who: "the broker")
        var last: Int64 = 0
        for proven in entries {
            guard proven.entry.number > last, subjects.contains(proven.entry.subject), try proven.isIn(head.value) else {
                throw EvidenceError.ledgerBroken(number: proven.entry.number, what: "it is not in the signed ledger, or not of this grant")
            }
            last = proven.entry.number
        }
    }

    private func checkAsking(_ rolls: RollHistory) throws {
        try rolls.check(request, by: request.value.person, request.value.root, at: request.value.rollNumber)
        for vote in votes {
            guard vote.value.request == request.digest else {
                throw EvidenceError.doesNotBelong(type: VoteStatement.type, to: "request")
            }
            try rolls.check(vote, by: vote.value.vote.person, vote.value.root, at: vote.value.rollNumber)
        }
        if let activation {
            guard activation.value.request == request.digest, activation.value.person == request.value.person else {
                throw EvidenceError.doesNotBelong(type: ActivationStatement.type, to: "request")
            }
            try rolls.check(activation, by: activation.value.person, activation.value.root)
        }
        for extended in extensions {
            try rolls.check(extended.statement, by: request.value.person, extended.statement.value.root, at: extended.statement.value.rollNumber)
            for vote in extended.votes {
                guard vote.value.request == extended.statement.digest else {
                    throw EvidenceError.doesNotBelong(type: VoteStatement.type, to: "extension")
                }
                try rolls.check(vote, by: vote.value.vote.person, vote.value.root, at: vote.value.rollNumber)
            }
        }
        for ending in endings {
            guard subjects.contains(ending.value.subject) else {
                throw EvidenceError.doesNotBelong(type: EndingStatement.type, to: "grant")
            }
            try rolls.check(ending, by: ending.value.person, ending.value.root)
        }
    }

    private var consent: Consent {
        request.value.isBreakGlass ? .breakGlass : votes.contains(where: \.value.vote.approves) ? .people : .policy
    }

    /// Another person judged it, who was meant to, by the roll that this person knew.
    private func checkReview(_ rolls: RollHistory) throws {
        if request.value.isBreakGlass { try checkMention("review.due", request.id.description, request.digest) }
        guard let review else { return }
        let value = review.value
        guard value.request == request.digest else {
            throw EvidenceError.doesNotBelong(type: ReviewStatement.type, to: "request")
        }
        try rolls.check(review, by: value.person, value.root, at: value.rollNumber)
        let directory = try rolls.roll(at: value.rollNumber).directory
        if let refusal = Review.refusal(of: value.person, on: request.terms, in: directory) { throw refusal }
        try checkMention("review." + (value.verdict == .accepted ? "accepted" : "flagged"), request.id.description, review.digest)
    }

    /// By the roll that the last voter knew.
    private func judge(_ rolls: RollHistory) throws -> GrantTerms? {
        let number = votes.map(\.value.rollNumber).max() ?? request.value.rollNumber
        let directory = try rolls.roll(at: max(number, request.value.rollNumber)).directory
        switch try Approval.judge(request.terms, votes: votes.map(\.value.vote), in: directory) {
        case .approved(let terms): return terms
        case .pending, .denied: return nil
        }
    }

    /// An extension is in the file because it was agreed to.
    private func judge(_ extended: ExtensionEvidence, _ rolls: RollHistory) throws -> GrantTerms {
        let directory = try rolls.roll(at: extended.rollNumber).directory
        let terms = try extended.statement.terms(extending: request)
        guard case .approved(let agreed) = try Approval.judge(terms, votes: extended.votes.map(\.value.vote), in: directory) else {
            throw EvidenceError.doesNotBelong(type: ExtensionStatement.type, to: "grant")
        }
        return agreed
    }

    /// Those that the node's lease contained.
    private func extensions(of session: SessionPart) -> [ExtensionEvidence] {
        let version = session.acceptance?.value.leaseVersion ?? 1
        return extensions.filter { $0.statement.value.lease <= version }.map { extended in
            ExtensionEvidence(statement: extended.statement, votes: extended.votes.filter(\.value.vote.approves))
        }
    }

    private func check(_ session: SessionPart, _ rolls: RollHistory) throws -> Lease {
        guard let activation else { throw EvidenceError.doesNotBelong(type: OpeningStatement.type, to: "grant") }
        let opening = session.opening
        let evidence = OpeningEvidence(
            request: request, votes: votes.filter(\.value.vote.approves), activation: activation, opening: opening,
            extensions: extensions(of: session))
        let known = [opening.value.rollNumber] + votes.map(\.value.rollNumber) + evidence.extensions.map(\.rollNumber)
        let roll = try rolls.roll(at: known.max() ?? 0)
        let lease = try evidence.decide(with: roll, at: opening.value.at)
        guard let node = rolls.last.directory.nodes[opening.value.node] else { throw EvidenceError.rollEmpty }
        if let acceptance = session.acceptance {
            guard acceptance.value.root == rolls.root, acceptance.value.opening == opening.digest,
                acceptance.value.node == node.name, acceptance.value.notAfter <= lease.notAfter
            else { throw EvidenceError.doesNotBelong(type: AcceptanceStatement.type, to: "session") }
            try acceptance.check(signedBy: node.key, who: "node `\(node.name)`")
        }
        if let receipt = session.receipt {
            guard receipt.value.root == rolls.root, receipt.value.opening == opening.digest, receipt.value.node == node.name
            else { throw EvidenceError.doesNotBelong(type: ReceiptStatement.type, to: "session") }
            try receipt.check(signedBy: node.key, who: "node `\(node.name)`")
        }
        if let recording = session.recording {
            guard recording.value.root == rolls.root, recording.value.opening == opening.digest, let broker = rolls.last.broker
            else { throw EvidenceError.doesNotBelong(type: RecordingEndStatement.type, to: "session") }
            try recording.check(signedBy: broker, who: "the broker")
        }
        return lease
    }

    /// Each statement was written into the ledger when it was taken.
    private func checkMentions() throws {
        try checkMention("request.created", request.id.description, request.digest)
        for vote in votes {
            try checkMention(vote.value.vote.approves ? "vote.approve" : "vote.deny", request.id.description, vote.digest)
        }
        let grant: GrantID = request.id.sibling()
        for extended in extensions {
            let id = extended.statement.id.description
            try checkMention("request.created", id, extended.statement.digest)
            for vote in extended.votes {
                try checkMention(vote.value.vote.approves ? "vote.approve" : "vote.deny", id, vote.digest)
            }
            try checkMention("grant.extended", grant.description, extended.statement.digest)
        }
        if let activation { try checkMention("grant.active", grant.description, activation.digest) }
        for session in sessions {
            let id = session.opening.id.description
            try checkMention("session.opening", id, session.opening.digest)
            if let acceptance = session.acceptance { try checkMention("session.live", id, acceptance.digest) }
            if let receipt = session.receipt { try checkMention("session.ended", id, receipt.digest) }
            if let recording = session.recording { try checkMention("recording.ended", id, recording.digest) }
        }
    }

    private func checkMention(_ event: String, _ subject: String, _ digest: Digest) throws {
        let isThere = entries.contains { $0.entry.event == event && $0.entry.subject == subject && $0.digest == digest.hex }
        guard isThere else { throw EvidenceError.notInLedger(event: event, subject: subject) }
    }
}

/// The roll at every number that a statement names.
private struct RollHistory {
    let root: Digest
    let last: Roll
    private let entries: [SignedText]

    init(_ entries: [SignedText], root: Digest) throws {
        var roll = Roll()
        for entry in entries { try roll.append(entry) }
        guard roll.root == root else { throw EvidenceError.otherInstallation(type: CharterStatement.type) }
        self.root = root
        self.entries = entries
        last = roll
    }

    func roll(at number: Int64) throws -> Roll {
        guard number < last.number else {
            guard number == last.number else { throw EvidenceError.rollBehind(here: last.number, needed: number) }
            return last
        }
        var roll = Roll()
        for entry in entries.prefix(Int(number)) { try roll.append(entry) }
        return roll
    }

    /// - Parameter number: the roll that the signer knew. Without it, any device that the person ever had is taken; the
    ///   ledger's entry shows that the broker took it as enabled then.
    func check<Value>(_ statement: Signed<Value>, by name: PersonName, _ named: Digest, at number: Int64? = nil) throws {
        guard named == root else { throw EvidenceError.otherInstallation(type: Value.type) }
        if let number {
            _ = try roll(at: number).signer(of: statement, mustBe: name)
            return
        }
        guard let person = last.directory.people[name], person.devices.contains(where: { statement.isSigned(by: $0.key) }) else {
            throw EvidenceError.notSigned(type: Value.type, by: "a device of `\(name)`")
        }
    }
}
