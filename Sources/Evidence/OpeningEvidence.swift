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

    package static let maximumVotes = 64

    package init(
        request: Signed<RequestStatement>, votes: [Signed<VoteStatement>], activation: Signed<ActivationStatement>,
        opening: Signed<OpeningStatement>
    ) {
        self.request = request
        self.votes = votes
        self.activation = activation
        self.opening = opening
    }

    package var json: JSONValue {
        .object([
            "request": request.source.json, "votes": .array(votes.map(\.source.json)),
            "activation": activation.source.json, "opening": opening.source.json,
        ])
    }

    package init(_ value: JSONValue) throws(EvidenceError) {
        do {
            var reader = try ObjectReader(value)
            request = try Signed(SignedText(try reader.value("request")))
            votes = try reader.array("votes", maximum: Self.maximumVotes).map { try Signed(SignedText($0)) }
            activation = try Signed(SignedText(try reader.value("activation")))
            opening = try Signed(SignedText(try reader.value("opening")))
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
        guard let root = roll.root else { throw .rollEmpty }
        try checkBelonging(to: root)
        try checkRollReaches(roll)
        let person = request.value.person
        _ = try roll.signer(of: request, mustBe: person)
        var cast: [Vote] = []
        for vote in votes where try isSignedByEnabledVoter(vote, roll) { cast.append(vote.value.vote) }
        _ = try roll.signer(of: activation, mustBe: person)
        let device = try roll.signer(of: opening, mustBe: person)
        let start = opening.value
        let asked = Opening(
            person: start.person, device: device, node: start.node, capability: start.capability, runAs: start.runAs,
            command: start.command, hasTerminal: start.terminal != nil, at: start.at)
        do {
            return try asked.lease(
                under: request.terms, votes: cast,
                activation: Activation(person: activation.value.person, at: activation.value.at), in: roll.directory,
                at: now)
        } catch {
            throw .refused(error)
        }
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
        let needed = (votes.map(\.value.rollNumber) + [request.value.rollNumber, opening.value.rollNumber]).max() ?? 1
        guard roll.number >= needed else { throw .rollBehind(here: roll.number, needed: needed) }
    }
}
