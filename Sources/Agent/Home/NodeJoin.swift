// SPDX-License-Identifier: Apache-2.0
// SECURITY: the node believes the token and nothing else: the broker must show the token's key, the roll must begin with
// the token's root, and only then does the node say who it is.

package import Access
import Evidence
import Posix
import Protocol
import StrictJSON
import Transport

/// Makes this machine a node.
package struct NodeJoin {
    private let home: AgentHome
    private let client: HTTPClient
    private let identity: NodeIdentity
    private let key: NodeKey
    private let invitation: Digest
    private var roll = Roll()
    private var entries: [SignedText] = []

    /// How often the roll may change under the enrolment before we give up.
    private static let tries = 5
    private static let timeout: Duration = .seconds(10)

    /// Joins with a token, and returns the name that an administrator gave this node in it.
    ///
    /// It may be repeated with the same token when it was interrupted: the key is kept, and an enrolment that the broker
    /// stored already is recognised.
    package static func join(_ home: AgentHome, token text: String, label: String = Environment.hostName()) throws -> NodeName {
        let token = try JoinToken(text)
        guard token.kind == .node, let root = token.root, let invitation = token.invitation else {
            throw TokenError.wrongKind(token.kind, wanted: "a token for a node")
        }
        guard Timestamp.now < token.notAfter else { throw TokenError.expired(token.notAfter) }
        let identity = NodeIdentity(
            name: try NodeName(token.name), broker: try Endpoint(token.broker), pin: token.pin, root: root)
        try home.prepare()
        let lock = try home.lock()
        if home.isJoined { throw AgentError.alreadyJoined(try home.identity().name, home: home.path) }
        let key = try Self.key(in: home)
        var join = NodeJoin(
            home: home, client: try identity.client(with: key, timeout: timeout), identity: identity, key: key,
            invitation: invitation)
        try join.run(secret: try SigningKey(seed: token.secret), label: PlainText.cleaned(label, maximum: 128))
        _ = consume lock
        return identity.name
    }

    private init(home: AgentHome, client: HTTPClient, identity: NodeIdentity, key: NodeKey, invitation: Digest) {
        self.home = home
        self.client = client
        self.identity = identity
        self.key = key
        self.invitation = invitation
    }

    private static func key(in home: AgentHome) throws -> NodeKey {
        do {
            return try NodeKey.load(home.keyPath)
        } catch let error as SystemError where error.isMissingFile {
            return try NodeKey.make(home.keyPath)
        }
    }

    private mutating func run(secret: SigningKey, label: String) throws {
        try fetchRoll()
        if roll.node(withKey: key.publicKey)?.name != identity.name {
            try enrol(secret: secret, label: label)
            try fetchRoll()
        }
        guard roll.node(withKey: key.publicKey)?.name == identity.name else { throw AgentError.notEnrolled(identity.name) }
        try DurableFile.remove(home.rollPath)
        var stored = try NodeRoll(home.rollPath, root: identity.root)
        try stored.append(entries)
        // Last of all: with this file the node has joined.
        try identity.save(home.identityPath)
    }

    private mutating func enrol(secret: SigningKey, label: String) throws {
        for _ in 0..<Self.tries {
            let statement = EnrolmentStatement(
                place: roll.next, invitation: invitation, key: key.publicKey, label: label, at: .now)
            let signed = try statement.signed(with: secret, key.signing)
            do {
                try post(signed.source)
                return
            } catch let problem as Problem where ["roll.gap", "roll.forked"].contains(problem.code) {
                try fetchRoll()
            }
        }
        throw AgentError.rollUnsettled(tries: Self.tries)
    }

    /// Takes the entries that follow what is known, and verifies each.
    private mutating func fetchRoll() throws {
        while true {
            let batch = try nextEntries()
            if batch.isEmpty { break }
            for entry in batch { try roll.append(entry) }
            entries += batch
            guard roll.root == identity.root else {
                throw AgentError.otherRoot(pinned: identity.root, found: roll.root ?? .none)
            }
        }
        guard roll.root != nil else { throw EvidenceError.rollEmpty }
        guard roll.broker == identity.pin else {
            throw AgentError.otherBroker(pinned: identity.pin, found: roll.broker)
        }
    }

    private func nextEntries() throws -> [SignedText] {
        let query = [("after", String(roll.number)), ("invitation", invitation.hex)].map { (name: $0.0, value: $0.1) }
        let response = try client.send(HTTPRequest(path: Route.roll, query: query))
        // The broker knows nobody by this key and this invitation.
        if response.status == 401 { throw AgentError.invitationNotAccepted }
        guard response.status == 200 else { throw BrokerAnswer.problem(in: response) }
        let value = try JSONValue(parsing: response.body, limits: JSONLimits(bytes: 2 * Limits.controlMessage))
        guard let items = value["entries"]?.asArray, items.count <= Limits.rollBatch else {
            throw Problem(status: 502, code: "broker.unclear", message: "The broker's roll has no readable entries.")
        }
        return try items.map { try SignedText($0) }
    }

    private func post(_ entry: SignedText) throws {
        let request = HTTPRequest(
            method: "POST", path: Route.roll, headers: ["Content-Type": "application/json"],
            body: Array(entry.json.text.utf8))
        let response = try client.send(request)
        guard (200...299).contains(response.status) else { throw BrokerAnswer.problem(in: response) }
    }
}

extension SystemError {
    var isMissingFile: Bool { refusal == nil && errno == 2 }  // ENOENT
}
