// SPDX-License-Identifier: Apache-2.0
// SECURITY: what the broker says outside the authenticated frames can only end things, bring the roll forward and tell
// the time; nothing in here opens or prolongs (P1).

package import Access
package import Evidence
import StrictJSON

/// Text messages of the WebSockets: between broker and agent, broker and supervisor, broker and client.
package enum ControlMessage: Sendable, Equatable {
    // Agent → broker
    /// The first message of an agent: what it knows and what lives on its node.
    case hello(version: String, rollNumber: Int64, sessions: [SessionID])
    /// The node does not open a session, and says why.
    case refused(SessionID, Problem)
    /// A signed receipt; answered with ``receiptStored(_:)``.
    case receipt(SignedText)
    /// The node does not prolong a session, and says why.
    case leaseRefused(SessionID, Problem)
    /// How much of the ledger the node has seen a head for; answered with ``ledgerHead(_:)``.
    case ledgerSeen(Int64)
    /// What the node says of itself, for people to read.
    case facts(NodeFacts)
    /// What the broker shows does not continue what the node has seen. The node hangs up behind this.
    case distrusts(Problem)

    // Broker → agent
    /// Entries of the roll that follow what the agent has.
    case roll([SignedText])
    /// An opening with all its evidence.
    case open(OpeningEvidence)
    /// All evidence for the lease of a session that lives: its grant was extended. Sent again whenever an agent says
    /// hello; the node decides, and one that it holds already changes nothing.
    case lease(OpeningEvidence)
    case end(SessionID, Session.EndReason, detail: String)
    /// Grants that ended before their time: said when one does, and to a node that says hello.
    case grantsOver([GrantOver])
    case receiptStored(SessionID)
    /// The broker's wall clock: a sign of life, and a limit for a machine whose own clocks stood still.
    case time(Timestamp)
    /// The head of the ledger, with what shows that it continues what the node has seen.
    case ledgerHead(LedgerNews)

    // Agent → supervisor
    /// The agent has put a new lease into the session's folder.
    case leaseMoved(SessionID)

    // Supervisor → broker, then broker → client
    case accepted(SignedText)

    // Client → broker
    case opening(SignedText)

    // A session whose connections come and go (docs/decisions/0010-resume.md)
    /// Supervisor → broker, the first message of a connection that takes the place of a lost one.
    case rejoin(SessionID)
    /// Broker → supervisor: what of the outputs is in the recording and on disk.
    case recorded(SessionID, OutputOffsets)
    /// Broker → supervisor: the client's connection was lost.
    case clientLost(SessionID)
    /// Broker → client: somebody has begun, or ceased, to look on.
    case watched(SessionID, by: PersonName, isThere: Bool)
    /// Client → broker → supervisor: an ``AttachStatement``.
    case attach(SignedText)
    /// Supervisor → broker → client: an ``AttachedStatement``.
    case attached(SignedText)

    package var text: String {
        let object: JSONObject =
            switch self {
            case .hello(let version, let number, let sessions):
                [
                    "type": "hello", "version": .string(version), "roll": .integer(number),
                    "sessions": .array(sessions.map { .string($0.description) }),
                ]
            case .refused(let id, let problem):
                ["type": "refused", "session": .string(id.description), "problem": problem.json]
            case .leaseRefused(let id, let problem):
                ["type": "lease-refused", "session": .string(id.description), "problem": problem.json]
            case .receipt(let receipt): ["type": "receipt", "receipt": receipt.json]
            case .ledgerSeen(let size): ["type": "ledger-seen", "size": .integer(size)]
            case .facts(let facts): ["type": "facts", "facts": facts.json]
            case .distrusts(let problem): ["type": "distrusts", "problem": problem.json]
            case .roll(let entries): ["type": "roll", "entries": .array(entries.map(\.json))]
            case .open(let evidence): ["type": "open", "evidence": evidence.json]
            case .lease(let evidence): ["type": "lease", "evidence": evidence.json]
            case .leaseMoved(let id): ["type": "lease-moved", "session": .string(id.description)]
            case .end(let id, let reason, let detail):
                [
                    "type": "end", "session": .string(id.description), "reason": .string(reason.rawValue),
                    "detail": .string(detail),
                ]
            case .grantsOver(let grants): ["type": "grants-over", "grants": .array(grants.map(\.json))]
            case .receiptStored(let id): ["type": "receipt-stored", "session": .string(id.description)]
            case .time(let at): ["type": "time", "at": .time(at)]
            case .ledgerHead(let news): ["type": "ledger-head", "news": news.json]
            case .accepted(let acceptance): ["type": "accepted", "acceptance": acceptance.json]
            case .opening(let opening): ["type": "opening", "opening": opening.json]
            case .rejoin(let id): ["type": "rejoin", "session": .string(id.description)]
            case .recorded(let id, let offsets):
                [
                    "type": "recorded", "session": .string(id.description), "output": .offset(offsets.output),
                    "errorOutput": .offset(offsets.errorOutput),
                ]
            case .clientLost(let id): ["type": "client-lost", "session": .string(id.description)]
            case .watched(let id, let person, let isThere):
                [
                    "type": "watched", "session": .string(id.description), "person": .string(person.text),
                    "isThere": .bool(isThere),
                ]
            case .attach(let statement): ["type": "attach", "attach": statement.json]
            case .attached(let statement): ["type": "attached", "attached": statement.json]
            }
        return JSONValue.object(object).text
    }

    /// - Throws: where the text is not one of the messages above, or has a field too many.
    package init(_ text: String) throws(EvidenceError) {
        do {
            var reader = try ObjectReader(try JSONValue(parsing: text, limits: JSONLimits(bytes: Limits.controlMessage)))
            switch try reader.string("type", maximum: 32) {
            case "hello":
                self = .hello(
                    version: try reader.string("version", maximum: 64), rollNumber: try reader.integer("roll", in: 0...Int64.max),
                    sessions: try reader.strings("sessions", maximum: 10_000).map { try SessionID($0) })
            case "refused":
                let value = try reader.value("problem")
                self = .refused(try SessionID(try reader.string("session")), Problem(value, status: 403))
            case "lease-refused":
                let value = try reader.value("problem")
                self = .leaseRefused(try SessionID(try reader.string("session")), Problem(value, status: 403))
            case "receipt": self = .receipt(try SignedText(try reader.value("receipt")))
            case "ledger-seen": self = .ledgerSeen(try reader.integer("size", in: 0...Int64.max))
            case "facts": self = .facts(try NodeFacts(try reader.value("facts")))
            case "distrusts": self = .distrusts(Problem(try reader.value("problem"), status: 409))
            case "roll":
                self = .roll(try reader.array("entries", maximum: Limits.rollBatch).map { try SignedText($0) })
            case "open": self = .open(try OpeningEvidence(try reader.value("evidence")))
            case "lease": self = .lease(try OpeningEvidence(try reader.value("evidence")))
            case "lease-moved": self = .leaseMoved(try SessionID(try reader.string("session")))
            case "end":
                let name = try reader.string("reason", maximum: 32)
                guard let reason = Session.EndReason(rawValue: name) else { throw EvidenceError.typeUnknown(name) }
                self = .end(try SessionID(try reader.string("session")), reason, detail: try reader.string("detail"))
            case "grants-over":
                self = .grantsOver(try reader.array("grants", maximum: Limits.grantsOver).map { try GrantOver($0) })
            case "receipt-stored": self = .receiptStored(try SessionID(try reader.string("session")))
            case "time": self = .time(Timestamp(milliseconds: try reader.integer("at", in: Timestamp.validRange)))
            case "ledger-head": self = .ledgerHead(try LedgerNews(try reader.value("news")))
            case "accepted": self = .accepted(try SignedText(try reader.value("acceptance")))
            case "opening": self = .opening(try SignedText(try reader.value("opening")))
            case "rejoin": self = .rejoin(try SessionID(try reader.string("session")))
            case "recorded":
                self = .recorded(try SessionID(try reader.string("session")), try OutputOffsets(fields: &reader))
            case "client-lost": self = .clientLost(try SessionID(try reader.string("session")))
            case "watched":
                self = .watched(
                    try SessionID(try reader.string("session")), by: try PersonName(try reader.string("person", maximum: 63)),
                    isThere: try reader.bool("isThere"))
            case "attach": self = .attach(try SignedText(try reader.value("attach")))
            case "attached": self = .attached(try SignedText(try reader.value("attached")))
            case let other: throw EvidenceError.typeUnknown(other)
            }
            try reader.finish()
        } catch {
            throw EvidenceError(error)
        }
    }
}
