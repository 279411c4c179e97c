// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Foundation
import Posix
import Storage
import StrictJSON
import Testing

@testable import Broker

/// What a broker believes of a roll that it, or somebody who is not it, has marked as verified.
@Suite struct RollMarkTests {
    /// A founded home with so many nodes, that nobody serves.
    private final class Home {
        let home: BrokerHome
        let key: SigningKey
        private let directory: URL

        init(nodes: Int = 40) throws {
            directory = FileManager.default.temporaryDirectory.appendingPathComponent("stint-roll-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            home = BrokerHome(directory.path + "/b")
            let token = try JoinToken(try BrokerSetup.initialise(home, address: "127.0.0.1:7420", policy: TestBroker.policy))
            key = try SigningKey(seed: try home.readKey())
            try store(try Self.entries(founding: try TestKey(token.secret), broker: token.pin, nodes: nodes))
        }

        deinit { try? FileManager.default.removeItem(at: directory) }

        private static func entries(founding: TestKey, broker: PublicKey, nodes: Int) throws -> [RollEntry] {
            let (admin, now, name) = (try TestKey(), TestBroker.now, try PersonName("admin"))
            var (roll, entries) = (Roll(), [RollEntry]())
            func add(_ entry: SignedText) throws { entries.append(try roll.append(entry)) }
            try add(
                try CharterStatement(
                    place: .first, version: 1, administrators: [name], policy: TestBroker.policy, broker: broker,
                    founder: .init(name: name, groups: [], key: admin.signing.publicKey, device: "", founding: founding.signing.publicKey),
                    at: now
                ).signed(with: admin.signing, founding.signing).source)
            for number in 0..<nodes {
                let (secret, key) = (try TestKey(), try TestKey())
                let invitation = try InvitationStatement(
                    place: roll.next, subject: .node(try NodeName("node-\(number)"), try Tags([])), by: name,
                    secret: secret.signing.publicKey, notAfter: now + .seconds(900), at: now
                ).signed(with: admin.signing)
                try add(invitation.source)
                try add(
                    try EnrolmentStatement(
                        place: roll.next, invitation: invitation.digest, key: key.signing.publicKey, label: "", at: now
                    ).signed(with: secret.signing, key.signing).source)
            }
            return entries
        }

        private func store(_ entries: [RollEntry]) throws {
            let writer = try Writer(path: home.database, migrator: Schema.migrator)
            defer { writer.stop() }
            try writer.perform { connection in for entry in entries { try connection.append(entry) } }
        }

        /// Reads the roll as a start does, and marks what was verified.
        @discardableResult
        func start() throws -> RollReading {
            let readers = try ReaderPool(path: home.database, count: 1)
            defer { readers.stop() }
            let mark = RollMark.read(home, by: key.publicKey)
            let reading = try RollReading(readers, mark: mark)
            _ = RollMarker(home, key, RollBox(reading.roll, entries: reading.entries), marked: mark?.tally, verified: reading.tally)
            return reading
        }

        var marked: Int64? { RollMark.read(home, by: key.publicKey)?.tally.number }

        /// What somebody can do who may write the database.
        func forge(_ sql: StaticString) throws {
            let connection = try Connection(path: home.database)
            try connection.execute("DROP TRIGGER IF EXISTS roll_update; DROP TRIGGER IF EXISTS roll_delete; PRAGMA ignore_check_constraints = ON")
            try #require(try connection.run(sql) > 0)
        }

        /// The tally over whatever is stored.
        func tally() throws -> RollTally {
            let connection = try Connection(path: home.database, mode: .readOnly)
            var tally = RollTally()
            for entry in try connection.roll(after: 0, limit: 1000) { try tally.add(try entry.digest(), signatures: entry.signatures) }
            return tally
        }
    }

    /// The first signature under one entry begins with another byte.
    private static let flippedSignature: StaticString = """
        UPDATE roll SET signatures = substr(signatures, 1, instr(signatures, '"signature":"') + 12)
            || iif(substr(signatures, instr(signatures, '"signature":"') + 13, 1) = '0', '1', '0')
            || substr(signatures, instr(signatures, '"signature":"') + 14) WHERE number = 20
        """

    @Test func `a start marks what it has verified, and the next one believes it`() throws {
        let home = try Home()
        #expect(home.marked == nil)
        #expect(try home.start().roll.number == 81)
        #expect(home.marked == 81)
        let again = try home.start()
        #expect(again.roll.number == 81 && again.entries.count == 81 && again.roll.directory.nodes.count == 40)
    }

    @Test func `what a broker keeps of the roll is what is stored, with every signature`() throws {
        let home = try Home()
        let reading = try home.start()
        let box = RollBox(reading.roll, entries: reading.entries)
        let stored = try Connection(path: home.home.database, mode: .readOnly).roll(after: 0, limit: 1000)
        #expect(stored.count == 81 && box.entries(after: 0, limit: 1000) == stored)
        #expect(box.entries(after: 79, limit: 1) == [stored[79]])
        #expect(box.entries(after: 81, limit: 10).isEmpty && box.entries(after: -1, limit: 10).isEmpty)
        #expect(box.committedEntry(81) == stored[80] && box.committedEntry(0) == nil && box.committedEntry(82) == nil)
    }

