// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import Verifier

/// What is found in a whole broker's database is tested beside the broker, which makes one.
@Suite struct UnreadableDatabaseTests {
    private func verify(_ content: String?) throws -> Verification {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("stint-verifier-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        if let content { try Data(content.utf8).write(to: file) }
        return try Verification(database: file.path)
    }

    @Test func `a file that is not there or not a database cannot be verified`() {
        #expect(throws: VerifierError.self) { _ = try verify(nil) }
        #expect(throws: VerifierError.self) { _ = try verify(String(repeating: "no database ", count: 100)) }
    }

    @Test func `an empty database lacks every table`() {
        #expect(throws: VerifierError.self) { _ = try verify("") }
    }
}
