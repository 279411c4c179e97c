// SPDX-License-Identifier: Apache-2.0

import Access
import Evidence
import Posix
import Synchronization
import Terminal

/// The first lines of a session's recording. They are put on disk by a thread of their own while the node's acceptance is put
/// into the database, so that the two waits for the disk are one.
final class RecordingBeginning: Sendable {
    let lines: [UInt8]
    let writer: AsciicastWriter
    /// When the recording's time begins.
    let zero: ContinuousClock.Instant
    private let path: String
    private let made = Mutex<Result<SharedFile, SystemError>?>(nil)
    private let done: EventCounter

    init(_ path: String, _ opening: OpeningStatement, _ id: SessionID, at now: Timestamp) throws(SystemError) {
        var writer = AsciicastWriter()
        let title = "\(id) \(opening.person)@\(opening.node) as \(opening.runAs)"
        let size = opening.terminal.map { WindowSize(columns: UInt16($0.columns), rows: UInt16($0.rows)) } ?? .usual
        var lines = writer.header(
            size, timestamp: now.milliseconds / 1000, title: title, term: opening.terminal?.type ?? "dumb", shell: "")
        if !opening.command.isEmpty {
            lines += writer.marker("command: " + opening.command.joined(separator: " "), at: .zero)
        }
        lines += writer.position([0, 0, 0], at: .zero)
        self.lines = lines
        self.writer = writer
        self.path = path
        zero = .now
        done = try EventCounter()
    }

    /// Makes the file, beside whatever its caller does.
    func start(_ id: SessionID) throws(SystemError) {
        try Thread.start("recording \(id)") { [self] in make() }
    }

    /// Makes the file, and returns when it is on disk.
    func make() {
        let result: Result<SharedFile, SystemError>
        do throws(SystemError) {
            result = .success(SharedFile(try AppendFile(making: path, beginningWith: lines)))
        } catch {
            result = .failure(error)
        }
        made.withLock { $0 = result }
        done.signal()
    }

    /// The file, with its beginning on disk; waits for that.
    func file() throws(SystemError) -> SharedFile {
        while true {
            if let result = made.withLock({ $0 }) { return try result.get() }
            var entries = [PollEntry(done.number, .input)]
            _ = try Poll.wait(&entries, timeout: nil)
        }
    }

    /// Takes it back: there will be no session. What was there before us stays.
    func withdraw() {
        do {
            _ = try file()
            try DurableFile.remove(path)
        } catch {
            Log.error("a recording that was not needed: \(error)")
        }
    }
}
