// SPDX-License-Identifier: Apache-2.0
// SECURITY: how a session begins and ends: the opening by the requester's device, the acceptance and the receipt by the
// node's key.

package import Access
package import StrictJSON

/// The requester opens a session. It names the client's ephemeral key, so the frame keys belong to this opening only.
package struct OpeningStatement: Statement {
    package static let type = "opening"

    package struct Terminal: Sendable, Equatable {
        package let type: String
        package let columns: Int
        package let rows: Int

        package init(type: String, columns: Int, rows: Int) {
            self.type = type
            self.columns = columns
            self.rows = rows
        }
    }

    package let root: Digest
    package let activation: Digest
    package let person: PersonName
    package let node: NodeName
    package let capability: Capability
    package let runAs: RunAsName
    /// The argument vector of an `exec`; empty for a shell; for a command document its reference and its parameters.
    package let command: [String]
    /// `nil`: no terminal, three separate streams.
    package let terminal: Terminal?
    package let language: String
    package let ephemeral: [UInt8]
    package let rollNumber: Int64
    package let nonce: String
    package let at: Timestamp

    package static let maximumArguments = 256
    package static let maximumArgumentLength = 32 * 1024

    package init(
        root: Digest, activation: Digest, person: PersonName, node: NodeName, capability: Capability, runAs: RunAsName,
        command: [String], terminal: Terminal?, language: String, ephemeral: [UInt8], rollNumber: Int64, nonce: String,
        at: Timestamp
    ) {
        self.root = root
        self.activation = activation
        self.person = person
        self.node = node
        self.capability = capability
        self.runAs = runAs
        self.command = command
        self.terminal = terminal
        self.language = language
        self.ephemeral = ephemeral
        self.rollNumber = rollNumber
        self.nonce = nonce
        self.at = at
    }

    package var fields: JSONObject {
        var object: JSONObject = [
            "root": .string(root.hex), "activation": .string(activation.hex), "person": .string(person.text),
            "node": .string(node.text), "capability": .string(capability.rawValue), "runAs": .string(runAs.text),
            "command": .array(command.map { .string($0) }), "language": .string(language),
            "ephemeral": .string(Hex.encode(ephemeral)), "roll": .integer(rollNumber), "nonce": .string(nonce),
            "at": .time(at), "terminal": .null,
        ]
        if let terminal {
            object["terminal"] = .object([
                "type": .string(terminal.type), "columns": .integer(Int64(terminal.columns)),
                "rows": .integer(Int64(terminal.rows)),
            ])
        }
        return object
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        activation = try reader.digest("activation")
        person = try reader.name("person")
        node = try reader.name("node")
        capability = try Capability(try reader.string("capability", maximum: Capability.maximumLength))
        runAs = try RunAsName(user: try reader.string("runAs", maximum: 63))
        command = try reader.array("command", maximum: Self.maximumArguments).map { item in
            guard let text = item.asString, text.utf8.count <= Self.maximumArgumentLength else {
                throw EvidenceError.fieldMalformed("an argument is not a string of at most 32 KiB")
            }
            return text
        }
        language = try reader.string("language", maximum: 64)
        ephemeral = try reader.ephemeral()
        rollNumber = try reader.integer("roll", in: 1...1_000_000_000)
        nonce = try reader.nonce()
        at = try reader.timestamp("at")
        let value = try reader.value("terminal")
        guard value != .null else {
            terminal = nil
            return
        }
        var inner = try ObjectReader(value)
        terminal = Terminal(
            type: try inner.string("type", maximum: 64), columns: Int(try inner.integer("columns", in: 1...10_000)),
            rows: Int(try inner.integer("rows", in: 1...10_000)))
        try inner.finish()
    }
}

extension Signed<OpeningStatement> {
    package var id: SessionID { SessionID(digest: digest.bytes) }
}

