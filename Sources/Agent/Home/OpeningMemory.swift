// SPDX-License-Identifier: Apache-2.0
// SECURITY: an opening opens once. Its digest is on disk before the session starts, and is forgotten only when no clock
// within the tolerance would accept it any more; a clock that is stepped back later does not revive it.

package import Access
package import Evidence
import Glibc
import Posix

/// The openings that this node has seen lately.
package struct OpeningMemory: ~Copyable {
    private var seen: [Digest: Timestamp]
    /// Signed times up to here may have been forgotten, so none of them is taken again.
    private var forgottenUpTo: Timestamp
    private var file: AppendFile
    private let path: String
    private var lines: Int

    /// How long after its signed time an opening is remembered: twice what a fresh one may differ from our clock.
    package static let span: Duration = Opening.freshness + Opening.freshness
    package static let maximumCount = 10_000

    package init(_ path: String) throws {
        let text = access(path, F_OK) == 0 ? try DurableFile.read(path, maximumBytes: 16 * 1024 * 1024) : []
        // A line that a crash left unfinished belongs to an opening that did not start.
        let end = text.lastIndex(of: UInt8(ascii: "\n")) ?? 0
        var seen: [Digest: Timestamp] = [:]
        var forgottenUpTo = Timestamp(milliseconds: 0)
        for line in text[..<end].split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
            guard fields.count == 2, let milliseconds = Int64(fields[1]), Timestamp.validRange.contains(milliseconds),
                fields[0] == Self.forgotten || Digest(hex: fields[0]) != nil
            else { throw AgentError.homeDamaged(path: path, reason: "a line of it is not a digest and a time") }
            let time = Timestamp(milliseconds: milliseconds)
            if let digest = Digest(hex: fields[0]) {
                seen[digest] = time
            } else {
                forgottenUpTo = max(forgottenUpTo, time)
            }
        }
        let file = try Self.write(seen, forgottenUpTo, to: path)
        self.path = path
        self.seen = seen
        self.forgottenUpTo = forgottenUpTo
        self.file = file
        lines = seen.count + 1
    }

    /// Remembers an opening, durably.
    ///
    /// - Throws: when it was seen before, or might have been.
    package mutating func take(_ opening: Signed<OpeningStatement>, at now: Timestamp) throws {
        forget(before: now)
        let time = opening.value.at
        guard seen[opening.digest] == nil else { throw AgentError.openingReplayed(opening.id) }
        guard time > forgottenUpTo else { throw AgentError.openingTooOld(time) }
        guard seen.count < Self.maximumCount else { throw AgentError.openingMemoryFull }
        if lines > 2 * Self.maximumCount {
            file = try Self.write(seen, forgottenUpTo, to: path)
            lines = seen.count + 1
        }
        let size = try file.size
        do {
            try file.append(Array("\(opening.digest.hex) \(time.milliseconds)\n".utf8))
            try file.synchronise()
        } catch {
            // On a full disk half a line is there: what is written behind it later would be a damaged memory.
            try file.cut(to: size)
            throw error
        }
        lines += 1
        seen[opening.digest] = time
    }

    private static let forgotten = "forgotten"

    private mutating func forget(before now: Timestamp) {
        for (digest, time) in seen where now - time > Self.span {
            seen[digest] = nil
            forgottenUpTo = max(forgottenUpTo, time)
        }
    }

    /// Writes only what still counts.
    private static func write(_ seen: [Digest: Timestamp], _ forgottenUpTo: Timestamp, to path: String) throws -> AppendFile {
        var text = "\(forgotten) \(forgottenUpTo.milliseconds)\n"
        for (digest, time) in seen { text += "\(digest.hex) \(time.milliseconds)\n" }
        try DurableFile.writeAtomically(Array(text.utf8), to: path)
        return try AppendFile(path)
    }
}
