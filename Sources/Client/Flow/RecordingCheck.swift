// SPDX-License-Identifier: Apache-2.0
// SECURITY: a recording holds if its bytes are those whose digest the broker signed, and only then. What the file says of
// itself chooses the session to compare with, and nothing else.

package import Access
package import Evidence
import Posix
import Terminal

/// A file of a recording, held against the end that evidence names for it. Needs no broker.
package struct RecordingCheck: Sendable, Equatable {
    package enum Outcome: Sendable, Equatable {
        /// All that the session put out, by its node's count.
        case whole
        /// As it was signed, and its node counted more.
        case truncated(missing: Int64)
        /// Nobody signed an end: its chunks follow from each other, and nothing says what they were.
        case withoutEnd
    }

    package let session: SessionID
    package let outcome: Outcome
    package let bytes: Int64
    /// With the one behind the last seal.
    package let chunks: Int64

    private static let piece = 256 * 1024

    /// - Parameter evidence: verified already.
    /// - Throws: `evidence.does-not-hold` naming the chunk that is not what was recorded.
    package init(_ path: String, in evidence: GrantEvidence) throws {
        let file = try RecordingBytes(path)
        guard let session = evidence.sessions.first(where: { $0.opening.id.description == file.session }) else {
            throw ClientError.evidenceFails("It tells of no session `\(DisplayText.escaped(file.session))`, as the recording calls itself.")
        }
        (self.session, bytes, chunks) = (session.opening.id, file.size, file.seals + 1)
        let end = session.recording?.value
        // Without an end, the last chunk may have been torn before anybody was told of it.
        if let wrong = file.wrong.first(where: { end != nil || $0.number < file.seals }) {
            throw ClientError.evidenceFails(
                "Chunk \(wrong.number) of the recording, bytes \(wrong.from) to \(wrong.to), is not what was recorded.")
        }
        guard let end else {
            outcome = .withoutEnd
            return
        }
        guard file.size == end.bytes else {
            throw ClientError.evidenceFails("The recording has \(file.size) bytes, and \(end.bytes) were signed for.")
        }
        guard file.seals == end.chunks, file.chain == end.chain else {
            throw ClientError.evidenceFails("Chunk \(file.seals + 1) of the recording, its last, is not what was recorded.")
        }
        outcome = end.isWhole ? .whole : .truncated(missing: end.missing)
    }

    /// What the bytes of the file add up to.
    private struct RecordingBytes {
        /// The first word of the title.
        private(set) var session = ""
        private(set) var size: Int64 = 0
        private(set) var seals: Int64 = 0
        private(set) var chain = Digest.none
        /// Seals over other bytes than those that stand before them.
        private(set) var wrong: [RecordingSeal] = []

        init(_ path: String) throws {
            let file = try DurableFile.openToRead(path)
            var computed = try RecordingChain()
            var line: [UInt8] = []
            while true {
                let bytes = try file.read(maximum: RecordingCheck.piece)
                if bytes.isEmpty { break }
                var rest = bytes[...]
                while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    line += rest[...newline]
                    try take(line, into: &computed)
                    line.removeAll(keepingCapacity: true)
                    rest = rest[(newline + 1)...]
                }
                line += rest
            }
            try computed.add(line)
            size = computed.size
            chain = try computed.end()
        }

        /// - Parameter line: with its line feed.
        private mutating func take(_ line: [UInt8], into computed: inout RecordingChain) throws {
            if computed.size == 0 { session = try Self.session(line) }
            if let seal = RecordingSeal(line: line.dropLast()) {
                var found = try computed.seal()
                found.streams = seal.streams
                if found != seal { wrong.append(seal) }
                seals += 1
            }
            try computed.add(line)
        }

        private static func session(_ line: [UInt8]) throws -> String {
            var reader = AsciicastReader()
            guard case .header(let header)? = try reader.feed(line).first, let title = header.title else { return "" }
            return String(decoding: title.utf8.prefix { $0 != UInt8(ascii: " ") }.prefix(32), as: UTF8.self)
        }
    }
}
