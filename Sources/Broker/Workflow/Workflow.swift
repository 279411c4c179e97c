// SPDX-License-Identifier: Apache-2.0
// SECURITY: the verbs. Each runs in one transaction: it verifies the statement, asks `Access`, stores the transition over
// the version it was made from, and writes the ledger entry (P4, P5). There is no way to set a field.

import Access
import Evidence
import Protocol
import Storage
import StrictJSON

/// What others are told of after the commit, and only then.
enum Consequence: Sendable, Equatable {
    case requestChanged(RequestID)
    case rollGrew
    /// No session of this grant may go on.
    case endSessions(of: GrantID, Session.EndReason, detail: String)
    case endSession(SessionID, Session.EndReason, detail: String)
    /// The nodes that the grant was for must not open anything under it any more.
    case grantOver(GrantOver, Selector)
    /// A grant was extended: the nodes of its sessions are to have the evidence.
    case leaseChanged(GrantID)
    /// A deadline came into being that may be the nearest.
    case deadlineSet
}

/// One transaction's view: the database, the roll as this transaction sees it, and the time.
struct Workflow {
    let database: Connection
    let roll: Roll
    let now: Timestamp
    var consequences: [Consequence] = []

    init(_ database: Connection, _ roll: Roll, at now: Timestamp) {
        self.database = database
        self.roll = roll
        self.now = now
    }

    var directory: Directory { roll.directory }

    /// - Returns: the device that signed.
    @discardableResult
    func verify<Value>(_ statement: Signed<Value>, by person: PersonName, root: Digest, sentFrom device: PublicKey) throws
        -> PublicKey
    {
        guard root == roll.root else { throw EvidenceError.otherInstallation(type: Value.type) }
        let signer = try roll.signer(of: statement, mustBe: person)
        guard signer == device else { throw BrokerError.otherDevice }
        return signer
    }

    /// A statement is acted on while it is fresh; afterwards only a retry of what was already done is answered.
    func checkFresh(_ at: Timestamp) throws(Refusal) {
        let age = now - at
        guard age <= Opening.freshness, age >= .zero - Opening.freshness else { throw .clockDisagrees(signed: at, here: now) }
    }

    func record(_ event: String, _ subject: some CustomStringConvertible, by actor: PersonName? = nil, _ body: JSONObject = [:])
        throws
    {
        try database.record(event, subject: subject.description, actor: actor?.text ?? "", body: body, at: now)
    }

    func find(_ id: RequestID) throws -> StoredRequest {
        guard let request = try database.request(id) else { throw BrokerError.notFound(kind: "request", id.description) }
        return request
    }

    func find(_ id: GrantID) throws -> StoredGrant {
        guard let grant = try database.grant(id) else { throw BrokerError.notFound(kind: "grant", id.description) }
        return grant
    }

    func find(_ id: SessionID) throws -> StoredSession {
        guard let session = try database.session(id) else { throw BrokerError.notFound(kind: "session", id.description) }
        return session
    }

    func find(requestWith digest: Digest) throws -> StoredRequest {
        guard let request = try database.request(madeBy: digest) else {
            throw BrokerError.notFound(kind: "request", RequestID(digest: digest.bytes).description)
        }
        return request
    }

    /// Who signed an end is believed before the grant's state is.
    func checkNotEnded(_ id: GrantID) throws {
        guard let ending = try database.endings(about: id.description).first else { return }
        throw Refusal.grantOver(id, .ended, ending.value.kind == .release ? .released : .revoked)
    }
}
