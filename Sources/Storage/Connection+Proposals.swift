// SPDX-License-Identifier: Apache-2.0

package import Access
package import Evidence
import StrictJSON

/// A proposed charter with the consent that proposed it.
package struct StoredProposal: Sendable {
    package let consent: Signed<ConsentStatement>
    package let content: CharterContent
    package let state: CharterProposal.State
    package let at: Timestamp
    package let resolvedAt: Timestamp?

    package var id: ProposalID { ProposalID(digest: consent.digest.bytes) }

    /// What `Access` decides about.
    package var proposal: CharterProposal {
        CharterProposal(
            id: id, by: consent.value.person, state: state, version: consent.value.version, notAfter: consent.value.notAfter)
    }
}

extension Connection {
    package func openProposals() throws -> [StoredProposal] {
        try query("SELECT * FROM proposal INDEXED BY proposal_open WHERE state = 'open' ORDER BY at").map(storedProposal)
    }

    /// Of every state, the latest first.
    package func proposals(limit: Int) throws -> [StoredProposal] {
        try query("SELECT * FROM proposal ORDER BY at DESC, id LIMIT ?1", .integer(Int64(limit))).map(storedProposal)
    }

    package func proposal(_ id: ProposalID) throws -> StoredProposal? {
        try first("SELECT * FROM proposal WHERE id = ?1", .text(id.description)).map(storedProposal)
    }

    package func insert(_ consent: Signed<ConsentStatement>, to content: CharterContent, at now: Timestamp) throws {
        try run(
            """
            INSERT INTO proposal (id, digest, person, state, content, statement, signatures, at)
            VALUES (?1, ?2, ?3, 'open', ?4, ?5, ?6, ?7)
            """,
            .text(ProposalID(digest: consent.digest.bytes).description), .text(consent.digest.hex), .text(consent.value.person.text),
            .text(content.json.canonical), .text(consent.source.text), .text(consent.source.signaturesJSON.text),
            .integer(now.milliseconds))
    }

    /// - Parameter charter: the entry of the roll that resolved it; `nil` for one that was withdrawn.
    package func resolve(
        _ proposal: StoredProposal, as state: CharterProposal.State, charter: Int64?, at now: Timestamp
    ) throws {
        let changed = try run(
            "UPDATE proposal SET state = ?2, charter = ?3, resolved_at = ?4 WHERE id = ?1 AND state = 'open'",
            .text(proposal.id.description), .text(state.rawValue), charter.map { .integer($0) } ?? .null, .integer(now.milliseconds))
        guard changed == 1 else { throw StorageError.changedMeanwhile("Proposal \(proposal.id)") }
    }

    private func storedProposal(_ row: Row) throws -> StoredProposal {
        guard let state = CharterProposal.State(rawValue: try row.text("state")) else {
            throw StorageError.corrupt(detail: "a proposal has no known state")
        }
        return StoredProposal(
            consent: try signed(row, ConsentStatement.self),
            content: try CharterContent(
                try JSONValue(parsing: try row.text("content"), limits: JSONLimits(bytes: SignedText.maximumLength))),
            state: state, at: Timestamp(milliseconds: try row.integer("at")),
            resolvedAt: try row.optionalInteger("resolved_at").map { Timestamp(milliseconds: $0) })
    }
}
