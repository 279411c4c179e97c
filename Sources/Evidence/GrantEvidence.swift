// SPDX-License-Identifier: Apache-2.0

import Access
package import StrictJSON

/// All that was signed and written down about one request and its grant, in one file that proves itself to whoever knows
/// the root of the installation.
package struct GrantEvidence: Sendable, Equatable {
    package struct SessionPart: Sendable, Equatable {
        package let opening: Signed<OpeningStatement>
        package let acceptance: Signed<AcceptanceStatement>?
        package let receipt: Signed<ReceiptStatement>?
        /// How its recording ended, signed by the broker.
        package let recording: Signed<RecordingEndStatement>?

        package init(
            opening: Signed<OpeningStatement>, acceptance: Signed<AcceptanceStatement>?, receipt: Signed<ReceiptStatement>?,
            recording: Signed<RecordingEndStatement>? = nil
        ) {
            self.opening = opening
            self.acceptance = acceptance
            self.receipt = receipt
            self.recording = recording
        }
    }

    /// From the root on.
    package let roll: [SignedText]
    package let request: Signed<RequestStatement>
    package let votes: [Signed<VoteStatement>]
    /// Of a request that broke glass, once somebody has judged it.
    package let review: Signed<ReviewStatement>?
    package let activation: Signed<ActivationStatement>?
    /// Those that were agreed to, in order.
    package let extensions: [ExtensionEvidence]
    package let endings: [Signed<EndingStatement>]
    package let sessions: [SessionPart]
    /// Every ledger entry about the request, the grant and its sessions.
    package let entries: [ProvenEntry]
    package let head: Signed<LedgerHeadStatement>

    package static let format = "stint-evidence-1"
    package static let maximumLength = 256 * 1024 * 1024

    package init(
        roll: [SignedText], request: Signed<RequestStatement>, votes: [Signed<VoteStatement>],
        review: Signed<ReviewStatement>? = nil, activation: Signed<ActivationStatement>?, extensions: [ExtensionEvidence] = [],
        endings: [Signed<EndingStatement>], sessions: [SessionPart],
        entries: [ProvenEntry], head: Signed<LedgerHeadStatement>
    ) {
        self.roll = roll
        self.request = request
        self.votes = votes
        self.review = review
        self.activation = activation
        self.extensions = extensions
        self.endings = endings
        self.sessions = sessions
        self.entries = entries
        self.head = head
    }

    package var json: JSONValue {
        .object([
            "format": .string(Self.format), "roll": .array(roll.map(\.json)), "request": request.source.json,
            "votes": .array(votes.map(\.source.json)), "review": review?.source.json ?? .null, "activation": activation?.source.json ?? .null,
            "extensions": .array(extensions.map(\.json)), "endings": .array(endings.map(\.source.json)), "sessions": .array(sessions.map(\.json)),
            "ledger": .array(entries.map(\.json)), "head": head.source.json,
        ])
    }

    /// The file: canonical JSON and a line feed, so that no byte of it can differ unnoticed.
    package var text: String { json.canonical + "\n" }

    /// Reads the file. Reading checks the form only.
    package init(text bytes: [UInt8]) throws(EvidenceError) {
        do {
            let text = String(validating: bytes.dropLast(), as: UTF8.self)
            guard bytes.last == UInt8(ascii: "\n"), let text else {
                throw EvidenceError.internalFailure("the file is not lines of UTF-8")
            }
            self = try Self(try JSONValue(canonical: text, limits: JSONLimits(bytes: Self.maximumLength)))
        } catch {
            throw EvidenceError(error)
        }
    }

    package init(_ value: JSONValue) throws(EvidenceError) {
        do {
            var reader = try ObjectReader(value)
            let format = try reader.string("format", maximum: 64)
            guard format == Self.format else { throw EvidenceError.typeUnexpected(format, expected: Self.format) }
            roll = try reader.array("roll", maximum: 1_000_000).map { try SignedText($0) }
            request = try Signed(SignedText(try reader.value("request")))
            votes = try reader.array("votes", maximum: OpeningEvidence.maximumVotes).map { try Signed(SignedText($0)) }
            review = try Self.optional(try reader.value("review"))
            activation = try Self.optional(try reader.value("activation"))
            extensions = try reader.array("extensions", maximum: ExtensionEvidence.maximumCount).map { try ExtensionEvidence($0) }
            endings = try reader.array("endings", maximum: 10_000).map { try Signed(SignedText($0)) }
            sessions = try reader.array("sessions", maximum: 100_000).map { try SessionPart($0) }
            entries = try reader.array("ledger", maximum: 1_000_000).map { try ProvenEntry($0) }
            head = try Signed(SignedText(try reader.value("head")))
            try reader.finish()
        } catch {
            throw EvidenceError(error)
        }
    }

    fileprivate static func optional<Value>(_ value: JSONValue) throws(EvidenceError) -> Signed<Value>? {
        value == .null ? nil : try Signed(SignedText(value))
    }
}

extension GrantEvidence.SessionPart {
    var json: JSONValue {
        .object([
            "opening": opening.source.json, "acceptance": acceptance?.source.json ?? .null,
            "receipt": receipt?.source.json ?? .null, "recording": recording?.source.json ?? .null,
        ])
    }

    init(_ value: JSONValue) throws {
        var reader = try ObjectReader(value)
        opening = try Signed(SignedText(try reader.value("opening")))
        acceptance = try GrantEvidence.optional(try reader.value("acceptance"))
        receipt = try GrantEvidence.optional(try reader.value("receipt"))
        recording = try GrantEvidence.optional(try reader.value("recording"))
        try reader.finish()
    }
}
