// SPDX-License-Identifier: Apache-2.0
// SECURITY: the node's own copy of the roll. It begins with the pinned root, only grows, and is verified again at every
// start: neither the broker nor a changed file puts anybody on it (P1).

import Access
package import Evidence
import Glibc
import Posix
import StrictJSON

/// The roll as this node accepted it, on disk before it counts.
package struct NodeRoll: ~Copyable {
    package private(set) var roll: Roll
    private let root: Digest
    private let file: AppendFile

    private static let maximumSize = 256 * 1024 * 1024

    /// Reads the entries again and verifies each. A last line that a crash left unfinished is cut off.
    ///
    /// - Parameter root: the pinned digest of entry 1.
    package init(_ path: String, root: Digest) throws {
        let bytes = access(path, F_OK) == 0 ? try DurableFile.read(path, maximumBytes: Self.maximumSize) : []
        let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let roll: Roll
        do {
            roll = try Self.extended(Roll(), with: try Self.entries(in: bytes[..<end]), root: root)
        } catch let error as AgentError {
            throw error
        } catch {
            throw AgentError.homeDamaged(path: path, reason: AgentError(error).message)
        }
        let file = try AppendFile(path)
        if end < bytes.count { try file.cut(to: Int64(end)) }
        self.root = root
        self.roll = roll
        self.file = file
    }

    private static func entries(in lines: ArraySlice<UInt8>) throws -> [SignedText] {
        try lines.split(separator: UInt8(ascii: "\n")).map { line in
            let limits = JSONLimits(bytes: 2 * SignedText.maximumLength)
            return try SignedText(try JSONValue(parsing: Array(line), limits: limits))
        }
    }

    /// Verifies the entries, puts them on disk and takes them over: all or none.
    ///
    /// - Returns: the entries as read.
    @discardableResult
    package mutating func append(_ entries: [SignedText]) throws -> [RollEntry] {
        guard !entries.isEmpty else { return [] }
        let next = try Self.extended(roll, with: entries, root: root)
        let size = try file.size
        do {
            for entry in entries { try file.append(Array((entry.json.text + "\n").utf8)) }
            try file.synchronise()
        } catch {
            // Half of them on disk would be refused as a damaged roll at the next start.
            try file.cut(to: size)
            throw error
        }
        roll = next
        return try entries.map { try RollEntry($0) }
    }

    private static func extended(_ roll: Roll, with entries: [SignedText], root: Digest) throws -> Roll {
        var next = roll
        for entry in entries { try next.append(entry) }
        if let found = next.root, found != root { throw AgentError.otherRoot(pinned: root, found: found) }
        return next
    }
}
