// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Testing

/// Who may attach to a session again, and with what.
@Suite struct AttachTests {
    static let at = Installation.begun + .seconds(60)

    static func attach(
        root: Digest = .none, opening: Digest = .none, received: OutputOffsets? = OutputOffsets(), at: Timestamp = at
    ) throws -> AttachStatement {
        AttachStatement(
            root: root, opening: opening, ephemeral: Array(repeating: 3, count: 32), received: received,
            nonce: try Installation.nonce("attach"), at: at)
    }

    static func attached(to attach: Digest, opening: Digest = .none, node: String = "db-1") throws -> AttachedStatement {
        AttachedStatement(
            root: .none, opening: opening, attach: attach, node: try NodeName(node), ephemeral: Array(repeating: 4, count: 32),
            input: 9, from: OutputOffsets(output: 5, errorOutput: 6), at: at)
    }

    private func opening() throws -> Signed<OpeningStatement> {
        try Installation(joined: false).opening(under: .none, root: Digest.none).signed(with: Installation.key("anna"))
    }

    @Test func `the device that opened a session may attach to it, and no other`() throws {
        let (opening, anna) = (try opening(), try Installation.key("anna"))
        let statement = try Self.attach(opening: opening.digest)
        try statement.signed(with: anna).check(against: opening, by: anna.publicKey)
        #expect(throws: EvidenceError.self) {
            try statement.signed(with: Installation.key("bob")).check(against: opening, by: anna.publicKey)
        }
    }

    @Test func `a statement for another session or another installation is refused`() throws {
        let (opening, anna) = (try opening(), try Installation.key("anna"))
        for statement in [try Self.attach(opening: .none), try Self.attach(root: opening.digest, opening: opening.digest)] {
            #expect(throws: EvidenceError.self) {
                try statement.signed(with: anna).check(against: opening, by: anna.publicKey)
            }
        }
    }

    @Test func `a statement is fresh for a minute either way, and newer than the one in force`() throws {
        let signed = try Self.attach().signed(with: Installation.key("anna"))
        let before = Self.at - .milliseconds(1)
        try signed.checkFreshness(after: before, at: Self.at + .seconds(60))
        try signed.checkFreshness(after: before, at: Self.at - .seconds(60))
        let late = Self.at + .milliseconds(60_001)
        let early = Self.at - .milliseconds(60_001)
        #expect(throws: EvidenceError.refused(.clockDisagrees(signed: Self.at, here: late))) {
            try signed.checkFreshness(after: before, at: late)
        }
        #expect(throws: EvidenceError.refused(.clockDisagrees(signed: Self.at, here: early))) {
            try signed.checkFreshness(after: before, at: early)
        }
        #expect(throws: EvidenceError.self) { try signed.checkFreshness(after: Self.at, at: Self.at) }
    }

    @Test func `an answer counts from the node that was asked, for the statement that was sent`() throws {
        let (node, name) = (try Installation.key("db-1"), try NodeName("db-1"))
        let asked = try Self.attach().signed(with: Installation.key("anna"))
        try Self.attached(to: asked.digest).signed(with: node).check(answers: asked, by: node.publicKey, named: name)
        let wrong = [
            try Self.attached(to: .none).signed(with: node),
            try Self.attached(to: asked.digest, opening: asked.digest).signed(with: node),
            try Self.attached(to: asked.digest, node: "db-2").signed(with: node),
            try Self.attached(to: asked.digest).signed(with: Installation.key("db-2")),
        ]
        for answer in wrong {
            #expect(throws: EvidenceError.self) { try answer.check(answers: asked, by: node.publicKey, named: name) }
        }
    }
}