    @Test func `what is marked by the broker's key is not verified again`() throws {
        let home = try Home()
        try home.start()
        try home.forge(Self.flippedSignature)
        #expect(throws: EvidenceError.self) { try home.start() }
        // Whoever has the key may say so; nobody else may, as the other tests show.
        try RollMark.save(try home.tally(), in: home.home, by: home.key)
        #expect(try home.start().roll.number == 81)
    }

    @Test(arguments: [
        "UPDATE roll SET statement = replace(statement, 'node-9\"', 'node-X\"') WHERE number = 20",
        "UPDATE roll SET statement = replace(statement, 'node-39', 'node-99') WHERE number = 80",
        "DELETE FROM roll WHERE number = 7",
        "UPDATE roll SET number = 1000 - number WHERE number > 2",
    ] as [StaticString])
    func `an entry beneath the mark that was changed, is gone or was moved is found at the start`(forgery: StaticString) throws {
        let home = try Home()
        try home.start()
        try home.forge(forgery)
        #expect(throws: EvidenceError.self) { try home.start() }
    }

    @Test func `a signature that was changed beneath the mark is found at the start`() throws {
        let home = try Home()
        try home.start()
        try home.forge(Self.flippedSignature)
        #expect(throws: EvidenceError.self) { try home.start() }
    }

    @Test func `a mark that another key signed is not believed`() throws {
        let (home, other) = (try Home(nodes: 3), try Home(nodes: 3))
        try home.forge("UPDATE roll SET signatures = replace(signatures, '0', '1') WHERE number = 4")
        try RollMark.save(try home.tally(), in: home.home, by: other.key)
        #expect(home.marked == nil)
        #expect(throws: EvidenceError.self) { try home.start() }
    }

    @Test func `a mark of another installation is not believed`() throws {
        let (home, other) = (try Home(nodes: 3), try Home(nodes: 3))
        try other.start()
        try DurableFile.writeAtomically(try DurableFile.read(other.home.rollMark, maximumBytes: 1024), to: home.home.rollMark)
        #expect(home.marked == nil)
        #expect(try home.start().roll.number == 7)
        #expect(home.marked == 7)
    }

    @Test func `a mark that was cut or changed is not believed`() throws {
        let home = try Home(nodes: 3)
        try home.start()
        let mark = try DurableFile.read(home.home.rollMark, maximumBytes: 1024)
        let text = String(decoding: mark, as: UTF8.self)
        let others = (0..<mark.count - 1).map { Array(mark.prefix($0)) } + [
            Array(text.replacing(#""entries":7"#, with: #""entries":6"#).utf8),
            Array(text.replacing(#""entries":7"#, with: #""entries":9223372036854775807"#).utf8),
            Array(text.replacing(#""entries":7"#, with: #""entries":7,"more":1"#).utf8), mark + mark, [0xFF],
        ]
        for other in others {
            try DurableFile.writeAtomically(other, to: home.home.rollMark)
            #expect(home.marked == nil, "\(String(decoding: other, as: UTF8.self))")
        }
    }

    @Test func `a mark over more than is stored leaves everything to be verified`() throws {
        let home = try Home(nodes: 3)
        try home.start()
        try home.forge("DELETE FROM roll WHERE number = 7")
        #expect(try home.start().roll.number == 6)
        try home.forge("UPDATE roll SET signatures = replace(signatures, '0', '1') WHERE number = 4")
        #expect(throws: EvidenceError.self) { try home.start() }
    }

    @Test func `entries behind the mark are verified, and the mark grows over them`() throws {
        let home = try Home(nodes: 3)
        let whole = try home.tally()
        var part = RollTally()
        let connection = try Connection(path: home.home.database, mode: .readOnly)
        for entry in try connection.roll(after: 0, limit: 4) { try part.add(try entry.digest(), signatures: entry.signatures) }
        try RollMark.save(part, in: home.home, by: home.key)
        #expect(try home.start().tally == whole)
        #expect(home.marked == 7)
        try RollMark.save(part, in: home.home, by: home.key)
        try home.forge("UPDATE roll SET signatures = replace(signatures, '0', '1') WHERE number = 6")
        #expect(throws: EvidenceError.self) { try home.start() }
    }

    @Test func `a signature that is not good ends what is marked, although another one counts`() throws {
        let home = try Home(nodes: 3)
        // A second signature by a key that nobody knows, over something else.
        try home.forge(
            """
            UPDATE roll SET signatures = substr(signatures, 1, length(signatures) - 1) || ',{"key":"' || lower(hex(zeroblob(32)))
                || '","signature":"' || replace(hex(zeroblob(64)), '0', 'f') || '"}]' WHERE number = 5
            """)
        #expect(try home.start().roll.number == 7)
        #expect(home.marked == 4)
    }
}
