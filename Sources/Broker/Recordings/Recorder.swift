// SPDX-License-Identifier: Apache-2.0
// SECURITY: what an operator saw is in the recording before the operator sees it, and every byte is in it once. Owned by
// the relay's thread.

import Access
import Evidence
import Posix
import Protocol
import Terminal

/// Writes one session's recording: asciicast v2, whole lines only.
///
/// Terminals are recorded entirely. Of a command without a terminal each stream is recorded up to a limit, beyond it the
/// number of bytes and a running digest stand at the end, and wherever the recording is interrupted. Of forwarded
/// connections there is nothing but that, and what the node says about them.
///
/// Each piece comes with its offset, so that a recording goes on where it stopped, in this broker process or the next:
/// what comes again is passed over, and a gap is an error.
final class Recorder {
    private enum Source: Int { case output = 0, errorOutput, input }

    private let file: SharedFile
    /// Where the disk is waited for; `nil`: here. With whom to tell that there is news of it.
    private let disk: (queue: DiskQueue, tell: @Sendable () -> Void)?
    /// A seal that is written and may not be on disk yet, with what the recording holds up to it. The next one is written when
    /// it is: what comes before a seal but one is on disk, whatever a power cut takes.
    private var sealing: (offsets: OutputOffsets, size: Int64, request: DiskQueue.Request)?
    /// Up to where the kernel was told that nobody reads the file soon.
    private var forgotten: Int64 = 0
    private let growth: RecordingKeeper.Growth?
    private var chain: RecordingChain
    private var writer: AsciicastWriter
    /// For the standard error alone: a character that is not whole belongs to one stream.
    private var errorWriter: AsciicastWriter
    private let zero: BootInstant
    let isTerminal: Bool
    /// Of a forward only the standard error is recorded, which says what connections there were.
    private let isForward: Bool
    private let streamLimit: Int
    private var streams: [Stream]
    /// The lines that are being made; their memory is used again and again.
    private var lines = JSONLine(capacity: 4096)
    /// What the node was told to be on disk.
    private var acknowledged = OutputOffsets()
    /// Whether something came since it was last found that a seal is not worth it.
    private var hasNews = false

    /// What one stream carried.
    private struct Stream {
        var recorded = 0
        var total = 0
        var beyond: UnrecordedBytes?
        /// What is only counted was counted by a broker that died with the count: the next bytes say where they are.
        var mayJump = false
    }

    private static let streamNames = ["output", "error output", "input"]

    /// Bytes of each stream of a command without a terminal that are recorded (DESIGN 7).
    static let streamLimit = 64 * 1024 * 1024

    /// No stream is so long: a count that starts here never overflows.
    private static let furthest: UInt64 = 1 << 62

    /// Bytes of the file after which a chunk ends in any case: so much is read again when a recording goes on.
    private static let chunk: Int64 = 1024 * 1024

    /// Begins the recording of a session.
    init(
        _ path: String, _ opening: OpeningStatement, _ id: SessionID, at now: Timestamp,
        disk: (queue: DiskQueue, tell: @Sendable () -> Void)? = nil, growth: RecordingKeeper.Growth? = nil,
        streamLimit: Int = Recorder.streamLimit
    ) throws {
        self.disk = disk
        self.growth = growth
        self.streamLimit = streamLimit
        chain = try RecordingChain()
        isTerminal = opening.terminal != nil
        isForward = opening.capability.destination != nil
        zero = .now
        errorWriter = AsciicastWriter()
        streams = [Stream(), Stream(), Stream()]
        var writer = AsciicastWriter()
        let title = "\(id) \(opening.person)@\(opening.node) as \(opening.runAs)"
        let size = opening.terminal.map { WindowSize(columns: UInt16($0.columns), rows: UInt16($0.rows)) } ?? .usual
        var lines = writer.header(
            size, timestamp: now.milliseconds / 1000, title: title, term: opening.terminal?.type ?? "dumb", shell: "")
        if !opening.command.isEmpty {
            lines += writer.marker("command: " + opening.command.joined(separator: " "), at: .zero)
        }
        lines += writer.position([0, 0, 0], at: .zero)
        self.writer = writer
        file = SharedFile(try AppendFile(making: path, beginningWith: lines))
        try lines.withUnsafeBytes { bytes in try chain.add(bytes) }
    }

