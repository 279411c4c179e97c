// SPDX-License-Identifier: Apache-2.0
// SECURITY: an approver sees what was signed, read by the approver's own client and checked against its own roll, never
// the broker's words (DESIGN 6). A vote names the exact nodes that were shown.

package import Access
package import Evidence
import Protocol
import StrictJSON

/// A request whose bytes this client has verified, with what a vote on it would mean now.
package struct CheckedRequest: Sendable {
    /// What a vote answers.
    package let digest: Digest
    /// The request that it is, or that it asks more time for.
    package let first: Signed<RequestStatement>
    package let terms: RequestTerms
    package let rules: EntitlementInForce
    /// The nodes that it is about now: they match and both policies cover them.
    package let nodes: [Node]

    /// - Parameters:
    ///   - id: the one that was asked for.
    ///   - source: what the broker gave for it.
    ///   - extended: in a request for more time, what the broker gave for the request that it names.
    /// - Throws: where the bytes are those of another request, of another installation, or not signed by the requester.
    package init(_ id: RequestID, _ source: SignedText, extending extended: SignedText? = nil, with roll: Roll) throws {
        let first = try Signed<RequestStatement>(extended ?? source)
        try Self.check(first, first.value.root, by: first.value.person, first.value.rollNumber, roll)
        self.first = first
        if extended == nil {
            (digest, terms) = (first.digest, first.terms)
        } else {
            let signed = try Signed<ExtensionStatement>(source)
            try Self.check(signed, signed.value.root, by: signed.value.person, signed.value.rollNumber, roll)
            (digest, terms) = (signed.digest, try signed.terms(extending: first))
        }
        guard terms.id == id else { throw ClientError.wrongObject(asked: id.description, got: terms.id.description) }
        let rules = try EntitlementInForce(for: terms, in: roll.directory)
        self.rules = rules
        nodes = roll.directory.nodes(matching: terms.selector).filter { rules.covers($0) }
    }

    private static func check<Value>(
        _ statement: Signed<Value>, _ root: Digest, by person: PersonName, _ number: Int64, _ roll: Roll
    ) throws(EvidenceError) {
        guard root == roll.root else { throw .otherInstallation(type: Value.type) }
        _ = try roll.signer(of: statement, mustBe: person)
        guard roll.number >= number else { throw .rollBehind(here: roll.number, needed: number) }
    }

    /// The longest time that a vote may allow.
    package var longest: Duration { min(terms.duration, rules.maximumDuration) }

    /// An approval, narrowed if the approver wants that.
    ///
    /// - Throws: a ``Refusal`` where the voter may not vote, or where the narrowing leaves nothing or widens.
    package func approval(
        by voter: PersonName, duration: Duration?, on selector: Selector?, note: String, in directory: Directory,
        at now: Timestamp
    ) throws(Refusal) -> Vote {
        if let refusal = rules.voteRefusal(of: voter, on: terms, in: directory) { throw refusal }
        try HumanText.check(note)
        let allowed = duration ?? longest
        guard allowed <= terms.duration else { throw .voteWidensDuration(terms.id, allowed, asked: terms.duration) }
        guard allowed >= .seconds(1) else { throw .durationTooShort(allowed) }
        let chosen = nodes.filter { node in selector.map { $0.matches(node) } ?? true }
        guard !chosen.isEmpty else { throw .noNodeMatches(selector ?? terms.selector) }
        guard chosen.count <= Vote.maximumNodes else { throw .tooManyNodes(chosen.count) }
        return Vote(
            person: voter, verdict: .approve(nodes: Set(chosen.map(\.name)), duration: allowed), note: note, at: now)
    }

    package func denial(by voter: PersonName, note: String, in directory: Directory, at now: Timestamp) throws(Refusal) -> Vote {
        if let refusal = rules.voteRefusal(of: voter, on: terms, in: directory) { throw refusal }
        try HumanText.check(note)
        return Vote(person: voter, verdict: .deny, note: note, at: now)
    }
}

extension Operator {
    /// Fetches a request and verifies it.
    ///
    /// - Returns: also the broker's object, for what is not signed: state, votes, deadlines.
    package func checkedRequest(_ id: RequestID) throws -> (request: CheckedRequest, answer: Answer) {
        let answer = Answer(try broker.get("\(Route.requests)/\(id)"))
        try synchronise()  // after the request, so that the roll reaches as far as its signer knew
        var extended: SignedText?
        if let value = answer.json["extended"], value != .null { extended = try SignedText(value) }
        return (try CheckedRequest(id, try answer.signed(), extending: extended, with: roll), answer)
    }

    package func cast(_ vote: Vote, on request: CheckedRequest) throws -> Answer {
        let statement = VoteStatement(
            root: identity.root, request: request.digest, vote: vote, rollNumber: roll.number,
            nonce: try Evidence.Random.nonce())
        return Answer(try broker.post(Route.votes, try statement.signed(with: key.signing).source))
    }
}
