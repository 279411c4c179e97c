// SPDX-License-Identifier: Apache-2.0

package import Access
package import StrictJSON

/// The broker's signed word on a recording that nobody writes any more.
package struct RecordingEndStatement: Statement {
    package static let type = "recording-end"

    package let root: Digest
    package let opening: Digest
    package let bytes: Int64
    /// Chunks with a seal; one more follows the last seal.
    package let chunks: Int64
    /// The digest of that last chunk, and through it of all.
    package let chain: Digest
    /// Bytes that the session put out by its node's receipt, and that are not here. Above 0 the recording is truncated.
    package let missing: Int64
    package let at: Timestamp

    package init(root: Digest, opening: Digest, bytes: Int64, chunks: Int64, chain: Digest, missing: Int64, at: Timestamp) {
        self.root = root
        self.opening = opening
        self.bytes = bytes
        self.chunks = chunks
        self.chain = chain
        self.missing = missing
        self.at = at
    }

    package var isWhole: Bool { missing == 0 }

    package var fields: JSONObject {
        [
            "root": .string(root.hex), "opening": .string(opening.hex), "bytes": .integer(bytes), "chunks": .integer(chunks),
            "chain": .string(chain.hex), "missing": .integer(missing), "at": .time(at),
        ]
    }

    package init(fields reader: inout ObjectReader) throws {
        root = try reader.digest("root")
        opening = try reader.digest("opening")
        bytes = try reader.integer("bytes", in: 0...Int64.max)
        chunks = try reader.integer("chunks", in: 0...Int64.max)
        chain = try reader.digest("chain")
        missing = try reader.integer("missing", in: 0...Int64.max)
        at = try reader.timestamp("at")
    }
}
