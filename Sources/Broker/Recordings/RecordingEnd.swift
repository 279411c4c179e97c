// SPDX-License-Identifier: Apache-2.0
// SECURITY: where a recording goes on after its writer was killed. What the node was told to be recorded is never cut off;
// what is cut off was never shown, or the node still has it (P4).

import Evidence
import Posix
import Terminal

/// The end of a recording as a crash may have left it: up to where it is whole, and how much of each stream is in it.
///
/// Only what follows the last seal that holds is read, and the chunk before it: a seal is written when the one before it is
/// on disk.
struct RecordingEnd: Equatable {
    /// The bytes of the file that count.
    private(set) var size: Int64 = 0
    /// The bytes up to the last line that is whole; it may be a line that does not count, because what it says comes again.
    private(set) var lines: Int64 = 0
    private(set) var output: UInt64 = 0
    private(set) var errorOutput: UInt64 = 0
    private(set) var input: UInt64 = 0
    /// Seconds since 1970 UTC, of the recording's time zero.
    private(set) var timestamp: Int64?
    /// The time of the last event.
    private(set) var time: Duration = .zero
    /// The last seal that holds.
    private(set) var seal: RecordingSeal?

    private let isTerminal: Bool
    private var reader = AsciicastReader()
    /// Bytes of the file that were looked at, and the last line if it is not whole yet.
    private var looked: Int64 = 0
    private var line: [UInt8] = []
    /// The last event may lack the exact bytes that follow it: its length, and where its line ends.
    private var doubtful: (length: UInt64, end: Int64)?

    private static let chunk = 256 * 1024

    /// Reads the end of a recording.
    ///
    /// - Parameter isTerminal: then every event of output counts. Otherwise only the positions (`p` and the seals) tell the
    ///   streams apart, and what follows the last one does not count.
    init(of path: String, isTerminal: Bool) throws {
        self.isTerminal = isTerminal
        let file = try SealedFile(path)
        seal = try file.lastSeal()
        if let seal {
            // Without its header the reader understands no line.
            guard take(try file.header()) else { return }
            looked = seal.to
        }
        var position = seal?.to ?? 0
        while true {
            let bytes = try file.read(from: position, maximum: Self.chunk)
            guard !bytes.isEmpty, take(bytes) else { break }
            position += Int64(bytes.count)
        }
    }

    /// The digests up to `end`, to go on from there.
    func chain(of path: String, upTo end: Int64) throws -> RecordingChain {
        var chain = try seal.map { seal in try RecordingChain(behind: seal.number, from: seal.to, seal.digest) } ?? RecordingChain()
        let file = try SealedFile(path)
        while chain.size < end {
            let bytes = try file.read(from: chain.size, maximum: Int(min(Int64(Self.chunk), end - chain.size)))
            guard !bytes.isEmpty else { throw BrokerError.recorderFailed("it became shorter") }
            try chain.add(bytes)
        }
        return chain
    }

    static func == (one: RecordingEnd, other: RecordingEnd) -> Bool {
        (one.size, one.output, one.errorOutput, one.input) == (other.size, other.output, other.errorOutput, other.input)
    }

    /// - Returns: false where the recording is damaged: nothing behind that counts.
    private mutating func take(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            line += rest[...newline]
            rest = rest[(newline + 1)...]
            looked += Int64(line.count)
            // A line that is none is where a crash of the whole machine left holes.
            guard let items = try? reader.feed(line) else { return false }
            lines = looked
            for item in items { count(item) }
            line.removeAll(keepingCapacity: true)
        }
        line += rest
        return true
    }

    private mutating func count(_ item: AsciicastReader.Item) {
        switch item {
        case .header(let header):
            timestamp = header.timestamp
            size = looked
        case .event(let event):
            time = event.time
            settle(event.kind)
            guard isTerminal else { return countPosition(event.kind) }
            switch event.kind {
            case .output(let text) where text.containsReplacement: return doubtful = (UInt64(text.count), looked)
            case .output(let text): output += UInt64(text.count)
            case .other, .input, .resize, .marker, .exact: countPosition(event.kind)
            }
            size = looked
        }
    }

    /// The event before was whole after all: what follows it says of how many bytes it is.
    private mutating func settle(_ next: AsciicastEvent.Kind) {
        guard let event = doubtful else { return }
        doubtful = nil
        if case .exact(let bytes) = next { return output += UInt64(bytes.count) }
        output += event.length
        size = event.end
    }

    private mutating func countPosition(_ kind: AsciicastEvent.Kind) {
        let numbers: [UInt64]
        switch kind {
        case .other("p", let text):
            numbers = text.split(separator: UInt8(ascii: " ")).compactMap { UInt64(String(decoding: $0, as: UTF8.self)) }
        case .other(RecordingSeal.code, let text): numbers = RecordingSeal(text: text)?.streams ?? []
        case .output, .input, .resize, .marker, .exact, .other: return
        }
        guard numbers.count == 3 else { return }
        (output, errorOutput, input) = (numbers[0], numbers[1], numbers[2])
        size = looked
    }
}

extension [UInt8] {
    /// U+FFFD.
    fileprivate var containsReplacement: Bool {
        guard count >= 3 else { return false }
        return (0...(count - 3)).contains { self[$0] == 0xEF && self[$0 + 1] == 0xBF && self[$0 + 2] == 0xBD }
    }
}
