// SPDX-License-Identifier: Apache-2.0
// SECURITY: how a session is taken up again after a connection was lost. Only the device that opened it can do that, each
// time with new keys on both sides; the broker can neither attach itself nor make old frames count again (P1).

package import Access
package import StrictJSON

/// How many bytes of each of a session's outputs one party has.
package struct OutputOffsets: Sendable, Equatable {
    package var output: UInt64
    package var errorOutput: UInt64

    package init(output: UInt64 = 0, errorOutput: UInt64 = 0) {
        self.output = output
        self.errorOutput = errorOutput
    }

    /// Where it stands in a statement or message: a session that wrote more than 2^63 bytes does not exist.
    package init(fields reader: inout ObjectReader) throws(JSONError) {
        output = try reader.offset("output")
        errorOutput = try reader.offset("errorOutput")
    }
}

extension ObjectReader {
    package mutating func offset(_ key: String) throws(JSONError) -> UInt64 { UInt64(try integer(key, in: 0...Int64.max)) }
}

extension JSONValue {
    package static func offset(_ offset: UInt64) -> JSONValue { .integer(Int64(clamping: offset)) }
}

/// The device that opened a session attaches to it again.
package struct AttachStatement: Statement {
    package static let type = "attach"

    package let root: Digest
    package let opening: Digest
    /// New for every attachment, so no key and no nonce is ever used twice.
    package let ephemeral: [UInt8]
    /// What the client has received. `nil`: a new client process, which takes what the node still keeps.
    package let received: OutputOffsets?
    package let nonce: String
    package let at: Timestamp

    package init(root: Digest, opening: Digest, ephemeral: [UInt8], received: OutputOffsets?, nonce: String, at: Timestamp) {
        self.root = root
        self.opening = opening
        self.ephemeral = ephemeral
        self.received = received
        self.nonce = nonce
        self.at = at
    }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "opening": .string(opening.hex), "ephemeral": .string(Hex.encode(ephemeral)),
            "received": received.map {
                .object(["output": .offset($0.output), "errorOutput": .offset($0.errorOutput)])
            } ?? .null,
            "nonce": .string(nonce), "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        opening = try reader.digest("opening")
        ephemeral = try reader.ephemeral()
        nonce = try reader.nonce()
        at = try reader.timestamp("at")
        let value = try reader.value("received")
        guard value != .null else {
            received = nil
            return
        }
        var inner = try ObjectReader(value)
        received = try OutputOffsets(fields: &inner)
        try inner.finish()
    }
}

/// The node agrees: its half of the new keys, and where each stream goes on.
package struct AttachedStatement: Statement {
    package static let type = "attached"

    package let root: Digest
    package let opening: Digest
    /// The digest of the attach statement that this answers.
    package let attach: Digest
    package let node: NodeName
    package let ephemeral: [UInt8]
    /// Bytes of input that the node has; the client sends what follows.
    package let input: UInt64
    /// Where the node's outputs go on: never past what the client has received, so nothing is missing.
    package let from: OutputOffsets
    package let at: Timestamp

    package init(
        root: Digest, opening: Digest, attach: Digest, node: NodeName, ephemeral: [UInt8], input: UInt64, from: OutputOffsets,
        at: Timestamp
    ) {
        self.root = root
        self.opening = opening
        self.attach = attach
        self.node = node
        self.ephemeral = ephemeral
        self.input = input
        self.from = from
        self.at = at
    }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "opening": .string(opening.hex), "attach": .string(attach.hex),
            "node": .string(node.text), "ephemeral": .string(Hex.encode(ephemeral)), "input": .offset(input),
            "output": .offset(from.output), "errorOutput": .offset(from.errorOutput), "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        opening = try reader.digest("opening")
        attach = try reader.digest("attach")
        node = try reader.name("node")
        ephemeral = try reader.ephemeral()
        input = try reader.offset("input")
        from = try OutputOffsets(fields: &reader)
        at = try reader.timestamp("at")
    }
}

extension Signed<AttachStatement> {
    /// What the node asks before it agrees, and the broker before it passes it on.
    ///
    /// - Parameters:
    ///   - opening: of the session that is to be attached to.
    ///   - device: the one that signed the opening. No other may attach, not even another of the same person.
    package func check(against opening: Signed<OpeningStatement>, by device: PublicKey) throws(EvidenceError) {
        guard value.root == opening.value.root else { throw .otherInstallation(type: AttachStatement.type) }
        guard value.opening == opening.digest else { throw .doesNotBelong(type: AttachStatement.type, to: "session") }
        try check(signedBy: device, who: "the device that opened the session")
    }

    /// Whether it is news: an old statement that somebody kept is refused.
    ///
    /// - Parameters:
    ///   - last: when the statement that is in force was signed: the opening, or the attachment before this one.
    ///   - now: the wall clock of whoever decides.
    package func checkFreshness(after last: Timestamp, at now: Timestamp) throws(EvidenceError) {
        let age = now - value.at
        guard age <= Opening.freshness, age >= .zero - Opening.freshness else {
            throw .refused(.clockDisagrees(signed: value.at, here: now))
        }
        guard value.at > last else { throw .doesNotBelong(type: AttachStatement.type, to: "attachment after the last one") }
    }
}

extension Signed<AttachedStatement> {
    /// What the client asks before it believes that it talks to the node.
    package func check(answers attach: Signed<AttachStatement>, by node: PublicKey, named name: NodeName) throws(EvidenceError) {
        guard value.root == attach.value.root else { throw .otherInstallation(type: AttachedStatement.type) }
        guard value.opening == attach.value.opening, value.attach == attach.digest, value.node == name else {
            throw .doesNotBelong(type: AttachedStatement.type, to: "attachment")
        }
        try check(signedBy: node, who: "node `\(name)`")
    }
}