    /// Goes on with the recording of a session that was interrupted. What is not whole at its end is cut off.
    init(
        continuing path: String, _ opening: OpeningStatement, at now: Timestamp,
        disk: (queue: DiskQueue, tell: @Sendable () -> Void)? = nil, growth: RecordingKeeper.Growth? = nil,
        streamLimit: Int = Recorder.streamLimit
    ) throws {
        self.disk = disk
        self.growth = growth
        self.streamLimit = streamLimit
        isTerminal = opening.terminal != nil
        isForward = opening.capability.destination != nil
        let end = try RecordingEnd(of: path, isTerminal: isTerminal)
        guard let timestamp = end.timestamp else { throw BrokerError.recorderFailed("its beginning is damaged") }
        let opened = try AppendFile(path)
        if try opened.size != end.size { try opened.cut(to: end.size) }
        file = SharedFile(opened)
        chain = try end.chain(of: path, upTo: end.size)
        let elapsed = max(end.time, .milliseconds(now.milliseconds - timestamp * 1000))
        zero = .now - elapsed
        writer = AsciicastWriter(continuingAt: end.time)
        errorWriter = AsciicastWriter(continuingAt: end.time)
        streams = [Stream(), Stream(), Stream()]
        streams = [(Source.output, end.output), (.errorOutput, end.errorOutput), (.input, end.input)].map { source, total in
            let (total, limit) = (Int(clamping: total), limit(of: source))
            // Outputs come again from where the file ends; the input does not.
            return Stream(recorded: min(total, limit), total: total, mayJump: source == .input && total >= limit)
        }
        try store(writer.marker("the connection to the node was lost until here", at: elapsed) + position())
    }

    /// Bytes of a stream that are recorded.
    private func limit(of source: Source) -> Int {
        if isTerminal { return .max }
        return isForward && source != .errorOutput ? 0 : streamLimit
    }

    private var elapsed: Duration { .now - zero }

