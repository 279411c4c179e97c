// SPDX-License-Identifier: Apache-2.0
// SECURITY: the node believes the token and nothing else: the broker must show the token's key, the roll must begin with
// the token's root, and only then does the node say who it is. This part has the token and the node's key and no connection; it
// reads strict JSON and verifies signatures (JoinTable.swift).

package import Access
import Evidence
import Posix
import Protocol
import StrictJSON
import Transport

/// Makes this machine a node.
package struct NodeJoin {
    private let home: AgentHome
    private let broker: JoinChannel
    private let identity: NodeIdentity
    private let key: NodeKey
    private let invitation: Digest
    private var roll = Roll()
    private var entries: [SignedText] = []

    /// How often the roll may change under the enrolment before we give up.
    private static let tries = 5

    /// Joins with a token, and returns the name that an administrator gave this node in it.
    ///
    /// It may be repeated with the same token when it was interrupted: the key is kept, and an enrolment that the broker
    /// stored already is recognised.
    ///
    /// - Parameter executable: the program of the process that reads the network: this one.
    package static func join(
        _ home: AgentHome, token text: String, label: String = Environment.hostName(), executable: String = NetworkReader.ownProgram
    ) throws -> NodeName {
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
            home: home, broker: try JoinChannel(to: identity, with: key, executable: executable), identity: identity, key: key,
            invitation: invitation)
        try join.run(secret: try SigningKey(seed: token.secret), label: PlainText.cleaned(label, maximum: 128))
        _ = consume lock
        return identity.name
    }

    private init(home: AgentHome, broker: JoinChannel, identity: NodeIdentity, key: NodeKey, invitation: Digest) {
        self.home = home
        self.broker = broker
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
                try broker.post(signed.source)
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
        let answer: [UInt8]
        do {
            answer = try broker.entries(after: roll.number, invitation: invitation)
        } catch let problem as Problem where problem.code == "authentication.not-enrolled" {
            // The broker knows nobody by this key and this invitation.
            throw AgentError.invitationNotAccepted
        }
        let value = try JSONValue(parsing: answer, limits: JSONLimits(bytes: JoinReport.entriesLimit))
        guard let items = value["entries"]?.asArray, items.count <= Limits.rollBatch else {
            throw Problem(status: 502, code: "broker.unclear", message: "The broker's roll has no readable entries.")
        }
        return try items.map { try SignedText($0) }
    }
}

extension SystemError {
    var isMissingFile: Bool { refusal == nil && errno == 2 }  // ENOENT
}
