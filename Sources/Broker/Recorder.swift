// SPDX-License-Identifier: Apache-2.0
// SECURITY: what an operator saw is in the recording before the operator sees it. Owned by the relay's thread.

import Access
import Evidence
import Posix
import Terminal

/// Writes one session's recording: asciicast v2, whole lines only.
///
/// Terminals are recorded entirely. Of a command without a terminal each stream is recorded up to a limit, beyond it the
/// number of bytes and a running digest stand at the end.
final class Recorder {
    private let file: AppendFile
    private var writer = AsciicastWriter()
    private let started = ContinuousClock.Instant.now
    private let isTerminal: Bool
    private var streams: [Stream] = [Stream(), Stream(), Stream()]

    /// What one stream of a command without a terminal carried.
    private struct Stream {
        var recorded = 0
        var total = 0
    }

    /// Bytes of each stream of a command without a terminal that are recorded (DESIGN 7).
    static let streamLimit = 64 * 1024 * 1024

    init(_ path: String, _ opening: OpeningStatement, _ id: SessionID, at now: Timestamp) throws {
        file = try AppendFile(path)
        isTerminal = opening.terminal != nil
        let title = "\(id) \(opening.person)@\(opening.node) as \(opening.runAs)"
        let size = opening.terminal.map { WindowSize(columns: UInt16($0.columns), rows: UInt16($0.rows)) } ?? .usual
        try file.append(
            writer.header(
                size, timestamp: now.milliseconds / 1000, title: title, term: opening.terminal?.type ?? "dumb", shell: ""))
        if !opening.command.isEmpty {
            try file.append(writer.marker("command: " + opening.command.joined(separator: " "), at: .zero))
        }
        try file.synchronise()
    }

    private var elapsed: Duration { .now - started }

    func output(_ bytes: UnsafeRawBufferPointer) throws {
        let part = recordable(bytes, of: 0)
        if !part.isEmpty { try file.append(writer.output(part, at: elapsed)) }
    }

    func errorOutput(_ bytes: UnsafeRawBufferPointer) throws {
        let part = recordable(bytes, of: 1)
        if !part.isEmpty { try file.append(writer.output(part, at: elapsed)) }
    }

    /// Keystrokes of a terminal are not recorded: they hold what is typed unseen, as passwords. What they caused to show
    /// is. Standard input of a command is recorded.
    func input(_ bytes: UnsafeRawBufferPointer) throws {
        guard !isTerminal else { return }
        let part = recordable(bytes, of: 2)
        if !part.isEmpty { try file.append(writer.input(part, at: elapsed)) }
    }

    func resize(_ columns: UInt16, _ rows: UInt16) throws {
        try file.append(writer.resize(WindowSize(columns: columns, rows: rows), at: elapsed))
    }

    /// Counts `bytes` and returns what of them is to be recorded.
    private func recordable(_ bytes: UnsafeRawBufferPointer, of stream: Int) -> [UInt8] {
        let room = isTerminal ? bytes.count : max(0, Self.streamLimit - streams[stream].recorded)
        let part = Array(bytes.prefix(room))
        streams[stream].total += bytes.count
        streams[stream].recorded += part.count
        return part
    }

    /// Writes what was held back, and puts everything on disk.
    func finish() {
        do {
            try file.append(writer.finish(at: elapsed))
            for (name, stream) in zip(["output", "error output", "input"], streams) where stream.total > stream.recorded {
                let text = "\(name): \(stream.total) bytes, the first \(stream.recorded) recorded"
                try file.append(writer.marker(text, at: elapsed))
            }
            try file.synchronise()
        } catch {
            Log.error("a recording could not be finished: \(error)")
        }
    }
}
