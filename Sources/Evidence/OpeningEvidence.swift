// SPDX-License-Identifier: Apache-2.0
// SECURITY: everything a node needs to decide by itself, and the function that decides. The directory comes from the
// node's own copy of the roll; nothing in here is believed for having been sent by the broker (P1).

package import Access
package import StrictJSON

/// What the broker sends to a node with an opening.
package struct OpeningEvidence: Sendable, Equatable {
    package let request: Signed<RequestStatement>
    package let votes: [Signed<VoteStatement>]
    package let activation: Signed<ActivationStatement>
    package let opening: Signed<OpeningStatement>
    /// In the order of the leases that they made.
    package let extensions: [ExtensionEvidence]

    package static let maximumVotes = 64

    package init(
        request: Signed<RequestStatement>, votes: [Signed<VoteStatement>], activation: Signed<ActivationStatement>,
        opening: Signed<OpeningStatement>, extensions: [ExtensionEvidence] = []
    ) {
        self.request = request
        self.votes = votes
        self.activation = activation
        self.opening = opening
        self.extensions = extensions
    }

    package var json: JSONValue {
        .object([
            "request": request.source.json, "votes": .array(votes.map(\.source.json)),
            "activation": activation.source.json, "opening": opening.source.json,
            "extensions": .array(extensions.map(\.json)),
        ])
    }

    package init(_ value: JSONValue) throws(EvidenceError) {
        do {
            var reader = try ObjectReader(value)
            request = try Signed(SignedText(try reader.value("request")))
            votes = try reader.array("votes", maximum: Self.maximumVotes).map { try Signed(SignedText($0)) }
            activation = try Signed(SignedText(try reader.value("activation")))
            opening = try Signed(SignedText(try reader.value("opening")))
            extensions = try reader.array("extensions", maximum: ExtensionEvidence.maximumCount).map { try ExtensionEvidence($0) }
            try reader.finish()
        } catch {
            throw EvidenceError(error)
        }
    }

    /// Verifies every signature and binding, then lets `Access` decide.
    ///
    /// - Parameters:
    ///   - roll: of whoever decides. It must reach as far as any statement here says its signer knew.
    ///   - now: the wall clock of whoever decides.
    /// - Returns: the terms of the lease.
    /// - Throws: the first thing that is missing or does not hold.
    package func decide(with roll: Roll, at now: Timestamp) throws(EvidenceError) -> Lease {
        try decide(with: roll) { asked, proven throws(Refusal) in
            try asked.lease(
                under: proven.request, votes: proven.votes, activation: proven.activation, extensions: proven.extensions,
                in: roll.directory, at: now)
        }
    }

    /// The same for a session that was opened before: the lease as it is now.
    package func decideLease(with roll: Roll, at now: Timestamp) throws(EvidenceError) -> Lease {
        try decide(with: roll) { asked, proven throws(Refusal) in
            try asked.leaseInForce(
                under: proven.request, votes: proven.votes, activation: proven.activation, extensions: proven.extensions,
                in: roll.directory, at: now)
        }
    }

    /// What the signatures show.
    private struct Proven {
        let request: RequestTerms
        let votes: [Vote]
        let activation: Activation
        let extensions: [AgreedExtension]
    }

    private func decide(
        with roll: Roll, _ judge: (Opening, Proven) throws(Refusal) -> Lease
    ) throws(EvidenceError) -> Lease {
        guard let root = roll.root else { throw .rollEmpty }
        try checkBelonging(to: root)
        try checkRollReaches(roll)
        let person = request.value.person
        _ = try roll.signer(of: request, mustBe: person)
        let cast = try cast(votes, roll)
        _ = try roll.signer(of: activation, mustBe: person)
        let device = try roll.signer(of: opening, mustBe: person)
        var agreed: [AgreedExtension] = []
        for extended in extensions {
            _ = try roll.signer(of: extended.statement, mustBe: person)
            agreed.append(
                AgreedExtension(
                    terms: try extended.statement.terms(extending: request), votes: try self.cast(extended.votes, roll)))
        }
        let start = opening.value
        let asked = Opening(
            person: start.person, device: device, node: start.node, capability: start.capability, runAs: start.runAs,
            command: start.command, hasTerminal: start.terminal != nil, at: start.at)
        let proven = Proven(
            request: request.terms, votes: cast,
            activation: Activation(person: activation.value.person, at: activation.value.at), extensions: agreed)
        do {
            return try judge(asked, proven)
        } catch {
            throw .refused(error)
        }
    }

    private func cast(_ votes: [Signed<VoteStatement>], _ roll: Roll) throws(EvidenceError) -> [Vote] {
        var cast: [Vote] = []
        for vote in votes where try isSignedByEnabledVoter(vote, roll) { cast.append(vote.value.vote) }
        return cast
    }

    /// A vote of somebody who is gone, or by a device that was taken away, is dropped: whether the seats are still
    /// filled decides. A vote whose signature is wrong is an attack and ends the matter.
    private func isSignedByEnabledVoter(_ vote: Signed<VoteStatement>, _ roll: Roll) throws(EvidenceError) -> Bool {
        let name = vote.value.vote.person
        guard let person = roll.directory.people[name], person.isEnabled else { return false }
        guard let device = person.devices.first(where: { vote.isSigned(by: $0.key) }) else {
            throw .notSigned(type: VoteStatement.type, by: "a device of `\(name)`")
        }
        return device.isEnabled
    }

    private func checkBelonging(to root: Digest) throws(EvidenceError) {
        guard request.value.root == root else { throw .otherInstallation(type: RequestStatement.type) }
        for vote in votes {
            guard vote.value.root == root else { throw .otherInstallation(type: VoteStatement.type) }
            guard vote.value.request == request.digest else { throw .doesNotBelong(type: VoteStatement.type, to: "request") }
        }
        for extended in extensions {
            for vote in extended.votes {
                guard vote.value.root == root else { throw .otherInstallation(type: VoteStatement.type) }
                guard vote.value.request == extended.statement.digest else {
                    throw .doesNotBelong(type: VoteStatement.type, to: "extension")
                }
            }
        }
        guard activation.value.root == root else { throw .otherInstallation(type: ActivationStatement.type) }
        guard activation.value.request == request.digest else {
            throw .doesNotBelong(type: ActivationStatement.type, to: "request")
        }
        guard opening.value.root == root else { throw .otherInstallation(type: OpeningStatement.type) }
        guard opening.value.activation == activation.digest else {
            throw .doesNotBelong(type: OpeningStatement.type, to: "activation")
        }
    }

    /// Nobody may be kept from news that a signer of this evidence already had.
    private func checkRollReaches(_ roll: Roll) throws(EvidenceError) {
        let numbers = votes.map(\.value.rollNumber) + extensions.map(\.rollNumber)
        let needed = (numbers + [request.value.rollNumber, opening.value.rollNumber]).max() ?? 1
        guard roll.number >= needed else { throw .rollBehind(here: roll.number, needed: needed) }
    }
}
