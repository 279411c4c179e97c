// SPDX-License-Identifier: Apache-2.0

import Evidence
import Foundation
import Storage
import Testing
import Verifier

@Suite struct VerificationTests {
    /// The long form, 10,000, is `deploy/torture tamper`.
    private static let rounds = ProcessInfo.processInfo.environment["STINT_TAMPERINGS"].flatMap { Int($0) } ?? 300

    /// A database in one file, and the head of its ledger.
    private func story() throws -> (story: BrokerStory, file: Data, head: Signed<LedgerHeadStatement>) {
        let story = try BrokerStory()
        try story.tell()
        let copy = story.directory.path + "/copy.db"
        try Backup.copy(try Storage.Connection(path: story.path, mode: .readOnly), to: copy)
        return (story, try Data(contentsOf: URL(fileURLWithPath: copy)), try story.head())
    }

    @Test func `a database that the broker's verbs made holds together`() throws {
        let (story, _, head) = try story()
        let verification = try Verification(database: story.path, head: head)
        #expect(verification.findings.isEmpty, "\(verification.findings)")
        #expect(verification.sessions == 2 && verification.rollEntries == 11 && verification.ledgerEntries > 20)
    }

    @Test func `every tampering is found, and its place is named`() throws {
        let (story, file, head) = try story()
        let path = story.directory.path + "/tampered.db"
        for round in 0..<Self.rounds {
            try file.write(to: URL(fileURLWithPath: path))
            let place = try tamper(path, round)
            let findings = try Verification(database: path, head: head).findings
            let isNamed = findings.contains { $0.place == place || (place.last == " " && $0.place.hasPrefix(place)) }
            #expect(isNamed, "round \(round), \(place): \(findings.prefix(3))")
        }
    }

    /// Every second time the ledger itself.
    private func tamper(_ path: String, _ round: Int) throws -> String {
        let tampering = try Tampering(path)
        switch round % 10 {
        case 1: return try tampering.setBack(by: Int.random(in: 1...20))
        case 3: return try tampering.exchange()
        case 5, 7, 9: return try tampering.tamper(Tampering.tables[0])
        default: return try tampering.tamper(Tampering.tables[round / 2 % Tampering.tables.count])
        }
    }

    @Test func `without a head, a ledger that was set back shows in what it no longer mentions`() throws {
        let (story, file, _) = try story()
        let path = story.directory.path + "/tampered.db"
        try file.write(to: URL(fileURLWithPath: path))
        _ = try Tampering(path).setBack(by: 3)
        #expect(try !Verification(database: path).findings.isEmpty)
    }

    @Test func `a head of another broker is not believed`() throws {
        let (story, _, _) = try story()
        let findings = try Verification(database: story.path, head: try BrokerStory().head()).findings
        #expect(findings.map(\.place) == ["head"])
    }
}
