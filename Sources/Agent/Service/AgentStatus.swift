// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import StrictJSON
import Transport

/// What `stint-agent status` shows: read from the home, without asking the broker.
package struct AgentStatus: Sendable {
    package let identity: NodeIdentity
    package let rollNumber: Int64
    package let isServing: Bool
    package let sessions: [String]

    package static func read(_ home: AgentHome) throws -> AgentStatus {
        let identity = try home.identity()
        try PrivateFile.check(home.path)
        let lines = try DurableFile.read(home.rollPath, maximumBytes: 256 * 1024 * 1024).count { $0 == UInt8(ascii: "\n") }
        return AgentStatus(
            identity: identity, rollNumber: Int64(lines), isServing: try isServing(home),
            sessions: try DurableFile.listDirectory(home.sessionsPath))
    }

    private static func isServing(_ home: AgentHome) throws -> Bool {
        do throws(SystemError) {
            _ = try FileLock(home.path + "/lock")
            return false
        } catch {
            if error.isInUse { return true }
            throw error
        }
    }

    package var text: String {
        """
        node      \(identity.name)
        broker    \(identity.broker)
        pin       \(identity.pin)
        root      \(identity.root)
        roll      \(rollNumber)
        agent     \(isServing ? "running" : "not running")
        sessions  \(sessions.isEmpty ? "none" : sessions.joined(separator: " "))

        """
    }

    package var json: String {
        let value: JSONValue = .object([
            "name": .string(identity.name.text), "broker": .string(identity.broker.description),
            "pin": .string(identity.pin.hex), "root": .string(identity.root.hex), "roll": .integer(rollNumber),
            "running": .bool(isServing), "sessions": .array(sessions.map { .string($0) }),
        ])
        return value.pretty + "\n"
    }
}
