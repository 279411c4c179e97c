// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization

/// A program on a pseudo-terminal, as a person would use it. What it shows is noted with the time at which it came, by a
/// thread of its own.
final class TerminalProgram: Sendable {
    let process: RunningProgram
    private let master: Int32
    private let shown = Mutex(Shown())

    private struct Shown {
        var chunks: [(at: ContinuousClock.Instant, bytes: [UInt8])] = []
        /// Bytes that an `expect` has passed already.
        var consumed = 0
        var hasEnded = false

        var all: [UInt8] { chunks.flatMap(\.bytes) }
    }

    init(
        _ executable: String, _ arguments: [String], environment: [String: String], columns: UInt16 = 80, rows: UInt16 = 24
    ) throws {
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard master >= 0 else { throw HarnessError("there is no pseudo-terminal") }
        var locked: Int32 = 0
        var number: UInt32 = 0
        guard ioctl(master, Self.setLock, &locked) == 0, ioctl(master, Self.getNumber, &number) == 0 else {
            throw HarnessError("the pseudo-terminal does not open")
        }
        Self.setSize(master, columns, rows)
        process = try RunningProgram(
            executable, arguments, environment: environment.merging(["TERM": "xterm"]) { old, _ in old },
            streams: .terminal("/dev/pts/\(number)"))
        Thread.detachNewThread { [self] in read() }
    }

    deinit { close(master) }

    /// TIOCSPTLCK and TIOCGPTN of ioctl_tty(2): macros with arguments, which Swift does not import.
    private static let setLock: UInt = 0x4004_5431
    private static let getNumber: UInt = 0x8004_5430

    /// Everything shown so far.
    var transcript: String { String(decoding: shown.withLock(\.all), as: UTF8.self) }

    func send(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(master, $0.baseAddress, $0.count) }
            guard count > 0 else { return }  // the program is gone, which the next `expect` tells
            rest = rest.dropFirst(count)
        }
    }

    /// Waits until `text` is shown behind what was expected before.
    ///
    /// - Returns: when its last byte came.
    @discardableResult
    func expect(_ text: String, within limit: Duration = .seconds(15)) async throws -> ContinuousClock.Instant {
        let deadline = ContinuousClock.now + limit
        while true {
            // Looked at before the search: what came before the end is searched.
            let isOver = shown.withLock(\.hasEnded)
            if let found = shown.withLock({ Self.find(Array(text.utf8), in: &$0) }) { return found }
            guard ContinuousClock.now < deadline, !isOver else {
                throw HarnessError("`\(text)` was not shown\(isOver ? "" : " within \(limit)"). Shown: \(transcript.debugDescription)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    func resize(columns: UInt16, rows: UInt16) { Self.setSize(master, columns, rows) }

    private static func setSize(_ master: Int32, _ columns: UInt16, _ rows: UInt16) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    private static func find(_ wanted: [UInt8], in shown: inout Shown) -> ContinuousClock.Instant? {
        let all = shown.all
        guard all.count - shown.consumed >= wanted.count else { return nil }
        guard let start = (shown.consumed...all.count - wanted.count).first(where: { all[$0...].starts(with: wanted) }) else {
            return nil
        }
        shown.consumed = start + wanted.count
        var passed = 0
        return shown.chunks.first { chunk in
            passed += chunk.bytes.count
            return passed >= shown.consumed
        }?.at
    }

    /// Reads until nobody has the other side open any more. The descriptor lives as long as this thread does.
    private func read() {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = Glibc.read(master, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            let chunk = (ContinuousClock.now, Array(buffer[..<count]))
            shown.withLock { $0.chunks.append(chunk) }
        }
        shown.withLock { $0.hasEnded = true }
    }
}
