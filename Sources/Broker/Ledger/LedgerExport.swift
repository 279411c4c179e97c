// SPDX-License-Identifier: Apache-2.0
// SECURITY: every entry arrives at least once and in its order: the cursor moves behind what was delivered, never before.
// The exporter reads the database like anybody else; the broker does not know of it.

import Access
import Evidence
import Glibc
import Posix
package import Protocol
import Storage
import StrictJSON
package import Transport

/// `stintd export`: follows the ledger and hands it to other programs.
package struct LedgerExport {
    package enum Destination {
        case standardOutput
        case file(String)
        case collector(Endpoint, CollectorTrust)
    }

    private let home: BrokerHome
    private let format: LedgerFormat
    private let destination: Destination
    private let cursor: ExportCursor

    private static let batch = 500
    private static let longestPause: Duration = .seconds(60)

    /// - Parameter name: of the cursor in the home: one for each destination.
    package init(_ home: BrokerHome, format: LedgerFormat, to destination: Destination, name: String) throws {
        try home.check()
        self.home = home
        self.format = format
        self.destination = destination
        cursor = try ExportCursor(home, name)
    }

    /// - Parameters:
    ///   - once: stop at the end of the ledger, and fail at the first fault. Otherwise it goes on until SIGTERM.
    ///   - report: told of faults that it gets over.
    /// - Returns: the number of the last entry that was delivered.
    package func run(once: Bool, _ report: (String) -> Void) throws -> Int64 {
        try Signals.block([.terminate, .interrupt])
        let signals = try SignalDescriptor([.terminate, .interrupt])
        let database = try Connection(path: home.database, mode: .readOnly)
        let lock = try FileLock(cursor.lockPath)
        defer { withExtendedLifetime(lock) {} }
        var position = try cursor.read()
        try check(position, in: database)
        var sink: (any ExportSink)?
        var pause: Duration = .seconds(1)
        while true {
            do {
                while let batch = try nextBatch(after: position.number, in: database) {
                    if sink == nil { sink = try open() }
                    try sink?.send(batch.lines)
                    position = batch.end
                    try cursor.write(position)
                    pause = .seconds(1)
                }
                if once { break }
            } catch {
                // What is not delivered for certain is sent again.
                sink = nil
                if once { throw error }
                report(Problem(explaining: error).message)
                pause = min(pause * 2, Self.longestPause)
            }
            var entries = [PollEntry(signals.number, .input)]
            if try Poll.wait(&entries, timeout: pause) > 0 { break }
        }
        try sink?.finish()
        return position.number
    }

    /// The cursor is of this ledger, and of one that was not set back.
    private func check(_ position: ExportCursor.Position, in database: Connection) throws {
        guard position.number > 0 else { return }
        let row = try database.ledger(after: position.number - 1, limit: 1).first
        guard try row?.integer("number") == position.number, try row?.text("hash") == position.hash else {
            throw ExportError.otherLedger(cursor.name, position.number)
        }
    }

    private func nextBatch(after number: Int64, in database: Connection) throws -> (lines: [String], end: ExportCursor.Position)? {
        let entries = try database.ledger(after: number, limit: Self.batch).map { try LedgerEntry($0) }
        guard let last = entries.last else { return nil }
        let host = Self.host
        return (entries.map { format.line($0, host: host) }, .init(number: last.number, hash: last.hash.hex))
    }

    private func open() throws -> any ExportSink {
        switch destination {
        case .standardOutput: StandardOutputSink()
        case .file(let path): try FileSink(path)
        case .collector(let endpoint, let trust): CollectorSink(try CollectorConnection(to: endpoint, trusting: trust))
        }
    }

    private static let host: String = {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "-" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }()
}

/// How far a destination has the ledger: number and hash of the last entry that it has for certain.
struct ExportCursor {
    struct Position: Equatable {
        var number: Int64 = 0
        var hash = ""
    }

    let name: String
    private let path: String
    var lockPath: String { path + ".lock" }

    init(_ home: BrokerHome, _ name: String) throws {
        // The same form as every name of ours: no path can be made of it.
        self.name = try RuleName(name).text
        try DurableFile.makeDirectory(home.exports)
        path = home.exports + "/" + name
    }

    func read() throws -> Position {
        guard access(path, F_OK) == 0 else { return Position() }
        let text = String(decoding: try DurableFile.read(path, maximumBytes: 200), as: UTF8.self)
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let number = Int64(words[0]), number > 0, Digest(hex: String(words[1])) != nil else {
            throw HomeError.malformed(path, "it is no cursor.")
        }
        return Position(number: number, hash: String(words[1]))
    }

    func write(_ position: Position) throws(SystemError) {
        try DurableFile.writeAtomically(Array("\(position.number) \(position.hash)\n".utf8), to: path)
    }
}

/// Why an export cannot go on.
package enum ExportError: Explainable, Equatable {
    case otherLedger(String, Int64)
    case collectorOpen

    package var code: String {
        switch self {
        case .otherLedger: "export.other-ledger"
        case .collectorOpen: "export.not-closed"
        }
    }

    package var message: String {
        switch self {
        case .otherLedger(let name, let number): "The ledger has another entry \(number) than export `\(name)` has seen: it was set back."
        case .collectorOpen: "The collector did not close the connection, so it may not have read everything."
        }
    }

    package var hint: String? {
        switch self {
        case .otherLedger: "Find out why first. To send this ledger from its beginning, use another --cursor."
        case .collectorOpen: "Compare the last entry there with `stintd status`; with another --cursor all of it is sent again."
        }
    }
}

/// Where lines go. What `send` returned from is delivered.
protocol ExportSink {
    func send(_ lines: [String]) throws
    func finish() throws
}

private struct StandardOutputSink: ExportSink {
    func send(_ lines: [String]) throws {
        try Transfer.writeAll(StandardStream.output.rawValue, Array(lines.map { $0 + "\n" }.joined().utf8))
    }

    func finish() {}
}

/// Lines in a file of our own, on disk when they are sent.
private final class FileSink: ExportSink {
    private let file: AppendFile

    init(_ path: String) throws { file = try AppendFile(path) }

    func send(_ lines: [String]) throws {
        try file.append(Array(lines.map { $0 + "\n" }.joined().utf8))
        try file.synchronise()
    }

    func finish() {}
}

/// Frames with their lengths (RFC 5425 §4.3).
private struct CollectorSink: ExportSink {
    let connection: CollectorConnection

    init(_ connection: CollectorConnection) { self.connection = connection }

    func send(_ lines: [String]) throws {
        try connection.send(lines.flatMap { line in Array("\(line.utf8.count) ".utf8) + Array(line.utf8) })
    }

    func finish() throws {
        guard try connection.finish() else { throw ExportError.collectorOpen }
    }
}
