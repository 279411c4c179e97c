// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What `--json` prints, as far as the tests look at it.
struct RequestAnswer: Decodable, Sendable {
    struct Vote: Decodable, Sendable {
        let person: String
        let verdict: String
        let at: String
    }

    let id: String
    let state: String
    let version: Int
    let requester: String
    let votes: [Vote]
    let grant: String?
}

struct GrantAnswer: Decodable, Sendable {
    let id: String
    let state: String
    let holder: String
    let granted: Int
    let notBefore: String?
    let notAfter: String?
    let endReason: String?
    let capabilities: [String]
}

struct SessionAnswer: Decodable, Sendable {
    struct Receipt: Decodable, Sendable {
        let killed: Int
        let left: Int
        let method: String
        let exit: Int?
        let signal: Int?
        let inputBytes: Int
        let outputBytes: Int
        let statement: String

        /// What the node said beside the numbers.
        var remarks: [String] {
            get throws {
                struct Statement: Decodable { let remarks: [String] }
                return try JSONDecoder().decode(Statement.self, from: Data(statement.utf8)).remarks
            }
        }

        /// When the session ended by the node's wall clock, in milliseconds since 1970.
        var endedAt: Int64 {
            get throws {
                struct Statement: Decodable { let endedAt: Int64 }
                return try JSONDecoder().decode(Statement.self, from: Data(statement.utf8)).endedAt
            }
        }
    }

    let id: String
    let state: String
    let grant: String
    let capability: String
    let node: String
    let startedAt: String?
    let endedAt: String?
    let endReason: String?
    let detail: String?
    let confirmed: Bool
    let recording: Bool
    let receipt: Receipt?
}

struct NodeAnswer: Decodable, Sendable {
    let name: String
    let state: String
    let doubt: String?
    let tags: [String: String]
}

/// How a program that ran to its end did.
struct Outcome: Sendable {
    let status: Int32
    let output: Data
    let errors: String
    let end: ContinuousClock.Instant

    var text: String { String(decoding: output, as: UTF8.self) }

    func decoded<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        guard status == 0 else { throw HarnessError("status \(status): \(errors)") }
        return try JSONDecoder().decode(type, from: output)
    }

    /// - Throws: what was said on the error stream, unless it ended well.
    @discardableResult
    func checked() throws -> Outcome {
        guard status == 0 else { throw HarnessError("status \(status): \(errors)\(text)") }
        return self
    }
}

extension String {
    /// The time that an answer names, on the boot-time clock.
    func instant() throws -> ContinuousClock.Instant {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        guard let date = formatter.date(from: self) else { throw HarnessError("`\(self)` is not a time") }
        return .now + .seconds(date.timeIntervalSinceNow)
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
