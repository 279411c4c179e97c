// SPDX-License-Identifier: Apache-2.0
// SECURITY: an extension names the request whose grant it prolongs and the version of the lease that it makes, so that it
// can be used for nothing else and only once (P1). All that it does not say is as it was asked first.

package import Access
package import StrictJSON

/// The holder asks for more time on a grant, signed by a device. Approvers vote on its digest as on a request's.
package struct ExtensionStatement: Statement {
    package static let type = "extension"

    package let root: Digest
    /// The digest of the request that the grant came from.
    package let request: Digest
    package let person: PersonName
    /// The version of the lease that it makes.
    package let lease: Int64
    package let duration: Duration
    package let reason: String
    /// The end of the roll that the holder's client knew.
    package let rollNumber: Int64
    package let nonce: String
    package let at: Timestamp

    package init(
        root: Digest, request: Digest, person: PersonName, lease: Int64, duration: Duration, reason: String, rollNumber: Int64,
        nonce: String, at: Timestamp
    ) {
        self.root = root
        self.request = request
        self.person = person
        self.lease = lease
        self.duration = duration
        self.reason = reason
        self.rollNumber = rollNumber
        self.nonce = nonce
        self.at = at
    }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "request": .string(request.hex), "person": .string(person.text),
            "lease": .integer(lease), "duration": .seconds(duration), "reason": .string(reason), "roll": .integer(rollNumber),
            "nonce": .string(nonce), "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        request = try reader.digest("request")
        person = try reader.name("person")
        lease = try reader.integer("lease", in: 2...1000)
        duration = try reader.seconds("duration")
        reason = try reader.string("reason")
        try HumanText.check(reason)
        rollNumber = try reader.integer("roll", in: 1...1_000_000_000)
        nonce = try reader.nonce()
        at = try reader.timestamp("at")
    }
}

extension Signed<ExtensionStatement> {
    package var id: RequestID { RequestID(digest: digest.bytes) }

    /// - Parameter request: the one that this names.
    /// - Throws: where it names another, or is another person's.
    package func terms(extending request: Signed<RequestStatement>) throws(EvidenceError) -> RequestTerms {
        guard value.root == request.value.root else { throw .otherInstallation(type: ExtensionStatement.type) }
        guard value.request == request.digest, value.person == request.value.person else {
            throw .doesNotBelong(type: ExtensionStatement.type, to: "request")
        }
        return request.terms.extended(
            as: id, lease: value.lease, by: value.duration, reason: value.reason, at: value.at)
    }
}

/// A request for more time with the votes on it, as evidence carries them.
package struct ExtensionEvidence: Sendable, Equatable {
    package let statement: Signed<ExtensionStatement>
    package let votes: [Signed<VoteStatement>]

    /// Of one grant.
    package static let maximumCount = 16

    package init(statement: Signed<ExtensionStatement>, votes: [Signed<VoteStatement>]) {
        self.statement = statement
        self.votes = votes
    }

    package var json: JSONValue {
        .object(["extension": statement.source.json, "votes": .array(votes.map(\.source.json))])
    }

    package init(_ value: JSONValue) throws(EvidenceError) {
        do {
            var reader = try ObjectReader(value)
            statement = try Signed(SignedText(try reader.value("extension")))
            votes = try reader.array("votes", maximum: OpeningEvidence.maximumVotes).map { try Signed(SignedText($0)) }
            try reader.finish()
        } catch {
            throw EvidenceError(error)
        }
    }

    /// The newest roll that a signer in here knew.
    var rollNumber: Int64 { votes.map(\.value.rollNumber).reduce(statement.value.rollNumber, max) }
}
