// SPDX-License-Identifier: Apache-2.0

import Terminal

/// What a session showed, piece by piece, and when.
struct Recording {
    struct Piece {
        /// Since the session's start.
        let at: Duration
        /// The same with long pauses shortened: when it is played, at the usual speed.
        let due: Duration
        let bytes: [UInt8]
    }

    /// A line of text, as `stint search` finds it.
    struct Line {
        /// The piece that ended it.
        let piece: Int
        let text: String
    }

    let pieces: [Piece]
    /// The terminal it was drawn for.
    let size: WindowSize?

    /// Whether its lines end with a return. Those of a session without a terminal do not, and a raw terminal then begins the
    /// next line where the last one ended.
    let hasReturns: Bool

    var length: Duration { pieces.last?.at ?? .zero }

    /// - Parameters:
    ///   - file: asciicast version 2; the last line may be torn.
    ///   - longestPause: what a longer pause is shortened to.
    init(_ file: [UInt8], longestPause: Duration) throws(AsciicastError) {
        var reader = AsciicastReader()
        var pieces: [Piece] = []
        var size: WindowSize?
        var due = Duration.zero
        for start in stride(from: 0, to: file.count, by: Self.portion) {
            for item in try reader.feed(Array(file[start..<min(start + Self.portion, file.count)])) {
                switch item {
                case .header(let header): size = header.size
                case .event(let event):
                    guard case .output(let bytes) = event.kind else { continue }
                    let at = max(event.time, pieces.last?.at ?? .zero)
                    due += min(at - (pieces.last?.at ?? .zero), longestPause)
                    pieces.append(Piece(at: at, due: due, bytes: bytes))
                }
            }
        }
        self.pieces = pieces
        self.size = size
        hasReturns = pieces.contains { $0.bytes.contains(0x0D) }
    }

    private static let portion = 64 * 1024

    /// How many pieces were shown at that time.
    func count(at time: Duration) -> Int {
        var (low, high) = (0, pieces.count)
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].at <= time { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// All its lines of text, in their order.
    func lines() -> [Line] {
        var text = OutputText()
        var lines: [Line] = []
        for (index, piece) in pieces.enumerated() {
            lines += text.feed(piece.bytes, at: piece.at).map { Line(piece: index, text: $0.text) }
        }
        return lines + text.finish().map { Line(piece: max(0, pieces.count - 1), text: $0.text) }
    }
}