    /// - Returns: what was new of it and is recorded.
    @discardableResult
    func output(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws -> UnsafeRawBufferPointer {
        let part = try recordable(bytes, at: offset, of: .output)
        guard !part.isEmpty else { return part }
        if isTerminal { writer.output(part, at: elapsed, to: &lines) } else { writer.data(part, at: elapsed, to: &lines) }
        try append()
        return part
    }

    /// - Returns: what was new of it and is recorded.
    @discardableResult
    func errorOutput(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws -> UnsafeRawBufferPointer {
        let part = try recordable(bytes, at: offset, of: .errorOutput)
        guard !part.isEmpty else { return part }
        errorWriter.data(part, at: elapsed, to: &lines)
        try append()
        return part
    }

    /// Keystrokes of a terminal are not recorded: they hold what is typed unseen, as passwords. What they caused to show
    /// is. Standard input of a command is recorded.
    func input(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws {
        guard !isTerminal else { return }
        let part = try recordable(bytes, at: offset, of: .input)
        guard !part.isEmpty else { return }
        writer.input(part, at: elapsed, to: &lines)
        try append()
    }

    func resize(_ columns: UInt16, _ rows: UInt16) throws {
        try append(writer.resize(WindowSize(columns: columns, rows: rows), at: elapsed))
    }

    private func append(_ lines: [UInt8]) throws { try store(isTerminal ? lines : lines + position()) }

    /// Stores the lines that were made. One write: of a command, the position is there exactly when what it counts is.
    private func append() throws {
        defer { lines.removeAll() }
        if !isTerminal { writer.position(positions, at: elapsed, to: &lines) }
        try lines.withBytes { (bytes) throws in
            if !bytes.isEmpty { try store(bytes) }
        }
    }

    private func store(_ bytes: UnsafeRawBufferPointer) throws {
        try file.append(bytes)
        hasNews = true
        growth?.grew()
        try chain.add(bytes)
    }

    private func store(_ lines: [UInt8]) throws {
        try lines.withUnsafeBytes { bytes in try store(bytes) }
    }

    /// Counts `bytes` and returns what of them is new and to be recorded.
    private func recordable(_ bytes: UnsafeRawBufferPointer, at offset: UInt64, of source: Source) throws -> UnsafeRawBufferPointer {
        hasNews = true
        let index = source.rawValue
        if streams[index].mayJump, offset < Self.furthest { streams[index].total = max(streams[index].total, Int(offset)) }
        streams[index].mayJump = false
        let total = UInt64(streams[index].total)
        guard offset <= total else {
            throw BrokerError.recorderFailed("\(offset - total) bytes are missing before byte \(offset)")
        }
        let fresh = bytes.dropFirst(Int(clamping: total - offset))
        let room = max(0, limit(of: source) - streams[index].recorded)
        let part = UnsafeRawBufferPointer(rebasing: fresh.prefix(room))
        streams[index].total += fresh.count
        streams[index].recorded += part.count
        if part.count < fresh.count {
            let start = streams[index].total - (fresh.count - part.count)
            let beyond = try streams[index].beyond ?? UnrecordedBytes(from: start)
            streams[index].beyond = beyond
            try beyond.add(UnsafeRawBufferPointer(rebasing: fresh.dropFirst(part.count)))
        }
        return part
    }

    /// What of the outputs the file holds: not the bytes that wait for the rest of their character.
    private var written: OutputOffsets {
        OutputOffsets(
            output: UInt64(streams[0].total - writer.carriedOutput),
            errorOutput: UInt64(streams[1].total - errorWriter.carriedOutput))
    }

    private func position() -> [UInt8] { writer.position(positions, at: elapsed) }

    private var positions: [UInt64] {
        [written.output, written.errorOutput, UInt64(streams[2].total - writer.carriedInput)]
    }

    /// Ends a chunk, and puts it on disk with its seal.
    private func seal() throws {
        if sealing != nil { try file.synchronise() }
        try writeSeal()
        try file.synchronise()
        sealing = nil
    }

    private func writeSeal() throws {
        var seal = try chain.seal()
        seal.streams = positions
        try store(writer.seal(seal.text, at: elapsed))
    }

    /// Puts on disk what is not, if it is worth it. Where a queue waits for the disk, the answer comes with a later call.
    ///
    /// - Parameter always: also where it is little, and before this returns.
    /// - Returns: what the node need not keep for the recording any more; `nil` where nothing is known to be done.
    func acknowledge(always: Bool) throws -> OutputOffsets? {
        guard let disk, !always else {
            guard always || isWorthASeal else { return nil }
            try seal()
            acknowledged = written
            return acknowledged
        }
        var news: OutputOffsets?
        if let sealing {
            guard let result = sealing.request.result else { return nil }
            try result.get()
            (news, acknowledged, self.sealing) = (sealing.offsets, sealing.offsets, nil)
            forgetCached(upTo: sealing.size)
        }
        if hasNews {
            hasNews = isWorthASeal
            guard hasNews else { return news }
            try writeSeal()
            sealing = (written, chain.size, disk.queue.synchronise(file, done: disk.tell))
        }
        return news
    }

    /// A recording that grows fast goes on in the memory of what of it is on disk. By this thread: memory is given back to the
    /// processor that the next write takes it from.
    private func forgetCached(upTo size: Int64) {
        guard size - forgotten >= Self.chunk else { return }
        file.forgetCached(from: forgotten, to: size)
        forgotten = size
    }

    private var isWorthASeal: Bool {
        let written = written
        let step = UInt64(isTerminal ? Limits.streamCredit / 4 : Limits.streamCredit)
        return written.output - acknowledged.output >= step || written.errorOutput - acknowledged.errorOutput >= step
            || chain.size - chain.start >= Self.chunk
    }

    /// The session is interrupted: what is here goes to disk, and another recorder goes on later.
    func suspend() {
        do {
            for (name, stream) in zip(Self.streamNames, streams) {
                if let beyond = stream.beyond { try store(writer.marker("\(name): \(beyond.text())", at: elapsed)) }
            }
            try file.synchronise()
        } catch {
            Log.error("a recording could not be put on disk: \(error)")
        }
    }

    /// Writes what was held back, and puts everything on disk. The seal says that nothing waits any more.
    func finish() {
        do {
            try append(writer.finish(at: elapsed) + errorWriter.finish(at: elapsed))
            for (name, stream) in zip(Self.streamNames, streams) where stream.total > stream.recorded {
                var text = "\(name): \(stream.total) bytes, the first \(stream.recorded) recorded"
                if let beyond = stream.beyond { text += "; \(try beyond.text())" }
                try store(writer.marker(text, at: elapsed))
            }
            try seal()
        } catch {
            Log.error("a recording could not be finished: \(error)")
        }
    }
}