/// The node agrees: its half of the key agreement and the lease it holds.
package struct AcceptanceStatement: Statement {
    package static let type = "acceptance"

    package let root: Digest
    package let opening: Digest
    package let node: NodeName
    package let ephemeral: [UInt8]
    package let leaseVersion: Int64
    package let notAfter: Timestamp
    package let at: Timestamp

    package init(
        root: Digest, opening: Digest, node: NodeName, ephemeral: [UInt8], leaseVersion: Int64, notAfter: Timestamp,
        at: Timestamp
    ) {
        self.root = root
        self.opening = opening
        self.node = node
        self.ephemeral = ephemeral
        self.leaseVersion = leaseVersion
        self.notAfter = notAfter
        self.at = at
    }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "opening": .string(opening.hex), "node": .string(node.text),
            "ephemeral": .string(Hex.encode(ephemeral)), "lease": .integer(leaseVersion), "notAfter": .time(notAfter),
            "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        opening = try reader.digest("opening")
        node = try reader.name("node")
        ephemeral = try reader.ephemeral()
        leaseVersion = try reader.integer("lease", in: 1...1_000_000)
        notAfter = try reader.timestamp("notAfter")
        at = try reader.timestamp("at")
    }
}

/// The node's word on how a session ended and what is left of it (P3).
package struct ReceiptStatement: Statement {
    package static let type = "receipt"

    package enum Outcome: Sendable, Equatable {
        case exited(Int)
        case signalled(Int)
        /// The process was still alive and was killed with the rest, or never started.
        case none
    }

    package let root: Digest
    package let opening: Digest
    package let node: NodeName
    package let reason: Session.EndReason
    /// What exactly happened, for people; may be empty.
    package let detail: String
    package let outcome: Outcome
    package let startedAt: Timestamp
    package let endedAt: Timestamp
    package let killed: Int
    package let left: Int
    /// Names of processes that are left, and what cannot be promised (a root session, work handed to another daemon).
    package let remarks: [String]
    /// How the processes were found: `cgroup`, `tree`.
    package let method: String
    package let inputBytes: Int64
    package let outputBytes: Int64

    package init(
        root: Digest, opening: Digest, node: NodeName, reason: Session.EndReason, detail: String, outcome: Outcome,
        startedAt: Timestamp, endedAt: Timestamp, killed: Int, left: Int, remarks: [String], method: String,
        inputBytes: Int64, outputBytes: Int64
    ) {
        self.root = root
        self.opening = opening
        self.node = node
        self.reason = reason
        self.detail = detail
        self.outcome = outcome
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.killed = killed
        self.left = left
        self.remarks = remarks
        self.method = method
        self.inputBytes = inputBytes
        self.outputBytes = outputBytes
    }

    package var fields: JSONObject {
        var object: JSONObject = [
            "root": .string(root.hex), "opening": .string(opening.hex), "node": .string(node.text),
            "reason": .string(reason.rawValue), "detail": .string(detail), "startedAt": .time(startedAt),
            "endedAt": .time(endedAt), "killed": .integer(Int64(killed)), "left": .integer(Int64(left)),
            "remarks": .array(remarks.map { .string($0) }), "method": .string(method),
            "inputBytes": .integer(inputBytes), "outputBytes": .integer(outputBytes), "exit": .null, "signal": .null,
        ]
        switch outcome {
        case .exited(let status): object["exit"] = .integer(Int64(status))
        case .signalled(let number): object["signal"] = .integer(Int64(number))
        case .none: break
        }
        return object
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        opening = try reader.digest("opening")
        node = try reader.name("node")
        let text = try reader.string("reason", maximum: 32)
        guard let reason = Session.EndReason(rawValue: text) else { throw EvidenceError.typeUnknown("end reason " + text) }
        self.reason = reason
        detail = try reader.string("detail", maximum: 1000)
        try HumanText.check(detail)
        startedAt = try reader.timestamp("startedAt")
        endedAt = try reader.timestamp("endedAt")
        killed = Int(try reader.integer("killed", in: 0...10_000_000))
        left = Int(try reader.integer("left", in: 0...10_000_000))
        remarks = try reader.strings("remarks", maximum: 64)
        method = try reader.string("method", maximum: 64)
        inputBytes = try reader.integer("inputBytes", in: 0...Int64.max)
        outputBytes = try reader.integer("outputBytes", in: 0...Int64.max)
        switch (try reader.value("exit"), try reader.value("signal")) {
        case (.integer(let status), .null) where (0...255).contains(status): outcome = .exited(Int(status))
        case (.null, .integer(let number)) where (1...64).contains(number): outcome = .signalled(Int(number))
        case (.null, .null): outcome = .none
        default: throw EvidenceError.fieldMalformed("a process exits, or ends by a signal")
        }
    }
}
